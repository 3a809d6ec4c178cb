"""Whom a wave is for: who is affected, owed to, and was not written to yet."""

from collections.abc import Container, Set
from typing import NamedTuple

from activities.family import written_to
from activities.glass import reached
from activities.silence import silent
from tocsin.domain.act import Draft
from tocsin.domain.clause import Method
from tocsin.domain.errors import Refused
from tocsin.domain.notice import WaveKind
from tocsin.domain.values import AgreementId, ClockId, DutyId, IncidentId
from tocsin.ports import Transaction


class Owed(NamedTuple):
    """What a wave is planned from of a duty. There may be very many, and the rest of each is large."""

    duty_id: DutyId
    clause_key: str
    methods: tuple[Method, ...]
    unproved: tuple[Method, ...]


def audience(tx: Transaction, incident_id: IncidentId, draft: Draft, owed: Container[AgreementId]) -> set[AgreementId]:
    """Return the agreements of those whom a wave is for; `owed` are those with an open duty.

    Raises:
        Refused: if nobody is left to write to, or one who is named is not affected.
    """
    parties = tx.register.affected(incident_id)
    if draft.agreements is not None:
        named = set(draft.agreements)
        if missing := named - parties:
            raise Refused(f"not named as affected: {', '.join(sorted(missing))}; `tocsin affected add` names them")
        parties = named
    written = written_to(tx, incident_id)
    if draft.wave_kind is WaveKind.INITIAL:
        parties = {party for party in parties - written if party in owed}
    else:
        parties &= written
    if not parties:
        raise Refused("nobody is left to write to: everyone affected was told, or is in a wave that waits for release")
    return parties


def without_release(
    tx: Transaction,
    incident_id: IncidentId,
    parties: set[AgreementId],
    by_silence: ClockId | None,
    by_glass: ClockId | None,
) -> set[AgreementId]:
    """Return those of them whom a letter reaches that no second person releases, where it is one. Raises Refused."""
    if by_silence is not None:
        parties = silent_ones(tx, incident_id, by_silence, parties)
    return parties if by_glass is None else reached_by_glass(tx, incident_id, by_glass, parties)


def silent_ones(
    tx: Transaction, incident_id: IncidentId, clock_id: ClockId, parties: Set[AgreementId]
) -> set[AgreementId]:
    """Return those of them to whom silence may release a minimal letter. Raises Refused if there is none left."""
    duties = tx.duties.of(incident_id, clock_id=clock_id, open_only=True)
    allowed = {duty.agreement_id for duty in silent(tx, incident_id, duties)}
    found = {party for party in parties if party in allowed}
    if not found:
        raise Refused("somebody was told, or a hold was placed, meanwhile: silence releases nothing")
    return found


def reached_by_glass(
    tx: Transaction, incident_id: IncidentId, clock_id: ClockId, parties: Set[AgreementId]
) -> set[AgreementId]:
    """Return those of them whom a broken glass tells. Raises Refused if there is none left."""
    found = set(parties & reached(tx, incident_id, clock_id))
    if not found:
        raise Refused("somebody was told, or a hold was placed, meanwhile: nobody is left whom the broken glass tells")
    return found


def open_duties(tx: Transaction, incident_id: IncidentId) -> dict[AgreementId, list[Owed]]:
    """Return what is still owed by us, by agreement: no more of each duty than a wave is planned from."""
    owed: dict[AgreementId, list[Owed]] = {}
    for duty in tx.duties.each_open(incident_id):
        if duty.agreement_id is not None and not duty.owed_to_us:
            known = Owed(duty.duty_id, duty.clause_key, duty.methods, duty.unproved)
            owed.setdefault(duty.agreement_id, []).append(known)
    return owed
