"""Sending a released wave: claims and outcomes over the ledger, range by range."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from temporalio import activity

from activities.course import Batch, BatchResult, Course, together
from activities.lanes import IN_FLIGHT, Lanes
from activities.rerouting import Rerouting
from activities.suppressing import Suppressions
from activities.watch import Watch
from activities.writer import Writer
from tocsin.domain.notice import NoticeState
from tocsin.ports import Channel, Pager, Store
from tocsin.steps import moved, record

GROUP, LARGE_GROUP = 16, 25
"""Rows that a batch claims at a time: few, so that a crash leaves few in doubt; more where many lanes are fed."""

MANY_LANES = 128

_log = logging.getLogger(__name__)


class Sending:
    """The deed that hands letters to their channels, with the lanes and the writer that all batches of a worker share.

    Args:
        channels: by name, in the order in which they are tried.
        in_flight: letters on the wire at once.
        group: rows that a batch claims at a time; default: as many as the lanes need.
    """

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        pager: Pager,
        in_flight: int = IN_FLIGHT,
        group: int | None = None,
    ) -> None:
        self._store = store
        self.lists = Suppressions(store, channels)
        """The addresses to which these channels send nothing."""
        self._rerouting = Rerouting(store, channels, pager)
        self._lanes = Lanes(channels, in_flight)
        self._writer = Writer(store)
        self._group = group or (GROUP if in_flight <= MANY_LANES else LARGE_GROUP)

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.send]

    async def close(self) -> None:
        """Wait for what is on the wire, and write it down. The worker has ended: no batch begins any more."""
        await self.lists.close()
        await self._lanes.close()
        await self._writer.close()

    @activity.defn(name="notices.send")
    async def send(self, batch: Batch) -> BatchResult:
        """Send what is released in a range, group by group, until nothing is left or something stands in the way.

        Intent is committed before each call and the outcome after it. Rows that an earlier attempt had claimed are
        not sent again: they are in doubt, and settled apart. A worker that ends lets no further letter leave.
        What a stopped channel has not sent leaves by the next one, and what its channel would drop is not sent at all.
        """
        watch = Watch(batch.tempo)
        await asyncio.to_thread(self._doubt_the_orphans, batch, watch.now())
        await self._rerouting.reroute(batch, watch.now())
        await self.lists.strike(batch, watch.now())
        total = await self._run(batch, watch)
        while total.channel_down and await self._another_way(batch, watch, total):
            total = together(total, await self._run(batch, watch))
        counts = total.model_dump(mode="json", include={"sent", "rejected", "in_doubt", "not_sent", "held"})
        _log.info("a batch of letters came to its end", extra=_ids(batch) | counts)
        return total

    async def _run(self, batch: Batch, watch: Watch) -> BatchResult:
        course = Course(batch, watch, self._lanes, self._writer, self._group)
        try:
            return await course.run()
        finally:
            course.halt()

    async def _another_way(self, batch: Batch, watch: Watch, total: BatchResult) -> bool:
        """Say whether letters can go on: by another channel, or since a try has opened the one that had stopped."""
        if activity.is_worker_shutdown():
            return False
        moved = await self._rerouting.reroute(batch, watch.now())
        return moved > 0 or not await self._rerouting.any_stopped()

    def _doubt_the_orphans(self, batch: Batch, at: datetime) -> None:
        claimed = [NoticeState.CLAIMED]
        with self._store.reading() as tx:
            if not tx.ledger.notices(batch.wave_id, first=batch.first, last=batch.last, states=claimed):
                return
        with self._store.writing() as tx:
            orphans = tx.ledger.notices(batch.wave_id, first=batch.first, last=batch.last, states=claimed)
            why = "the worker ended during the call"
            record(tx, [moved(row, NoticeState.IN_DOUBT, at, detail=why) for row in orphans], at)


def _ids(batch: Batch) -> dict[str, object]:
    return {"incident": batch.incident_id, "wave": batch.wave_id, "first": batch.first, "last": batch.last}
