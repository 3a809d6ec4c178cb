"""What waits for whom: from the state of an incident to the next thing that this person can do about it."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from pydantic import Field

from tocsin.cli.session import Session
from tocsin.cli.standing import Standing
from tocsin.domain.act import Role
from tocsin.domain.audience import naming
from tocsin.domain.clock import ClockState, Mark
from tocsin.domain.duty import DECIDE_RULE
from tocsin.domain.erasure import MAY_ERASE
from tocsin.domain.gdpr_duties import AUTHORITY
from tocsin.domain.incident import OVER, Status
from tocsin.domain.statutory import POLICY, RULE_OUT
from tocsin.domain.task import Task, TaskKind, TaskState
from tocsin.domain.values import IncidentId, Instant, PersonId, Value
from tocsin.ports import Transaction, WaveRow

INTERNAL = (DECIDE_RULE, RULE_OUT)
"""Clocks of what we owe ourselves."""

MOST_DUE = 5
"""Incidents past their retention that a list names; `tocsin erase --due` has them all."""

REVIEW_AHEAD = timedelta(days=1)
"""How long before its review date a hold is shown."""


class Me(Value):
    """Who asks: tasks are owned by a user name or by a role."""

    user: str
    name: str
    person_id: PersonId
    roles: frozenset[Role]

    @classmethod
    def of(cls, work: Session) -> "Me":
        """Return the person who acts."""
        actor = work.actor
        return cls(user=work.user, name=actor.name, person_id=actor.person_id, roles=actor.roles)

    def owns(self, owner: str) -> bool:
        """Say whether a task of `owner` is mine."""
        return owner in {self.user, self.name, self.person_id} or owner in self.roles

    @property
    def acts(self) -> bool:
        """Say whether this person may change anything."""
        return bool(self.roles - {Role.AUDITOR})


class Todo(Value):
    """One thing to do: what, by when, and the command that does it."""

    incident_id: IncidentId | None
    what: str
    do: str
    due_at: Instant | None = None
    pressing: bool = False
    """Everything else waits for it: it comes first, whatever falls due before."""
    release: bool = Field(default=False, exclude=True)
    """Whether it is done on the console's page of letters, not on the incident's own."""


def next_for(work: Session, view: Standing, me: Me) -> Todo | None:
    """Return the most urgent thing of one incident, or None."""
    return next(iter(by_urgency(waiting_for(me, view, work.now()))), None)


def by_urgency(todos: Iterator[Todo] | list[Todo]) -> list[Todo]:
    """Sort by due time, what is pressing first; what has none comes last."""
    return sorted(todos, key=lambda todo: (not todo.pressing, todo.due_at is None, todo.due_at))


def waiting_for(me: Me, view: Standing, now: datetime) -> Iterator[Todo]:
    """Yield what this person can do about one incident."""
    if not me.acts:
        return
    yield from tasks_of(me, view.incident_id, view.tasks)
    if view.status in OVER:
        return
    yield from _decisions(view, now)
    yield from _whom_to_tell(me, view)
    yield from _waves(me, view)
    yield from _reports(view)
    yield from _reasons(view)
    yield from _provisional(me, view)
    yield from _broken_glass(me, view)
    yield from _reviews(me, view, now)
    yield from _closing(view)


def tasks_of(me: Me, incident_id: IncidentId, tasks: Iterable[Task]) -> Iterator[Todo]:
    """Yield the open tasks that are mine; improvements outlive their incident."""
    for task in tasks:
        if me.acts and task.state is TaskState.OPEN and me.owns(task.owner):
            do = f"tocsin task done {incident_id} {task.task_id} --outcome '…'"
            if task.kind is TaskKind.PROMISE:
                do = f"tocsin draft {incident_id} --kind follow_up (or final; if it stays unknown: {do})"
            yield Todo(incident_id=incident_id, what=task.title, do=do, due_at=task.due_at)


def erasures_for(tx: Transaction, me: Me, now: datetime, kept_for: timedelta) -> Iterator[Todo]:
    """Yield the incidents past their retention whose erasure this person can ask for or confirm; a few of many."""
    due = tx.erasures.due(now - kept_for) if me.roles & MAY_ERASE else []
    for key in due[:MOST_DUE]:
        erasure = tx.erasures.of(key)
        if erasure is None or erasure.lapsed(now):
            what = f"past its retention ({len(due)} in all): ask that it be erased"
            yield Todo(incident_id=key, what=what, do=f"tocsin erase {key} --reason '…'")
        elif erasure.asked.act.actor.person_id != me.person_id:
            what = f"{erasure.asked.act.actor.name} asks that it be erased: look, and confirm as the second person"
            yield Todo(incident_id=key, what=what, do=f"tocsin erase {key} (then with --confirm)")


def _decisions(view: Standing, now: datetime) -> Iterator[Todo]:
    key = view.incident_id
    if view.status is Status.REPORTED:
        do = f"tocsin confirm {key} (or: tocsin dismiss {key} --reason '…')"
        yield Todo(incident_id=key, what="decide whether it is an incident", do=do, due_at=_nearest(view, DECIDE_RULE))
    if view.may_be_affected is not None:
        counts = f"{view.may_be_affected.agreements} agreements of {view.may_be_affected.parties} parties may be"
        do = "\n".join(naming(key, view.may_be_affected.services))
        forced = view.may_be_affected.agreements > 0 and _last_quarter(view, now)
        what = f"say who is affected: {counts}" + (", and no letter can be drafted before" if forced else "")
        yield Todo(incident_id=key, what=what, do=do, due_at=_nearest(view), pressing=forced)


def _last_quarter(view: Standing, now: datetime) -> bool:
    """Say whether so little is left of a clock towards the other parties that the choice cannot wait."""
    running = (clock.spec for clock in view.clocks if clock.state is ClockState.RUNNING)
    others = (spec for spec in running if not (spec.owed_to_us or spec.rule_id.startswith((POLICY, *INTERNAL))))
    return any(spec.mark_at(Mark.THREE_QUARTERS) <= now for spec in others)


def _whom_to_tell(me: Me, view: Standing) -> Iterator[Todo]:
    """What GDPR articles 33 and 34 leave to a person: an approver decides, and says why."""
    if Role.APPROVER not in me.roles:
        return
    key, decided = view.incident_id, view.decision
    if decided is not None and decided.against and not decided.reason:
        what = f"say why you decided against the proposal ({'; '.join(decided.against)})"
        yield Todo(incident_id=key, what=what, do=f"tocsin decide {key}")
    running = [clock.spec for clock in view.clocks if clock.state is ClockState.RUNNING]
    due = min((spec.target_at for spec in running if spec.rule_id.removeprefix(POLICY) in AUTHORITY), default=None)
    if decided is None and due is not None:
        what = "decide whether the authority and the people are told"
        yield Todo(incident_id=key, what=what, do=f"tocsin decide {key}", due_at=due)


def _waves(me: Me, view: Standing) -> Iterator[Todo]:
    key = view.incident_id
    for seen in (seen for seen in view.waves if _waits_for_release(seen.wave)):
        wave, said = seen.wave, "; ".join(f"{one.by}: {one.comment}" for one in seen.sent_back)
        if Role.APPROVER in me.roles and wave.drafter != me.person_id:
            do = f"tocsin show {key} --letters {wave.wave_id}, then {release_command(wave)}"
            yield Todo(
                incident_id=key, what="review and release the letters", do=do, due_at=_nearest(view), release=True
            )
        elif wave.drafter == me.person_id and said:
            what = f"your letters were sent back ({said}); change the facts, or draft again"
            do = f"tocsin revise {key}, then tocsin draft {key} --kind {wave.kind}"
            yield Todo(incident_id=key, what=what, do=do, due_at=_nearest(view), release=True)
        elif wave.drafter == me.person_id:
            what = "wait for another approver to release your draft"
            yield Todo(incident_id=key, what=what, do=f"tocsin show {key}", due_at=_nearest(view))
    if view.to_draft and view.audience_known:
        what = f"draft the letters to {view.to_draft} who must be told"
        yield Todo(incident_id=key, what=what, do=f"tocsin draft {key}", due_at=_nearest(view))


def _reports(view: Standing) -> Iterator[Todo]:
    """What the law asks for is reported by hand, in an authority's portal or to the people concerned."""
    for clock in view.clocks:
        key, rule = view.incident_id, clock.spec.rule_id
        if clock.state is not ClockState.RUNNING:
            continue
        if rule == RULE_OUT:
            do = f"tocsin explain {key}, then tocsin revise {key} --answer FACT=VALUE"
            yield Todo(incident_id=key, what=clock.spec.title, do=do, due_at=clock.spec.target_at)
        elif rule.startswith(POLICY):
            do = f"tocsin duty done {key} {rule.removeprefix(POLICY)} --proof REFERENCE"
            yield Todo(incident_id=key, what=clock.spec.title, do=do, due_at=clock.spec.target_at)


