"""Sending a released wave: claims and outcomes over the ledger, doubts settled, the next contact, a person at last."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from temporalio import activity

from activities.acts import engine_entry
from activities.watch import Watch
from tocsin.audit.entry import EntryDraft
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.errors import Deferred
from tocsin.domain.incident import Status
from tocsin.domain.notice import FAILED, ContactRole, Notice, NoticeState, WaveCounts, discharges, step
from tocsin.domain.task import Task, TaskKind, TaskState, task_id_of
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import IncidentId, Value, WaveId
from tocsin.ports import Channel, Claim, Claimed, Outcome, Stamp, Store, Transaction, Verdict

GROUP = 16
"""Rows claimed at a time: the most that one crash of one batch can leave in doubt."""

GRACE = timedelta(minutes=5)
"""How long an outcome may stay in doubt when the channel cannot say whether it took the notice."""

COMMIT_AGAIN_SECONDS = 1.0
"""Pause before outcomes are committed again when the store was busy."""

BY_HAND_WITHIN = timedelta(hours=4)
"""Internal target for a notice that a person has to deliver."""


class Batch(Value):
    """A range of a wave: rows with first <= ordinal < last."""

    incident_id: IncidentId
    wave_id: WaveId
    first: int
    last: int
    tempo: Tempo


class BatchResult(Value):
    """What a batch came to. Counts only: the ledger remembers who."""

    sent: int = 0
    rejected: int = 0
    in_doubt: int = 0
    not_sent: int = 0
    held: int = 0
    stopped: bool = False
    channel_down: str = ""
    retry_after: timedelta | None = None


class WaveStep(Value):
    """A step of a whole wave that writes."""

    stamp: Stamp
    wave_id: WaveId


class HandedOver(Value):
    """The notices that a person must deliver, and how many went to the next contact instead."""

    tasks: tuple[Task, ...]
    released: int = 0


class Settling(Value):
    """Rows whose outcome is unknown, to be settled."""

    incident_id: IncidentId
    wave_id: WaveId
    tempo: Tempo


class Settled(Value):
    """How many doubts were settled which way, and how many wait."""

    adopted: int = 0
    again: int = 0
    by_hand: int = 0
    waiting: int = 0


class Notices:
    """The deeds around the ledger and the channel."""

    def __init__(self, store: Store, channel: Channel, group: int = GROUP) -> None:
        self._store = store
        self._channel = channel
        self._group = group

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.send, self.settle, self.fall_back, self.count, self.end]

    @activity.defn(name="notices.send")
    async def send(self, batch: Batch) -> BatchResult:
        """Send what is released in a range, group by group, until nothing is left or something stands in the way.

        Intent is committed before each call and the outcome after it. Rows that an earlier attempt had claimed are
        not sent again: they are in doubt, and settled apart.
        """
        watch, total = Watch(batch.tempo), BatchResult()
        await asyncio.to_thread(self._doubt_the_orphans, batch, watch.now())
        while not activity.is_cancelled() and not activity.is_worker_shutdown():
            claim = await asyncio.to_thread(self._claim, batch, watch.now())
            total = total.model_copy(update={"held": claim.held, "stopped": claim.stopped})
            if not claim.rows:
                break
            outcomes = await asyncio.gather(*(self._channel.send(row.prepared, watch.now()) for row in claim.rows))
            pairs = list(zip(claim.rows, outcomes, strict=True))
            await self._commit(batch, pairs, watch)
            total = _added(total, outcomes)
            activity.heartbeat()
            if total.channel_down or total.not_sent:
                break
        return total

    @activity.defn(name="notices.settle")
    async def settle(self, order: Settling) -> Settled:
        """Settle the rows in doubt: adopt what was taken, release again what was not, or once what nobody can tell."""
        watch = Watch(order.tempo)
        rows = await asyncio.to_thread(self._doubtful, order.wave_id)
        found = [(row, prepared, await self._channel.lookup(prepared)) for row, prepared in rows]
        return await asyncio.to_thread(self._conclude, found, watch.now())

    @activity.defn(name="notices.fall_back")
    def fall_back(self, order: WaveStep) -> HandedOver:
        """Let the next contact of the chain take over each failed notice; without one, a person does."""
        return self._store.once(order.stamp, order, lambda tx: _fall_back(tx, order), HandedOver)

    @activity.defn(name="notices.count")
    def count(self, wave_id: WaveId) -> WaveCounts:
        """Count a wave's rows by state."""
        with self._store.reading() as tx:
            return tx.ledger.counts(wave_id)

    @activity.defn(name="notices.end")
    def end(self, order: WaveStep) -> WaveCounts:
        """Write down that the wave has nothing more to do, with its final counts and the digest of its ledger."""
        return self._store.once(order.stamp, order, lambda tx: _end(tx, order), WaveCounts)

    async def _commit(self, batch: Batch, pairs: list[tuple[Claimed, Outcome]], watch: Watch) -> None:
        """Commit what the channel said; a store that is busy must not turn a known outcome into a doubt."""
        while True:
            try:
                return await asyncio.to_thread(self._record, batch, pairs, watch.now())
            except Deferred:
                activity.logger.warning("the store does not take the outcomes of wave %s yet", batch.wave_id)
                activity.heartbeat()
                await asyncio.sleep(COMMIT_AGAIN_SECONDS)

    def _doubt_the_orphans(self, batch: Batch, at: datetime) -> None:
        with self._store.writing() as tx:
            orphans = tx.ledger.notices(batch.wave_id, first=batch.first, last=batch.last, states=[NoticeState.CLAIMED])
            doubted = [
                _moved(row, NoticeState.IN_DOUBT, at, detail="the worker ended during the call") for row in orphans
            ]
            tx.ledger.put(doubted)
            tx.log.append(_entry(row, at) for row in doubted)

    def _claim(self, batch: Batch, at: datetime) -> Claim:
        with self._store.writing() as tx:
            return tx.ledger.claim(batch.wave_id, batch.first, batch.last, self._group, at)

    def _record(self, batch: Batch, pairs: list[tuple[Claimed, Outcome]], at: datetime) -> None:
        with self._store.writing() as tx:
            rows = [_after(claimed.notice, outcome, at) for claimed, outcome in pairs]
            tx.ledger.put(rows)
            tx.log.append(_entry(row, at) for row in rows)
            discharge(tx, rows, at)

    def _doubtful(self, wave_id: WaveId) -> list[tuple[Notice, bytes]]:
        with self._store.reading() as tx:
            rows = tx.ledger.notices(wave_id, states=[NoticeState.IN_DOUBT])
            return [(row, tx.ledger.prepared(row.notice_id) or b"") for row in rows]

    def _conclude(self, found: list[tuple[Notice, bytes, bool | None]], at: datetime) -> Settled:
        rows = [(row, _conclusion(row, took, at)) for row, _, took in found]
        changed = [new for _, new in rows if new is not None]
        with self._store.writing() as tx:
            tx.ledger.put(changed)
            tx.log.append(_entry(row, at) for row in changed)
            discharge(tx, changed, at)
        states = [row.state for row in changed]
        return Settled(
            adopted=states.count(NoticeState.ACCEPTED),
            again=states.count(NoticeState.RELEASED),
            by_hand=states.count(NoticeState.DROPPED),
            waiting=len(rows) - len(changed),
        )


