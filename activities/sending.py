"""Sending a released wave: claims and outcomes over the ledger, range by range."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import activity

from activities.watch import Watch
from tocsin.domain.errors import Deferred
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import IncidentId, Value, WaveId
from tocsin.ports import Channel, Claim, Claimed, Outcome, Store, Verdict
from tocsin.steps import moved, record

GROUP = 16
"""Rows claimed at a time: the most that one crash of one batch can leave in doubt."""

COMMIT_AGAIN_SECONDS = 1.0
"""Pause before outcomes are committed again when the store was busy."""


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


class Sending:
    """The deed that hands letters to the channel."""

    def __init__(self, store: Store, channel: Channel, group: int = GROUP) -> None:
        self._store = store
        self._channel = channel
        self._group = group

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.send]

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
                moved(row, NoticeState.IN_DOUBT, at, detail="the worker ended during the call") for row in orphans
            ]
            record(tx, doubted, at)

    def _claim(self, batch: Batch, at: datetime) -> Claim:
        with self._store.writing() as tx:
            return tx.ledger.claim(batch.wave_id, batch.first, batch.last, self._group, at)

    def _record(self, batch: Batch, pairs: list[tuple[Claimed, Outcome]], at: datetime) -> None:
        with self._store.writing() as tx:
            record(tx, [_after(claimed.notice, outcome, at) for claimed, outcome in pairs], at)


def _after(row: Notice, outcome: Outcome, at: datetime) -> Notice:
    match outcome.verdict:
        case Verdict.ACCEPTED:
            return moved(row, NoticeState.ACCEPTED, at, provider_id=outcome.provider_id, detail=None)
        case Verdict.IN_DOUBT:
            return moved(row, NoticeState.IN_DOUBT, at, detail=outcome.detail)
        case Verdict.REJECTED:
            return moved(row, NoticeState.DROPPED, at, detail=outcome.detail)
        case Verdict.NOT_SENT | Verdict.CHANNEL_DOWN:
            return moved(row, NoticeState.RELEASED, at, detail=outcome.detail)


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
