"""One batch on its way: rows claimed group by group, carried by the lanes, each outcome given to the writer."""

import asyncio
import logging
import time
from collections import Counter
from datetime import datetime, timedelta

from temporalio import activity

from activities.lanes import Lanes
from activities.watch import Watch
from activities.writer import Claiming, Recording, Writer
from tocsin.domain.breaker import Heard, Word
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import IncidentId, Value, WaveId
from tocsin.ports import Claim, Claimed, Outcome, Verdict, Wanted
from tocsin.steps import moved

LOOK_SECONDS = 1.0
"""How often a batch that waits gives a sign of life, and sees whether its worker ends."""

TURNED_AWAY = 4
"""Letters that a channel may fail to take, without a word on when it will, before a batch leaves the rest."""


_log = logging.getLogger(__name__)


class Batch(Value):
    """A range of a wave: rows with first <= ordinal < last."""

    incident_id: IncidentId
    wave_id: WaveId
    first: int
    last: int
    tempo: Tempo


class BatchResult(Value):
    """What a batch came to. Counts only: the ledger remembers who."""

    sent: int = 0
    rejected: int = 0
    in_doubt: int = 0
    not_sent: int = 0
    held: int = 0
    stopped: bool = False
    channel_down: str = ""
    retry_after: timedelta | None = None


class Course:
    """Keeps one batch moving. The next group is claimed while half of the last one still waits for a lane."""

    def __init__(self, batch: Batch, watch: Watch, lanes: Lanes, writer: Writer, group: int) -> None:
        self._batch = batch
        self._watch = watch
        self._lanes = lanes
        self._writer = writer
        self._group = group
        self._changed = asyncio.Event()
        self._asked = self._dry = self._halted = False
        self._waiting = self._unanswered = self._unrecorded = 0
        self._back = 0
        """Rows that went back to `released` since rows were last asked for: there is something to claim again."""
        self._came_to: Counter[Verdict] = Counter()
        self._claim = Claim(rows=())
        self._down = ""
        self._retry_after: timedelta | None = None
        self._error: Exception | None = None

    async def run(self) -> BatchResult:
        """Go on until nothing is left, or something stands in the way; then every outcome is committed.

        Raises:
            Broken: if the store refused a claim or an outcome; whatever else was answered is committed nevertheless.
        """
        self._ask()
        alive_at = time.monotonic()
        while not self._ended():
            await self._look()
            if time.monotonic() >= alive_at + LOOK_SECONDS:
                activity.heartbeat()
                alive_at = time.monotonic()
            if activity.is_worker_shutdown():
                self.halt()
        if self._error is not None:
            raise self._error
        return self._result()

    def halt(self) -> None:
        """Let no further letter leave: what waits goes back, what is on the wire is recorded when it is answered."""
        self._halted = True

    def now(self) -> datetime:
        """Return the scenario instant."""
        return self._watch.now()

    def leaves(self) -> bool:
        """Note that a letter's turn has come; say whether it may leave."""
        self._waiting -= 1
        if self._waiting < (self._group + 1) // 2:
            self._ask()
        return not self._halted

    def answered(self, row: Claimed, outcome: Outcome | None) -> None:
        """Give the writer what came of a letter; None if it stayed."""
        self._unanswered -= 1
        at = self.now()
        if outcome is None:
            step = moved(row.notice, NoticeState.RELEASED, at, detail="it did not leave: something stood in its way")
        else:
            step = _after(row.notice, outcome, at)
            self._heed(outcome)
            _tell(row.notice, outcome)
        self._back += step.state is NoticeState.RELEASED
        last = not self._unanswered and (self._dry or self._halted)
        self._writer.take(Recording(step, at, self._recorded, word(outcome, row)), urgent=last)

    def _ask(self) -> None:
        if self._asked or self._dry or self._halted:
            return
        self._asked, self._back = True, 0
        batch = self._batch
        wanted = Wanted(batch.wave_id, batch.first, batch.last, self._group, self.now())
        self._writer.take(Claiming(wanted, self._claimed), urgent=not self._waiting)

    def _claimed(self, claim: Claim | Exception) -> None:
        self._asked = False
        self._changed.set()
        if isinstance(claim, Exception):
            self._fail(claim)
            return
        self._claim, self._dry = claim, not claim.rows
        self._waiting += len(claim.rows)
        self._unanswered += len(claim.rows)
        self._unrecorded += len(claim.rows)
        for row in claim.rows:
            self._lanes.put(self, row)

    def _recorded(self, error: Exception | None) -> None:
        self._unrecorded -= 1
        if error is not None:
            self._fail(error)
        if self._unrecorded == 0:
            self._changed.set()
            if self._back:
                self._dry = False
                self._ask()

    def _heed(self, outcome: Outcome) -> None:
        self._came_to[outcome.verdict] += 1
        if outcome.verdict is Verdict.ACCEPTED:
            return
        waits = [wait for wait in (self._retry_after, outcome.retry_after) if wait is not None]
        self._retry_after = max(waits, default=None)
        if outcome.verdict is Verdict.CHANNEL_DOWN:
            self._down = self._down or outcome.detail or "no reason given"
        if self._down or self._retry_after is not None or self._came_to[Verdict.NOT_SENT] >= TURNED_AWAY:
            self.halt()

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self.halt()

    def _ended(self) -> bool:
        return not self._asked and not self._unrecorded and (self._dry or self._halted)

    async def _look(self) -> None:
        try:
            await asyncio.wait_for(self._changed.wait(), LOOK_SECONDS)
        except TimeoutError:
            return
        self._changed.clear()

    def _wait(self) -> timedelta | None:
        """Return how long nothing can leave: what a channel told this batch, or had told another."""
        if self._claim.paused_until is None:
            return self._retry_after
        return max(self._retry_after or timedelta(), self._claim.paused_until - self.now())

    def _result(self) -> BatchResult:
        return BatchResult(
            sent=self._came_to[Verdict.ACCEPTED],
            rejected=self._came_to[Verdict.REJECTED],
            in_doubt=self._came_to[Verdict.IN_DOUBT],
            not_sent=self._came_to[Verdict.NOT_SENT] + self._came_to[Verdict.CHANNEL_DOWN],
            held=self._claim.held,
            stopped=self._claim.stopped,
            channel_down=self._down or self._claim.down,
            retry_after=self._wait(),
        )


