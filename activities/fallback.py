"""What failed falls to the next contact of the chain, at last to a person; and a wave's count and end."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import activity

from activities.acts import engine_entry
from activities.awaiting import overdue, with_awaited
from tocsin.domain.clause import Method
from tocsin.domain.clock import ClockState
from tocsin.domain.duty import DutyState
from tocsin.domain.incident import OVER, Status
from tocsin.domain.notice import FAILED, ContactRole, Notice, NoticeState, WaveCounts
from tocsin.domain.probe_deed import is_round
from tocsin.domain.task import Task, TaskKind, TaskState, task_id_of
from tocsin.domain.values import Value, WaveId
from tocsin.ports import Stamp, Store, Transaction
from tocsin.steps import moved
from tocsin.wire import response_workflow

BY_HAND_WITHIN = timedelta(hours=4)
"""Internal target for a notice that a person has to deliver."""


class WaveStep(Value):
    """A step of a whole wave that writes."""

    stamp: Stamp
    wave_id: WaveId


class HandedOver(Value):
    """The notices that a person must deliver, and how many went to the next contact instead."""

    tasks: tuple[Task, ...]
    released: int = 0
    late: tuple[str, ...] = ()
    """The numbers, of the first hundred, of notices that failed after they had been delivered, or after the end."""
    opened_again: bool = False
    """A duty is open again whose clock has ended: nothing warns of it before it has another one."""
    over: bool = False
    """The incident has ended: nobody looks at it by himself."""


class Finish(Value):
    """How a wave stands, and whether that was its end."""

    counts: WaveCounts
    ended: bool


class Fallback:
    """The deeds around a wave whose channel has answered."""

    def __init__(self, store: Store, delivered_within: timedelta | None = None) -> None:
        """Take the store, and how long a notice may stay undelivered (None: its deadline says)."""
        self._store = store
        self._within = delivered_within

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.fall_back, self.count, self.end, self.finish]

    @activity.defn(name="notices.fall_back")
    def fall_back(self, order: WaveStep) -> HandedOver:
        """Let the next contact of the chain take over each failed notice; without one, a person does."""
        return self._store.once(order.stamp, order, lambda tx: _fall_back(tx, order, self._within), HandedOver)

    @activity.defn(name="notices.count")
    def count(self, wave_id: WaveId) -> WaveCounts:
        """Count a wave's rows by state."""
        with self._store.reading() as tx:
            return with_awaited(tx, wave_id, self._within)

    @activity.defn(name="notices.end")
    def end(self, order: WaveStep) -> WaveCounts:
        """Write down that the wave has nothing more to do, with its final counts and the digest of its ledger."""
        return self._store.once(order.stamp, order, lambda tx: _end(tx, order), WaveCounts)

    @activity.defn(name="notices.finish")
    def finish(self, order: WaveStep) -> Finish:
        """End the wave in the same way if everybody in it is told; else only count."""
        return self._store.once(order.stamp, order, lambda tx: _finish(tx, order, self._within), Finish)


def _fall_back(tx: Transaction, order: WaveStep, within: timedelta | None) -> HandedOver:
    at, tasks = order.stamp.at, []
    if _was_dismissed(tx, order):
        return _take_back(tx, order)
    rows = tx.ledger.notices(order.wave_id, states=[*FAILED, NoticeState.BY_HAND])
    rows += overdue(tx, order.wave_id, at, within)
    chains = tx.ledger.notices(order.wave_id) if rows else []
    changed: list[Notice] = []
    for row in rows:
        heir = _heir(row, chains)
        if row.state is NoticeState.BY_HAND:
            tasks += [_task(row, at)] if tx.remember(f"by_hand:{row.notice_id}:{row.attempts}", at) else []
        elif heir is not None and heir.state is not NoticeState.DRAFTED:
            changed.append(moved(row, NoticeState.REPLACED, at))  # it had taken over before
        elif heir is not None:
            to = NoticeState.RELEASED if heir.letter_sha256 else NoticeState.DROPPED
            changed += [moved(row, NoticeState.REPLACED, at), moved(heir, to, at)]
        elif row.role is ContactRole.COPY:
            # A copy discharges nothing; the failure stays visible, but nobody is called for it.
            said = row.detail if is_round(row.incident_id) else f"copy not delivered: {row.detail or ''}"
            changed.append(moved(row, NoticeState.REPLACED, at, detail=said))
        else:
            tx.remember(f"by_hand:{row.notice_id}:{row.attempts}", at)
            changed.append(moved(row, NoticeState.BY_HAND, at))
            tasks.append(_task(row, at))
    tx.ledger.put(changed)
    if changed or tasks:
        data: dict[str, object] = {"wave": order.wave_id, "replaced": len(changed), "by_hand": len(tasks)}
        tx.log.append([engine_entry(order.stamp, "wave.fell_back", data)])
    failed = [row for row in rows if row.state in FAILED and row.role is ContactRole.CHAIN]
    state = tx.incidents.state(order.stamp.incident_id)
    over = state is not None and state.status in OVER
    if over and tasks:
        # Its tasks have ended with it; whoever opens it again finds them.
        tx.tasks.put(tasks, tx.last_sequence(response_workflow(order.stamp.incident_id)))
    return HandedOver(
        tasks=tuple(tasks),
        released=sum(row.state is NoticeState.RELEASED for row in changed),
        late=tuple(row.number for row in failed if over or row.delivered_at is not None)[:100],
        opened_again=_opened_again(tx, failed),
        over=over and bool(failed),
    )


