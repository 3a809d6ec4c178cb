"""The ledger: waves, notices, letters, and the changes of state it refuses."""

import pytest

from tests.ports.story import AT, HOUR, INCIDENT, OTHER_INCIDENT, WAVE, agreement_id, letter, notice, wave, written
from tocsin.adapters.sql import SqlStore
from tocsin.domain.errors import Broken
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.values import NoticeId, WaveId

LATER = WaveId("wav-later")


def test_waves_come_by_when_they_were_drafted(store: SqlStore) -> None:
    """A wave is replaced by id and comes back as it was."""
    later = wave(LATER, rows=4).model_copy(update={"drafted_at": AT + HOUR, "previous": WAVE, "digest": "d" * 64})
    with store.writing() as tx:
        tx.ledger.put_wave(later)
        tx.ledger.put_wave(wave())
        tx.ledger.put_wave(wave(rows=3, released=True))

    with store.reading() as tx:
        assert tx.ledger.waves(INCIDENT) == [wave(rows=3, released=True), later]
        assert tx.ledger.wave(LATER) == later
        assert tx.ledger.wave(WaveId("wav-unknown")) is None
        assert tx.ledger.waves(OTHER_INCIDENT) == []


def test_planning_again_leaves_rows_as_they_are(store: SqlStore) -> None:
    """A notice that exists is not set back by planning it a second time."""
    released = notice(1).model_copy(update={"state": NoticeState.RELEASED})
    with store.writing() as tx:
        tx.ledger.plan([notice(0), notice(1)])
        tx.ledger.put([released])
        tx.ledger.plan([notice(0), notice(1), notice(2)])

    with store.reading() as tx:
        assert tx.ledger.notices(WAVE) == [notice(0), released, notice(2)]


def test_a_row_comes_back_in_the_types_of_its_fields(store: SqlStore) -> None:
    """What is read is not checked again, so that it must be what checking would give, with every field filled."""
    change = {"state": NoticeState.RELEASED, "attempts": 2, "claimed_at": AT, "settled_at": AT + HOUR, "linked": True}
    filled = {"provider_id": "p-1", "detail": "450 <x>", "delivered_at": AT, "possible_duplicate": True}
    whole = notice(0).model_copy(update=change | filled | {"letter_sha256": "a" * 64, "reports": True})
    with store.writing() as tx:
        tx.ledger.plan([notice(0), notice(1)])
        tx.ledger.put([whole])

    with store.reading() as tx:
        for read in tx.ledger.notices(WAVE):
            checked = Notice.model_validate_json(read.model_dump_json())
            assert read == checked == (whole if read.ordinal == 0 else notice(1))
            assert {k: type(v) for k, v in dict(read).items()} == {k: type(v) for k, v in dict(checked).items()}


def test_of_two_changes_put_together_the_last_counts(store: SqlStore) -> None:
    """A row that is given twice in one call is as it was given last, and each step is checked."""
    released = notice(0).model_copy(update={"state": NoticeState.RELEASED})
    by_hand = released.model_copy(update={"state": NoticeState.BY_HAND})
    with store.writing() as tx:
        tx.ledger.plan([notice(0)])
        tx.ledger.put([released, by_hand])

    with store.reading() as tx:
        assert tx.ledger.notices(WAVE) == [by_hand]
    with pytest.raises(Broken, match="cannot go"), store.writing() as tx:
        tx.ledger.put([by_hand, by_hand.model_copy(update={"state": NoticeState.DEFERRED})])


def test_two_notices_never_share_an_ordinal(store: SqlStore) -> None:
    """Range batches are cut along ordinals, so a second row with the same one is broken."""
    twin = notice(0).model_copy(update={"notice_id": NoticeId("ntc-twin")})

    with pytest.raises(Broken, match="contradicts"), store.writing() as tx:
        tx.ledger.plan([notice(0), twin])


def test_notices_are_read_by_range_and_state(store: SqlStore) -> None:
    """Rows come by ordinal, from `first` up to but without `last`, in the states that are asked for."""
    rows = [notice(n, state=NoticeState.BY_HAND if n % 2 else NoticeState.DRAFTED) for n in range(6)]
    with store.writing() as tx:
        tx.ledger.plan(reversed(rows))
        tx.ledger.plan([notice(0, wave_id=LATER)])

    with store.reading() as tx:
        assert tx.ledger.notices(WAVE) == rows
        assert tx.ledger.notices(WAVE, first=2, last=4) == rows[2:4]
        assert tx.ledger.notices(WAVE, states=[NoticeState.BY_HAND]) == rows[1::2]
        assert tx.ledger.notices(WAVE, states=[]) == []
        assert tx.ledger.of(INCIDENT) == [*rows, notice(0, wave_id=LATER)]
        assert tx.ledger.notice(rows[3].notice_id) == rows[3]
        assert tx.ledger.notice(NoticeId("ntc-unknown")) is None


