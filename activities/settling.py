"""Settling doubts: adopted when the channel shows that it took the notice, else sent again once, else a person's."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from temporalio import activity

from activities.watch import Watch
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import IncidentId, Value, WaveId
from tocsin.ports import Channel, Store
from tocsin.receiving import catch_up
from tocsin.steps import moved, record

GRACE = timedelta(minutes=5)
"""How long an outcome may stay in doubt when the channel cannot say whether it took the notice."""


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


class Doubts:
    """The deed that settles what became of rows in doubt."""

    def __init__(self, store: Store, channels: Mapping[str, Channel]) -> None:
        self._store = store
        self._channels = channels

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.settle]

    @activity.defn(name="notices.settle")
    async def settle(self, order: Settling) -> Settled:
        """Settle the rows in doubt: adopt what was taken, release again what was not, or once what nobody can tell."""
        watch = Watch(order.tempo)
        rows = await asyncio.to_thread(self._doubtful, order.wave_id)
        found = [(row, prepared, await self._lookup(row, prepared)) for row, prepared in rows]
        return await asyncio.to_thread(self._conclude, order.wave_id, found, watch.now())

    async def _lookup(self, row: Notice, prepared: bytes) -> bool | None:
        channel = self._channels.get(row.channel)
        return await channel.lookup(prepared) if channel is not None else None

    def _doubtful(self, wave_id: WaveId) -> list[tuple[Notice, bytes]]:
        with self._store.reading() as tx:
            rows = tx.ledger.notices(wave_id, states=[NoticeState.IN_DOUBT])
            return [(row, tx.ledger.prepared(row.notice_id) or b"") for row in rows]

    def _conclude(self, wave_id: WaveId, found: list[tuple[Notice, bytes, bool | None]], at: datetime) -> Settled:
        took = {row.notice_id: answer for row, _, answer in found}
        with self._store.writing() as tx:
            # Receipts that came during the call were kept for now; one may have settled a doubt by itself.
            catch_up(tx, tx.receipts.waiting(wave_id), at)
            standing = [row for row in tx.ledger.by_id(took) if row.state is NoticeState.IN_DOUBT]
            rows = [(row, _conclusion(row, took[row.notice_id], at)) for row in standing]
            changed = [new for _, new in rows if new is not None]
            record(tx, changed, at)
        states = [row.state for row in changed]
        return Settled(
            adopted=states.count(NoticeState.ACCEPTED),
            again=states.count(NoticeState.RELEASED),
            by_hand=states.count(NoticeState.DROPPED),
            waiting=len(rows) - len(changed),
        )


def _conclusion(row: Notice, took: bool | None, at: datetime) -> Notice | None:
    """Return the settled row, or None while it has to wait (DESIGN, decision 7)."""
    if took is True:
        return moved(row, NoticeState.ACCEPTED, at, detail="the channel shows that it took it")
    if took is False:
        return moved(row, NoticeState.RELEASED, at, detail="the channel shows that it did not take it")
    if row.settled_at is not None and at - row.settled_at < GRACE:
        return None
    if row.possible_duplicate:
        return moved(row, NoticeState.DROPPED, at, detail="in doubt twice: a person decides")
    return moved(row, NoticeState.RELEASED, at, detail="sent again after the grace period", possible_duplicate=True)
