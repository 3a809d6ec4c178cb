"""What lies in the database is readable only with the keys, in its own place, and not after they are destroyed."""

from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from tests.ports.story import (
    AT,
    HOUR,
    INCIDENT,
    OTHER_INCIDENT,
    WAVE,
    agreement,
    clock,
    duty,
    entry,
    facts,
    hold,
    note,
    notice,
    round_,
    stamp,
    state,
    task,
    wave,
    written,
)
from tocsin.adapters.holiday_calendars import holiday_calendar
from tocsin.adapters.sql import SqlStore, create_engine_for
from tocsin.adapters.sql.tables import metadata, notice_links
from tocsin.adapters.vault import Vault
from tocsin.audit.tree import Frontier
from tocsin.domain.account import Account, Delegation, SignedIn
from tocsin.domain.act import Role
from tocsin.domain.breaker import ChannelState
from tocsin.domain.duty import DutyState
from tocsin.domain.erasure import Erasure
from tocsin.domain.errors import Broken
from tocsin.domain.incident import Facts
from tocsin.domain.law_pin import LawPin
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.receipt import Receipt, ReceiptKind
from tocsin.domain.register import Affected
from tocsin.domain.said import Said
from tocsin.domain.token import Scope, Token
from tocsin.domain.values import ActId, PersonId
from tocsin.ports import Attachment, CheckpointRow, Pin, Reply, Transaction

WORDS = (
    *("Backup share", "night shift", "Asha", "called at home", "Birch", "Cedar", "BIRCH", "privacy-0", ".example"),
    *(
        "Desk of",
        "7946 0018",
        "Quill",
        "Harbour",
        "HP/2026",
        "exposed",
        "warrant",
        "Clerk",
        "Noor",
        "550 no mailbox",
        "lockpick",
    ),
)
"""A word of everything that people wrote or are named by in `write_all`."""


def write_all(tx: Transaction) -> Facts:
    """Write one of everything; return facts, so that a result is stored as well."""
    tx.incidents.put_state(state(), AT)
    tx.incidents.put_facts(INCIDENT, facts(), AT, ActId("act-1"))
    tx.incidents.add_act(note("act-1"), 1)
    file = Attachment(sha256="a" * 64, name="warrant.pdf", media_type="application/pdf", content=b"lockpick", at=AT)
    tx.incidents.attach(INCIDENT, file)
    tx.register.publish([agreement(0), agreement(1)], AT)
    tx.register.pin(INCIDENT, [Affected(agreement=agreement(0), revision=1)])
    proof = {"state": DutyState.DISCHARGED, "proof": "signed for by the Clerk"}
    tx.duties.put([duty(0), duty(1).model_copy(update=proof)])
    tx.duties.put_clock(clock())
    tx.duties.put_hold(INCIDENT, hold())
    tx.ledger.put_wave(wave(released=True))
    tx.ledger.put_said(wave(released=True), Said(facts=facts(), measures=("changed the locks",)))
    tx.ledger.plan([_mailed_from_nowhere(0), _mailed_from_nowhere(1)])
    tx.ledger.put_letters([written(_mailed_from_nowhere(0)), written(_mailed_from_nowhere(1))])
    said = {"state": NoticeState.BY_HAND, "detail": "550 no mailbox privacy-0"}
    tx.ledger.put([row.model_copy(update=said) for row in tx.ledger.notices(WAVE)])
    tx.tasks.put([task("logs")], 1)
    tx.log.append([entry("act-1")])
    tx.remember("page 1", AT)
    tx.beats.put("sweep", AT)
    _write_law(tx)
    tx.channels.put([ChannelState(name="sendgrid", failures=1, failing_since=AT, reason="503 no mailbox today")])
    _write_receipts(tx)
    tx.checkpoints.add(CheckpointRow(at=AT, head=Frontier(), note="log.invalid\n0\n"))
    tx.checkpoints.add_pin(Pin(witness="file", size=0, at=AT))
    _write_people(tx)
    tx.probes.put(round_())
    tx.erasures.put(Erasure(incident_id=INCIDENT, asked=note("act-erase", "what the Clerk asked for")))
    return facts()


def _write_people(tx: Transaction) -> None:
    noor, someone = PersonId("per-noor"), PersonId("per-someone")
    tx.accounts.put(Account(person_id=noor, user="noor", name="Noor", email="noor@processor.example"))
    tx.accounts.open_session(SignedIn(digest="d1", person_id=noor, how="password", opened_at=AT, seen_at=AT))
    roles = frozenset({Role.AUDITOR})
    lent = {"delegation_id": "dlg-1", "giver": noor, "taker": someone, "roles": roles}
    tx.accounts.delegate(Delegation.model_validate({**lent, "from_at": AT, "until_at": AT + HOUR}))
    tx.incidents.join(INCIDENT, [noor], AT)
    tx.replies.put(Reply(key="k1", asked="a" * 64, at=AT, status=200, media_type="text/plain", body=b"lockpick"))
    token = {"token_id": "tok-1", "digest": "d2", "person_id": noor, "label": "Noor's laptop", "scopes": {Scope.READ}}
    tx.tokens.add(Token.model_validate({**token, "made_at": AT, "expires_at": AT + HOUR}))


