"""One policy against the facts of one case: the duty with its deadline, every step, and what its report lacks."""

from datetime import datetime

from tocsin.domain.applicability import Verdict
from tocsin.domain.authority import AUTHORITY, Seat, seat_of
from tocsin.domain.calendar import Calendar
from tocsin.domain.counting import Computed, local
from tocsin.domain.counting_dora import DoraEntity
from tocsin.domain.deadline import ComputingRule, Inputs, compute
from tocsin.domain.duty import PROMPT_TARGET
from tocsin.domain.errors import Refused
from tocsin.domain.event import Event, event, event_of, starts_when
from tocsin.domain.explanation import Calendars, Case, ContentState, ExplainedDuty, Source, Standing
from tocsin.domain.fact import FactValue, FactValues
from tocsin.domain.gdpr_decision import WhomToTell
from tocsin.domain.incident import Trigger
from tocsin.domain.organisation import Organisation
from tocsin.domain.policy import HoldEffect, Kind, Policy
from tocsin.domain.policy_pack import PolicyPack

_IN_HOURS = frozenset({ComputingRule.ELAPSED, ComputingRule.EU_HOURS, ComputingRule.NONE})
"""Rules whose deadline is the same on every clock in the world."""

_USES_CALENDAR = frozenset(
    {
        ComputingRule.EU_HOURS,
        ComputingRule.EU_DAYS_1182,
        ComputingRule.EU_MONTHS_1182,
        ComputingRule.DORA_INITIAL,
        ComputingRule.DORA_NOON_ROLL,
        ComputingRule.US_SEC_BUSINESS_DAYS,
        ComputingRule.BR_BUSINESS_DAYS,
    }
)

_EARLIEST = (Trigger.AWARENESS, Trigger.DISCOVERY, Trigger.DETECTION, Trigger.REPORT)


