"""The lanes of a worker: a channel that asks for time is left alone by every batch, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from activities.course import word
from activities.lanes import Lanes
from tests.ports.story import notice
from tests.ports.test_channels_sendgrid import AT, KEY, Stand, a_letter, accepted, standing, status
from tocsin.adapters.sendgrid import SendGrid
from tocsin.domain.breaker import ChannelState, after
from tocsin.domain.notice import NoticeState
from tocsin.ports import Claimed, Outcome, Verdict


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    """A server for one test."""
    async with standing() as made:
        yield made


class Batch:
    """One of several batches: it notes what came of its letters."""

    now_at = AT

    def __init__(self) -> None:
        self.came: list[Outcome | None] = []

    def now(self) -> datetime:
        """Return the instant that the test says."""
        return Batch.now_at

    def leaves(self) -> bool:
        """Let every letter leave."""
        return True

    def answered(self, row: Claimed, outcome: Outcome | None) -> None:
        """Note it."""
        self.came.append(outcome)


@pytest.mark.parametrize(("headers", "seconds"), [({"Retry_After": "30"}, 30), ({}, 10)])
async def test_a_pause_stops_what_was_claimed_already(
    stand: Stand, headers: dict[str, str], seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a 429, with a time or without one, no claimed letter of any batch leaves before it is over."""
    channel = SendGrid(SecretStr(KEY), stand.url)
    lanes, one, other = Lanes({"sendgrid": channel}, 1), Batch(), Batch()
    claimed = notice(0, state=NoticeState.CLAIMED).model_copy(update={"channel": "sendgrid", "claimed_at": AT})
    row = Claimed(notice=claimed, prepared=channel.prepare(a_letter()))
    stand.script = status(429, b"", **headers)

    for batch in (one, other, one):
        lanes.put(batch, row)
    await asyncio.wait_for(lanes._queue.join(), 60)
    assert len(stand.requests) == 1
    assert other.came == [None]
    (told, stayed) = one.came
    assert stayed is None
    assert told is not None
    assert (told.verdict, told.retry_after) == (Verdict.NOT_SENT, timedelta(seconds=seconds))
    # It is no fault of the channel: it waits for all workers, and is not counted as failing.
    heard = word(told, row)
    assert heard is not None
    state = after(ChannelState(name="sendgrid"), [heard], AT)
    assert (state.failures, state.paused_until) == (0, AT + timedelta(seconds=seconds))

    monkeypatch.setattr(Batch, "now_at", AT + timedelta(seconds=seconds))
    stand.script = accepted
    lanes.put(other, row)
    await asyncio.wait_for(lanes._queue.join(), 60)
    assert [outcome.verdict for outcome in other.came if outcome] == [Verdict.ACCEPTED]
    await lanes.close()
    await channel.close()
