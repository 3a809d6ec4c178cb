"""Checks of duties and clocks: their deadlines against the log, their ends against what proves them."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

from pydantic import JsonValue

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.pack import Pack
from tocsin.adapters.evidence.result import Finding
from tocsin.adapters.evidence.standalone import canonical
from tocsin.audit.entry import Entry
from tocsin.domain.act import AddNote, Decide, EndDuty
from tocsin.domain.clock import ClockRow, ClockState
from tocsin.domain.duty import DECIDE_RULE, ELSEWHERE, MERGED, Duty, DutyState, duties_digest
from tocsin.domain.gdpr_duties import not_owed_by
from tocsin.domain.gdpr_duties import told as whom_told
from tocsin.domain.incident import Status
from tocsin.domain.incident_state import apply
from tocsin.domain.notice import NoticeState, discharges
from tocsin.domain.owed_to_us import told
from tocsin.domain.statutory import RULE_OUT, policy_of
from tocsin.domain.values import NoticeId

_FALLEN_AWAY = {
    (DutyState.NOT_OWED, "the report was dismissed"),
    (DutyState.WITHDRAWN, "it no longer follows from the facts"),
}
"""How a resolving ends a duty, in the words that it gives as the proof."""
_INTERNAL_ENDS = {
    DECIDE_RULE: {(DutyState.DISCHARGED, f"decided: {status}") for status in Status},
    RULE_OUT: {(DutyState.DISCHARGED, "nothing is left to rule out"), *_FALLEN_AWAY},
}

Targets = dict[str, list[tuple[datetime, int]]]
"""By clock id, each instant that the log says it counted to, with the entry that says so."""


def clocks_in_log(pack: Pack) -> Iterator[Finding]:
    """Compare each target with those recorded when duties were resolved, and each clock's end with the log's."""
    logged, settled = _targets(pack, "clocks"), _targets(pack, "settled")
    counted: dict[str, _Counted] = {}
    for record in pack.duties:
        counted.setdefault(record.duty.clock_id, _Counted()).add(record.duty)
    for row in pack.clocks:
        found = counted.get(row.spec.clock_id, _Counted())
        yield from _clock_faults(pack, row, logged, found)
        if found.count != row.total_duties:
            what = f"{_clock(row)} had {row.total_duties} duties, and {found.count} are in duties.json"
            yield Finding(file=layout.CLOCKS, what=what)
    for clock_id in sorted(logged.keys() - {row.spec.clock_id for row in pack.clocks}):
        what = f"clock {clock_id} is in the log and not here: it was taken out"
        yield Finding(file=layout.CLOCKS, entry=logged[clock_id][0][1], what=what)
    for duty in (record.duty for record in pack.duties):
        recorded = (*logged.get(duty.clock_id, ()), *settled.get(duty.clock_id, ()))
        targets = [at for at, _ in recorded]
        if duty.target_at not in targets or (duty.deadline_at is not None and duty.deadline_at != duty.target_at):
            yield Finding(file=layout.DUTIES, what=f"{_what(duty)} has a deadline that the log never recorded")


def duties_as_resolved(pack: Pack) -> Iterator[Finding]:
    """Compare the digest of all duties with the last one that the log recorded, and their parties with the ledger's."""
    logged = [entry for entry in pack.deeds if entry.draft.kind == "duties.resolved"]
    # Entries of earlier versions have none.
    digest = logged[-1].draft.data.get("digest") if logged else None
    if digest is not None and digest != _digest(pack):
        what = (
            "they are not the duties that were resolved here: one was added or taken out, or its party's id, rule, "
            "trigger, deadline, citation, reason or computation was changed"
        )
        yield Finding(file=layout.DUTIES, entry=logged[-1].number, what=what)
    for record in pack.duties:
        given, agreement_id = (record.party, record.reference), record.duty.agreement_id
        written = pack.parties.get(agreement_id, (given,)) if agreement_id is not None else ((None, None),)
        if given not in written:
            what = f"{_what(record.duty)} is owed to another party or agreement than the ledger's"
            yield Finding(file=layout.DUTIES, what=what)


