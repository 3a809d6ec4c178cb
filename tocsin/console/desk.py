"""What every room of the console works with: the store, the door to the engine, time, and the work beside requests."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from tocsin.adapters.sendgrid_events import EventVerifier
from tocsin.audit.entry import EntryDraft
from tocsin.console.limits import RateLimit, Refusals
from tocsin.domain.errors import TocsinError
from tocsin.domain.values import IncidentId, WaveId
from tocsin.ports import Nudge, Sealer, Store
from tocsin.wire import wave_workflow

logger = logging.getLogger(__name__)

NUDGE_EVERY = timedelta(minutes=1)
"""A wave is nudged at most so often, however many receipts come."""
LOOK_EVERY_SECONDS = 1.0


class WaveDoor(Protocol):
    """The part of `client.Engine` that receipts need."""

    async def nudge(self, incident_id: IncidentId, wave_id: WaveId, rows: int, sequence: int) -> None: ...  # noqa: D102


class Desk:
    """The console's parts, and what it does beside answering: nudges waves, writes down what was refused."""

    def __init__(
        self,
        store: Store,
        sealer: Sealer,
        verifier: EventVerifier,
        engine: Callable[[], Awaitable[WaveDoor]],
        *,
        sender_name: str,
        posted: Path | None = None,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        nudge_every: timedelta = NUDGE_EVERY,
    ) -> None:
        self.store = store
        self.sealer = sealer
        self.verifier = verifier
        self.sender_name = sender_name
        self.posted = posted
        """The folder of the notice page; None: it is shown elsewhere."""
        self.now = now
        self.refusals = Refusals()
        self.pages = RateLimit(per_minute=30, burst=20, monotonic=monotonic)
        self._engine = engine
        self._nudge_every = nudge_every
        self._door: WaveDoor | None = None

    async def work(self) -> None:
        """Nudge and write down until cancelled; a fault of engine or store is tried again."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            for job in (self.nudge, self.write_refusals):
                try:
                    await job()
                except TocsinError as error:
                    logger.warning("%s; it is tried again", error)

    async def finish(self) -> None:
        """Write down what was refused until now, on the way out."""
        with suppress(TocsinError):
            await self.write_refusals(everything=True)

    async def nudge(self) -> None:
        """Have every wave look again that receipts came for; the store remembers which, not this process."""
        for nudge in await asyncio.to_thread(self._wanted):
            await self._nudge(nudge)

    async def write_refusals(self, *, everything: bool = False) -> None:
        """Write one entry per source and minute into the log."""
        minute = int(self.now().timestamp()) // 60
        counts = self.refusals.ended(minute + 1 if everything else minute)
        if counts:
            await asyncio.to_thread(self._write, counts)

    async def _nudge(self, nudge: Nudge) -> None:
        rows, sequence = await asyncio.to_thread(self._where, nudge)
        if self._door is None:
            self._door = await self._engine()
        await self._door.nudge(nudge.incident_id, nudge.wave_id, rows, sequence)
        await asyncio.to_thread(self._nudged, nudge)

    def _wanted(self) -> list[Nudge]:
        with self.store.reading() as tx:
            return tx.receipts.nudges(self.now() - self._nudge_every)

    def _where(self, nudge: Nudge) -> tuple[int, int]:
        with self.store.reading() as tx:
            wave = tx.ledger.wave(nudge.wave_id)
            return wave.rows if wave else 0, tx.last_sequence(wave_workflow(nudge.incident_id, nudge.wave_id))

    def _nudged(self, nudge: Nudge) -> None:
        with self.store.writing() as tx:
            tx.receipts.nudged(nudge, self.now())

    def _write(self, counts: dict[tuple[str, int], int]) -> None:
        with self.store.writing() as tx:
            tx.log.append(self._entry(source, minute, count) for (source, minute), count in sorted(counts.items()))

    def _entry(self, source: str, minute: int, count: int) -> EntryDraft:
        at = self.now()
        # Who sent it is personal data as soon as it is an address: the log gets a keyed digest.
        mark = self.sealer.mark("source", source)[:16]
        data = {"source": mark, "count": count, "minute": minute * 60}
        key = f"webhook.refused:{mark}:{minute}:{at.isoformat()}"
        return EntryDraft(key=key, at=at, kind="webhook.refused", incident_id=None, actor="engine", data=data)
