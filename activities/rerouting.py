"""When a channel stops: its unsent letters go to the next one, prepared anew from the same stored letters."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from temporalio import activity

from activities.course import Batch
from tocsin.audit.entry import EntryDraft
from tocsin.domain.breaker import ChannelState
from tocsin.domain.clause import Method
from tocsin.domain.errors import Broken, Deferred, Refused
from tocsin.domain.letter import Letter
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.values import NoticeId
from tocsin.ports import Channel, Page, Pager, Store, Transaction

TOGETHER = 100
"""Letters prepared anew in one transaction."""


class Rerouting:
    """Moves what is released from stopped channels to the first one that takes letters, and calls a person.

    Args:
        channels: by name, in the order in which they are tried.
    """

    def __init__(self, store: Store, channels: Mapping[str, Channel], pager: Pager) -> None:
        self._store = store
        # What is to be posted cannot be mailed instead, nor the other way round.
        self._channels = {name: channel for name, channel in channels.items() if name != Method.POSTING}
        self._pager = pager

    async def reroute(self, batch: Batch, at: datetime) -> int:
        """Move the released rows of a range, one kept back for a try that is due; return how many were moved.

        A row in doubt stays where it is: only once that is settled may it leave by another channel.
        """
        moved = 0
        for state in await asyncio.to_thread(self._stopped):
            other = await asyncio.to_thread(self._other, state.name)
            if other is None:
                continue
            count = await self._move(batch, state, other, at)
            if count:
                await self._page(state, other, at)
            moved += count
        return moved

    async def any_stopped(self) -> bool:
        """Say whether a channel is stopped."""
        return bool(await asyncio.to_thread(self._stopped))

    def _stopped(self) -> list[ChannelState]:
        with self._store.reading() as tx:
            return [state for state in tx.channels.all() if state.stopped and state.name != Method.POSTING]

    def _other(self, name: str) -> Channel | None:
        with self._store.reading() as tx:
            stopped = {state.name for state in tx.channels.all() if state.stopped}
        return next((self._channels[other] for other in self._channels if other not in {name, *stopped}), None)

    async def _move(self, batch: Batch, state: ChannelState, other: Channel, at: datetime) -> int:
        ids, moved = await asyncio.to_thread(self._released, batch, state, at), 0
        for start in range(0, len(ids), TOGETHER):
            moved += await asyncio.to_thread(self._together, ids[start : start + TOGETHER], state, other, at)
            activity.heartbeat()
        return moved

    def _released(self, batch: Batch, state: ChannelState, at: datetime) -> list[NoticeId]:
        states = [NoticeState.RELEASED]
        with self._store.reading() as tx:
            rows = tx.ledger.notices(batch.wave_id, first=batch.first, last=batch.last, states=states)
        ids = [row.notice_id for row in rows if row.channel == state.name]
        return ids[1:] if state.may_probe(at) else ids

    def _together(self, ids: Sequence[NoticeId], state: ChannelState, other: Channel, at: datetime) -> int:
        with self._store.writing() as tx:
            return _together(tx, tx.ledger.by_id(ids), state, other, at)

    async def _page(self, state: ChannelState, other: Channel, at: datetime) -> None:
        """Call a person once for each stop; a pager that fails must not keep letters from leaving."""
        page = Page(
            key=f"channel:{state.name}:{state.stopped_at}",
            subject=f"The channel {state.name} is stopped; {other.name} takes over",
            text=(
                f"{state.name} is stopped: {state.reason}.\n"
                f"What it had not sent leaves through {other.name}, under the same notice numbers.\n"
                f"Mend it; one letter now and then tries it. See: tocsin channel list\n"
                f"Open it at once, or keep it closed: tocsin channel open|close {state.name}\n"
            ),
            at=at,
        )
        if await asyncio.to_thread(self._paged, page):
            return
        with suppress(Deferred):
            await self._pager.page(page)
            with suppress(Deferred, Broken):
                await asyncio.to_thread(self._remember, page)

    def _paged(self, page: Page) -> bool:
        with self._store.reading() as tx:
            return tx.remembers(page.key)

    def _remember(self, page: Page) -> None:
        with self._store.writing() as tx:
            tx.remember(page.key, page.at)


def _together(tx: Transaction, rows: Sequence[Notice], state: ChannelState, other: Channel, at: datetime) -> int:
    prepared = []
    for row in rows:
        letter = tx.ledger.letter(row.notice_id)
        if row.state is not NoticeState.RELEASED or row.channel != state.name or letter is None:
            continue
        with suppress(Refused):  # What the other channel cannot carry waits for this one.
            prepared.append(_prepared(row, letter, other))
    tx.ledger.put_letters(prepared)
    if prepared:
        tx.log.append([_entry([row for row, _, _ in prepared], state, other, at)])
    return len(prepared)


def _prepared(row: Notice, letter: Letter, other: Channel) -> tuple[Notice, Letter, bytes]:
    change = {"channel": other.name, "reports": other.reports_delivery}
    return row.model_copy(update=change), letter, other.prepare(letter)


def _entry(rows: list[Notice], state: ChannelState, other: Channel, at: datetime) -> EntryDraft:
    first = rows[0]
    return EntryDraft(
        key=f"rerouted:{first.notice_id}:{first.attempts}:{state.name}:{state.stopped_at}",
        at=at,
        kind="wave.rerouted",
        incident_id=first.incident_id,
        actor="engine",
        data={"wave": first.wave_id, "from": state.name, "to": other.name, "rows": len(rows)},
    )
