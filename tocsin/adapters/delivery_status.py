"""Reports of delivery as mail servers write them (RFC 3464), asked for by the SMTP channel: what they say, and of what.

Anybody can write such a mail. So it names its notice by an id that only the letter bears, and what names none is given
to a notice by its address alone only if it says that the letter failed.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, TypeAlias

from tocsin.adapters.masked import masked
from tocsin.domain.errors import Refused
from tocsin.domain.receipt import ReceiptKind
from tocsin.domain.values import NoticeId, as_utc
from tocsin.receiving import Heard

SOURCE = "dsn"
LARGEST = 2_000_000
"""Bytes of a report; what comes back with it is the head of one of our letters."""
MOST_RECIPIENTS = 50
"""A letter of ours has one; a server may tell of those that it passed it on to."""
_LONGEST_VALUE = 1_000

_KINDS = {
    "delivered": ReceiptKind.DELIVERED,
    # Passed on to a server, or a list, that reports nothing further: it was taken up, and no more.
    "relayed": ReceiptKind.PROCESSED,
    "expanded": ReceiptKind.PROCESSED,
    "delayed": ReceiptKind.DEFERRED,
    "failed": ReceiptKind.BOUNCED,
}
_NOTICE = re.compile(r"ntc-[A-Za-z0-9-]{1,64}")
_MESSAGE_ID = re.compile(r"<?(ntc-[A-Za-z0-9-]{1,64})@[^\s<>@]{1,255}>?")
_ADDRESS = re.compile(r"[^\s<>@]{1,64}@[^\s<>@]{1,255}")

Mark = Callable[[str, str], str]
Fields = dict[str, str]
Part: TypeAlias = "Message[Any, Any]"


class Report(NamedTuple):
    """What a report says of one recipient, with every id by which its notice may be known."""

    heard: Heard
    notices: tuple[NoticeId, ...]
    """From the envelope's id, then from the Message-ID; the first that is ours counts."""


def reports(raw: bytes, mark: Mark, now: datetime) -> list[Report]:
    """Return what a mail reports; `mark` makes the keyed digest by which a repetition is known.

    Raises:
        Refused: if it is no report of delivery, or says nothing that can be read.
    """
    if len(raw) > LARGEST:
        raise Refused(f"it has {len(raw):,} bytes; a report of delivery has {LARGEST:,} at most")
    try:
        mail = message_from_bytes(raw, policy=compat32)
        parts = [part for part in mail.walk() if isinstance(part, Message)]
        found = list(_reports(mail, parts, raw, mark, now))
    except (RecursionError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise Refused(f"it cannot be read as a mail ({type(error).__name__})") from None
    if not found:
        raise Refused("it is no report of delivery (RFC 3464); file what it says by hand: tocsin note --notice NUMBER")
    return found


def _reports(mail: "Part", parts: "list[Part]", raw: bytes, mark: Mark, now: datetime) -> Iterator[Report]:
    status = next((part for part in parts if part.get_content_type() == "message/delivery-status"), None)
    blocks = status.get_payload() if status is not None else None
    if not isinstance(blocks, list) or len(blocks) < 2:
        return
    whole, *each = (_fields(block) for block in blocks)
    notices = tuple(filter(None, (_of_envelope(whole), _of_message(mail, parts))))
    for fields in each[:MOST_RECIPIENTS]:
        kind = _KINDS.get(fields.get("action", "").partition(" ")[0].casefold())
        if kind is not None:
            yield Report(_heard(fields, whole, kind, (raw, _date(mail, fields) or now), mark), notices)


def _heard(fields: Fields, whole: Fields, kind: ReceiptKind, came: tuple[bytes, datetime], mark: Mark) -> Heard:
    said = json.dumps([sorted(fields.items()), sorted(whole.items())], ensure_ascii=False)
    why = " ".join(filter(None, (fields.get("status"), _typed(fields.get("diagnostic-code")))))
    return Heard(
        receipt_id=mark("receipt", said)[:40],
        kind=kind,
        at=came[1],
        source=SOURCE,
        address=_address(fields),
        detail=masked(why),
        raw=came[0],
    )


def _fields(block: Any) -> Fields:
    """Return the fields of a block by name in small letters, each on one line; the first of a name counts."""
    fields: Fields = {}
    for name, value in block.items():
        fields.setdefault(name.casefold(), " ".join(str(value).split())[:_LONGEST_VALUE])
    return fields


def _typed(value: str | None) -> str:
    """Return a value without the type that stands before it, as in `rfc822; bea@birch.example`."""
    kind, found, rest = (value or "").partition(";")
    return (rest if found else kind).strip()


def _address(fields: Fields) -> str | None:
    # Ours is the original one: where it was forwarded, the final recipient is somebody whom we never wrote to.
    for name in ("original-recipient", "final-recipient"):
        if found := _ADDRESS.fullmatch(_typed(fields.get(name))):
            return found[0]
    return None


def _of_envelope(whole: Fields) -> NoticeId | None:
    envelope = whole.get("original-envelope-id", "")
    return NoticeId(envelope) if _NOTICE.fullmatch(envelope) else None


def _of_message(mail: "Part", parts: "list[Part]") -> NoticeId | None:
    """Return the notice of the letter that came back, whole or its head alone."""
    for part in parts:
        text = part.get_payload() if part.get_content_type() == "text/rfc822-headers" else None
        head = message_from_bytes(text.encode(errors="replace"), policy=compat32) if isinstance(text, str) else part
        found = None if head is mail else _MESSAGE_ID.fullmatch(str(head.get("Message-ID", "")).strip())
        if found:
            return NoticeId(found[1])
    return None


def _date(mail: "Part", fields: Fields) -> datetime | None:
    for value in (fields.get("last-attempt-date"), str(mail.get("Date", ""))):
        try:
            found = parsedate_to_datetime(value or "")
        except (ValueError, IndexError, OverflowError):
            continue
        if found.tzinfo is not None:
            return as_utc(found)
    return None
