"""One writer per worker: the claims and outcomes of all batches, each group of them in one transaction.

A transaction costs the same for one row as for fifty, and a thread of its own keeps a slow disk off the loop on which
letters are sent. Whoever asks is told on the loop, in one call for each group.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from tocsin.domain.breaker import Heard
from tocsin.domain.errors import Deferred
from tocsin.domain.notice import Notice
from tocsin.ports import Claim, Store, Wanted
from tocsin.steps import listen, record

LINGER_SECONDS = 0.03
"""How long a group waits for company, unless somebody waits for it."""

AGAIN_SECONDS = 1.0
"""Pause before a group is committed again when the store was busy."""

PATIENCE = 20
"""How often a writer that is closing commits again before it leaves the rows to be settled as doubts."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claiming:
    """Rows are wanted; `then` is told what was claimed, or why nothing was."""

    wanted: Wanted
    then: Callable[[Claim | Exception], None]


@dataclass(frozen=True)
class Recording:
    """A row took a step; `then` is told once it is committed, with the error if it cannot be."""

    row: Notice
    at: datetime
    then: Callable[[Exception | None], None]
    heard: Heard | None = None
    """What it says about its channel."""


Order = Claiming | Recording
_Told = list[Callable[[], None]]


class Writer:
    """Takes orders from the loop, and commits them in groups in a thread of its own."""

    def __init__(self, store: Store, linger: float = LINGER_SECONDS) -> None:
        self._store = store
        self._linger = linger
        self._some = threading.Condition()
        self._orders: list[Order] = []
        self._urgent = False
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def take(self, order: Order, *, urgent: bool = False) -> None:
        """Take an order, from the loop; `urgent` when somebody can do nothing before it is committed."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
            self._thread.start()
        with self._some:
            self._orders.append(order)
            self._urgent = self._urgent or urgent
            if urgent or len(self._orders) == 1:
                self._some.notify()

    async def close(self) -> None:
        """Commit what is left, and end the thread."""
        with self._some:
            self._closing = True
            self._some.notify()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while orders := self._group():
            self._tell(self._committed(orders))

    def _group(self) -> list[Order]:
        """Wait for orders and return them all; none at the end."""
        with self._some:
            self._some.wait_for(lambda: self._orders or self._closing)
            self._some.wait_for(lambda: self._urgent or self._closing, self._linger)
            orders, self._orders, self._urgent = self._orders, [], False
            return orders

    def _tell(self, told: _Told) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(lambda: [tell() for tell in told])

    def _committed(self, orders: list[Order]) -> _Told:
        tries = 0
        while True:
            try:
                return self._together(orders)
            except Deferred as error:
                # A store that is busy must not turn a known outcome into a doubt.
                _log.warning("the store does not take the ledger's rows yet: %s", error)
                tries += 1
                if self._closing and tries > PATIENCE:
                    return [_failed(order, error) for order in orders]
                time.sleep(AGAIN_SECONDS)
            except Exception as error:  # noqa: BLE001 - one bad row must not keep the others from being written down
                if len(orders) == 1:
                    return [_failed(orders[0], error)]
                return [told for order in orders for told in self._committed([order])]

    def _together(self, orders: list[Order]) -> _Told:
        # Claims come first and by wave: they lock waves, as whoever places a hold does, and the log is locked last.
        claims = sorted((one for one in orders if isinstance(one, Claiming)), key=lambda one: one.wanted.wave_id)
        steps = sorted((one for one in orders if isinstance(one, Recording)), key=lambda one: one.row.notice_id)
        with self._store.writing() as tx:
            taken = tx.ledger.claim_each([one.wanted for one in claims]) if claims else []
            if steps:
                listen(tx, [(one.row.channel, one.heard) for one in orders if isinstance(one, Recording)], steps[0].at)
                record(tx, (one.row for one in steps), steps[0].at)
        claimed = [partial(one.then, claim) for one, claim in zip(claims, taken, strict=True)]
        return [*claimed, *(_done(one) for one in steps)]


def _done(one: Recording) -> Callable[[], None]:
    return lambda: one.then(None)


def _failed(order: Order, error: Exception) -> Callable[[], None]:
    return lambda: order.then(error)
