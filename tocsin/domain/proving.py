"""What ends a duty to tell, and what takes that end back: the proof that its clause asks for, one for each method."""

from collections.abc import Iterable
from datetime import datetime

from tocsin.domain.duty import Duty, DutyState, MethodProof
from tocsin.domain.notice import FAILED, Notice, discharges

_OPEN_AGAIN = {"state": DutyState.OPEN, "ended_at": None, "proof": None, "proved_by": None, "late": False}


def proved(duty: Duty, rows: Iterable[Notice], at: datetime) -> Duty:
    """Return an open duty as these notices leave it: discharged once each method of its clause has its own proof.

    Each notice counts from its own `settled_at`; `at` is for one that has none.
    """
    own = [row for row in rows if row.method in duty.methods and discharges(row.state, duty.discharge, row.method)]
    own.sort(key=lambda row: (row.settled_at or at, row.notice_id))
    if not own:
        return duty
    if len(duty.methods) == 1:
        return _ended(duty, _proof(own[0], at))
    proofs = {proof.method: proof for proof in duty.proofs}
    for row in own:
        proofs.setdefault(row.method, _proof(row, at))
    ordered = tuple(sorted(proofs.values(), key=lambda proof: (proof.at, proof.method)))
    partly = duty.model_copy(update={"proofs": ordered})
    if partly.unproved:
        return partly
    return _ended(partly, ordered[-1])


def failed_as_proof(duty: Duty, row: Notice) -> bool:
    """Say whether a notice that was, or was one of, the proofs of a duty has failed after all."""
    rests_on_it = row.notice_id == duty.proved_by or any(proof.notice_id == row.notice_id for proof in duty.proofs)
    return rests_on_it and row.state in FAILED and duty.state in {DutyState.OPEN, DutyState.DISCHARGED}


def unproved(duty: Duty, rows: Iterable[Notice]) -> Duty:
    """Return a duty without the proofs that failed after all: a late bounce opens it again.

    Whether it is late is then told by when it ends, as for any other.
    """
    failed = {row.notice_id for row in rows if failed_as_proof(duty, row)}
    left = tuple(proof for proof in duty.proofs if proof.notice_id not in failed)
    return duty.model_copy(update=_OPEN_AGAIN | {"proofs": left}) if failed else duty


def _proof(row: Notice, at: datetime) -> MethodProof:
    return MethodProof(
        method=row.method,
        notice_id=row.notice_id,
        number=row.number,
        state=str(row.state),
        at=row.settled_at or at,
    )


def _ended(duty: Duty, last: MethodProof) -> Duty:
    change = {
        "state": DutyState.DISCHARGED,
        "ended_at": last.at,
        "proof": f"notice {last.number} {last.state}",
        "proved_by": last.notice_id,
        "late": duty.deadline_at is not None and last.at > duty.deadline_at,
    }
    return duty.model_copy(update=change)