def test_parties_are_found_without_reading_rows(store: SqlStore) -> None:
    """Who is in which state is asked by agreement, each once, and the rows of a few parties are read alone."""
    rows = [notice(n, state=NoticeState.RELEASED if n % 2 else NoticeState.DRAFTED) for n in range(4)]
    with store.writing() as tx:
        tx.ledger.plan([*rows, notice(1, wave_id=LATER, state=NoticeState.RELEASED, place=1)])

    with store.reading() as tx:
        odd = {agreement_id(1), agreement_id(3)}
        assert tx.ledger.parties(INCIDENT, [NoticeState.RELEASED]) == odd
        assert tx.ledger.parties(INCIDENT, [NoticeState.RELEASED], beside=WAVE) == {agreement_id(1)}
        assert tx.ledger.parties(OTHER_INCIDENT, [NoticeState.RELEASED]) == set()
        assert tx.ledger.notices(WAVE, agreements=odd) == rows[1::2]
        assert tx.ledger.notices(WAVE, agreements=[]) == []


def test_every_field_of_a_notice_comes_back(store: SqlStore) -> None:
    """What the channel said, when, and as which attempt is kept."""
    row = notice(0, state=NoticeState.RELEASED)
    claimed = row.model_copy(update={"state": NoticeState.CLAIMED, "attempts": 1, "claimed_at": AT})
    bounced = claimed.model_copy(
        update={
            "state": NoticeState.BOUNCED,
            "settled_at": AT + HOUR,
            "provider_id": "x1",
            "detail": "550 no mailbox privacy-0@birch-clinic.example",
            "possible_duplicate": True,
        }
    )
    with store.writing() as tx:
        tx.ledger.plan([row])
        tx.ledger.put([claimed])
        tx.ledger.put([bounced])

    with store.reading() as tx:
        assert tx.ledger.notice(row.notice_id) == bounced


def test_letters_are_kept_to_the_byte(store: SqlStore) -> None:
    """A letter, the bytes for its channel, and its row's digest are stored together; drafting again replaces them."""
    row = notice(0)
    with store.writing() as tx:
        tx.ledger.plan([row])
        assert tx.ledger.letter(row.notice_id) is None
        assert tx.ledger.prepared(row.notice_id) is None
        tx.ledger.put_letters([(row, letter(row), b"first")])
        tx.ledger.put_letters([(written(row)[0], letter(row), b"\x00second\xff")])

    with store.reading() as tx:
        assert tx.ledger.letter(row.notice_id) == letter(row)
        assert tx.ledger.prepared(row.notice_id) == b"\x00second\xff"
        assert tx.ledger.notice(row.notice_id) == written(row)[0]


def test_letters_are_read_together(store: SqlStore) -> None:
    """Letters of many notices come in the order asked for, each with its own bytes; one that has none is left out."""
    kept = [notice(number) for number in range(3)]
    with store.writing() as tx:
        tx.ledger.plan(kept)
        tx.ledger.put_letters((row, letter(row), row.notice_id.encode()) for row in kept[:2])

    with store.reading() as tx:
        found = list(tx.ledger.sent([kept[1].notice_id, kept[2].notice_id, kept[0].notice_id]))
    assert found == [(row.notice_id, letter(row), row.notice_id.encode()) for row in (kept[1], kept[0])]


def test_a_draft_can_be_discarded_and_planned_anew(store: SqlStore) -> None:
    """Rows and letters of an unreleased wave go; other waves and the wave's own row stay."""
    with store.writing() as tx:
        tx.ledger.put_wave(wave(rows=2))
        tx.ledger.plan([notice(0), notice(1, state=NoticeState.BY_HAND), notice(0, wave_id=LATER)])
        tx.ledger.put_letters([written(notice(0)), written(notice(0, wave_id=LATER))])
        tx.ledger.discard(WAVE)

        assert tx.ledger.notices(WAVE) == []
        assert tx.ledger.prepared(notice(0).notice_id) is None
        assert tx.ledger.prepared(notice(0, wave_id=LATER).notice_id) is not None
        assert tx.ledger.wave(WAVE) == wave(rows=2)
        tx.ledger.plan([notice(0)])


