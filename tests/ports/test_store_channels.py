"""What all workers know of the channels, and what the gate makes of it."""

from datetime import timedelta

import pytest

from tests.ports.story import AT, WAVE, notice, wave, written
from tocsin.adapters.sql import SqlStore
from tocsin.domain.breaker import PROBE_EVERY, ChannelState, closed
from tocsin.domain.notice import NoticeState
from tocsin.domain.values import PersonId
from tocsin.ports import Claim

SECOND = timedelta(seconds=1)
NAME = notice(0).channel
STOPPED = ChannelState(name=NAME, stopped_at=AT, reason="401 no credits", probe_at=AT + PROBE_EVERY)


@pytest.fixture
def released(store: SqlStore) -> SqlStore:
    """A store with a released wave of three rows, the last of which leaves by another channel."""
    rows = [notice(0), notice(1), notice(2).model_copy(update={"channel": "other"})]
    with store.writing() as tx:
        tx.ledger.put_wave(wave(rows=3, released=True))
        tx.ledger.plan(rows)
        tx.ledger.put_letters(written(row) for row in rows)
        tx.ledger.put(row.model_copy(update={"state": NoticeState.RELEASED}) for row in tx.ledger.notices(WAVE))
    return store


def claim(store: SqlStore, after: timedelta = timedelta()) -> Claim:
    """Claim everything so long after the beginning."""
    with store.writing() as tx:
        return tx.ledger.claim(WAVE, 0, 3, 16, AT + after)


def put(store: SqlStore, state: ChannelState) -> None:
    """Put a state."""
    with store.writing() as tx:
        tx.channels.put([state])


def taken(claimed: Claim) -> list[int]:
    """Return the ordinals that a claim took."""
    return [row.notice.ordinal for row in claimed.rows]


def test_a_state_is_kept_as_it_was_put(store: SqlStore) -> None:
    """Every field comes back; a channel that is locked without ever having failed has an empty state."""
    put(store, STOPPED)
    with store.writing() as tx:
        assert tx.channels.locked(NAME) == STOPPED
        assert tx.channels.locked("other") == ChannelState(name="other")
    with store.reading() as tx:
        assert tx.channels.all() == sorted([STOPPED, ChannelState(name="other")], key=lambda state: state.name)


def test_a_paused_channel_is_left_alone_until_its_time(released: SqlStore) -> None:
    """What one worker was told to wait for every worker waits for; other channels go on."""
    put(released, ChannelState(name=NAME, paused_until=AT + SECOND))

    first, second = claim(released), claim(released)

    assert taken(first) == [2]
    assert second == Claim(rows=(), paused_until=AT + SECOND)
    assert taken(claim(released, SECOND)) == [0, 1]


def test_a_stopped_channel_is_tried_with_one_row(released: SqlStore) -> None:
    """Nothing leaves through it, and the claim says why; when its time comes one row tries it, and no second one."""
    put(released, STOPPED)

    assert taken(claim(released)) == [2]
    assert claim(released) == Claim(rows=(), down="401 no credits")
    assert taken(claim(released, PROBE_EVERY)) == [0]
    assert taken(claim(released, PROBE_EVERY)) == []
    assert taken(claim(released, 2 * PROBE_EVERY)) == [1]


def test_a_channel_that_a_person_closed_is_never_tried(released: SqlStore) -> None:
    """Time opens nothing that a person closed."""
    put(released, closed(STOPPED, PersonId("per-dara"), "by hand", AT))

    assert taken(claim(released)) == [2]
    assert taken(claim(released, timedelta(days=30))) == []