def _reasons(view: Standing) -> Iterator[Todo]:
    for clock in view.clocks:
        if clock.reason_owed:
            do = f"tocsin note {view.incident_id} --late {clock.spec.clock_id} 'why'"
            yield Todo(incident_id=view.incident_id, what=f"say why it was late: {clock.spec.title}", do=do)


def _reviews(me: Me, view: Standing, now: datetime) -> Iterator[Todo]:
    for hold in view.holds:
        due = hold.review_at is not None and hold.review_at <= now + REVIEW_AHEAD
        if hold.lifted_at is None and due and Role.APPROVER in me.roles:
            do = f"tocsin lift {view.incident_id} {hold.hold_id} (or leave it in force)"
            yield Todo(incident_id=view.incident_id, what="review the hold", do=do, due_at=hold.review_at)


def _provisional(me: Me, view: Standing) -> Iterator[Todo]:
    for hold in view.holds:
        if hold.unconfirmed and Role.APPROVER in me.roles:
            do = f"tocsin hold-confirm {view.incident_id} {hold.hold_id} (or: tocsin lift it)"
            what = "confirm the provisional hold, or it lapses"
            yield Todo(incident_id=view.incident_id, what=what, do=do, due_at=hold.provisional_until)


def _broken_glass(me: Me, view: Standing) -> Iterator[Todo]:
    for wave_id, one in view.glass.items():
        if one.sent and Role.APPROVER in me.roles and one.by != me.person_id:
            do = f"tocsin review-glass {view.incident_id} {wave_id} 'what you found'"
            what = "review the letters that left without a second person"
            yield Todo(incident_id=view.incident_id, what=what, do=do, due_at=one.review_by)


