"""How an incident reads on a phone or in a pipe: short lines below headings, most urgent part first."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby

from tocsin.cli.render import bullets, due, heading, say, urgency, when
from tocsin.cli.todo import release_command
from tocsin.cli.views import ClockView, Event, IncidentView, LookAt, WaveView
from tocsin.domain.audience import naming
from tocsin.domain.clock import ClockState
from tocsin.domain.duty import DECIDE_RULE, Duty
from tocsin.domain.hold import Hold
from tocsin.domain.incident import OVER, Facts
from tocsin.domain.notice import NoticeState
from tocsin.domain.promise import in_words
from tocsin.domain.task import Task, TaskState
from tocsin.domain.tempo import time_left
from tocsin.domain.values import ENGINE, PersonId

SHOWN_PROOFS = 3
BY_RECEIPT = (NoticeState.DELIVERED, NoticeState.ACKNOWLEDGED, NoticeState.DEFERRED)
"""The states that only receipts tell of."""

Names = Mapping[PersonId, str]


def incident(view: IncidentView, now: datetime, names: Names) -> None:
    """Print everything about an incident."""
    say(f"{view.incident_id}  {view.status}", style="bold")
    say(view.facts.title)
    say(f"owner: {names.get(view.owner, view.owner) if view.owner else 'nobody'}")
    if view.linked_to:
        say(f"the same alert before: {view.linked_to}")
    if view.merged_into:
        say(f"goes on as a part of: {view.merged_into}")
    if view.relatives:
        say(f"counts the notices of: {', '.join(view.relatives)}")
    audience(view)
    _failing(view.notices_to_look_at)
    heading("Clocks")
    clocks(view.clocks, now)
    _holds(view.holds, now)
    _glass(view, names)
    _waves(view, names)
    _decision(view)
    _tasks(view.tasks, now)
    _facts(view)
    _events(view.events, names)


def audience(view: IncidentView) -> None:
    """Print, while nobody has said who is affected, how many may be and how to say it."""
    may_be = view.may_be_affected
    if may_be is None or view.status in OVER:
        return
    heading("Who is affected is not known yet")
    counts = f"{may_be.agreements} agreements of {may_be.parties} parties may be"
    say(f"{counts}; nobody is written to until a person says who", indent=2)
    bullets(naming(view.incident_id, may_be.services), indent=2)


def clocks(views: Iterable[ClockView], now: datetime) -> None:
    """Print clocks: running ones by urgency, then those that have ended."""
    shown = sorted(views, key=lambda clock: (clock.state is ClockState.ENDED, clock.spec.target_at))
    for view in shown:
        _clock(view, now)
    if not shown:
        say("none", indent=2)


def steps(view: IncidentView, duties: Iterable[Duty]) -> None:
    """Print how each deadline came about; duties that came about alike are counted together."""
    titles = {clock.spec.clock_id: clock.spec.title for clock in view.clocks}
    heading("Why")
    by_clock = sorted(duties, key=lambda duty: (duty.clock_id, duty.because, duty.computation.steps))
    for clock_id, members in groupby(by_clock, key=lambda duty: duty.clock_id):
        say(f"{titles.get(clock_id, 'no clock')} ({clock_id})", style="bold", indent=2)
        for _, alike in groupby(members, key=lambda duty: (duty.because, duty.computation.steps)):
            _alike(list(alike))


def _alike(duties: list[Duty]) -> None:
    first = duties[0]
    say(f"{len(duties)} dut{'y' if len(duties) == 1 else 'ies'}: {first.because}", indent=4)
    bullets(first.computation.steps, indent=6)
    where = first.citation if len(duties) == 1 else f"{first.citation}, and {len(duties) - 1} more"
    say(f"source: {where}; rule {first.computation.rule_id}, version {first.computation.rule_version}", indent=6)


def _clock(view: ClockView, now: datetime) -> None:
    spec = view.spec
    running = view.state is ClockState.RUNNING
    say(spec.title, style=urgency(spec.target_at, spec.trigger_at, now) if running else "", indent=2)
    told = f"told {view.told} of {view.total}" if view.total and spec.rule_id != DECIDE_RULE else ""
    if not running:
        ended = (view.outcome or "ended").replace("_", " ")
        say(", ".join(part for part in (ended, told, "late" if view.late else "") if part), indent=4)
        say(f"from {when(spec.trigger_at)}, {spec.clock_id}", indent=4)
    else:
        bullets([due(spec.deadline_at, spec.target_at, now), f"from {when(spec.trigger_at)}"], indent=4)
        bullets([told] if told else [], indent=4)
    _proofs(view)
    if view.held:
        lifted = f"; if lifted now: {when(view.if_lifted_now)}" if view.if_lifted_now else ""
        past = "held past the deadline: " if spec.deadline_at and now > spec.deadline_at else ""
        say(f"{past}{view.held} under a hold{lifted}", indent=4)
    if view.reason_owed:
        say(f"reason owed: tocsin note {spec.incident_id} --late {spec.clock_id} 'why'", indent=4)
    if view.reason:
        say(f"late because: {view.reason}", indent=4)


def _proofs(view: ClockView) -> None:
    last = sorted(view.proofs, key=lambda proof: proof.at)[-SHOWN_PROOFS:]
    for proof in last:
        say(f"{proof.proof}, {when(proof.at)}", indent=4)
    if (more := len(view.proofs) - len(last)) > 0:
        say(f"and {more} more: tocsin receipts list {view.spec.incident_id}", indent=4)


def _failing(looks: tuple[LookAt, ...]) -> None:
    if not looks:
        return
    heading("Notices that need a look")
    for look in looks:
        detail = f": {look.detail}" if look.detail else ""
        say(f"{look.reference} {look.party}, {look.number}: {look.state.replace('_', ' ')}{detail}", indent=2)


def _holds(holds: tuple[Hold, ...], now: datetime) -> None:
    if holds:
        heading("Holds")
    for hold in holds:
        scope = "everybody" if hold.scope is None else f"{len(hold.scope)} agreement(s)"
        say(f"{hold.hold_id}: {hold.kind.replace('_', ' ')}, {hold.issuer}, {hold.reference}", indent=2)
        if hold.lifted_at is not None:
            say(f"{scope}, {'lapsed' if hold.lapsed else 'lifted'} {when(hold.lifted_at)}", indent=4)
            continue
        review = f", review {when(hold.review_at)}, {time_left(hold.review_at, now)}" if hold.review_at else ""
        say(f"in force since {when(hold.placed_at)}, {scope}{review}", indent=4)
        if hold.unconfirmed and hold.provisional_until is not None:
            say(f"provisional: an approver confirms it, or it lapses {when(hold.provisional_until)}", indent=4)


def _glass(view: IncidentView, names: Names) -> None:
    for wave_id, one in view.glass.items():
        heading("Broken glass")
        say(f"{wave_id}: the minimal letter, by {names.get(one.by, one.by)}, without a second person", indent=2)
        if one.sent:
            say(f"review: tocsin review-glass {view.incident_id} {wave_id} 'what you found'", indent=4)
        else:
            say(f"leaves {when(one.sends_at)}; recall it: tocsin recall {view.incident_id} {wave_id}", indent=4)


def _waves(view: IncidentView, names: Names) -> None:
    if view.waves:
        heading("Waves")
    for seen in view.waves:
        wave = seen.wave
        say(f"{wave.wave_id}  {wave.kind.replace('_', ' ')}: {_how_far(seen)}", indent=2)
        say(f"drafted by {names.get(wave.drafter, wave.drafter)}, {when(wave.drafted_at)}", indent=4)
        for one in seen.sent_back:
            say(f"sent back by {one.by}, {when(one.at)}: {one.comment}", indent=4)
        if wave.unknowns:
            said = "not yet known" if wave.released_at is None else "was not yet known"
            say(f"{said}: {in_words(wave.unknowns)}", indent=4)
        if wave.releaser == ENGINE and wave.released_at:
            say(f"released by silence, as the clauses say, {when(wave.released_at)}", indent=4)
        elif wave.releaser and wave.released_at:
            say(f"released by {names.get(wave.releaser, wave.releaser)}, {when(wave.released_at)}", indent=4)
        elif wave.digest:
            say(f"review: tocsin show {view.incident_id} --letters {wave.wave_id}", indent=4)
            say(f"release: {release_command(wave)}", indent=4)


def _decision(view: IncidentView) -> None:
    decided = view.decision
    if decided is None:
        return
    heading("Decided under GDPR articles 33 and 34")
    say(decided.words, indent=2)
    say(f"{decided.by}, {when(decided.at)}: {decided.reason or 'no reason given yet'}", indent=4)
    bullets((f"against the proposal: {part}" for part in decided.against), indent=4)


def _how_far(seen: WaveView) -> str:
    wave = seen.wave
    if wave.released_at is None:
        lonely = f", {seen.without_contact} without a contact" if seen.without_contact else ""
        return f"waits for release, {seen.total} recipients{lonely}"
    stopped = ", STOPPED" if wave.stopped else ""
    proved = ", ".join(f"{seen.by_state[state]} {state}" for state in BY_RECEIPT if seen.by_state.get(state))
    known = f" ({proved})" if proved else ""
    return f"told {seen.told} of {seen.total}{known}{stopped}{', ended' if wave.ended_at else ''}"


def _tasks(tasks: tuple[Task, ...], now: datetime) -> None:
    still = [task for task in tasks if task.state is not TaskState.DONE]
    if not tasks:
        return
    heading(f"Tasks: {len(tasks) - len(still)} of {len(tasks)} done")
    for task in still:
        if task.state is TaskState.OPEN:
            say(task.title, indent=2)
            say(f"{task.task_id}, {task.owner}, {time_left(task.due_at, now)}", indent=4)
    waiting = sum(task.state is TaskState.WAITING for task in still)
    if waiting:
        say(f"{waiting} more wait for these", indent=2)


def _facts(view: IncidentView) -> None:
    heading("Facts")
    for name in Facts.model_fields:
        value = getattr(view.facts, name)
        if name not in {"title", "answers", "translations"} and value not in (None, ()):
            shown = ", ".join(value) if isinstance(value, tuple) else value
            say(f"{name.replace('_', ' ')}: {shown}", indent=2)
    if view.facts.translations:
        say(f"translated into: {', '.join(view.facts.translations)}", indent=2)
    for key, answer in view.facts.answers.items():
        say(f"{key}: {', '.join(answer) if isinstance(answer, tuple) else answer}", indent=2)
    if view.unknowns:
        say(f"not yet known: {', '.join(name.replace('_', ' ') for name in view.unknowns)}", indent=2)
    for trigger, found in view.triggers.items():
        say(f"{trigger.words}: {when(found.at)} ({found.basis})", indent=2)
    if view.attachments:
        say(f"attached: {', '.join(view.attachments)}", indent=2)


def _events(events: tuple[Event, ...], names: Names) -> None:
    if events:
        heading("Last events")
    for event in events:
        who = names.get(PersonId(event.actor), event.actor)
        say(f"#{event.number} {when(event.at)}: {event.kind}, {who}", indent=2)
