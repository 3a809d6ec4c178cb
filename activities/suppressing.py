"""Suppressed addresses: known before anything leaves, so that the next contact is written to at once."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from activities.course import Batch
from tocsin.domain.notice import NoticeState
from tocsin.domain.receipt import ReceiptKind
from tocsin.domain.values import NoticeId, derived_id
from tocsin.ports import Channel, Store, Suppressed, Suppresses
from tocsin.receiving import Heard, suppress

KEPT_SECONDS = 600.0
"""How long a reading of the lists is good."""

AGAIN_SECONDS = 60.0
"""How long they are left alone when they could not be read."""

OLDEST_SECONDS = 3600.0
"""How old a reading may be that is used because no newer one can be had: an address may leave a list."""

PATIENCE_SECONDS = 5.0
"""How long a batch waits for them. A wave is never held up by what only spares it a detour."""

_log = logging.getLogger(__name__)

_ByKey = dict[tuple[str, str], Suppressed]


@dataclass(frozen=True)
class Lists:
    """The lists of all channels, as last read; the keys are a channel with an address, or with an address's mark."""

    by_address: _ByKey = field(default_factory=dict)
    by_mark: _ByKey = field(default_factory=dict)

    def warning(self, channel: str, address: str) -> str | None:
        """Return what the drafter should know of an address, or None."""
        found = self.by_address.get((channel, _plain(address)))
        if found is None:
            return None
        then = "the next contact would take over" if found.drops else "it is tried again, and may fail again"
        return f"{_said(found, channel)}: {then}"


class Suppressions:
    """Reads the lists, and drops what would go to an address on one. Made on the loop on which channels are used."""

    def __init__(self, store: Store, channels: Mapping[str, Channel]) -> None:
        self._store = store
        self._sources = [channel for channel in channels.values() if isinstance(channel, Suppresses)]
        self._loop = asyncio.get_running_loop() if self._sources else None
        self._lists = Lists()
        self._read_at, self._good_until = -OLDEST_SECONDS, 0.0
        self._reading: asyncio.Task[None] | None = None
        self.unread: Counter[str] = Counter({source.name: 0 for source in self._sources})
        """How often a channel's lists could not be read."""

    async def known(self, at: datetime) -> Lists:
        """Return the lists, read anew if the last reading is too old; what was known if that takes too long."""
        if self._sources and time.monotonic() >= self._good_until:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read(at))
            await asyncio.wait([self._reading], timeout=PATIENCE_SECONDS)
        return self._lists

    def at_hand(self, at: datetime) -> Lists:
        """Return the same to a deed in a thread."""
        if self._loop is None:
            return self._lists
        return asyncio.run_coroutine_threadsafe(self.known(at), self._loop).result()

    async def strike(self, batch: Batch, at: datetime) -> int:
        """Drop the released rows of a range whose channel would drop their letters; return how many."""
        lists = await self.known(at)
        return await asyncio.to_thread(self._strike, batch, lists, at) if lists.by_mark else 0

    async def close(self) -> None:
        """Read no further."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def _read(self, at: datetime) -> None:
        wait = KEPT_SECONDS
        try:
            found = [(source.name, one) for source in self._sources for one in await self._of(source, at)]
            self._lists = await asyncio.to_thread(self._keyed, found)
            self._read_at = time.monotonic()
        except Exception as error:  # noqa: BLE001 - no fault of theirs may keep a letter from leaving
            _log.warning("suppression lists could not be read, letters leave without them: %s", error)
            wait = AGAIN_SECONDS
            if time.monotonic() >= self._read_at + OLDEST_SECONDS:
                self._lists = Lists()
        self._good_until = time.monotonic() + wait

    async def _of(self, source: Suppresses, at: datetime) -> list[Suppressed]:
        try:
            return await source.suppressed(at)
        except Exception:
            self.unread[source.name] += 1
            raise

    def _keyed(self, found: list[tuple[str, Suppressed]]) -> Lists:
        with self._store.reading() as tx:
            marks = tx.ledger.marks(one.address for _, one in found)
        # Of an address on several lists the one counts for which nothing is sent.
        ordered = sorted(zip(found, marks, strict=True), key=lambda each: each[0][1].drops)
        return Lists(
            by_address={(name, _plain(one.address)): one for (name, one), _ in ordered},
            by_mark={(name, mark): one for (name, one), mark in ordered if one.drops},
        )

    def _strike(self, batch: Batch, lists: Lists, at: datetime) -> int:
        with self._store.reading() as tx:
            rows = tx.ledger.marked(batch.wave_id, batch.first, batch.last)
        found = {notice_id: lists.by_mark.get((channel, mark)) for notice_id, channel, mark in rows}
        hit: dict[NoticeId, Suppressed] = {notice_id: one for notice_id, one in found.items() if one is not None}
        if not hit:
            return 0
        with self._store.writing() as tx:
            standing = [row for row in tx.ledger.by_id(hit) if row.state is NoticeState.RELEASED]
            suppress(tx, [(row, _heard(row.notice_id, row.channel, hit[row.notice_id], at)) for row in standing], at)
        return len(standing)


def _heard(notice_id: NoticeId, channel: str, one: Suppressed, at: datetime) -> Heard:
    return Heard(
        receipt_id=derived_id("lst", notice_id, channel, one.listed, at.isoformat()),
        kind=ReceiptKind.DROPPED,
        at=at,
        source=f"{channel}:{one.listed}",
        notice_id=notice_id,
        detail=f"not sent: {_said(one, channel)}",
        raw=one.raw,
    )


def _said(one: Suppressed, channel: str) -> str:
    since = f" since {one.since:%d %B %Y}" if one.since else ""
    reason = f" ({one.reason})" if one.reason else ""
    return f"the address is on the list {one.listed} of {channel}{since}{reason}"


def _plain(address: str) -> str:
    return address.strip().casefold()
