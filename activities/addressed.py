"""Whom a wave is for: who is affected, owed to, and was not written to yet."""

from collections.abc import Sequence

from activities.family import written_to
from activities.silence import silent
from tocsin.domain.act import Draft
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.notice import WaveKind
from tocsin.domain.register import Affected
from tocsin.domain.values import AgreementId, ClockId, IncidentId
from tocsin.ports import Transaction


def audience(tx: Transaction, incident_id: IncidentId, draft: Draft) -> list[Affected]:
    """Return whom a wave is for. Raises Refused if nobody is left to write to, or one named is not affected."""
    pins = [pin for pin in tx.register.pinned(incident_id) if pin.confirmed and not pin.excluded]
    if draft.agreements is not None:
        named = set(draft.agreements)
        missing = named - {pin.agreement.agreement_id for pin in pins}
        if missing:
            raise Refused(f"not named as affected: {', '.join(sorted(missing))}; `tocsin affected add` names them")
        pins = [pin for pin in pins if pin.agreement.agreement_id in named]
    written = written_to(tx, incident_id)
    if draft.wave_kind is WaveKind.INITIAL:
        owed = open_duties(tx, incident_id)
        pins = [p for p in pins if p.agreement.agreement_id in owed and p.agreement.agreement_id not in written]
    else:
        pins = [pin for pin in pins if pin.agreement.agreement_id in written]
    if not pins:
        raise Refused("nobody is left to write to: everyone affected was told, or is in a wave that waits for release")
    return pins


def silent_ones(
    tx: Transaction, incident_id: IncidentId, clock_id: ClockId, pins: Sequence[Affected]
) -> list[Affected]:
    """Return those of them to whom silence may release a minimal letter. Raises Refused if there is none left."""
    duties = tx.duties.of(incident_id, clock_id=clock_id, open_only=True)
    allowed = {duty.agreement_id for duty in silent(tx, incident_id, duties)}
    found = [pin for pin in pins if pin.agreement.agreement_id in allowed]
    if not found:
        raise Refused("somebody was told, or a hold was placed, meanwhile: silence releases nothing")
    return found


def open_duties(tx: Transaction, incident_id: IncidentId) -> dict[AgreementId, list[Duty]]:
    """Return what is still owed by us, by agreement."""
    owed: dict[AgreementId, list[Duty]] = {}
    for duty in tx.duties.of(incident_id, open_only=True):
        if duty.agreement_id is not None and duty.state is DutyState.OPEN and not duty.owed_to_us:
            owed.setdefault(duty.agreement_id, []).append(duty)
    return owed
