"""Keeping the log: signed checkpoints, handed to witnesses outside, and the log compared with all of them."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from temporalio import activity

from activities.commitments import against_note, goes_on, located, signed, sliced
from activities.sweep import SweepOrder
from tocsin.audit.verify import Verdict
from tocsin.domain.errors import Broken, Deferred, Refused
from tocsin.domain.values import Instant, Value
from tocsin.ports import CheckpointRow, Notary, Page, Pager, Pin, Store, Witness

WITNESS_PATIENCE = timedelta(hours=1)
"""How long a witness may be without a checkpoint before a person is called."""

WITNESS_ANSWERS_WITHIN = 20.0
"""Seconds."""


class Kept(Value):
    """What keeping the log did: the newest checkpoint's size, and what is wrong, in sentences."""

    size: int = 0
    wrong: tuple[str, ...] = ()


class Checkpoints:
    """The deeds around the log's checkpoints. They report; they never change or mend an entry."""

    def __init__(self, store: Store, notary: Notary, witnesses: Sequence[Witness], pager: Pager) -> None:
        self._store = store
        self._notary = notary
        self._witnesses = witnesses
        self._pager = pager

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.sign, self.pin, self.check]

    @activity.defn(name="log.sign")
    async def sign(self, order: SweepOrder) -> Kept:
        """Sign the log as it is now, unless it does not go on from what was signed before: then page."""
        verdict = await asyncio.to_thread(self._sign, order.at)
        wrong = (_log_page("log", verdict, order.at),) if not verdict.holds else ()
        return await self._told(verdict.size, wrong)

    @activity.defn(name="log.pin")
    async def pin(self, order: SweepOrder) -> Kept:
        """Compare the log with what each witness holds, and hand it the newest checkpoint, unless they differ.

        Page for one that differs, and for one that has taken nothing for long.
        """
        newest = await asyncio.to_thread(self._newest)
        wrong = [page for one in self._witnesses if (page := await self._tend(one, newest, order.at))]
        return await self._told(newest.head.size if newest else 0, wrong)

    @activity.defn(name="log.check")
    async def check(self, order: SweepOrder) -> Kept:
        """Recompute a slice of the log between its checkpoints."""
        verdict = await asyncio.to_thread(self._slice, order.at)
        wrong = [_log_page("log", verdict, order.at)] if not verdict.holds else []
        return await self._told(verdict.size, wrong)

    async def _tend(self, witness: Witness, newest: CheckpointRow | None, at: Instant) -> Page | None:
        verdict = await self._against(witness)
        if not verdict.holds:
            # What it holds is the proof: nothing is handed over that could take its place.
            return _log_page(witness.name, verdict, at)
        return await self._pin(witness, newest, at) if newest is not None else None

    def _sign(self, at: Instant) -> Verdict:
        with self._store.reading() as tx:
            # The long way, without keeping other writers waiting.
            verdict, head = goes_on(tx, self._notary), tx.log.head()
            if not verdict.holds:
                return located(tx, self._notary, at) or verdict
        with self._store.writing() as tx:
            return signed(tx, self._notary, at, head)

    def _newest(self) -> CheckpointRow | None:
        with self._store.reading() as tx:
            return tx.checkpoints.newest()

    async def _pin(self, witness: Witness, newest: CheckpointRow, at: Instant) -> Page | None:
        if await asyncio.to_thread(self._pinned, witness) >= newest.head.size:
            return None
        try:
            async with asyncio.timeout(WITNESS_ANSWERS_WITHIN):
                receipt = await witness.pin(newest.note, at)
        except (TimeoutError, Deferred, Refused, Broken) as error:
            return await asyncio.to_thread(self._late, witness, str(error) or "it did not answer in time", at)
        await asyncio.to_thread(self._add_pin, Pin(witness=witness.name, size=newest.head.size, at=at, receipt=receipt))
        return None

    def _pinned(self, witness: Witness) -> int:
        with self._store.reading() as tx:
            return tx.checkpoints.pinned(witness.name)

    def _add_pin(self, pin: Pin) -> None:
        with self._store.writing() as tx:
            tx.checkpoints.add_pin(pin)

    def _late(self, witness: Witness, why: str, at: Instant) -> Page | None:
        with self._store.reading() as tx:
            waiting = next(tx.checkpoints.after(tx.checkpoints.pinned(witness.name)), None)
        if waiting is None or waiting.at > at - WITNESS_PATIENCE:
            return None
        return _witness_page(witness.name, waiting.at, why, at)

    def _slice(self, at: Instant) -> Verdict:
        with self._store.reading() as tx:
            return sliced(tx, self._notary, at)

    async def _against(self, witness: Witness) -> Verdict:
        holds = Verdict(holds=True, size=0, root="")
        try:
            async with asyncio.timeout(WITNESS_ANSWERS_WITHIN):
                note = await witness.newest()
        except (TimeoutError, Deferred):
            return holds  # that it cannot be reached shows when the next checkpoint is pinned
        return await asyncio.to_thread(self._compare, note) if note is not None else holds

    def _compare(self, note: str) -> Verdict:
        with self._store.reading() as tx:
            try:
                return against_note(tx, self._notary, note)
            except Refused as error:
                return Verdict(holds=False, size=0, root="", why=f"what it holds is no checkpoint of ours: {error}")

    async def _told(self, size: int, wrong: Sequence[Page]) -> Kept:
        for page in wrong:
            if await asyncio.to_thread(self._is_news, page):
                await self._pager.page(page)
                with suppress(Deferred, Broken):
                    await asyncio.to_thread(self._remember, page)
        return Kept(size=size, wrong=tuple(page.subject for page in wrong))

    def _is_news(self, page: Page) -> bool:
        with suppress(Deferred, Broken), self._store.reading() as tx:
            return not tx.remembers(page.key)
        return True

    def _remember(self, page: Page) -> None:
        with self._store.writing() as tx:
            tx.remember(page.key, page.at)


def _log_page(where: str, verdict: Verdict, at: Instant) -> Page:
    """Page once a day for each thing that does not hold."""
    entry = "its checkpoints" if verdict.first_bad is None else f"entry {verdict.first_bad}"
    against = "its own checkpoints" if where == "log" else f"the checkpoint that {where} holds"
    return Page(
        key=f"log:{where}:{verdict.first_bad}:{at:%Y-%m-%d}",
        subject=f"The audit log does not hold from {entry} on",
        text=(
            f"Compared with {against}: {verdict.why}.\n"
            "Somebody changed the store outside Tocsin, or an old copy was put back. Keep the store as it is, compare "
            "it with a backup, and see `tocsin log verify`. Deadlines and sending go on.\n"
        ),
        at=at,
    )


def _witness_page(name: str, since: Instant, why: str, at: Instant) -> Page:
    return Page(
        key=f"witness:{name}:{at:%Y-%m-%d}",
        subject=f"The log's witness {name} takes no checkpoint",
        text=(
            f"Since {since:%Y-%m-%d %H:%M} UTC it has not taken a checkpoint of the audit log: {why}.\n"
            "Until it does, nobody outside could show a log that was cut since then. It is tried again at each sweep; "
            "nothing else waits for it.\n"
        ),
        at=at,
    )