def _closing(view: Standing) -> Iterator[Todo]:
    running = any(clock.state is ClockState.RUNNING or clock.reason_owed for clock in view.clocks)
    held = any(hold.lifted_at is None for hold in view.holds)
    working = any(task.blocks_closing for task in view.tasks)
    sending = any(seen.wave.released_at and not seen.wave.ended_at for seen in view.waves)
    if view.status is Status.CONFIRMED and not (running or held or working or sending):
        do = f"tocsin close {view.incident_id} --cause '…' --lessons '…'"
        yield Todo(incident_id=view.incident_id, what="nothing is open any more: close it", do=do)


def release_command(wave: WaveRow) -> str:
    """Return the command that releases exactly the drafted letters."""
    return f"tocsin release {wave.incident_id} {wave.wave_id} --digest {(wave.digest or '')[:12]}"


def _waits_for_release(wave: WaveRow) -> bool:
    return wave.released_at is None and wave.digest is not None and wave.ended_at is None


def _nearest(view: Standing, rule_id: str | None = None) -> datetime | None:
    """Return the nearest target of a running clock: of one rule, or of all that are owed to somebody else."""
    running = [clock.spec for clock in view.clocks if clock.state is ClockState.RUNNING]
    wanted = [spec for spec in running if (spec.rule_id == rule_id if rule_id else spec.rule_id != DECIDE_RULE)]
    return min((spec.target_at for spec in wanted), default=None)
