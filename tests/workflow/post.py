"""A channel that does as it is told: a real outbox, with answers, doubts and a gate that a test can set."""

import asyncio
import email
import email.policy
from collections import Counter
from datetime import datetime
from email.utils import parseaddr

from tocsin.domain.errors import Deferred
from tocsin.domain.letter import Letter
from tocsin.ports import Channel, Outcome, Suppressed, Verdict


class Post:
    """Wraps a channel; what is not told otherwise goes through. It notes every letter that it was handed."""

    name = "outbox"

    def __init__(self, inner: Channel) -> None:
        self.reports_delivery = False
        """Whether receipts are to come: a test gives them."""
        self.handed: Counter[str] = Counter()
        """How often a letter to this address was handed over, whatever was answered."""
        self.at: dict[str, datetime] = {}
        """When it was handed over last."""
        self.answers: dict[str, list[Verdict]] = {}
        """What to answer for an address, one after the other; then, and for the others, the inner channel does."""
        self.found: dict[str, bool | None] = {}
        """What looking up a letter to this address says."""
        self.lists: list[Suppressed] | None = []
        """Its suppression lists; None: they cannot be read."""
        self._inner = inner
        self._open = asyncio.Event()
        self._open.set()
        self._changed = asyncio.Condition()

    def shut(self) -> None:
        """Keep whoever sends waiting at the gate."""
        self._open.clear()

    def open(self) -> None:
        """Let them through."""
        self._open.set()

    async def arrived(self, number: int) -> None:
        """Wait until so many letters have been handed over."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: self.handed.total() >= number), 60)

    def prepare(self, letter: Letter) -> bytes:
        """Prepare as the inner channel does."""
        return self._inner.prepare(letter)

    async def send(self, prepared: bytes, at: datetime) -> Outcome:
        """Note it, wait at the gate, answer as told."""
        address = _address(prepared)
        async with self._changed:
            self.handed[address] += 1
            self.at[address] = at
            self._changed.notify_all()
        await self._open.wait()
        answers = self.answers.get(address)
        verdict = answers.pop(0) if answers else None
        if verdict in {None, Verdict.ACCEPTED}:
            return await self._inner.send(prepared, at)
        return Outcome(verdict=verdict or Verdict.ACCEPTED, detail=f"the test says {verdict}")

    async def lookup(self, prepared: bytes) -> bool | None:
        """Say what the test says, or look."""
        address = _address(prepared)
        return self.found[address] if address in self.found else await self._inner.lookup(prepared)

    async def suppressed(self, at: datetime) -> list[Suppressed]:
        """Return the lists."""
        if self.lists is None:
            raise Deferred("the test keeps its lists to itself")
        return self.lists

    async def close(self) -> None:
        """Close the inner channel."""
        await self._inner.close()


def _address(prepared: bytes) -> str:
    message = email.message_from_bytes(prepared, policy=email.policy.default)
    return parseaddr(str(message["To"]))[1]
