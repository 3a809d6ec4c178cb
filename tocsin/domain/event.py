"""When the event happened from which a policy's period runs, also where nobody has stated that event itself."""

from collections.abc import Mapping

from tocsin.domain.incident import Basis, Trigger, TriggerFact, Triggers
from tocsin.domain.policy import Policy, PolicyId
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.values import Instant, Value

_KNOWING = (
    Trigger.AWARENESS,
    Trigger.DISCOVERY,
    Trigger.TOLD_BY_PROCESSOR,
    Trigger.DETERMINATION_INCIDENT,
    Trigger.CONFIRMATION,
    Trigger.REPORT,
)

AT_THE_LATEST: Mapping[Trigger, tuple[Trigger, ...]] = {
    Trigger.OCCURRENCE: (Trigger.DETECTION, Trigger.SUSPICION, *_KNOWING),
    Trigger.DETECTION: _KNOWING,
    Trigger.SUSPICION: (Trigger.DETECTION, Trigger.REASON_TO_BELIEVE, Trigger.REASONABLE_BELIEF, *_KNOWING),
    Trigger.REASON_TO_BELIEVE: (Trigger.REASONABLE_BELIEF, *_KNOWING),
    Trigger.REASONABLE_BELIEF: _KNOWING,
    Trigger.AWARENESS: _KNOWING,
    Trigger.DISCOVERY: _KNOWING,
    Trigger.DETERMINATION_INCIDENT: (Trigger.CONFIRMATION,),
}
"""Events that cannot lie later than others: whoever is aware of a breach has reason to believe that there was one.

Until somebody states the event itself, the earliest of the others stands in for it. The clock then runs, if anything,
too late; without that there would be none. Events that somebody must do, such as classifying, have no stand-in.
"""


class Event(Value):
    """When it happened, how we know, and how that is said."""

    at: Instant
    basis: Basis
    step: str


def event_of(
    policy: Policy, triggers: Triggers, submitted: Mapping[PolicyId, Instant], pack: PolicyPack
) -> Event | None:
    """Return the event from which the policy runs, or None if it has not happened or the policy names none."""
    if policy.trigger is None:
        return None
    if policy.trigger is Trigger.PRIOR_REPORT_SUBMITTED:
        return _submission(policy, triggers, submitted, pack)
    return event(policy.trigger, triggers, policy.trigger_words)


def event(trigger: Trigger, triggers: Triggers, words: str = "") -> Event | None:
    """Return when `trigger` happened: as stated, or at the latest."""
    named = f"{trigger.words}, {words}" if words else trigger.words
    if trigger in triggers:
        return _event(triggers[trigger], named)
    known = [(triggers[other].at, other) for other in AT_THE_LATEST.get(trigger, ()) if other in triggers]
    if not known:
        return None
    at, other = min(known)
    step = f"{named}: nobody stated it; it lies no later than {other.words}, {at.isoformat()}, which stands in for it"
    return Event(at=at, basis=Basis.ASSUMED, step=step)


def starts_when(policy: Policy, pack: PolicyPack) -> str:
    """Return in words what must happen for the policy's period to start."""
    if policy.trigger is None:
        return "nothing: it stands as soon as its conditions hold"
    words = f"{policy.trigger.words}, {policy.trigger_words}" if policy.trigger_words else policy.trigger.words
    anchors = pack.anchors(policy.id) if policy.trigger is Trigger.PRIOR_REPORT_SUBMITTED else ()
    return f"{words} ({' or '.join(anchors)})" if anchors else words


def _submission(
    policy: Policy, triggers: Triggers, submitted: Mapping[PolicyId, Instant], pack: PolicyPack
) -> Event | None:
    reports = [(submitted[anchor], anchor) for anchor in pack.anchors(policy.id) if anchor in submitted]
    if reports:
        at, anchor = min(reports)
        return Event(
            at=at, basis=Basis.STATED, step=f"the report under {anchor} was submitted {at.isoformat()} (stated)"
        )
    fact = triggers.get(Trigger.PRIOR_REPORT_SUBMITTED)
    return _event(fact, Trigger.PRIOR_REPORT_SUBMITTED.words) if fact else None


def _event(fact: TriggerFact, named: str) -> Event:
    return Event(at=fact.at, basis=fact.basis, step=f"{named}: {fact.at.isoformat()} ({fact.basis})")
