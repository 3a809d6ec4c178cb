"""Receipts in the store: kept as they came, applied once, in whatever order; on both databases."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.ports.story import AT, HOUR, INCIDENT, WAVE, duty, letter, notice, wave, written
from tocsin.adapters.sql import SqlStore, create_engine_for
from tocsin.domain.duty import DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.receipt import ReceiptKind
from tocsin.domain.values import NoticeId, PersonId
from tocsin.receiving import Heard, Taken, assign, catch_up, take

K, S = ReceiptKind, NoticeState
NOORS = PersonId("per-noor")


def heard(kind: ReceiptKind, row: Notice | None, minute: int = 0, **more: object) -> Heard:
    """Return what the channel says of a notice."""
    said = {
        "receipt_id": f"{kind}-{row.notice_id if row else 'nobody'}-{minute}",
        "kind": kind,
        "at": AT + timedelta(minutes=minute),
        "source": "sendgrid",
        "notice_id": row.notice_id if row else None,
        "message": "m1",
        "raw": b'{"event": "x"}',
    }
    return Heard.model_validate(said | more)


def sent(store: SqlStore, *rows: Notice) -> None:
    """Put accepted notices, with their letters and duties, into the store."""
    with store.writing() as tx:
        tx.ledger.put_wave(wave(rows=len(rows), released=True))
        tx.ledger.plan(rows)
        tx.ledger.put_letters([written(row) for row in rows])
        tx.duties.put([duty(row.ordinal) for row in rows])


def accepted(number: int = 0, state: NoticeState = S.ACCEPTED) -> Notice:
    """Return a notice that was sent."""
    return notice(number, state=state).model_copy(update={"attempts": 1, "claimed_at": AT})


def row_of(store: SqlStore, row: Notice) -> Notice:
    """Return how a notice stands."""
    with store.reading() as tx:
        found = tx.ledger.notice(row.notice_id)
    assert found is not None
    return found


def kinds(store: SqlStore) -> list[str]:
    """Return the kinds of the log's entries."""
    with store.reading() as tx:
        return [json.loads(entry.body)["kind"] for entry in tx.log.entries()]


def test_a_delivery_moves_its_notice_and_ends_its_duty(store: SqlStore) -> None:
    """Row, log, duty and the instant of delivery change together."""
    row = accepted()
    sent(store, row)

    assert take(store, [heard(K.DELIVERED, row, 3)], AT + HOUR) == Taken(new=1, moved=1)

    found = row_of(store, row)
    assert (found.state, found.delivered_at, found.settled_at) == (S.DELIVERED, *[AT + timedelta(minutes=3)] * 2)
    with store.reading() as tx:
        (ended,) = tx.duties.of(INCIDENT)
    assert (ended.state, ended.ended_at) == (DutyState.DISCHARGED, AT + timedelta(minutes=3))
    assert ended.proof == f"notice {row.number} delivered"
    assert kinds(store) == ["notice.delivered", "receipt.delivered"]


def test_the_same_receipt_again_changes_nothing(store: SqlStore) -> None:
    """A duplicate is known by its digest, within one post and across posts."""
    row = accepted()
    sent(store, row)
    said = heard(K.DELIVERED, row)

    assert take(store, [said, said], AT) == Taken(new=1, again=1, moved=1)
    assert take(store, [said], AT + HOUR) == Taken(again=1)
    assert kinds(store) == ["notice.delivered", "receipt.delivered"]


def test_reordered_receipts_end_alike(store: SqlStore) -> None:
    """A bounce that is told before the delivery it came after is still a bounce."""
    rows = [accepted(0), accepted(1)]
    sent(store, *rows)
    forth = [heard(K.PROCESSED, rows[0]), heard(K.DELIVERED, rows[0], 1), heard(K.BOUNCED, rows[0], 9)]
    for said in forth:
        take(store, [said], AT + HOUR)
    for said in reversed(forth):
        key = said.receipt_id.replace(rows[0].notice_id, rows[1].notice_id)
        take(store, [said.model_copy(update={"notice_id": rows[1].notice_id, "receipt_id": key})], AT + HOUR)

    assert [row_of(store, row).state for row in rows] == [S.BOUNCED, S.BOUNCED]
    with store.reading() as tx:
        said_of = [[r.kind for r in tx.receipts.of([row.notice_id])] for row in rows]
    assert said_of == [[K.PROCESSED, K.DELIVERED, K.BOUNCED]] * 2


def test_a_receipt_adopts_a_notice_in_doubt(store: SqlStore) -> None:
    """Once the channel shows that it took it, nobody sends it again."""
    row = accepted(state=S.IN_DOUBT)
    sent(store, row)

    take(store, [heard(K.PROCESSED, row)], AT)

    assert row_of(store, row).state is S.ACCEPTED


def test_a_receipt_that_overtakes_its_outcome_waits(store: SqlStore) -> None:
    """While the call is under way the row stays; once its outcome is written the receipt is applied."""
    row = accepted(state=S.CLAIMED)
    sent(store, row)

    assert take(store, [heard(K.DELIVERED, row)], AT).moved == 0
    assert row_of(store, row).state is S.CLAIMED
    with store.writing() as tx:
        tx.ledger.put([row.model_copy(update={"state": S.ACCEPTED})])
        waiting = tx.receipts.waiting(WAVE)
        catch_up(tx, waiting, AT + HOUR)
        assert tx.receipts.waiting(WAVE) == []

    assert waiting == [row.notice_id]
    assert row_of(store, row).state is S.DELIVERED


def test_a_bounce_without_ids_is_found_by_its_address(store: SqlStore) -> None:
    """The address is compared by a keyed digest; neither it nor the raw receipt lies in the store in the clear."""
    row = accepted()
    sent(store, row)
    said = heard(K.BOUNCED, None, address=letter(row).to_address.upper(), message=None)

    assert take(store, [said], AT + HOUR) == Taken(new=1, moved=1)
    assert row_of(store, row).state is S.BOUNCED


