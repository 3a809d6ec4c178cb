"""When a channel stops, how long it asked us to wait, and how it is opened again. One state for all workers."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.domain.values import Instant, PersonId, Value

FAILURES = 10
"""Letters in a row that a channel may fail to take before it is stopped."""

FAILING_FOR = timedelta(minutes=2)
"""Fewer are enough, if nothing went through for so long."""

PROBE_EVERY = timedelta(seconds=45)
"""How often one letter tries whether a stopped channel takes letters again; less than a wave waits between looks."""


class Word(StrEnum):
    """What the outcome of one letter says about its channel."""

    WORKS = "works"
    """It took the letter, or refused this one for a reason of its own."""
    FAILED = "failed"
    """It did not take it, or nobody knows: a fault that may pass."""
    WAIT = "wait"
    """It asked us to wait."""
    DOWN = "down"
    """It takes nothing from us: key, account or region."""


class Heard(Value):
    """One letter's word about its channel."""

    word: Word
    reason: str = ""
    wait: timedelta | None = None
    left_at: Instant | None = None
    """When the letter was claimed: one that left before the channel stopped shows nothing about it now."""


class ChannelState(Value):
    """A channel as all workers know it."""

    name: str
    failures: int = 0
    """Letters in a row that it failed to take."""
    failing_since: Instant | None = None
    paused_until: Instant | None = None
    """It asked for time: nothing leaves through it before."""
    stopped_at: Instant | None = None
    stopped_by: PersonId | None = None
    """Who closed it; None: it stopped by itself, and a letter now and then tries whether it works again."""
    reason: str = ""
    probe_at: Instant | None = None

    @property
    def stopped(self) -> bool:
        """Whether letters look for another channel."""
        return self.stopped_at is not None

    def takes(self, at: datetime) -> bool:
        """Say whether letters may leave through it."""
        return not self.stopped and (self.paused_until is None or self.paused_until <= at)

    def may_probe(self, at: datetime) -> bool:
        """Say whether one letter may try it: it stopped by itself, and the last try is long enough ago."""
        return self.stopped and self.stopped_by is None and (self.probe_at is None or self.probe_at <= at)

    def probed(self, at: datetime) -> "ChannelState":
        """Return the state once a letter tries it."""
        return self.model_copy(update={"probe_at": at + PROBE_EVERY})


def after(state: ChannelState, words: Iterable[Heard], at: datetime) -> ChannelState:
    """Return the state after what the letters of one moment said, in their order."""
    for heard in words:
        state = _after(state, heard, at)
    return state


def opened(state: ChannelState) -> ChannelState:
    """Return the state of a channel that works."""
    return ChannelState(name=state.name)


def closed(state: ChannelState, by: PersonId, reason: str, at: datetime) -> ChannelState:
    """Return the state of a channel that a person closed: only a person opens it again."""
    return ChannelState(name=state.name, stopped_at=at, stopped_by=by, reason=reason)


def _after(state: ChannelState, heard: Heard, at: datetime) -> ChannelState:
    match heard.word:
        case Word.WORKS:
            probed = state.stopped_at is not None and heard.left_at is not None and heard.left_at > state.stopped_at
            if probed and state.stopped_by is None:
                return opened(state)
            if not state.failures and state.failing_since is None:
                return state
            return state.model_copy(update={"failures": 0, "failing_since": None})
        case Word.WAIT:
            until = max(filter(None, (state.paused_until, at + (heard.wait or timedelta()))))
            return state.model_copy(update={"paused_until": until})
        case Word.DOWN:
            return _stopped(state, heard.reason, at)
        case Word.FAILED:
            since = state.failing_since or at
            failed = state.model_copy(update={"failures": state.failures + 1, "failing_since": since})
            long = failed.failures > 1 and at - since >= FAILING_FOR
            return _stopped(failed, heard.reason, at) if failed.failures >= FAILURES or long else failed


def _stopped(state: ChannelState, reason: str, at: datetime) -> ChannelState:
    if state.stopped:
        return state
    return state.model_copy(update={"stopped_at": at, "reason": reason or "no reason given"}).probed(at)
