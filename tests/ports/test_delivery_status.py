"""Reports of delivery by mail (RFC 3464): what they say, whose they are, and what hostile ones can do: nothing."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ports.story import AT, HOUR, INCIDENT, letter
from tests.ports.test_receipts import accepted, row_of, sent
from tocsin.adapters.delivery_status import LARGEST, MOST_RECIPIENTS, reports
from tocsin.adapters.sql import SqlStore
from tocsin.domain.errors import Refused
from tocsin.domain.notice import NoticeState
from tocsin.domain.receipt import ReceiptKind
from tocsin.receiving import Taken, take_reports

K, S = ReceiptKind, NoticeState
BEA = "privacy-0@birch-clinic.example"
HEAD = (
    "Return-Path: <>\r\nFrom: MAILER-DAEMON@relay.example\r\nTo: desk@processor.example\r\n"
    "Date: Mon, 2 Mar 2026 04:10:00 +0100\r\nSubject: Delivery report\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b1"\r\n\r\n'
)


def mark(what: str, value: str) -> str:
    """Return a digest that tells one value from another."""
    import hashlib

    return hashlib.sha256(f"{what}:{value}".encode()).hexdigest()


def dsn(action: str = "delivered", envelope: str | None = None, message: str = "<x@y.example>", **said: str) -> bytes:
    """Return a report as Postfix writes it; a value of "" leaves its field out."""
    each = {
        "Original-Recipient": f"rfc822;{BEA}",
        "Final-Recipient": f"rfc822; {BEA}",
        "Action": action,
        "Status": "2.0.0" if action == "delivered" else "5.1.1",
        "Remote-MTA": "dns; mx.birch-clinic.example",
        "Diagnostic-Code": f"smtp; 550 5.1.1 <{BEA}>: no such mailbox",
    }
    each |= {name.replace("_", "-"): value for name, value in said.items()}
    whole = ["Reporting-MTA: dns; relay.example", *([f"Original-Envelope-Id: {envelope}"] if envelope else [])]
    fields = [f"{name}: {value}" for name, value in each.items() if value]
    parts = [
        "Content-Type: text/plain\r\n\r\nThis is the mail system.",
        "Content-Type: message/delivery-status\r\n\r\n" + "\r\n".join([*whole, "", *fields, ""]),
        f"Content-Type: text/rfc822-headers\r\n\r\nSubject: a notice\r\nMessage-ID: {message}\r\n",
    ]
    return (HEAD + "".join(f"--b1\r\n{part}\r\n" for part in parts) + "--b1--\r\n").encode()


def took(store: SqlStore, *mails: bytes, now: datetime = AT + HOUR) -> Taken:
    """Take mails in."""
    found = [one for mail in mails for one in reports(mail, mark, now)]
    return take_reports(store, [(one.heard, one.notices) for one in found], now)


@pytest.mark.parametrize(
    ("action", "kind", "state"),
    [
        ("delivered", K.DELIVERED, S.DELIVERED),
        ("Delivered (to mailbox)", K.DELIVERED, S.DELIVERED),
        ("relayed", K.PROCESSED, S.ACCEPTED),
        ("expanded", K.PROCESSED, S.ACCEPTED),
        ("delayed", K.DEFERRED, S.DEFERRED),
        ("failed", K.BOUNCED, S.BOUNCED),
    ],
)
def test_what_a_report_says(store: SqlStore, action: str, kind: ReceiptKind, state: NoticeState) -> None:
    """Each action moves its notice, known by the envelope's id, as far as it proves; said again it is known."""
    row = accepted()
    sent(store, row)
    mail = dsn(action, row.notice_id)
    (report,) = reports(mail, mark, AT)

    assert (report.heard.kind, report.heard.raw, report.notices) == (kind, mail, (row.notice_id,))
    assert BEA not in report.heard.detail
    assert took(store, mail).new == 1
    assert row_of(store, row).state is state
    assert took(store, mail) == Taken(again=1)


def test_a_notice_is_known_by_its_message(store: SqlStore) -> None:
    """A server that gives no envelope id back sends the letter's head: its Message-ID names the notice."""
    row = accepted()
    sent(store, row)

    assert took(store, dsn("delivered", message=f"<{row.notice_id}@processor.example>")).moved == 1
    assert row_of(store, row).state is S.DELIVERED


def test_without_ids_only_a_failure_is_given_by_its_address(store: SqlStore) -> None:
    """A bounce finds the one notice that went to its address; a delivery that names no notice proves nothing."""
    row = accepted()
    sent(store, row)

    assert took(store, dsn("delivered")) == Taken(new=1, parked=1)
    assert row_of(store, row).state is S.ACCEPTED
    assert took(store, dsn("failed")) == Taken(new=1, moved=1)
    assert row_of(store, row).state is S.BOUNCED


