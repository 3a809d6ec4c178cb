"""Whom an act makes a part of an incident: agreements, pinned in the version that governs."""

from collections.abc import Iterable

from tocsin.domain.act import Absorb, Act, AddAffected, MergeInto, Report
from tocsin.domain.errors import Refused
from tocsin.domain.governing import may_be_owed
from tocsin.domain.incident import OVER
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.notice import FAILED, WRITTEN_TO
from tocsin.domain.register import Affected, Agreement
from tocsin.domain.task import TaskState
from tocsin.domain.values import AgreementId, IncidentId
from tocsin.ports import Transaction


def named_in_report(tx: Transaction, deed: Report, act: Act) -> list[Affected]:
    """Return the pins: the named agreements, those of the named services, or, when nobody is named, everyone.

    Whoever is not named and can be owed nothing is left out: their data is gone, or they are the ones who must tell.
    """
    if deed.split_from is not None:
        return _split_off(tx, deed.split_from, deed)
    instants = (act.at, *deed.triggers.values())
    revision = tx.register.revision()
    named, services = set(deed.affected), set(deed.facts.services)
    known = deed.everyone or bool(named or services)
    return [
        Affected(agreement=agreement, revision=revision, confirmed=known)
        for agreement in tx.register.agreements()
        if agreement.agreement_id in named
        or (
            (deed.everyone or not known or services.intersection(agreement.services))
            and any(may_be_owed(agreement, at) for at in instants)
        )
    ]


def sources_of(deed: Report) -> tuple[AgreementId, ...]:
    """Return the agreements of the parties at which it happened, as a report names them."""
    return deed.sources if deed.told_by is None else (*deed.sources, deed.told_by)


def source_pins(tx: Transaction, incident_id: IncidentId, sources: Iterable[AgreementId]) -> list[Affected]:
    """Return pins of the parties at which it happened, who are not for that reason among those to be told."""
    pinned = {pin.agreement.agreement_id for pin in tx.register.pinned(incident_id)}
    revision = tx.register.revision()
    new = [_known(tx, agreement_id) for agreement_id in sources if agreement_id not in pinned]
    return [Affected(agreement=agreement, revision=revision, excluded=True) for agreement in new]


def found_affected(tx: Transaction, incident_id: IncidentId, deed: AddAffected, act: Act) -> list[Affected]:
    """Return the pins that naming further parties makes or changes.

    Raises:
        Refused: if the register lacks one, or somebody who was told would be left out.
    """
    pinned = {pin.agreement.agreement_id: pin for pin in tx.register.pinned(incident_id)}
    since = deed.known_affected_at or act.at
    if deed.everyone:
        wanted = {agreement.agreement_id for agreement in tx.register.agreements()}
    else:
        wanted = set(deed.agreements)
    added = [
        pin.model_copy(update={"confirmed": True, "excluded": False}) for key, pin in pinned.items() if key in wanted
    ]
    if deed.only:
        others = [pin for key, pin in pinned.items() if key not in wanted and not pin.excluded]
        _refuse_leaving_out_the_told(tx, incident_id, others)
        added += [pin.model_copy(update={"excluded": True}) for pin in others]
    revision = tx.register.revision()
    for agreement_id in sorted(wanted - pinned.keys()):
        added.append(_pin_newly(tx, agreement_id, revision, since))
    return added


def _refuse_leaving_out_the_told(tx: Transaction, incident_id: IncidentId, others: list[Affected]) -> None:
    """Nobody is made unaffected by an act who has it in writing from us, or is about to: that takes another letter."""
    # A notice that failed is still its wave's: the next contact, or a person, takes over.
    written = tx.ledger.parties(incident_id, WRITTEN_TO | FAILED)
    told = sorted(pin.agreement.agreement_id for pin in others if pin.agreement.agreement_id in written)
    if told:
        raise Refused(
            f"these were told already, or are in a wave that was released: {', '.join(told)}; name them too, then tell "
            f"them that they are not affected: tocsin draft {incident_id} --kind correction --to REF"
        )


def _pin_newly(tx: Transaction, agreement_id: AgreementId, revision: int, since: object) -> Affected:
    return Affected.model_validate(
        {"agreement": _known(tx, agreement_id), "revision": revision, "known_affected_at": since}
    )


def _known(tx: Transaction, agreement_id: AgreementId) -> Agreement:
    agreement = tx.register.agreement(agreement_id)
    if agreement is None:
        raise Refused(f"the register has no agreement {agreement_id}; `tocsin register import` adds it")
    return agreement


def absorbed_pins(tx: Transaction, incident_id: IncidentId, deed: Absorb) -> list[Affected]:
    """Return the other incident's pins that this one lacks, and those that it knew for certain.

    Raises:
        Refused: if the other one cannot be taken in as it stands.
    """
    other = tx.incidents.state(deed.source)
    if other is None:
        raise Refused(f"there is no incident {deed.source}; `tocsin list` shows those that exist")
    if other.status in OVER:
        raise Refused(f"incident {deed.source} is {other.status}; reopen it first, or leave it as it is")
    if (other.triggers, other.audience_known) != (deed.triggers, deed.audience_known):
        raise Refused(f"incident {deed.source} has changed since; look at it again, then merge it")
    _refuse_half_done(tx, other)
    own = {pin.agreement.agreement_id: pin for pin in tx.register.pinned(incident_id)}
    return [
        pin
        for pin in tx.register.pinned(deed.source)
        if not pin.excluded and _adds(own.get(pin.agreement.agreement_id), pin)
    ]


def refuse_unless_absorbed(tx: Transaction, incident_id: IncidentId, deed: MergeInto) -> None:
    """Raise Refused if the target has not taken the incident in: its clocks would stop and nobody would keep them."""
    target = tx.incidents.state(deed.target)
    if target is None or incident_id not in target.relatives or target.status in OVER:
        raise Refused(
            f"incident {deed.target} has not absorbed this one: tocsin merge {incident_id} --into {deed.target}"
        )


def _refuse_half_done(tx: Transaction, other: IncidentState) -> None:
    waits = [f"wave {key} is still being sent" for key, wave in other.waves.items() if wave.released and not wave.ended]
    waits += [f"hold {hold} is in force: place it here, then lift it there" for hold in other.holds]
    notices = [task for task in tx.tasks.of(other.incident_id) if task.notice_id and task.state is not TaskState.DONE]
    waits += [f"task {task.task_id} is open: a notice to deliver by hand" for task in notices]
    if waits:
        raise Refused(f"incident {other.incident_id} cannot be merged yet: " + "; ".join(waits))


def _adds(own: Affected | None, pin: Affected) -> bool:
    return own is None or own.excluded or (pin.confirmed and not own.confirmed)


def _split_off(tx: Transaction, source: IncidentId, deed: Report) -> list[Affected]:
    pinned = {pin.agreement.agreement_id: pin for pin in tx.register.pinned(source)}
    missing = set(deed.affected) - pinned.keys()
    if missing:
        raise Refused(
            f"not a part of incident {source}: {', '.join(sorted(missing))}; `tocsin affected add` names them"
        )
    return [pinned[key] for key in deed.affected] if deed.affected else list(pinned.values())
