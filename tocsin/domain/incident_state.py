"""The state machine of one incident: which act is admitted when, and what it changes. Pure; ids only, no free text."""

from datetime import datetime
from typing import TypeVar

from tocsin.domain.act import (
    Absorb,
    Act,
    AddAffected,
    AddNote,
    AnswerPage,
    Close,
    Confirm,
    Decide,
    Deed,
    Dismiss,
    Draft,
    DutyEnd,
    EndDuty,
    Handover,
    MergeInto,
    Release,
    Reopen,
    Report,
    Resume,
    Revise,
    Role,
    Stop,
    Told,
)
from tocsin.domain.audience import unnamed
from tocsin.domain.breaking_glass import (
    BreakGlass,
    Glass,
    Recall,
    ReviewGlass,
    admit_glass,
    broken,
    refuse_while_unreviewed,
    waits_for_review,
)
from tocsin.domain.clock import ClockSpec
from tocsin.domain.errors import Refused
from tocsin.domain.gdpr_decision import WhomToTell
from tocsin.domain.holding import (
    ConfirmHold,
    HoldProvisionally,
    Lift,
    PlaceHold,
    admit_about_hold,
    after_hold,
    without_hold,
)
from tocsin.domain.incident import OVER, Status, Trigger, TriggerFact, Triggers
from tocsin.domain.notice import WaveKind
from tocsin.domain.releasing import admit_reviewed
from tocsin.domain.reported import reported, told_at, told_triggers, with_source
from tocsin.domain.reviewing import SendBack
from tocsin.domain.stated import refuse_impossible, stated_instants
from tocsin.domain.tempo import IsDrill
from tocsin.domain.values import AgreementId, ClockId, HoldId, IncidentId, Instant, PersonId, Value, WaveId, derived_id
from tocsin.domain.word_deeds import ABOUT_WORDS, LiftPrivilege

K = TypeVar("K")
V = TypeVar("V")


class WaveState(Value):
    """What the incident remembers of a wave."""

    kind: WaveKind
    drafter: PersonId
    digest: str
    rows: int
    draft: Draft
    """What was asked for, so that a revision can draft it again."""
    released: bool = False
    stopped: bool = False
    ended: bool = False
    co_drafters: tuple[PersonId, ...] = ()
    """Those whose revisions changed its letters since: they may not release it either."""
    unknowns: tuple[str, ...] = ()
    """The names of what its letters could not say yet, and promise."""


class IncidentState(Value):
    """Everything that decides what may happen next. Small enough to carry across continue-as-new."""

    incident_id: IncidentId
    status: Status = Status.REPORTED
    sequence: int = 0
    """Number of the last write of the incident's workflow; a lower one never overwrites a higher one."""
    triggers: Triggers = {}
    owner: PersonId | None = None
    audience_known: bool = False
    waves: dict[WaveId, WaveState] = {}
    holds: tuple[HoldId, ...] = ()
    """The holds in force."""
    provisional: dict[HoldId, Instant] = {}
    """Those of them that lapse at an instant unless an approver confirms them."""
    glass: dict[WaveId, Glass] = {}
    """Releases without a second person that wait to leave, or for their review."""
    clocks: dict[ClockId, ClockSpec] = {}
    """The clocks that run."""
    reasons_owed: tuple[ClockId, ...] = ()
    """Clocks that were missed and still lack the reason why; it never blocks a notice."""
    blocking_tasks: int = 0
    linked_to: IncidentId | None = None
    relatives: tuple[IncidentId, ...] = ()
    """Incidents that were merged into this one, or that it was split from: whom they told is told here, too."""
    merged_into: IncidentId | None = None
    sources: tuple[AgreementId, ...] = ()
    """Agreements of the parties at which it happened, who owe us a notice."""
    told: dict[AgreementId, Instant] = {}
    """When each of them has told us."""
    decision: WhomToTell | None = None
    """Whom a person decided to tell under GDPR articles 33 and 34."""
    may_be_affected: int = 0
    """Agreements that cannot be ruled out while nobody has said who is affected."""
    drill: IsDrill = False
    """A rehearsal: no register takes it up, and its evidence says so."""