@pytest.mark.parametrize("kind", [K.BOUNCED, K.DELIVERED])
def test_what_is_nobodys_is_parked(store: SqlStore, kind: ReceiptKind) -> None:
    """Unknown ids, drafted notices, and an address that several notices went to wait for a person."""
    rows = [accepted(0), notice(2)]
    sent(store, *rows)
    nobody = heard(kind, None, address="nobody@cedar.example")
    unknown = heard(kind, None, 1, notice_id=NoticeId("ntc-unknown"))
    drafted = heard(kind, rows[1], 2)

    assert take(store, [nobody, unknown, drafted], AT) == Taken(new=3, parked=3)
    with store.reading() as tx:
        assert [r.at for r in tx.receipts.parked()] == sorted(one.at for one in (nobody, unknown, drafted))
    assert kinds(store) == ["receipt.parked"] * 3


def test_an_address_of_several_notices_is_no_proof(store: SqlStore) -> None:
    """With two candidates neither is moved: a person says which it was."""
    rows = [accepted(0), accepted(1)]
    sent(store, *rows)
    both = letter(rows[0]).to_address
    with store.writing() as tx:
        twin = letter(rows[1]).model_copy(update={"to_address": both})
        tx.ledger.put_letters([(rows[1], twin, b"x")])

    assert take(store, [heard(K.BOUNCED, None, address=both)], AT + HOUR).parked == 1
    assert {row_of(store, row).state for row in rows} == {S.ACCEPTED}


def test_a_person_assigns_what_was_parked(store: SqlStore) -> None:
    """The receipt becomes the notice's own, is applied, and cannot be assigned twice."""
    row = accepted()
    sent(store, row)
    said = heard(K.BOUNCED, None, address="other@birch.example")
    take(store, [said], AT)

    assign(store, said.receipt_id, row, NOORS, AT + HOUR)

    assert row_of(store, row).state is S.BOUNCED
    with store.reading() as tx:
        assert tx.receipts.parked() == []
        (mine,) = tx.receipts.of([row.notice_id])
        assert tx.receipts.raw(mine.receipt_id) == said.raw
    with pytest.raises(Refused, match="is not parked"):
        assign(store, said.receipt_id, row, NOORS, AT + HOUR)


def test_what_is_set_aside_is_not_parked_any_more(store: SqlStore) -> None:
    """A person may say that a receipt is nobody's; it is kept."""
    said = heard(K.OTHER, None)
    take(store, [said], AT)

    assert assign(store, said.receipt_id, None, NOORS, AT) is None

    with store.reading() as tx:
        assert tx.receipts.parked() == []
        assert tx.receipts.raw(said.receipt_id) == said.raw


@pytest.mark.parametrize("deed", ["UPDATE receipts SET kind = 'delivered'", "DELETE FROM receipts"])
def test_receipts_are_never_changed(store: SqlStore, store_url: str, deed: str) -> None:
    """The database itself refuses to change or delete a receipt."""
    row = accepted()
    sent(store, row)
    take(store, [heard(K.BOUNCED, row)], AT)

    engine = create_engine_for(store_url)
    with pytest.raises(Exception, match="receipts are append-only"), engine.begin() as connection:
        connection.execute(text(deed))
    engine.dispose()


def test_receipts_are_sealed(store: SqlStore, store_url: str) -> None:
    """What a receipt says in words, and its raw bytes, are ciphertext at rest; the address is nowhere."""
    row = accepted()
    sent(store, row)
    secret = b'{"email": "privacy-0@birch-clinic.example"}'
    take(store, [heard(K.BOUNCED, row, raw=secret, detail="550 no such privacy-0@birch-clinic.example")], AT)

    engine = create_engine_for(store_url)
    with engine.connect() as connection:
        cells = [cell for one in connection.execute(text("SELECT * FROM receipts")) for cell in one]
        digests = list(connection.scalars(text("SELECT address_digest FROM letters")))
    engine.dispose()
    assert "birch-clinic" not in repr([bytes(c) if isinstance(c, memoryview) else c for c in cells] + digests)


def test_a_wave_is_nudged_once_for_many_receipts(store: SqlStore) -> None:
    """Many receipts ask for one nudge; what comes after it asks for the next, after a minute."""
    rows = [accepted(n) for n in range(3)]
    sent(store, *rows)
    take(store, [heard(K.DELIVERED, row) for row in rows[:2]], AT)
    minute = timedelta(minutes=1)

    with store.writing() as tx:
        (nudge,) = tx.receipts.nudges(AT - minute)
        tx.receipts.nudged(nudge, AT)
        assert tx.receipts.nudges(AT) == []
    take(store, [heard(K.DELIVERED, rows[2])], AT + minute / 2)
    with store.reading() as tx:
        assert tx.receipts.nudges(AT - minute / 2) == []
        assert [one.wave_id for one in tx.receipts.nudges(AT)] == [WAVE]


def test_a_receipt_during_a_nudge_is_not_forgotten(store: SqlStore) -> None:
    """What came between asking and nudging is asked for again."""
    rows = [accepted(0), accepted(1)]
    sent(store, *rows)
    take(store, [heard(K.DELIVERED, rows[0])], AT)
    with store.reading() as tx:
        (nudge,) = tx.receipts.nudges(AT)
    take(store, [heard(K.DELIVERED, rows[1])], AT + HOUR)
    with store.writing() as tx:
        tx.receipts.nudged(nudge, AT + HOUR)
    with store.reading() as tx:
        assert len(tx.receipts.nudges(AT + 2 * HOUR)) == 1
