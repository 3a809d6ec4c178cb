"""Checks of letters: the words that were approved, and the bytes that the channel was given."""

import json
from collections.abc import Iterator
from email import message_from_bytes
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import SMTP
from functools import lru_cache
from typing import Any

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.layout import LedgerRow
from tocsin.adapters.evidence.listed import Unreadable
from tocsin.adapters.evidence.our_mail import OurMail, address, our_mail
from tocsin.adapters.evidence.pack import Pack
from tocsin.adapters.evidence.result import Finding
from tocsin.adapters.headers import checked
from tocsin.adapters.letter_words import one_line
from tocsin.adapters.posting import prepared_entry
from tocsin.domain.clause import Method
from tocsin.domain.errors import Refused
from tocsin.domain.letter import Letter, page_of

_HEADERS = {"In-Reply-To": "in_reply_to", "References": "thread", "Message-ID": "message_id"}
_HEADERS |= {"X-Tocsin-Notice": "notice_number"}
_MAIL_FIELDS = {"from", "to", "reply-to", "subject", "auto-submitted", "mime-version", "content-type"}
_MAIL_FIELDS |= {"content-transfer-encoding", *(name.lower() for name in _HEADERS)}
_BODY_FIELDS = {"from", "reply_to", "subject", "personalizations", "content", "headers", "tracking_settings"}
_PARTS = (["text/plain"], ["text/html", "text/plain"])

Fields = dict[str, object]

_READING = SMTP.clone(header_factory=lru_cache(maxsize=64)(HeaderRegistry()))
"""Python's parser asks for the same header again and again; reading each once makes a large pack three times faster."""
_HEAD = BytesHeaderParser(policy=_READING)


def letters_as_approved(pack: Pack) -> Iterator[Finding]:
    """Compare each letter with the digest in its ledger row, and its address with the row's recipient."""
    known = {name for row in pack.rows.each() for name in (row.letter, row.as_sent) if name}
    for name in sorted(pack.names() - known):
        if name.startswith(f"{layout.LETTERS}/"):
            yield Finding(file=name, what="no row of the ledger has this letter")
    for row in pack.rows.each():
        if layout.left(row.notice) and (row.letter is None or row.as_sent is None):
            yield Finding(file=layout.LEDGER, what=f"notice {row.notice.number} was sent, but no letter is named")
        if layout.spoken(row.notice) and row.letter is None:
            yield Finding(file=layout.LEDGER, what=f"notice {row.notice.number} was told, but no letter is named")
        yield from _each(pack, row, _approved)


def sent_as_approved(pack: Pack) -> Iterator[Finding]:
    """Compare what each channel was given with the letter beside it."""
    for row in pack.rows.each():
        if row.as_sent is not None:
            yield from _each(pack, row, _sent)


def _each(pack: Pack, row: LedgerRow, test: Any) -> Iterator[Finding]:
    if row.letter is None:
        return
    try:
        yield from test(pack, row, row.letter, row.as_sent or "")
    except Unreadable as unreadable:
        yield unreadable.finding


def _approved(pack: Pack, row: LedgerRow, name: str, _as_sent: str) -> Iterator[Finding]:
    letter = pack.load(name, Letter)
    if letter.fingerprint() != row.notice.letter_sha256:
        what = f"it is not the letter that was approved as notice {row.notice.number}: its digest differs"
        yield Finding(file=name, what=what)
    said = (letter.notice_id, letter.notice_number, letter.message_id)
    if said != (row.notice.notice_id, row.notice.number, row.notice.message_id):
        what = f"notice {row.notice.number} has another id, number or message id than its letter"
        yield Finding(file=layout.LEDGER, what=what)
    if row.notice.method is Method.POSTING:
        if (letter.to_name, letter.to_address) != ("", page_of(row.notice.incident_id)):
            yield Finding(file=layout.LEDGER, what=f"notice {row.notice.number} was posted on another incident's page")
        return
    if not all(one_line(name) in letter.text for name in (row.party, row.reference)):
        what = f"notice {row.notice.number} names another party or agreement than its letter does"
        yield Finding(file=layout.LEDGER, what=what)
    whom = (row.party, "") if row.notice.contact_id is None else (row.recipient_name, row.recipient_address)
    nobody = row.notice.contact_id is None and (row.recipient_name, row.recipient_address) != (None, None)
    if nobody or (letter.to_name, letter.to_address) != whom:
        what = f"notice {row.notice.number} names another recipient than its letter is addressed to"
        yield Finding(file=layout.LEDGER, what=what)


def _sent(pack: Pack, row: LedgerRow, name: str, as_sent: str) -> Iterator[Finding]:
    sent = pack.read(as_sent)
    if row.notice.method is Method.POSTING:
        if sent != prepared_entry(pack.load(name, Letter)):
            what = f"it does not say what the letter of notice {row.notice.number} says"
            yield Finding(file=as_sent, what=what)
        return
    try:
        letter = checked(pack.load(name, Letter))
    except Refused as refused:
        yield Finding(file=name, what=f"no channel would carry this letter: {refused}")
        return
    is_mail = as_sent.endswith(".eml")
    found = sent_fields(sent, is_mail=is_mail)
    expected = spoken_fields(letter, is_mail=is_mail)
    differ = sorted(field for field in expected if expected[field] != found.get(field))
    differ += sorted(str(field) for field in found.keys() - expected.keys())
    if differ:
        what = f"it does not say what the letter of notice {row.notice.number} says: {', '.join(differ)} differs"
        yield Finding(file=as_sent, what=what)