APPROVERS_ONLY = (Release, SendBack, Lift, PlaceHold, ConfirmHold, ReviewGlass, Decide, LiftPrivilege)


def admit(state: IncidentState, act: Act, now: datetime) -> None:
    """Check that `act` may happen to an incident in `state` at `now`.

    Raises:
        Refused: with what is wrong and what to do instead.
    """
    deed = act.deed
    if act.incident_id != state.incident_id:
        raise Refused(f"this act is upon incident {act.incident_id}, but it was sent to {state.incident_id}")
    _admit_roles(act, deed)
    refuse_impossible(stated_instants(deed), now)
    if state.status is Status.MERGED and deed.kind not in ABOUT_WORDS:
        raise Refused(f"incident {state.incident_id} was merged into {state.merged_into}; go on there")
    if state.status in OVER and deed.kind not in ABOUT_WORDS | {"reopen", "handover"}:
        raise Refused(
            f"incident {state.incident_id} is {state.status}; reopen it first: tocsin reopen {state.incident_id}"
        )
    match deed:
        case Report() | Revise():
            _admit_triggers(state, deed)
        case Confirm():
            if state.status is Status.CONFIRMED:
                confirmed = state.triggers[Trigger.CONFIRMATION].at.isoformat()
                raise Refused(f"it was confirmed already, at {confirmed}; `tocsin revise` changes the instant")
        case Dismiss() if state.status is Status.CONFIRMED:
            raise Refused("it is confirmed; a confirmed incident is closed, not dismissed")
        case Dismiss():
            refuse_while_unreviewed(state.incident_id, state.glass)
        case Told() if deed.agreement_id in state.told:
            told_at = state.told[deed.agreement_id].isoformat()
            raise Refused(f"they told us already, at {told_at}; `tocsin attach` files what they send later")
        case BreakGlass() | Recall() | ReviewGlass():
            if isinstance(deed, BreakGlass) and not state.audience_known:
                raise Refused(unnamed(state.incident_id, state.may_be_affected))
            admit_glass(state.incident_id, state.clocks, state.glass, deed, act.actor.person_id)
        case Draft() | Decide():
            _admit_whom(state, deed)
        case Release() | SendBack():
            admit_reviewed(state.waves, deed, act.actor.person_id)
        case Stop() | Resume():
            _admit_stop(state, deed)
        case Lift() | ConfirmHold():
            admit_about_hold(state.holds, state.provisional, deed)
        case Close():
            _admit_close(state)
        case Absorb():
            _admit_absorb(state, deed)
        case MergeInto():
            _admit_merge(state, deed)
        case Reopen() if state.status not in OVER:
            raise Refused(f"it is {state.status}, not closed; there is nothing to reopen")
        case AnswerPage() | AddNote():
            _admit_clock(state, deed)
        case _:
            pass


def _admit_roles(act: Act, deed: Deed) -> None:
    if isinstance(deed, APPROVERS_ONLY) and Role.APPROVER not in act.actor.roles:
        raise Refused(f"only an approver may {deed.kind}; {act.actor.described}")
    if not act.actor.roles:
        raise Refused(f"{act.actor.name} has no role here and may not {deed.kind}; an admin gives roles in people.toml")
    if isinstance(deed, EndDuty) and deed.how is not DutyEnd.DISCHARGED and Role.APPROVER not in act.actor.roles:
        raise Refused(f"only an approver may decide that a duty is {deed.how}; {act.actor.described}")
    if act.actor.roles == {Role.AUDITOR}:
        raise Refused(f"an auditor reads and changes nothing; {act.actor.name} may not {deed.kind}")


