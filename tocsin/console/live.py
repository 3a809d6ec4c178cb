"""Live updates: one look at the store each second, shared by all who listen; it never asks Temporal."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import orjson

from tocsin.console.board import Board
from tocsin.console.gate import Pass, sees_all
from tocsin.domain.errors import TocsinError
from tocsin.domain.values import IncidentId, PersonId
from tocsin.ports import Store

EVERY = 1.0
"""Seconds between two looks."""
BEAT = 15.0
"""Seconds of silence after which a sign of life is sent: proxies cut lines on which nothing moves."""
LASTS = 300.0
"""Seconds after which a stream ends. The browser opens the next one, through the guard."""
MOST = 1_000
"""Listeners at once."""

Changes = dict[IncidentId, frozenset[PersonId]]
"""What has changed, with the team of each."""


class Live:
    """Tells listeners which incidents have changed, each only of those that they may see."""

    def __init__(self, store: Store, board: Board, now: Callable[[], datetime]) -> None:
        self._store = store
        self._board = board
        self._now = now
        self._listeners: set[asyncio.Queue[Changes]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._seen = 0
        """The board's version that was last told of."""
        self.looks = 0
        """How often the store was looked at."""

    @property
    def full(self) -> bool:
        """Whether nobody more can listen."""
        return len(self._listeners) >= MOST

    async def stream(self, who: Pass) -> AsyncIterator[bytes]:
        """Yield events for one listener until the stream has lasted long enough."""
        queue: asyncio.Queue[Changes] = asyncio.Queue(maxsize=100)
        self._listeners.add(queue)
        if self._looking is None or self._looking.done():
            self._seen = self._board.version
            self._looking = asyncio.create_task(self._look())
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + LASTS
        try:
            yield _event("hello", {"now": self._now().isoformat()})
            while (left := ends_at - loop.time()) > 0:
                try:
                    changes = await asyncio.wait_for(queue.get(), min(BEAT, left))
                except TimeoutError:
                    yield _event("hello", {"now": self._now().isoformat()})
                    continue
                if seen := [key for key, team in changes.items() if _may_see(who, team)]:
                    yield _event("changed", {"incidents": seen})
        finally:
            self._listeners.discard(queue)

    async def _look(self) -> None:
        while self._listeners:
            try:
                changes = await asyncio.to_thread(self._changes)
            except TocsinError:
                changes = {}  # the store does not answer; readers are told when they ask for a page
            self.looks += 1
            for queue in list(self._listeners) if changes else ():
                if not queue.full():
                    queue.put_nowait(changes)
            await asyncio.sleep(EVERY)

    def _changes(self) -> Changes:
        with self._store.reading() as tx:
            self._board.refresh(tx)
            if self._board.version == self._seen:
                return {}
            changed = self._board.changed_since(self._seen)
            self._seen = self._board.version
            return {key: frozenset(tx.incidents.team(key)) for key in changed}


def _may_see(who: Pass, team: frozenset[PersonId]) -> bool:
    return sees_all(who.visitor) or who.visitor.person_id in team


def _event(kind: str, said: dict[str, object]) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(said) + b"\n\n"
