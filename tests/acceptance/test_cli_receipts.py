"""Receipts from the command line: reports of delivery taken in, and what nobody could assign, by a person who may."""

import json
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk
from tests.acceptance.stack import ROOT, Installation, free_port
from tests.ports.drafted_round import opened
from tests.ports.story import INCIDENT, ROUND, agreement, letter, state
from tests.ports.test_delivery_status import BEA, dsn
from tests.ports.test_receipts import accepted, heard, row_of, sent
from tocsin.adapters.sql import SqlStore
from tocsin.cli.session import Session
from tocsin.domain.notice import NoticeState as S
from tocsin.domain.receipt import ReceiptKind
from tocsin.domain.values import WaveId, derived_id
from tocsin.receiving import take

WAVE_OF_ROUND = WaveId(derived_id("wav", ROUND))


@pytest.fixture
def desk(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A home far from any engine, with two notices to the same address that were sent just now."""
    desk = Desk(Installation(tmp_path / "home", f"127.0.0.1:{free_port()}", "tocsin"), capfd, monkeypatch)
    assert desk.tocsin("init").code == 0
    (desk.home / "people.toml").write_text((ROOT / "examples" / "people.toml").read_text())
    work = Session("asha")
    work.vault.ensure(INCIDENT)
    rows = [accepted(number).model_copy(update={"claimed_at": work.now()}) for number in (0, 1)]
    with work.store.writing() as tx:
        tx.incidents.put_state(state(), work.now())
        tx.register.publish([agreement(0), agreement(1)], work.now())
    sent(work.store, *rows)
    with work.store.writing() as tx:
        tx.ledger.put_letters([(rows[1], letter(rows[1]).model_copy(update={"to_address": BEA}), b"x")])
    return desk


def store() -> SqlStore:
    """Return the desk's store."""
    return Session("asha").store


def test_reports_from_a_maildir(desk: Desk, tmp_path: Path) -> None:
    """New mails of a Maildir are taken in and moved to those seen; what is no report stays, and is named."""
    for name in ("new", "cur"):
        (tmp_path / "mail" / name).mkdir(parents=True)
    (tmp_path / "mail" / "new" / "1.a").write_bytes(dsn("delivered", accepted(0).notice_id))
    (tmp_path / "mail" / "new" / "2.b").write_bytes(b"Subject: on holiday\r\n\r\nback in May")

    ran = desk.tocsin("receipts", "dsn", str(tmp_path / "mail"))

    assert ran.code == 0
    assert "1 new, 0 known already, 0 parked, from 2 mail(s)" in ran.out
    assert "it is no report of delivery" in ran.out.replace("\n", " ")
    assert row_of(store(), accepted(0)).state is S.DELIVERED
    assert [path.name for path in (tmp_path / "mail" / "cur").iterdir()] == ["1.a:2,S"]
    assert [path.name for path in (tmp_path / "mail" / "new").iterdir()] == ["2.b"]
    assert "already" in desk.does("receipts", "dsn", str(tmp_path / "mail" / "cur" / "1.a:2,S")).out
    refused = desk.tocsin("receipts", "dsn", str(tmp_path / "mail"), user="noor")
    assert "an auditor reads and changes nothing" in refused.err


def test_what_is_parked_is_seen_and_assigned(desk: Desk) -> None:
    """A bounce that may be of two notices is listed, shown as it came, and assigned once, by a person who may."""
    bounce = heard(ReceiptKind.BOUNCED, None, address=BEA, raw=b'{"email": "bea"}', detail="550 unknown")
    take(store(), [bounce], Session("asha").now())
    assert "550 unknown" in desk.does("receipts", "parked").out
    assert desk.does("receipts", "parked", "--json").json[0]["receipt_id"] == bounce.receipt_id
    assert desk.does("receipts", "raw", bounce.receipt_id).out.strip() == '{"email": "bea"}'

    whose = ("receipts", "assign", bounce.receipt_id, "--to", INCIDENT, "--notice", accepted(1).number)
    assert "an auditor reads and changes nothing" in desk.tocsin(*whose, user="noor").err
    assert "say whose it is" in desk.tocsin("receipts", "assign", bounce.receipt_id).err
    assert "there is no" in desk.tocsin(*whose[:-1], "N-9").err
    assert row_of(store(), accepted(1)).state is S.ACCEPTED
    desk.does(*whose)
    assert [row_of(store(), accepted(number)).state for number in (0, 1)] == [S.ACCEPTED, S.BOUNCED]
    assert "nothing is parked" in desk.does("receipts", "parked").out
    assert "is not parked" in desk.tocsin(*whose).err
    with store().reading() as tx:
        entries = [json.loads(entry.body) for entry in tx.log.entries()]
    (entry,) = [entry for entry in entries if entry["kind"] == "receipt.assigned"]
    assert entry["actor"].startswith("per-")


def test_a_bounce_is_given_to_a_letter_of_a_round(desk: Desk) -> None:
    """What may be of a notice or of a round's letter to the same desk is assigned to the round by its id."""
    work = Session("asha")
    with work.store.writing() as tx:
        tx.register.publish([agreement(2)], work.now())
    opened(work.store, work.vault, work.now())
    with work.store.writing() as tx:
        (taken,) = tx.ledger.claim(WAVE_OF_ROUND, 2, 3, 1, work.now()).rows
        tx.ledger.put([taken.notice.model_copy(update={"state": S.ACCEPTED})])
    bounce = heard(ReceiptKind.BOUNCED, None, address="nobody@nowhere.example", detail="550 unknown")
    take(work.store, [bounce], work.now())
    done = desk.does("receipts", "assign", bounce.receipt_id, "--to", ROUND, "--notice", taken.notice.number)
    assert f"is of notice {taken.notice.number}" in done.out
    assert row_of(work.store, taken.notice).state is S.BOUNCED
    assert "not reached" in desk.does("register", "probe", "--show", ROUND).out