def apply(state: IncidentState, act: Act) -> IncidentState:
    """Return the state after an admitted act, as far as the act alone decides it."""
    change: dict[str, object] = {}
    match act.deed:
        case Report() as deed:
            change = {
                "triggers": reported(deed, act.at),
                "owner": act.actor.person_id,
                "audience_known": deed.everyone or bool(deed.affected or deed.facts.services),
                "linked_to": deed.linked_to,
                "relatives": (deed.split_from,) if deed.split_from else (),
                "sources": with_source(deed.sources, deed.told_by),
                "told": {deed.told_by: told_at(deed, act.at)} if deed.told_by else {},
            }
        case Absorb() as deed:
            change = _absorbed(state, deed)
        case MergeInto() as deed:
            change = {"status": Status.MERGED, "merged_into": deed.target}
        case Told() as deed:
            change = {
                "sources": with_source(state.sources, deed.agreement_id),
                "told": state.told | {deed.agreement_id: deed.told_at or act.at},
                "triggers": state.triggers | told_triggers(deed, act.at, state.triggers),
            }
        case Confirm() as deed:
            at = deed.confirmed_at or act.at
            change = {
                "status": Status.CONFIRMED,
                "triggers": state.triggers | {Trigger.CONFIRMATION: TriggerFact(at=at)},
            }
        case Dismiss():
            change = {"status": Status.DISMISSED}
        case Revise() as deed:
            stated = {trigger: TriggerFact(at=at) for trigger, at in deed.triggers.items()}
            change = {"triggers": state.triggers | stated}
        case AddAffected():
            change = {"audience_known": True}
        case Decide() as deed:
            told = WhomToTell(authority=deed.authority, subjects=deed.subjects, act_id=act.act_id, at=act.at)
            change = {"decision": told}
        case Release() as deed:
            freed = {key: state.waves[key].model_copy(update={"released": True}) for key in deed.approved}
            change = {"waves": state.waves | freed}
        case Stop() as deed:
            change = {"waves": _with_wave(state, deed.wave_id, stopped=True)}
        case Resume() as deed:
            change = {"waves": _with_wave(state, deed.wave_id, stopped=False)}
        case PlaceHold() | HoldProvisionally() | ConfirmHold() | Lift():
            change = after_hold(state.holds, state.provisional, act.deed, hold_id_of(act), act.at)
        case BreakGlass() | Recall() | ReviewGlass():
            change = {"glass": _about_glass(state, act)}
        case AddNote() as deed:
            change = {"reasons_owed": tuple(clock for clock in state.reasons_owed if clock != deed.clock_id)}
        case Handover() as deed:
            change = {"owner": deed.to}
        case Close():
            change = {"status": Status.CLOSED}
        case Reopen():
            confirmed = Trigger.CONFIRMATION in state.triggers
            change = {"status": Status.CONFIRMED if confirmed else Status.REPORTED}
        case _:
            pass
    return state.model_copy(update=change)


def lapsed(state: IncidentState, hold_id: HoldId) -> IncidentState:
    """Return the state after a provisional hold that nobody confirmed in time."""
    return state.model_copy(update=without_hold(state.holds, state.provisional, hold_id))


def hold_id_of(act: Act) -> HoldId:
    """Return the id of the hold that an act places."""
    return HoldId(derived_id("hld", act.act_id))


def wave_id_of(act: Act) -> WaveId:
    """Return the id of the wave that an act drafts."""
    return WaveId(derived_id("wav", act.act_id))


def _about_glass(state: IncidentState, act: Act) -> dict[WaveId, Glass]:
    match act.deed:
        case BreakGlass(clock_id=clock_id):
            return state.glass | {wave_id_of(act): broken(state.clocks[clock_id], act.actor.person_id, act.at)}
        case Recall(wave_id=wave_id) | ReviewGlass(wave_id=wave_id):
            return _without(state.glass, wave_id)
    return state.glass


def _without(some: dict[K, V], one: K) -> dict[K, V]:
    return {key: value for key, value in some.items() if key != one}


def _admit_triggers(state: IncidentState, deed: Report | Revise) -> None:
    if Trigger.REPORT in deed.triggers:
        raise Refused("when it was reported is on record and is not changed; state discovery or awareness instead")
    if Trigger.CONFIRMATION in deed.triggers and state.status is not Status.CONFIRMED:
        raise Refused("nobody has confirmed it yet; `tocsin confirm --at INSTANT` does, and starts its clocks")


def _admit_absorb(state: IncidentState, deed: Absorb) -> None:
    if deed.source == state.incident_id:
        raise Refused("an incident cannot be merged into itself; name two")
    if deed.source in state.relatives:
        raise Refused(f"incident {deed.source} was merged into this one already, or this one was split from it")


