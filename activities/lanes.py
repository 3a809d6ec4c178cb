"""Permanent lanes to the channel: so many letters on the wire at once, from all batches of a worker alike.

A lane takes the next letter as soon as its last one was answered, whichever batch it belongs to: one slow answer
holds up one lane, and neither its group nor its batch.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from tocsin.ports import Channel, Claimed, Outcome, Verdict

IN_FLIGHT = 64
"""Letters on the wire at once, of one worker."""

_log = logging.getLogger(__name__)


class Errand(Protocol):
    """What a letter is carried for. All of it is called on the loop."""

    def now(self) -> datetime:
        """Return the scenario instant."""

    def leaves(self) -> bool:
        """Note that a letter's turn has come; say whether it may leave."""

    def answered(self, row: Claimed, outcome: Outcome | None) -> None:
        """Take what came of a letter; None if it stayed."""


class Lanes:
    """Carries letters to their channels. The lanes open with the first letter, on the loop that runs then."""

    def __init__(self, channels: Mapping[str, Channel], count: int = IN_FLIGHT) -> None:
        self._channels = channels
        self._count = count
        self._queue: asyncio.Queue[tuple[Errand, Claimed]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._pauses: dict[str, datetime] = {}
        """Until when a channel, by name, wants to be left alone, as it told these lanes; the store tells the others."""

    def put(self, errand: Errand, row: Claimed) -> None:
        """Let a letter wait for a lane."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._lane()) for _ in range(self._count)]
        self._queue.put_nowait((errand, row))

    async def close(self) -> None:
        """Wait until what is on the wire was answered, and close the lanes."""
        await self._queue.join()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _lane(self) -> None:
        while True:
            errand, row = await self._queue.get()
            try:
                errand.answered(row, await self._sent(errand, row) if self._leaves(errand, row) else None)
            except Exception:  # noqa: BLE001 - see below
                # A lane that ended would be missing for good; the row stays claimed, and is settled as a doubt.
                ids = {"incident": row.notice.incident_id, "notice": row.notice.notice_id}
                _log.exception("the outcome of a letter was not taken", extra=ids)
            finally:
                self._queue.task_done()

    def _leaves(self, errand: Errand, row: Claimed) -> bool:
        """Say whether a letter may leave: its batch goes on, and its channel has not asked for time meanwhile."""
        pause = self._pauses.get(row.notice.channel)
        return errand.leaves() and (pause is None or errand.now() >= pause)

    async def _sent(self, errand: Errand, row: Claimed) -> Outcome:
        outcome = await self._handed(errand, row)
        if outcome.retry_after is not None:
            self._pauses[row.notice.channel] = errand.now() + outcome.retry_after
        return outcome

    async def _handed(self, errand: Errand, row: Claimed) -> Outcome:
        name = row.notice.channel
        if name not in self._channels:
            return Outcome(verdict=Verdict.CHANNEL_DOWN, detail=f"no channel {name} is configured here")
        try:
            return await self._channels[name].send(row.prepared, errand.now())
        except Exception as error:  # noqa: BLE001 - a channel never raises; what is not understood is in doubt
            return Outcome(verdict=Verdict.IN_DOUBT, detail=f"the channel failed: {type(error).__name__}")
