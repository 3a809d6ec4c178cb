"""What an answer of SendGrid, or the lack of one, says about a letter. Pure: no request is made here.

Anything that does not prove otherwise is in doubt: a possible double is settled later, a missing notice is not.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp
import orjson

from tocsin.adapters.masked import masked
from tocsin.ports import Outcome, Verdict

_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(minutes=15)
_UNSAID = timedelta(seconds=10)
_ID = re.compile(r"[A-Za-z0-9._-]{1,200}")

# A gateway may answer 502 or 504 after what stands behind it has taken the letter; 503 says that nothing was taken.
_NOT_TAKEN = {429, 503}
_WRONG_LETTER = {400, 413, 415, 422}


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def judge(answer: Answer, at: datetime) -> Outcome:
    """Return what a complete answer means, with every mail address masked.

    `at` stands in for the server's clock where it does not tell its own.
    """
    status = answer.status
    if status == 202:
        return Outcome(verdict=Verdict.ACCEPTED, provider_id=_message_id(answer))
    if status < 400:
        return Outcome(verdict=Verdict.CHANNEL_DOWN, detail=_unexpected(status))
    if status in _NOT_TAKEN:
        # Too many at once is no fault of the channel, whether or not it says when to come back.
        wait = wait_after(answer, at) if status == 429 else _retry_after(answer, at)
        return Outcome(verdict=Verdict.NOT_SENT, detail=_said(answer), retry_after=wait)
    if status in _WRONG_LETTER:
        return Outcome(verdict=Verdict.REJECTED, detail=_said(answer))
    if status == 408 or status >= 500:
        return Outcome(verdict=Verdict.IN_DOUBT, detail=_said(answer))
    # 401 key or credits, 403 sender or scope, 404, 405, 406 wrong host, 451 region; an unknown one would meet every
    # letter alike.
    return Outcome(verdict=Verdict.CHANNEL_DOWN, detail=_said(answer))


def judge_failure(error: Exception) -> Outcome:
    """Return what a request that got no complete answer means."""
    never_left = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError)
    verdict = Verdict.NOT_SENT if isinstance(error, never_left) else Verdict.IN_DOUBT
    return Outcome(verdict=verdict, detail=masked(f"{type(error).__name__}: {error}".rstrip(": ")))


def wait_after(answer: Answer, at: datetime) -> timedelta:
    """Return how long an answer of 429 asks to wait, ten seconds where it does not say; `at` as in `judge`."""
    return _retry_after(answer, at) or _UNSAID


def _message_id(answer: Answer) -> str | None:
    found = answer.headers.get("X-Message-Id", "")
    return found if _ID.fullmatch(found) else None


def _unexpected(status: int) -> str:
    if status == 200:
        return "SendGrid answered 200, not 202: sandbox mode is on and nothing was sent; switch it off"
    return f"SendGrid answered {status}, not 202, and nothing was sent; check TOCSIN_SENDGRID_BASE_URL and any proxy"


def _said(answer: Answer) -> str:
    return masked(f"{answer.status} {_errors(answer.body)}".rstrip())


def _errors(body: bytes) -> str:
    """Return SendGrid's `errors` as `field: message; …`; nothing for a gateway's HTML."""
    try:
        errors = orjson.loads(body)["errors"]
        return "; ".join(_error(error) for error in errors)
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def _error(error: Mapping[str, object]) -> str:
    field, message = error.get("field"), " ".join(str(error.get("message", "")).split())
    return message if field in {None, "", "null"} else f"{field}: {message}"


def _retry_after(answer: Answer, at: datetime) -> timedelta | None:
    wait = _from_retry_after(answer, at)
    if wait is None:
        wait = _from_reset(answer, at)
    return None if wait is None else min(max(wait, _SHORTEST), _LONGEST)


def _from_retry_after(answer: Answer, at: datetime) -> timedelta | None:
    value = answer.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return timedelta(seconds=min(int(value[:9]), 86_400))
    instant = _http_date(value)
    return None if instant is None else instant - _server_time(answer, at)


def _from_reset(answer: Answer, at: datetime) -> timedelta | None:
    value = answer.headers.get("X-RateLimit-Reset", "").strip()
    if not value.isdecimal():
        return None
    return timedelta(seconds=int(value[:12]) - _server_time(answer, at).timestamp())


def _server_time(answer: Answer, at: datetime) -> datetime:
    # The server's own clock where it shows it: ours may be off, and in a drill `at` is not today.
    return _http_date(answer.headers.get("Date", "")) or at


def _http_date(value: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(value)
    except (ValueError, IndexError):
        return None
    return instant if instant.tzinfo else None