def _admit_merge(state: IncidentState, deed: MergeInto) -> None:
    if deed.target == state.incident_id:
        raise Refused("an incident cannot be merged into itself; name two")
    waits = []
    sending = [wave_id for wave_id, wave in state.waves.items() if wave.released and not wave.ended]
    if sending:
        waits.append(f"wave(s) still being sent: {', '.join(sending)}")
    if state.glass:
        waits.append(waits_for_review(state.incident_id, state.glass))
    if state.holds:
        # An order not to tell must not get lost on the way.
        waits.append(f"hold(s) in force: {', '.join(state.holds)}; place them on {deed.target}, then lift them here")
    if waits:
        raise Refused("it cannot be merged yet: " + "; ".join(waits))


def _absorbed(state: IncidentState, deed: Absorb) -> dict[str, object]:
    triggers = dict(state.triggers)
    for trigger, fact in deed.triggers.items():
        triggers[trigger] = min(triggers.get(trigger, fact), fact, key=lambda one: one.at)
    confirmed = Trigger.CONFIRMATION in triggers
    return {
        "triggers": triggers,
        "status": Status.CONFIRMED if confirmed else state.status,
        "audience_known": state.audience_known or deed.audience_known,
        "relatives": (*state.relatives, deed.source),
    }


def _admit_whom(state: IncidentState, deed: Draft | Decide) -> None:
    if isinstance(deed, Draft) and not state.audience_known:
        raise Refused(unnamed(state.incident_id, state.may_be_affected))
    if isinstance(deed, Decide) and deed.subjects and not deed.authority:
        raise Refused(
            "a high risk is a risk, so whoever must tell the people must tell the authority, too (GDPR art. 33(1), "
            "34(1)); decide yes for both, or tell the people without being bound to"
        )


def _admit_stop(state: IncidentState, deed: Stop | Resume) -> None:
    wave = _wave(state, deed.wave_id)
    if not wave.released or wave.ended:
        raise Refused(f"wave {deed.wave_id} is not being sent, so there is nothing to {deed.kind}")
    if wave.stopped is isinstance(deed, Stop):
        raise Refused(f"wave {deed.wave_id} is {'stopped' if wave.stopped else 'running'} already")


def _admit_clock(state: IncidentState, deed: AnswerPage | AddNote) -> None:
    if isinstance(deed, AddNote):
        if deed.clock_id is not None and deed.clock_id not in state.reasons_owed:
            raise Refused(f"clock {deed.clock_id} owes no reason; leave out the clock to add an ordinary note")
    elif not state.clocks or (deed.clock_id is not None and deed.clock_id not in state.clocks):
        which = f"clock {deed.clock_id} does not run" if deed.clock_id else "no clock of this incident runs"
        raise Refused(f"{which}, so nobody waits for an answer; `tocsin show` lists those that run")


def _admit_close(state: IncidentState) -> None:
    if state.status is not Status.CONFIRMED:
        raise Refused("only a confirmed incident is closed; dismiss it with a reason if it is none")
    waits = []
    if state.clocks:
        waits.append(f"{len(state.clocks)} clock(s) still run: {', '.join(c.title for c in state.clocks.values())}")
    sending = [wave_id for wave_id, wave in state.waves.items() if wave.released and not wave.ended]
    if sending:
        waits.append(f"wave(s) still being sent: {', '.join(sending)}")
    if state.holds:
        waits.append(f"hold(s) still in force: {', '.join(state.holds)}")
    if state.glass:
        waits.append(waits_for_review(state.incident_id, state.glass))
    if state.blocking_tasks:
        waits.append(f"{state.blocking_tasks} task(s) still open (tasks named as improvements may outlive it)")
    if state.reasons_owed:
        waits.append(f"the reason is missing why {', '.join(state.reasons_owed)} passed: tocsin note --late CLOCK TEXT")
    if waits:
        raise Refused("it cannot be closed yet: " + "; ".join(waits))


def _wave(state: IncidentState, wave_id: WaveId) -> WaveState:
    if wave_id not in state.waves:
        raise Refused(f"there is no wave {wave_id} in this incident; `tocsin show` lists its waves")
    return state.waves[wave_id]


def _with_wave(state: IncidentState, wave_id: WaveId, **change: bool) -> dict[WaveId, WaveState]:
    return state.waves | {wave_id: state.waves[wave_id].model_copy(update=change)}
