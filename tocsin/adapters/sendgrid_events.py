"""SendGrid's event webhook: whose signature a post bears, and what its events say.

A post is a JSON array, signed as it stands: ECDSA over the timestamp and the raw bytes, CR LF at the end included.
SendGrid sends a post again for 24 hours and does not say whether it signs it anew, so a post is accepted for more
than a day, and a digest of our own tells what came before: their event ids can change when they try again.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from sendgrid.helpers.eventwebhook import EventWebhook

from tocsin.domain.errors import Refused
from tocsin.domain.receipt import ReceiptKind
from tocsin.domain.values import NoticeId
from tocsin.receiving import Heard

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
GOOD_FOR = timedelta(hours=26)
"""How old a signed post may be: they retry for 24 hours."""
AHEAD = timedelta(minutes=10)
"""How far their clock may run before ours."""

_KINDS = {
    "processed": ReceiptKind.PROCESSED,
    "deferred": ReceiptKind.DEFERRED,
    "delivered": ReceiptKind.DELIVERED,
    "bounce": ReceiptKind.BOUNCED,
    "dropped": ReceiptKind.DROPPED,
}
_STABLE = (
    *("event", "type", "email", "timestamp", "sg_message_id", "smtp-id", "notice_id"),
    *("attempt", "response", "reason", "status"),
)
"""The fields that make an event the same event, whenever it is sent."""
_LONGEST_DETAIL = 1_000

Mark = Callable[[str, str], str]


class EventVerifier:
    """Verifies posts with the public keys that are in force: one, or two while a key is being replaced."""

    def __init__(self, public_keys: Sequence[str]) -> None:
        """Take keys as SendGrid shows them, base64 without armour. Raises Refused for any other."""
        self._verifiers = [_verifier(key) for key in public_keys]

    def genuine(self, body: bytes, signature: str | None, timestamp: str | None, now: datetime) -> bool:
        """Say whether a post bears a signature of ours to trust, not older than `GOOD_FOR`."""
        if not signature or not timestamp or not timestamp.isascii() or not timestamp.isdigit():
            return False
        signed_at = _instant(int(timestamp))
        if signed_at is None or not now - GOOD_FOR <= signed_at <= now + AHEAD:
            return False
        try:
            text = body.decode()
            return any(verifier.verify_signature(text, signature, timestamp) for verifier in self._verifiers)
        except ValueError:
            return False  # not UTF-8, or no base64: whoever sent it, it was not SendGrid


def events(body: bytes, mark: Mark, now: datetime) -> Iterator[Heard]:
    """Yield what a verified post says; `mark` makes the keyed digest by which a repetition is known.

    An entry that is no event of a mail is kept too, as one that changes nothing.

    Raises:
        Refused: if the body is no JSON array of objects.
    """
    for raw, event in _entries(body.decode()):
        yield _heard(raw, event, mark, now)


def read_keys(text: str) -> list[str]:
    """Return the keys in a setting: base64 between white space, each also in PEM armour."""
    bare = re.sub(r"-----BEGIN[^-]*-----(.*?)-----END[^-]*-----", _without_armour, text, flags=re.DOTALL)
    return bare.split()


def _without_armour(found: re.Match[str]) -> str:
    return f" {''.join(found[1].split())} "


def _verifier(key: str) -> Any:
    # The package puts the armour around the key itself and takes nothing else: no armour, no white space.
    try:
        return EventWebhook(key)
    except (ValueError, UnsupportedAlgorithm):
        raise Refused(
            "TOCSIN_SENDGRID_WEBHOOK_KEYS holds something that is no public key; copy the verification key from "
            "SendGrid's page Mail Settings, Event Webhook, Signature Verification"
        ) from None


def _entries(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each element of the array with the very text it came in."""
    decoder, at = json.JSONDecoder(), _skip(text, 0)
    if text[at : at + 1] != "[":
        raise Refused("the body is no JSON array")
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        try:
            event, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise Refused(f"the body is no JSON: {type(error).__name__}") from None
        if not isinstance(event, dict):
            raise Refused("the array holds something that is no event")
        yield text[at:end], event
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "]":
            raise Refused("the array does not end")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _heard(raw: str, event: dict[str, Any], mark: Mark, now: datetime) -> Heard:
    stable = {name: event[name] for name in _STABLE if name in event}
    email, message, notice = (_text(event.get(name)) for name in ("email", "sg_message_id", "notice_id"))
    return Heard(
        receipt_id=mark("receipt", _canonical(stable))[:40],
        kind=_kind(event),
        at=_instant(event.get("timestamp")) or now,
        source="sendgrid",
        notice_id=NoticeId(notice) if notice else None,
        address=email,
        message=message.partition(".")[0] if message else None,
        detail=(_text(event.get("reason")) or _text(event.get("response")) or "")[:_LONGEST_DETAIL],
        raw=raw.encode(),
    )


def _kind(event: dict[str, Any]) -> ReceiptKind:
    # There is no event called "blocked": a block is a bounce of another type.
    if event.get("event") == "bounce" and event.get("type") == "blocked":
        return ReceiptKind.BLOCKED
    return _KINDS.get(str(event.get("event")), ReceiptKind.OTHER)


def _canonical(stable: dict[str, Any]) -> str:
    # Ours alone to compare with: RFC 8785, which others could compute too, costs five times as much.
    return json.dumps(stable, sort_keys=True, separators=(",", ":"))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _instant(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