def _digest(pack: Pack) -> str:
    """Return the digest of all duties; of a pack of before they stood by id, with all of them in memory."""
    before = ""
    for record in pack.duties:
        if record.duty.duty_id <= before:
            return duties_digest(one.duty for one in pack.duties)
        before = record.duty.duty_id
    return duties_digest((record.duty for record in pack.duties), by_id=True)


def law_as_pinned(pack: Pack) -> Iterator[Finding]:
    """Compare the policies with the digest that the log recorded when the duties were last resolved."""
    logged = [entry for entry in pack.deeds if entry.draft.kind == "duties.resolved"]
    digest = logged[-1].draft.data.get("law") if logged else None
    # Entries of earlier versions have none.
    if digest is not None and sha256(canonical(pack.load(layout.LAW, dict[str, JsonValue]))).hexdigest() != digest:
        what = "it is not the law that the duties were computed by"
        yield Finding(file=layout.LAW, entry=logged[-1].number, what=what)


def duties_proved(pack: Pack) -> Iterator[Finding]:
    """Find for each duty that ended what ended it, at that instant, and whether it was late; and count them."""
    owed = 0
    for duty in (record.duty for record in pack.duties):
        owed += _was_owed(pack, duty)
        yield from _method_faults(pack, duty)
        if duty.state is DutyState.OPEN:
            if (duty.ended_at, duty.proof, duty.proved_by, duty.late) != (None, None, None, False):
                yield Finding(file=layout.DUTIES, what=f"{_what(duty)} is open, and says how it ended")
            continue
        late = duty.ended_at is not None and duty.deadline_at is not None and duty.ended_at > duty.deadline_at
        if duty.late is not late:
            what = f"{_what(duty)} is marked {'late' if duty.late else 'in time'}, and was not"
            yield Finding(file=layout.DUTIES, what=what)
        yield from _proof_faults(pack, duty)
    yield from _count_faults(pack, owed)


def _targets(pack: Pack, key: str) -> Targets:
    """Return what the log recorded under `key`: the clocks that ran, or duties that were settled when they came."""
    logged: Targets = {}
    for entry in pack.deeds:
        if entry.draft.kind == "duties.resolved":
            for clock in entry.draft.data.get(key, ()):
                logged.setdefault(clock["clock"], []).append((datetime.fromisoformat(clock["target"]), entry.number))
    return logged


def _clock_faults(pack: Pack, row: ClockRow, logged: Targets, counted: "_Counted") -> Iterator[Finding]:
    clock_id, recorded = row.spec.clock_id, logged.get(row.spec.clock_id, [])
    if not recorded:
        yield Finding(file=layout.CLOCKS, what=f"{_clock(row)} was never recorded in the log")
    elif recorded[-1][0] != row.spec.target_at:
        what = f"{_clock(row)} counts to another instant than the log recorded"
        yield Finding(file=layout.CLOCKS, entry=recorded[-1][1], what=what)
    ended = [e for e in pack.deeds if e.draft.kind == "clock.ended" and e.draft.data.get("clock") == clock_id]
    logged_end = (ended[-1].draft.at, ended[-1].draft.data["outcome"]) if ended else (None, None)
    if bool(ended) is not (row.state is ClockState.ENDED) or logged_end != (row.ended_at, row.outcome):
        yield Finding(file=layout.CLOCKS, what=f"{_clock(row)}: log and clock differ on whether, when or how it ended")
    missed = any(e.draft.kind == "clock.missed" and e.draft.data.get("clock") == clock_id for e in pack.deeds)
    # One whose last duty ended late may have ended before anybody was paged.
    late_at_the_end = bool(ended) and str(row.outcome).endswith(" late")
    if (missed and not row.late) or (row.late and not missed and not late_at_the_end):
        yield Finding(file=layout.CLOCKS, what=f"{_clock(row)}: log and clock differ on whether it was missed")
    yield from _spec_faults(pack, row, counted)


class _Counted:
    """What the duties of a clock say of it."""

    def __init__(self) -> None:
        self.count = 0
        self.specs: set[tuple[str, str, str]] = set()
        self.runs: set[tuple[datetime, datetime, datetime | None]] = set()

    def add(self, duty: Duty) -> None:
        self.count += 1
        self.specs.add((duty.rule_id, duty.title, duty.trigger))
        self.runs.add((duty.target_at, duty.trigger_at, duty.deadline_at))