@pytest.mark.parametrize("trace", ["the wave", "a notice"])
def test_a_released_wave_is_never_discarded(store: SqlStore, trace: str) -> None:
    """What was released is kept, whether the wave says so or one of its notices does."""
    with store.writing() as tx:
        tx.ledger.put_wave(wave(released=trace == "the wave"))
        tx.ledger.plan([notice(0, state=NoticeState.DRAFTED if trace == "the wave" else NoticeState.RELEASED)])

    with pytest.raises(Broken, match="wave wav-first was released"), store.writing() as tx:
        tx.ledger.discard(WAVE)

    with store.reading() as tx:
        assert len(tx.ledger.notices(WAVE)) == 1


def test_a_forbidden_change_of_state_is_broken(store: SqlStore) -> None:
    """The table of transitions holds in the store too, and nothing of the group is written."""
    with store.writing() as tx:
        tx.ledger.plan([notice(0), notice(1)])

    sent = notice(1).model_copy(update={"state": NoticeState.ACCEPTED})
    fine = notice(0).model_copy(update={"state": NoticeState.RELEASED})
    with (
        pytest.raises(Broken, match="notice ntc-wav-first-00001: a notice cannot go from drafted to accepted"),
        store.writing() as tx,
    ):
        tx.ledger.put([fine, sent])

    with store.reading() as tx:
        assert tx.ledger.notices(WAVE) == [notice(0), notice(1)]


def test_a_notice_that_was_never_planned_cannot_be_replaced(store: SqlStore) -> None:
    """There is no way into the ledger but planning."""
    with pytest.raises(Broken, match="there is no notice ntc-wav-first-00000"), store.writing() as tx:
        tx.ledger.put([notice(0)])


def test_an_earlier_attempt_cannot_speak_for_a_later_one(store: SqlStore) -> None:
    """The outcome of an attempt that was given up is refused once the next attempt has the row."""
    first = notice(0, state=NoticeState.CLAIMED).model_copy(update={"attempts": 1})
    second = first.model_copy(update={"attempts": 2})
    with store.writing() as tx:
        tx.ledger.plan([second])

    for late in (NoticeState.ACCEPTED, NoticeState.CLAIMED):
        with pytest.raises(Broken, match="attempt 1 of notice"), store.writing() as tx:
            tx.ledger.put([first.model_copy(update={"state": late})])


def test_fallbacks_not_yet_needed_are_not_counted(store: SqlStore) -> None:
    """The counts are of those written to; a deputy counts once the chain has come to them."""
    primary = notice(0, state=NoticeState.BOUNCED)
    deputy, copy = notice(1, place=1), notice(2, state=NoticeState.ACCEPTED)
    with store.writing() as tx:
        tx.ledger.plan([primary, deputy, copy])
        before = tx.ledger.counts(WAVE)
        tx.ledger.put([primary.model_copy(update={"state": NoticeState.REPLACED})])
        tx.ledger.put([deputy.model_copy(update={"state": NoticeState.RELEASED})])
        after = tx.ledger.counts(WAVE)

    assert before.by_state == {NoticeState.BOUNCED: 1, NoticeState.ACCEPTED: 1}
    assert after.by_state == {NoticeState.REPLACED: 1, NoticeState.RELEASED: 1, NoticeState.ACCEPTED: 1}


def test_released_rows_are_found_by_the_mark_of_their_address(store: SqlStore) -> None:
    """The mark of an address is that of its row, however it is written; only what is released in the range comes."""
    rows = [notice(n, state=NoticeState.RELEASED) for n in range(3)] + [notice(3)]
    with store.writing() as tx:
        tx.ledger.plan(rows)
        tx.ledger.put_letters(written(row) for row in rows)

    with store.reading() as tx:
        address = letter(rows[1]).to_address
        (mark,) = tx.ledger.marks([f" {address.upper()} "])
        marked = tx.ledger.marked(WAVE, 1, 4)
    assert [row[0] for row in marked] == [rows[1].notice_id, rows[2].notice_id]
    assert marked[0] == (rows[1].notice_id, rows[1].channel, mark)
    assert marked[1][2] != mark
