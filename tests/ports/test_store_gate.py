"""The gate: what a claim takes, what holds and stops keep back, and that no row is ever taken twice."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from threading import Event

import pytest

from tests.ports.story import AT, HOUR, INCIDENT, OTHER_INCIDENT, WAVE, agreement_id, hold, notice, wave, written
from tocsin.adapters.sql import SqlStore
from tocsin.domain.errors import Broken
from tocsin.domain.hold import Hold
from tocsin.domain.notice import NoticeState
from tocsin.domain.values import IncidentId, WaveId
from tocsin.ports import Claim, Wanted


def release(store: SqlStore, rows: int) -> None:
    """Put a released wave of so many rows, each with its letter."""
    drafted = [notice(number) for number in range(rows)]
    with store.writing() as tx:
        tx.ledger.put_wave(wave(rows=rows, released=True))
        tx.ledger.plan(drafted)
        tx.ledger.put_letters(written(row) for row in drafted)
        tx.ledger.put(row.model_copy(update={"state": NoticeState.RELEASED}) for row in tx.ledger.notices(WAVE))


def claim(store: SqlStore, first: int = 0, last: int = 1_000, limit: int = 16) -> Claim:
    """Claim from the wave in a transaction of its own."""
    with store.writing() as tx:
        return tx.ledger.claim(WAVE, first, last, limit, AT)


def place(store: SqlStore, order: Hold, incident_id: IncidentId = INCIDENT) -> None:
    """Place a hold, or replace it."""
    with store.writing() as tx:
        tx.duties.put_hold(incident_id, order)


def taken(claimed: Claim) -> list[int]:
    """Return the ordinals that a claim took."""
    return [row.notice.ordinal for row in claimed.rows]


def test_a_claim_takes_rows_in_order_with_their_bytes(store: SqlStore) -> None:
    """Rows of the range come by ordinal, at most `limit`, marked as claimed and with what the channel is given."""
    release(store, 8)

    first = claim(store, 2, 7, 3)

    assert taken(first) == [2, 3, 4]
    assert taken(claim(store, 2, 7, 3)) == [5, 6]
    assert claim(store, 2, 7, 3) == Claim(rows=())
    assert first.rows[0].prepared == written(notice(2))[2]
    row = first.rows[0].notice
    assert (row.state, row.attempts, row.claimed_at) == (NoticeState.CLAIMED, 1, AT)
    with store.reading() as tx:
        assert tx.ledger.notice(row.notice_id) == row
        assert len(tx.ledger.notices(WAVE, states=[NoticeState.RELEASED])) == 3


def test_only_released_rows_are_claimed(store: SqlStore) -> None:
    """A draft, or a notice whose outcome is unknown, never goes out by a claim."""
    with store.writing() as tx:
        tx.ledger.put_wave(wave())
        tx.ledger.plan([notice(0), notice(1, state=NoticeState.IN_DOUBT), notice(2, state=NoticeState.BY_HAND)])

    assert claim(store) == Claim(rows=())


def test_a_hold_on_everything_keeps_everything(store: SqlStore) -> None:
    """While an order not to tell is in force nothing leaves, and what waits is counted."""
    release(store, 3)
    place(store, hold())

    assert claim(store) == Claim(rows=(), held=3)
    assert claim(store, 1, 3) == Claim(rows=(), held=2)


def test_a_scoped_hold_keeps_only_what_it_covers(store: SqlStore) -> None:
    """The others are told; several holds keep back what any of them covers."""
    release(store, 5)
    place(store, hold("hld-one", scope=(agreement_id(0),)))
    place(store, hold("hld-two", scope=(agreement_id(0), agreement_id(3))))

    claimed = claim(store)

    assert taken(claimed) == [1, 2, 4]
    assert claimed.held == 2


def test_any_hold_keeps_the_notice_page_shut(store: SqlStore) -> None:
    """What is posted everybody reads, also the party that an order protects: it waits, whichever party it is for."""
    release(store, 3)
    with store.writing() as tx:
        posted = written(tx.ledger.notices(WAVE)[2].model_copy(update={"channel": "posting"}))
        tx.ledger.put_letters([posted])
    place(store, hold(scope=(agreement_id(0),)))

    claimed = claim(store)

    assert (taken(claimed), claimed.held) == ([1], 2)


def test_lifting_lets_the_rest_go(store: SqlStore) -> None:
    """Once lifted a hold keeps nothing back, and each held row is taken once."""
    release(store, 3)
    order = hold(scope=(agreement_id(1),))
    place(store, order)
    assert taken(claim(store)) == [0, 2]

    place(store, order.model_copy(update={"lifted_at": AT + HOUR}))

    assert taken(claim(store)) == [1]


def test_a_hold_covers_notices_that_appear_later(store: SqlStore) -> None:
    """An order placed before there is any wave holds the wave that comes."""
    place(store, hold())
    release(store, 2)

    assert claim(store) == Claim(rows=(), held=2)


def test_a_hold_of_another_incident_keeps_nothing(store: SqlStore) -> None:
    """Holds end at the border of their incident."""
    release(store, 2)
    place(store, hold(), OTHER_INCIDENT)

    assert taken(claim(store)) == [0, 1]


def test_a_stopped_wave_gives_nothing_until_it_is_resumed(store: SqlStore) -> None:
    """Our own stop halts the wave, and is told apart from a hold."""
    release(store, 2)
    with store.writing() as tx:
        tx.ledger.put_wave(wave(rows=2, released=True).model_copy(update={"stopped": True}))
    assert claim(store) == Claim(rows=(), stopped=True)

    with store.writing() as tx:
        tx.ledger.put_wave(wave(rows=2, released=True))

    assert taken(claim(store)) == [0, 1]


def test_a_claim_that_is_not_committed_takes_nothing(store: SqlStore) -> None:
    """A worker that dies before its intent is committed leaves the rows to others."""
    release(store, 2)

    def claim_and_die() -> None:
        with store.writing() as tx:
            assert taken(tx.ledger.claim(WAVE, 0, 2, 2, AT)) == [0, 1]
            raise Broken("power cut")

    with pytest.raises(Broken, match="power cut"):
        claim_and_die()

    assert taken(claim(store)) == [0, 1]


def test_a_released_row_without_a_letter_is_broken(store: SqlStore) -> None:
    """Nothing is sent, and nothing skipped, when a letter is missing."""
    with store.writing() as tx:
        tx.ledger.put_wave(wave(released=True))
        tx.ledger.plan([notice(0, state=NoticeState.RELEASED)])

    with pytest.raises(Broken, match="was released without a letter"):
        claim(store)
    with pytest.raises(Broken, match="there is no wave wav-unknown"), store.writing() as tx:
        tx.ledger.claim(WaveId("wav-unknown"), 0, 1, 1, AT)


def test_no_row_is_taken_twice(store: SqlStore, second_store: SqlStore) -> None:
    """Four threads on two openings of the store share a wave: every row goes to exactly one of them."""
    release(store, 200)

    def drain(number: int) -> list[int]:
        mine: list[int] = []
        while rows := taken(claim((store, second_store)[number % 2], limit=7)):
            mine += rows
        return mine

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(drain, range(4)))

    assert sorted(chain.from_iterable(shares)) == list(range(200))


def test_claims_of_one_transaction_never_share_a_row(store: SqlStore) -> None:
    """Each claim of a group takes its own range; one that overlaps an earlier one takes what that one left."""
    release(store, 8)
    wanted = [Wanted(WAVE, 0, 4, 3, AT), Wanted(WAVE, 4, 8, 2, AT + HOUR), Wanted(WAVE, 2, 6, 16, AT)]

    with store.writing() as tx:
        claims = tx.ledger.claim_each(wanted)

    assert [taken(one) for one in claims] == [[0, 1, 2], [4, 5], [3]]
    assert [row.notice.claimed_at for row in claims[1].rows] == [AT + HOUR] * 2
    assert all(row.prepared == written(row.notice)[2] for one in claims for row in one.rows)
    with store.reading() as tx:
        rows = tx.ledger.notices(WAVE, states=[NoticeState.CLAIMED])
        assert rows == sorted((row.notice for one in claims for row in one.rows), key=lambda row: row.ordinal)


def test_a_hold_and_a_claim_never_pass_each_other(store: SqlStore, second_store: SqlStore) -> None:
    """A hold placed while a claim is being made waits for it; from then on nothing is taken."""
    release(store, 8)
    about_to_place = Event()

    def order() -> None:
        about_to_place.set()
        place(second_store, hold())

    with ThreadPoolExecutor(1) as pool:
        with store.writing() as tx:
            assert taken(tx.ledger.claim(WAVE, 0, 8, 4, AT)) == [0, 1, 2, 3]
            placing = pool.submit(order)
            about_to_place.wait()
            assert tx.duties.holds(INCIDENT) == []
            assert taken(tx.ledger.claim(WAVE, 0, 8, 1, AT)) == [4]
        placing.result()

    assert claim(store) == Claim(rows=(), held=3)