def discharge(tx: Transaction, rows: Iterable[Notice], at: datetime) -> None:
    """End each open duty whose clause takes the state of one of these notices as proof."""
    proofs = {duty_id: row for row in rows if row.role is ContactRole.CHAIN for duty_id in row.duty_ids}
    duties = [duty for duty in tx.duties.by_id(proofs) if duty.state is DutyState.OPEN]
    tx.duties.put(
        _discharged(d, proofs[d.duty_id], at) for d in duties if discharges(proofs[d.duty_id].state, d.discharge)
    )


def _discharged(duty: Duty, notice: Notice, at: datetime) -> Duty:
    late = duty.deadline_at is not None and at > duty.deadline_at
    change = {
        "state": DutyState.DISCHARGED,
        "ended_at": at,
        "proof": f"notice {notice.number} {notice.state}",
        "proved_by": notice.notice_id,
        "late": late,
    }
    return duty.model_copy(update=change)


def _moved(row: Notice, to: NoticeState, at: datetime, **change: object) -> Notice:
    return row.model_copy(update={"state": step(row.state, to), "settled_at": at, **change})


def _after(row: Notice, outcome: Outcome, at: datetime) -> Notice:
    match outcome.verdict:
        case Verdict.ACCEPTED:
            return _moved(row, NoticeState.ACCEPTED, at, provider_id=outcome.provider_id, detail=None)
        case Verdict.IN_DOUBT:
            return _moved(row, NoticeState.IN_DOUBT, at, detail=outcome.detail)
        case Verdict.REJECTED:
            return _moved(row, NoticeState.DROPPED, at, detail=outcome.detail)
        case Verdict.NOT_SENT | Verdict.CHANNEL_DOWN:
            return _moved(row, NoticeState.RELEASED, at, detail=outcome.detail)


def _conclusion(row: Notice, took: bool | None, at: datetime) -> Notice | None:
    """Return the settled row, or None while it has to wait (DESIGN, decision 7)."""
    if took is True:
        return _moved(row, NoticeState.ACCEPTED, at, detail="the channel shows that it took it")
    if took is False:
        return _moved(row, NoticeState.RELEASED, at, detail="the channel shows that it did not take it")
    if row.settled_at is not None and at - row.settled_at < GRACE:
        return None
    if row.possible_duplicate:
        return _moved(row, NoticeState.DROPPED, at, detail="in doubt twice: a person decides")
    return _moved(row, NoticeState.RELEASED, at, detail="sent again after the grace period", possible_duplicate=True)