class Policies:
    """The policies, as they stand to the facts of one case."""

    def __init__(self, pack: PolicyPack, case: Case, facts: FactValues, calendars: Calendars) -> None:
        self._pack = pack
        self._case = case
        self._facts = facts
        self._calendars = calendars

    @property
    def decided(self) -> WhomToTell | None:
        """Whom a person decided to tell under GDPR articles 33 and 34."""
        return self._case.decided

    @property
    def profile(self) -> Organisation:
        """Who we are."""
        return self._case.profile

    def event(self, policy: Policy) -> Event | None:
        """Return the event from which the policy's period runs, if it has happened."""
        return event_of(policy, self._case.triggers, self._case.submitted, self._pack)

    def duty(self, policy: Policy, verdict: Verdict, happened: Event | None) -> ExplainedDuty:
        """Return the duty under a policy that applies or cannot be ruled out."""
        seat = seat_of(policy, self._case.profile)
        stands = {"applies": verdict.answer, "because": verdict.because, "zone": seat.zone}
        contents = {"required_contents": tuple(self._contents(policy))}
        return ExplainedDuty.model_validate(
            _as_written(policy) | stands | contents | self._timed(policy, happened, seat)
        )

    def _timed(self, policy: Policy, happened: Event | None, seat: Seat) -> dict[str, object]:
        if happened is None and policy.trigger is not None:
            return {"standing": Standing.NOT_YET_RUNNING, "starts_when": starts_when(policy, self._pack)}
        if happened is None:
            return {"standing": Standing.RUNNING, **self._without_event(policy)}
        calendar, steps = self._calendar(policy, seat, happened.at)
        if seat.doubt and policy.rule not in _IN_HOURS:
            steps.append(seat.doubt)
        computed = self._computed(policy, happened, seat, calendar)
        due = computed.deadline_at
        target_at = due or (happened.at + PROMPT_TARGET if _pursued(policy) else None)
        own = [f"our own target, {target_at.isoformat()}, is no deadline"] if target_at and not due else []
        return {
            "standing": Standing.RUNNING,
            "trigger_at": happened.at,
            "trigger_basis": happened.basis,
            "deadline_at": due,
            "deadline_local": local(due, seat.zone).isoformat() if due else None,
            "target_at": target_at,
            "steps": (happened.step, *steps, *computed.steps, *own),
            "readings": computed.readings,
            "calendar": calendar.source if calendar else None,
        }

    def _without_event(self, policy: Policy) -> dict[str, object]:
        step = "the text names no event: it stands as soon as its conditions hold, and has no date"
        known = [self._case.triggers[trigger].at for trigger in _EARLIEST if trigger in self._case.triggers]
        if not known or not _pursued(policy):
            return {"steps": (step,)}
        target_at = min(known) + PROMPT_TARGET
        return {"target_at": target_at, "steps": (step, f"our own target, {target_at.isoformat()}, is no deadline")}

    def _calendar(self, policy: Policy, seat: Seat, at: datetime) -> tuple[Calendar | None, list[str]]:
        calendar_id = seat.calendar_id if policy.calendar == AUTHORITY else policy.calendar
        if calendar_id is None or policy.rule not in _USES_CALENDAR:
            return None, []
        try:
            return self._calendars(calendar_id, at.year, at.year + 1), []
        except Refused as reason:
            return None, [f"the authority's holidays are not known: {reason}"]

    def _computed(self, policy: Policy, happened: Event, seat: Seat, calendar: Calendar | None) -> Computed:
        inputs = Inputs(
            at=happened.at,
            aware_at=self._also(policy, happened),
            zone=seat.zone,
            calendar=calendar,
            dora_report=policy.dora_report,
            dora_entity=_dora_entity(self._facts.get("org.dora_entity")),
        )
        try:
            return compute(policy.rule, policy.period, inputs)
        except Refused as reason:
            step = f"the deadline cannot be computed here, work it out by hand now: {reason}"
            return Computed(deadline_at=None, steps=(step,))

    def _also(self, policy: Policy, happened: Event) -> datetime | None:
        if policy.also_from is None:
            return None
        # Whoever has classified an incident is aware of it, so awareness lies no later.
        also = event(policy.also_from, self._case.triggers)
        return also.at if also else happened.at

    def _contents(self, policy: Policy) -> list[ContentState]:
        return [
            ContentState(
                key=content.key,
                text=content.text,
                missing=content.key not in self._case.contents and self._facts.get(f"incident.{content.key}") is None,
                may_be_unknown=content.may_be_unknown,
            )
            for content in policy.required_contents
        ]


def _as_written(policy: Policy) -> dict[str, object]:
    return {
        "id": policy.id,
        "version": policy.version,
        "source": Source.POLICY,
        "kind": policy.kind,
        "title": policy.title,
        "owed_by": policy.owed_by,
        "owed_to": tuple(policy.owed_to),
        "to": policy.to,
        "trigger": policy.trigger,
        "trigger_words": policy.trigger_words,
        "period": policy.period_words,
        "without_undue_delay": policy.wud,
        "lateness": policy.lateness,
        "rule": policy.rule,
        "follow_ups": policy.follow_ups,
        "hold": policy.hold if policy.hold.effect is not HoldEffect.NOT_STATED else None,
        "letter": policy.letter,
        "citation": policy.citation,
        "sources": policy.sources,
        "status": policy.status,
        "counsel_check": policy.counsel_check,
        "notes": policy.notes,
    }


def _pursued(policy: Policy) -> bool:
    """Say whether we set ourselves a target for it: a register entry and a voluntary report press nobody."""
    return policy.kind in {Kind.NOTICE, Kind.ASSESSMENT}


def _dora_entity(value: FactValue | None) -> tuple[DoraEntity, ...] | None:
    # Only the choices of the fact get here; an empty list says no more than silence does.
    return tuple(DoraEntity(kind) for kind in value) or None if isinstance(value, tuple) else None