def test_a_report_about_somebody_else_is_parked(store: SqlStore) -> None:
    """An id of ours with an address that we never wrote to with it is no proof: somebody forwards, or lies."""
    row = accepted()
    sent(store, row)
    other = {"Original_Recipient": "rfc822;eve@elsewhere.example", "Final_Recipient": "rfc822;eve@elsewhere.example"}

    assert took(store, dsn("delivered", row.notice_id, **other)).parked == 1
    assert row_of(store, row).state is S.ACCEPTED


def test_where_it_was_forwarded_the_original_recipient_counts(store: SqlStore) -> None:
    """The final recipient may be a name that only their server knows."""
    row = accepted()
    sent(store, row)

    assert took(store, dsn("delivered", row.notice_id, Final_Recipient="rfc822;bea@inside.example")).moved == 1


def test_nothing_is_delivered_before_it_was_sent(store: SqlStore) -> None:
    """A date that lies before the letter left, as of a wrong clock, does not make a late notice timely."""
    row = accepted()
    sent(store, row)

    took(store, dsn("delivered", row.notice_id, Last_Attempt_Date="Fri, 2 Jan 2026 00:00:00 +0000"))
    assert row_of(store, row).delivered_at == AT
    with store.reading() as tx:
        (duty,) = tx.duties.of(INCIDENT)
    assert duty.ended_at == AT


def test_of_which_of_two_notices_is_a_persons_to_say(store: SqlStore) -> None:
    """Two notices went to the address: neither is moved, and each says that a bounce may be its own."""
    rows = [accepted(0), accepted(1)]
    sent(store, *rows)
    twin = letter(rows[1]).model_copy(update={"to_address": BEA})
    with store.writing() as tx:
        tx.ledger.put_letters([(rows[1], twin, b"x")])

    assert took(store, dsn("failed")).parked == 1
    assert {row_of(store, row).state for row in rows} == {S.ACCEPTED}
    assert all("may be of this notice" in (row_of(store, row).detail or "") for row in rows)


def _nested(depth: int) -> bytes:
    opening = "".join(f'Content-Type: multipart/mixed; boundary="n{n}"\r\n\r\n--n{n}\r\n' for n in range(depth))
    return opening.encode() + b"Content-Type: text/plain\r\n\r\nx"


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"\x00\xff\xfe" * 100,
        b"Subject: out of office\r\n\r\nI am on holiday",
        HEAD.encode(),
        HEAD.encode() + b"--b1\r\nContent-Type: message/delivery-status\r\n\r\n--b1--",
        HEAD.encode() + b"--b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: x\r\n\r\nx\r\n--b1--",
        dsn("exploded"),
        dsn(""),
        b"Content-Type: message/delivery-status; charset=\xff\r\n\r\nAction: delivered",
        b"x" * (LARGEST + 1),
        _nested(400),
        _nested(5000),
    ],
)
def test_what_is_no_report_is_refused(mail: bytes) -> None:
    """Whatever else lies in the mailbox is refused, and harms nothing."""
    with pytest.raises(Refused):
        reports(mail, mark, AT)


@pytest.mark.parametrize(
    "said",
    [
        {"envelope": "ntc-x\r\n Action: delivered"},
        {"envelope": "../../etc/passwd"},
        {"envelope": "ntc-" + "a" * 9999},
        {"message": "<ntc-a@b@c>"},
        {"message": "=?utf-8?q?ntc-a=40b?="},
        {"Original_Recipient": "rfc822;" + "@" * 5000, "Final_Recipient": "x"},
        {"Diagnostic_Code": "smtp; " + "\x07\x1b[31m" * 400},
        {"Last_Attempt_Date": "99999999 Foo"},
        {"Last_Attempt_Date": "Mon, 2 Mar 99999 04:10:00 +9999"},
        {"Action": "failed\r\nAction: delivered"},
    ],
)
def test_odd_fields_are_survived(store: SqlStore, said: dict[str, Any]) -> None:
    """A field that is none of ours names no notice, and what is said in words stays short and on one line."""
    sent(store, accepted())
    found = reports(dsn(**{"action": "failed", **said}), mark, AT)

    assert all(len(one.heard.detail) <= 600 and "\n" not in one.heard.detail for one in found)
    assert all(one.heard.kind is K.BOUNCED for one in found)
    take_reports(store, [(one.heard, one.notices) for one in found], AT + HOUR)


def test_many_recipients_are_bounded() -> None:
    """A report about thousands is read as far as one of ours could go."""
    many = b"\r\n".join(b"Final-Recipient: rfc822; a%d@b.example\r\nAction: failed\r\n" % n for n in range(3000))
    mail = HEAD.encode() + b"--b1\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: x\r\n\r\n" + many
    assert len(reports(mail + b"\r\n--b1--", mark, AT)) == MOST_RECIPIENTS


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    """No bytes do anything else, wherever they stand in a report."""
    for mail in (noise, HEAD.encode() + noise, dsn().replace(b"2.0.0", noise), dsn().replace(b"Action", noise)):
        try:
            found = reports(mail, mark, AT)
        except Refused:
            continue
        assert all(one.heard.at <= AT + timedelta(days=36500) for one in found)