def _entry(row: Notice, at: datetime) -> EntryDraft:
    return EntryDraft(
        key=f"{row.notice_id}#{row.attempts}#{row.state}#{at.isoformat()}",
        at=at,
        kind=f"notice.{row.state}",
        incident_id=row.incident_id,
        actor="engine",
        data={
            "notice": row.notice_id,
            "wave": row.wave_id,
            "attempt": row.attempts,
            "letter": row.letter_sha256 or "",
            "possible_duplicate": row.possible_duplicate,
        },
    )


def _added(total: BatchResult, outcomes: list[Outcome]) -> BatchResult:
    verdicts = [outcome.verdict for outcome in outcomes]
    waits = [outcome.retry_after for outcome in outcomes if outcome.retry_after is not None]
    down = next((o.detail or "no reason given" for o in outcomes if o.verdict is Verdict.CHANNEL_DOWN), "")
    return total.model_copy(
        update={
            "sent": total.sent + verdicts.count(Verdict.ACCEPTED),
            "rejected": total.rejected + verdicts.count(Verdict.REJECTED),
            "in_doubt": total.in_doubt + verdicts.count(Verdict.IN_DOUBT),
            "not_sent": total.not_sent + verdicts.count(Verdict.NOT_SENT) + verdicts.count(Verdict.CHANNEL_DOWN),
            "channel_down": down,
            "retry_after": max(waits, default=None),
        }
    )


def _fall_back(tx: Transaction, order: WaveStep) -> HandedOver:
    at, tasks = order.stamp.at, []
    if _was_dismissed(tx, order):
        return _take_back(tx, order)
    rows = tx.ledger.notices(order.wave_id, states=[*FAILED, NoticeState.BY_HAND])
    chains = tx.ledger.notices(order.wave_id, states=[NoticeState.DRAFTED]) if rows else []
    changed: list[Notice] = []
    for row in rows:
        heir = _heir(row, chains)
        if row.state is NoticeState.BY_HAND:
            tasks.append(_task(row, at))
        elif heir is not None:
            to = NoticeState.RELEASED if heir.letter_sha256 else NoticeState.DROPPED
            changed += [_moved(row, NoticeState.REPLACED, at), _moved(heir, to, at)]
        elif row.role is ContactRole.COPY:
            # A copy discharges nothing; the failure stays visible, but nobody is called for it.
            changed.append(_moved(row, NoticeState.REPLACED, at, detail=f"copy not delivered: {row.detail or ''}"))
        else:
            changed.append(_moved(row, NoticeState.BY_HAND, at))
            tasks.append(_task(row, at))
    tx.ledger.put(changed)
    if changed or tasks:
        data: dict[str, object] = {"wave": order.wave_id, "replaced": len(changed), "by_hand": len(tasks)}
        tx.log.append([engine_entry(order.stamp, "wave.fell_back", data)])
    return HandedOver(tasks=tuple(tasks), released=sum(row.state is NoticeState.RELEASED for row in changed))


def _was_dismissed(tx: Transaction, order: WaveStep) -> bool:
    state = tx.incidents.state(order.stamp.incident_id)
    return state is not None and state.status is Status.DISMISSED


def _take_back(tx: Transaction, order: WaveStep) -> HandedOver:
    """Withdraw what has not left: what comes back from a call after a dismissal must not go out again."""
    waiting = (NoticeState.RELEASED, NoticeState.BY_HAND, *FAILED)
    rows = tx.ledger.notices(order.wave_id, states=waiting)
    tx.ledger.put(_moved(row, NoticeState.WITHDRAWN, order.stamp.at) for row in rows)
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
            and other.chain_position == row.chain_position + 1
        ),
        None,
    )


def _task(row: Notice, at: datetime) -> Task:
    key = f"notice:{row.notice_id}"
    why = "the agreement has no usable contact" if row.contact_id is None else "no contact of the chain was reached"
    return Task(
        task_id=task_id_of(row.incident_id, key),
        incident_id=row.incident_id,
        kind=TaskKind.NOTICE,
        key=key,
        title=f"Deliver notice {row.number} by hand: {why}",
        owner="approver",
        due_at=at + BY_HAND_WITHIN,
        state=TaskState.OPEN,
        notice_id=row.notice_id,
    )


def _end(tx: Transaction, order: WaveStep) -> WaveCounts:
    wave, counts = tx.ledger.wave(order.wave_id), tx.ledger.counts(order.wave_id)
    if wave is not None:
        tx.ledger.put_wave(wave.model_copy(update={"ended_at": order.stamp.at}))
    data: dict[str, object] = {"wave": order.wave_id, "states": {str(k): n for k, n in counts.by_state.items()}}
    tx.log.append([engine_entry(order.stamp, "wave.ended", data)])
    return counts