def _spec_faults(pack: Pack, row: ClockRow, counted: _Counted) -> Iterator[Finding]:
    """Compare what a clock counts with its duties, and with the clock that the incident remembers."""
    spec, name = row.spec, _clock(row)
    if counted.specs and (spec.rule_id, spec.title, spec.trigger) not in counted.specs:
        yield Finding(file=layout.CLOCKS, what=f"{name} has another rule, title or trigger than its duties")
    # Duties that ended before the deadline moved stand at the old one.
    same = {(trigger, deadline) for target, trigger, deadline in counted.runs if target == spec.target_at}
    if same and (spec.trigger_at, spec.deadline_at) not in same:
        yield Finding(file=layout.CLOCKS, what=f"{name} runs from, or to, another instant than its duties")
    remembered = pack.incident.clocks.get(spec.clock_id)
    if remembered is not None and remembered.target_at == spec.target_at and remembered != spec:
        yield Finding(file=layout.INCIDENT, what=f"{name} is another one in clocks.json")
    reason = pack.acts.get(row.late_reason) if row.late_reason else None
    deed = reason.act.deed if reason else None
    if row.late_reason and not (isinstance(deed, AddNote) and deed.clock_id == spec.clock_id):
        yield Finding(file=layout.CLOCKS, what=f"{name}: no act gave the reason that it names")


def _proof_faults(pack: Pack, duty: Duty) -> Iterator[Finding]:
    if duty.proved_by is None:
        by_a_notice = told(_still_open(duty), pack.incident.told) == duty or _told_elsewhere(pack, duty)
        if not (_decisions(pack, duty) or _fell_away(pack, duty) or by_a_notice):
            what = f"{_what(duty)} is {duty.state} at {duty.ended_at} without a proof: no act or resolving ended it so"
            yield Finding(file=layout.DUTIES, what=what)
        return
    row = pack.rows.get(duty.proved_by)
    if row is None or duty.duty_id not in row.notice.duty_ids:
        what = f"{_what(duty)} is discharged by {duty.proved_by}, which is not a notice that answers it"
        yield Finding(file=layout.DUTIES, what=what)
    elif duty.state is not DutyState.DISCHARGED or not _proofs(pack, duty):
        what = f"{_what(duty)} ended at {duty.ended_at}, when the log says nothing such of notice {row.notice.number}"
        yield Finding(file=layout.DUTIES, what=what)


def _proofs(pack: Pack, duty: Duty) -> list[Entry]:
    """Return the entries that say of the duty's notice what the clause asks for, at the instant the duty ended."""
    notice_id = duty.proved_by or ""
    if notice_id not in pack.rows:
        return []
    notice = pack.rows[notice_id].notice
    return [
        entry
        for entry, state in _said_of(pack, notice.notice_id)
        if discharges(state, duty.discharge, notice.method)
        and (entry.draft.at, f"notice {notice.number} {state}") == (duty.ended_at, duty.proof)
    ]


def _said_of(pack: Pack, notice_id: NoticeId) -> list[tuple[Entry, NoticeState]]:
    """Return what the log says of a notice, with the act of whoever told it by hand."""
    by_hand = [(pack.told_by_hand[notice_id], NoticeState.TOLD_BY_HAND)] if notice_id in pack.told_by_hand else []
    return [*pack.said_of(notice_id), *by_hand]


def _method_faults(pack: Pack, duty: Duty) -> Iterator[Finding]:
    """Find for each method that is said to be proved what proves it; a duty that ended has a proof for each."""
    for proof in duty.proofs:
        row = pack.rows.get(proof.notice_id)
        logged = {(str(state), entry.draft.at) for entry, state in _said_of(pack, proof.notice_id)}
        mine = row is not None and duty.duty_id in row.notice.duty_ids and row.notice.method is proof.method
        if not mine or (proof.state, proof.at) not in logged:
            yield Finding(file=layout.DUTIES, what=f"{_what(duty)}: the log has no such proof {proof.method.words}")
    if duty.proved_by is not None and len(duty.methods) > 1 and duty.unproved:
        lacks = ", ".join(method.words for method in duty.unproved)
        yield Finding(file=layout.DUTIES, what=f"{_what(duty)} is discharged without a proof that it was told {lacks}")