def _write_law(tx: Transaction) -> None:
    pin = LawPin(law="a" * 64, calendars="holidays 0.109")
    tx.law.keep(pin, b"the law itself is no secret", AT)
    tx.law.pin(INCIDENT, pin, AT)
    tx.law.keep_calendar(pin.calendars, holiday_calendar("EU-DE", 2026, 2026), 2026, 2026)


def _write_receipts(tx: Transaction) -> None:
    (row, other) = tx.ledger.notices(WAVE)
    said = Receipt(receipt_id="rcp-1", notice_id=None, kind=ReceiptKind.BOUNCED, at=AT, received_at=AT, source="test")
    tx.receipts.keep([(said.model_copy(update={"detail": "550 no mailbox privacy-0"}), b"to privacy-0@birch.example")])
    tx.receipts.assign("rcp-1", row, PersonId("per-noor"), AT)
    tx.receipts.wait([other])
    tx.receipts.ask_nudge([(INCIDENT, WAVE)], AT)


def test_no_name_address_or_word_lies_open(store: SqlStore, store_url: str) -> None:
    """Nothing a person wrote, and nobody's name or address, is found in the bytes of the database."""
    store.once(stamp(1), facts(), write_all, Facts)

    content = _every_byte(store_url)

    assert b"agr-00000" in content
    assert [word for word in WORDS if word.encode() in content] == []


def test_every_table_was_looked_at(store: SqlStore, store_url: str, vault: Vault) -> None:
    """The test above wrote to every table there is."""
    store.once(stamp(1), facts(), write_all, Facts)
    vault.rotate(INCIDENT)
    with store.writing() as tx:
        tx.duties.put_hold(INCIDENT, hold("hld-scoped", scope=(agreement(0).agreement_id,)))

    engine = create_engine_for(store_url)
    with engine.begin() as connection:
        # A link is made when a row is claimed whose letter holds one; of its token it keeps the digest alone.
        connection.execute(insert(notice_links), [{"token_digest": "a" * 64, "notice_id": "ntc-00000", "at": AT}])
        empty = [table.name for table in metadata.sorted_tables if connection.execute(select(table)).first() is None]
    engine.dispose()
    assert empty == []


def test_a_destroyed_key_takes_the_words_and_leaves_the_record(store: SqlStore, vault: Vault) -> None:
    """After erasing, what was said cannot be read; what happened when still can, in this incident and in others."""
    store.once(stamp(1), facts(), write_all, Facts)
    with store.writing() as tx:
        tx.incidents.put_facts(OTHER_INCIDENT, facts("Laptop lost"), AT, ActId("act-2"))

    vault.destroy(INCIDENT)

    with store.reading() as tx:
        assert tx.incidents.state(INCIDENT) == state()
        assert len(tx.duties.running_clocks()) == 1
        assert tx.ledger.counts(WAVE).total == 2
        assert tx.log.head().size == 1
        assert tx.incidents.facts(OTHER_INCIDENT) == facts("Laptop lost")
        with pytest.raises(Broken, match="was destroyed"):
            tx.incidents.facts(INCIDENT)
        with pytest.raises(Broken, match="was destroyed"):
            tx.ledger.letter(_mailed_from_nowhere(0).notice_id)


@pytest.mark.parametrize(
    "swap",
    [
        "UPDATE letters SET letter = prepared",
        "UPDATE letters SET letter = (SELECT letter FROM letters l WHERE l.notice_id <> letters.notice_id)",
    ],
)
def test_a_letter_in_anothers_place_is_broken(store: SqlStore, store_url: str, swap: str) -> None:
    """A sealed value opens only in the row and column it was written to."""
    store.once(stamp(1), facts(), write_all, Facts)
    engine = create_engine_for(store_url)
    with engine.begin() as connection:
        connection.execute(text(swap))
    engine.dispose()

    with store.reading() as tx, pytest.raises(Broken):
        tx.ledger.letter(_mailed_from_nowhere(0).notice_id)


def _mailed_from_nowhere(number: int) -> Notice:
    return notice(number).model_copy(update={"message_id": f"<{number}@notices.invalid>"})


def _every_byte(url: str) -> bytes:
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        wal = file.with_name(file.name + "-wal")
        assert wal.stat().st_size > 0
        return file.read_bytes() + wal.read_bytes()
    engine = create_engine_for(url)
    with engine.connect() as connection:
        tables = [connection.execute(select(table)).all() for table in metadata.sorted_tables]
    engine.dispose()
    cells = (cell for rows in tables for row in rows for cell in row if cell is not None)
    return b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)