def _opened_again(tx: Transaction, failed: list[Notice]) -> bool:
    duties = tx.duties.by_id({key for row in failed for key in row.duty_ids})
    clocks = {duty.clock_id for duty in duties if duty.state is DutyState.OPEN}
    rows = (tx.duties.clock(clock_id) for clock_id in sorted(clocks))
    return any(row is not None and row.state is ClockState.ENDED for row in rows)


def _was_dismissed(tx: Transaction, order: WaveStep) -> bool:
    state = tx.incidents.state(order.stamp.incident_id)
    return state is not None and state.status is Status.DISMISSED


def _take_back(tx: Transaction, order: WaveStep) -> HandedOver:
    """Withdraw what has not left: what comes back from a call after a dismissal must not go out again."""
    waiting = (NoticeState.RELEASED, NoticeState.BY_HAND, *FAILED)
    rows = tx.ledger.notices(order.wave_id, states=waiting)
    tx.ledger.put(moved(row, NoticeState.WITHDRAWN, order.stamp.at) for row in rows)
    if rows:
        data: dict[str, object] = {"wave": order.wave_id, "withdrawn": len(rows)}
        tx.log.append([engine_entry(order.stamp, "wave.taken_back", data)])
    return HandedOver(tasks=())


def _heir(row: Notice, chains: list[Notice]) -> Notice | None:
    if row.role is not ContactRole.CHAIN:
        return None
    return next(
        (
            other
            for other in chains
            if other.agreement_id == row.agreement_id
            and other.role is ContactRole.CHAIN
            and other.method is row.method
            and other.chain_position == row.chain_position + 1
        ),
        None,
    )


def _task(row: Notice, at: datetime) -> Task:
    key = f"notice:{row.notice_id}"
    return Task(
        task_id=task_id_of(row.incident_id, key),
        incident_id=row.incident_id,
        kind=TaskKind.NOTICE,
        key=key,
        title=_title(row),
        owner="approver",
        due_at=at + BY_HAND_WITHIN,
        state=TaskState.OPEN,
        notice_id=row.notice_id,
    )


def _title(row: Notice) -> str:
    if row.method is not Method.MAIL:
        why = f"the contract asks for it {row.method.words}, with a proof of its own"
    else:
        why = "the agreement has no usable contact" if row.lonely else "no contact of the chain was reached"
    return f"Deliver notice {row.number} by hand: {why}"


def _end(tx: Transaction, order: WaveStep) -> WaveCounts:
    wave, counts = tx.ledger.wave(order.wave_id), tx.ledger.counts(order.wave_id)
    if wave is not None:
        tx.ledger.put_wave(wave.model_copy(update={"ended_at": order.stamp.at}))
    data: dict[str, object] = {"wave": order.wave_id, "states": {str(k): n for k, n in counts.by_state.items()}}
    tx.log.append([engine_entry(order.stamp, "wave.ended", data)])
    return counts


def _finish(tx: Transaction, order: WaveStep, within: timedelta | None) -> Finish:
    counts = with_awaited(tx, order.wave_id, within)
    # A notice that is a person's work from the start still has to become their task.
    ended = counts.unsettled == 0 and counts.awaiting == 0 and NoticeState.BY_HAND not in counts.by_state
    return Finish(counts=_end(tx, order) if ended else counts, ended=ended)