def _decisions(pack: Pack, duty: Duty) -> list[Entry]:
    """Return the entries of the acts that ended the duty so, at that instant, with that proof."""
    found = []
    for entry in pack.deeds:
        envelope = pack.act_of(entry)
        if envelope is not None and isinstance(deed := envelope.act.deed, EndDuty) and deed.duty_id == duty.duty_id:
            said = (DutyState(deed.how), deed.proof, entry.draft.at)
            found += [entry] if said == (duty.state, duty.proof, duty.ended_at) else []
    return found


def _fell_away(pack: Pack, duty: Duty) -> bool:
    """Say whether a resolving at that instant may have ended the duty, in one of the ways in which it does."""
    merged = {(DutyState.SUPERSEDED, f"{MERGED}{pack.incident.merged_into}")} if pack.incident.merged_into else set()
    ways = _INTERNAL_ENDS.get(duty.rule_id, _FALLEN_AWAY) | merged | _decided_away(pack, duty)
    resolved = {entry.draft.at for entry in pack.deeds if entry.draft.kind == "duties.resolved"}
    return (duty.state, duty.proof) in ways and duty.ended_at in resolved


def _decided_away(pack: Pack, duty: Duty) -> set[tuple[DutyState, str]]:
    """Return how decisions not to tell, under GDPR articles 33 and 34, end this duty."""
    acts = (envelope.act for envelope in pack.acts.values() if isinstance(envelope.act.deed, Decide))
    decided = (found for act in acts if (found := apply(pack.incident, act).decision) is not None)
    return {
        (DutyState.NOT_OWED, not_owed_by(duty.citation, one.act_id))
        for one in decided
        if whom_told(policy_of(duty), one) is False
    }


def _told_elsewhere(pack: Pack, duty: Duty) -> bool:
    """Say whether the log recorded that a notice of a relative, whose evidence holds it, discharged the duty."""
    relatives = tuple(f"{ELSEWHERE}{relative}" for relative in pack.incident.relatives)
    if duty.state is not DutyState.DISCHARGED or not (duty.proof or "").endswith(relatives):
        return False
    resolved = [entry.draft.data for entry in pack.deeds if entry.draft.kind == "duties.resolved"]
    settled = [said for data in resolved for said in data.get("settled", ()) if said.get("duty") == duty.duty_id]
    ended = duty.ended_at.isoformat() if duty.ended_at else ""
    return any((said.get("ended"), said.get("proof")) == (ended, duty.proof) for said in settled)


def _still_open(duty: Duty) -> Duty:
    return duty.model_copy(update={"state": DutyState.OPEN, "ended_at": None, "proof": None, "late": False})


def _last_resolving(pack: Pack) -> Entry | None:
    return next((entry for entry in reversed(pack.deeds) if entry.draft.kind == "duties.resolved"), None)


def _was_owed(pack: Pack, duty: Duty) -> bool:
    """Say whether a duty was open after the last resolving."""
    last = _last_resolving(pack)
    return duty.state is DutyState.OPEN or (last is not None and any(e.number > last.number for e in _ends(pack, duty)))


def _count_faults(pack: Pack, owed: int) -> Iterator[Finding]:
    """Compare how many duties were open after the last resolving with how many the log says were owed."""
    last = _last_resolving(pack)
    if last is not None and last.draft.data.get("owed") != owed:
        what = f"{last.draft.data.get('owed')} duties were owed after this entry, and {owed} of them are here"
        yield Finding(file=layout.DUTIES, entry=last.number, what=what)


def _ends(pack: Pack, duty: Duty) -> list[Entry]:
    return _proofs(pack, duty) if duty.proved_by else _decisions(pack, duty)


def _what(duty: Duty) -> str:
    return f"duty {duty.duty_id} ({duty.title})"


def _clock(row: ClockRow) -> str:
    return f"clock {row.spec.clock_id} ({row.spec.title})"
