"""Which triggers a report, or a notice to us, brings along."""

from datetime import datetime

from tocsin.domain.act import Report, Told
from tocsin.domain.incident import Basis, Trigger, TriggerFact, Triggers
from tocsin.domain.values import AgreementId


def reported(deed: Report, at: datetime) -> Triggers:
    """Return the triggers that a report states, and those that it stands in for."""
    # Whoever reports has discovered it, and on-call staff are staff: until a person states other instants the
    # report stands in for discovery and awareness. The earlier reading of "aware" is the safe one.
    assumed = TriggerFact(at=at, basis=Basis.ASSUMED)
    stated = {trigger: TriggerFact(at=moment) for trigger, moment in deed.triggers.items()}
    if deed.told_by is not None:
        # Whoever was told is aware from then on, however late the notice was passed on.
        assumed = TriggerFact(at=min(at, told_at(deed, at)), basis=Basis.ASSUMED)
        stated = {Trigger.TOLD_BY: TriggerFact(at=told_at(deed, at))} | stated
    return {
        Trigger.REPORT: TriggerFact(at=at),
        Trigger.DISCOVERY: assumed,
        Trigger.AWARENESS: assumed,
    } | stated


def told_at(deed: Report, at: datetime) -> datetime:
    """Return when the party whose notice a report passes on told us."""
    return deed.triggers.get(Trigger.TOLD_BY, at)


def told_triggers(deed: Told, at: datetime, known: Triggers) -> Triggers:
    """Return the first instant at which anybody told us, and since when they knew if they said so."""
    told = TriggerFact(at=deed.told_at or at)
    first = {Trigger.TOLD_BY: min(known.get(Trigger.TOLD_BY, told), told, key=lambda fact: fact.at)}
    knew = {Trigger.THEIR_AWARENESS: TriggerFact(at=deed.their_awareness_at)} if deed.their_awareness_at else {}
    return first | knew


def with_source(sources: tuple[AgreementId, ...], one: AgreementId | None) -> tuple[AgreementId, ...]:
    """Return the sources with one more, if it is none of them yet."""
    return sources if one is None or one in sources else (*sources, one)