def sent_fields(sent: bytes, *, is_mail: bool) -> Fields:
    """Return what a mail, or a request to SendGrid, says; what a letter has no place for is marked as too much."""
    return _of_mail(sent) if is_mail else _of_request(sent)


def spoken_fields(letter: Letter, *, is_mail: bool) -> Fields:
    """Return what a letter says, in the same fields."""
    fields: Fields = {
        "from": (_name(letter.from_name), letter.from_address),
        "to": [(_name(letter.to_name), letter.to_address)],
        "reply-to": letter.reply_to,
        "subject": _squeezed(letter.subject),
        "text": _text(letter.text),
        "html": _text(letter.html),
        **{name.lower(): getattr(letter, field) for name, field in _HEADERS.items()},
    }
    return fields if is_mail else fields | {"notice_id": letter.notice_id}


def _of_mail(sent: bytes) -> Fields:
    try:
        return _mail_fields(sent)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return {"mail": f"it is not one any more ({type(error).__name__})"}


def _mail_fields(sent: bytes) -> Fields:
    mail = our_mail(sent)
    if mail is not None:
        return (_plain_headers(mail) or _headers(_HEAD.parsebytes(sent))) | {
            "text": _text(mail.text),
            "html": _text(mail.html),
        }
    message = message_from_bytes(sent, policy=_READING)
    assert isinstance(message, EmailMessage)
    parts = [part for part in message.walk() if not part.is_multipart()]
    # Whatever the letter has no place for must not be there either: a second text, an attachment.
    odd = ["preamble"] if message.preamble or message.epilogue else []
    odd += ["parts"] if sorted(p.get_content_type() for p in parts) not in _PARTS else []
    texts = {"text": _part(parts, "text/plain"), "html": _part(parts, "text/html")}
    return _headers(message) | texts | dict.fromkeys(odd, "too much")


def _plain_headers(mail: OurMail) -> Fields | None:
    """Return what the headers say of a mail of our form that has no encoded words: the parser would say the same."""
    sender, to = address(mail.headers.get("from")), address(mail.headers.get("to"))
    if not mail.is_plain or sender is None or to is None:
        return None
    odd = mail.headers.keys() - _MAIL_FIELDS
    said: Fields = {
        "from": (_name(sender[0]), sender[1]),
        "to": [(_name(to[0]), to[1])],
        "reply-to": mail.headers.get("reply-to"),
        "subject": _squeezed(mail.headers.get("subject", "None")),
        **{name: mail.headers.get(name) for name in map(str.lower, _HEADERS)},
    }
    return said | dict.fromkeys(odd, "too much")


def _headers(message: EmailMessage) -> Fields:
    fields: Fields = {
        "from": next(iter(_addresses(message, "From")), None),
        "to": _addresses(message, "To"),
        "reply-to": _header(message, "Reply-To"),
        "subject": _squeezed(str(message["Subject"])),
        **{name.lower(): _header(message, name) for name in _HEADERS},
    }
    # What a letter has no place for must not be there: a blind copy, a header that stands twice.
    names = [name.lower() for name in message]
    odd = [name for name in names if name not in _MAIL_FIELDS or names.count(name) > 1]
    return fields | dict.fromkeys(odd, "too much")


def _of_request(sent: bytes) -> Fields:
    try:
        body = json.loads(sent)
        (only,) = body["personalizations"]
        content = {part["type"]: part["value"] for part in body["content"]}
        headers = body.get("headers", {})
        fields: Fields = {
            "from": (_name(body["from"].get("name")), body["from"]["email"]),
            "to": [(_name(one.get("name")), one["email"]) for one in only["to"]],
            "reply-to": body.get("reply_to", {}).get("email"),
            "subject": _squeezed(body["subject"]),
            "text": _text(content.get("text/plain", "")),
            "html": _text(content.get("text/html", "")),
            "notice_id": only["custom_args"]["notice_id"],
            **{name.lower(): headers.get(name) for name in _HEADERS},
        }
        odd = {*body} - _BODY_FIELDS | {*only} - {"to", "custom_args"} | {*headers} - {*_HEADERS, "Auto-Submitted"}
        odd |= {*content} - {"text/plain", "text/html"}
        odd |= {"parts"} if len(content) != len(body["content"]) else set()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return {"request": f"it is not one any more ({type(error).__name__})"}
    return fields | dict.fromkeys(odd, "too much")


def _addresses(message: EmailMessage, name: str) -> list[tuple[str, str]]:
    header = message[name]
    return [(_name(one.display_name), one.addr_spec) for one in getattr(header, "addresses", ())]


def _header(message: EmailMessage, name: str) -> str | None:
    return None if message[name] is None else str(message[name]).strip()


def _part(parts: list[Any], content_type: str) -> str:
    found = [part for part in parts if part.get_content_type() == content_type]
    return _text(found[0].get_content()) if found else ""


def _text(words: str) -> str:
    """Return text as it reads: mail ends lines its own way, and ends the last one too."""
    return "\n".join(words.splitlines()).rstrip("\n")


def _squeezed(words: str) -> str:
    # Folding a long header may move its spaces.
    return "".join(words.split())


def _name(name: str | None) -> str:
    # One channel takes no comma or semicolon in a name.
    return _squeezed((name or "").replace(",", "").replace(";", ""))