def together(one: BatchResult, next_: BatchResult) -> BatchResult:
    """Return what a batch came to that went on after `one`: counts add up, and what stands in the way is the last."""
    counts = {name: getattr(one, name) + getattr(next_, name) for name in ("sent", "rejected", "in_doubt")}
    return next_.model_copy(update=counts)


def word(outcome: Outcome | None, row: Claimed) -> Heard | None:
    """Return what the outcome of a letter says about its channel; nothing where it stayed."""
    if outcome is None:
        return None
    match outcome.verdict:
        case Verdict.CHANNEL_DOWN:
            said = Word.DOWN
        case Verdict.NOT_SENT if outcome.retry_after is not None:
            said = Word.WAIT
        case Verdict.NOT_SENT | Verdict.IN_DOUBT if not outcome.recipient_only:
            said = Word.FAILED
        case _:
            said = Word.WORKS
    return Heard(word=said, reason=outcome.detail, wait=outcome.retry_after, left_at=row.notice.claimed_at)


def _tell(row: Notice, outcome: Outcome) -> None:
    """Say what became of a letter. What the channel answered may name a person: the ledger keeps it, sealed."""
    weight = logging.DEBUG if outcome.verdict is Verdict.ACCEPTED else logging.WARNING
    if not _log.isEnabledFor(weight):
        return
    ids = {"incident": row.incident_id, "wave": row.wave_id, "notice": row.notice_id}
    about = ids | {"verdict": outcome.verdict, "channel": row.channel, "attempt": row.attempts}
    _log.log(weight, "a letter was handed to its channel", extra=about)


def _after(row: Notice, outcome: Outcome, at: datetime) -> Notice:
    match outcome.verdict:
        case Verdict.ACCEPTED:
            return moved(row, NoticeState.ACCEPTED, at, provider_id=outcome.provider_id, detail=None)
        case Verdict.IN_DOUBT:
            return moved(row, NoticeState.IN_DOUBT, at, detail=outcome.detail)
        case Verdict.REJECTED:
            return moved(row, NoticeState.DROPPED, at, detail=outcome.detail)
        case Verdict.NOT_SENT | Verdict.CHANNEL_DOWN:
            return moved(row, NoticeState.RELEASED, at, detail=outcome.detail)
