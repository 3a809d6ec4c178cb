"""The SendGrid channel: the `sendgrid` package builds the request, a pooled aiohttp session carries it.

The package's own transport is not used: it opens a connection per call, has no timeout, follows redirects with the
key and prints the key when debug logging is on. What an answer means is in `sendgrid_answer.py`.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
from pydantic import SecretStr
from sendgrid.helpers.mail import (
    ApiKeyIncludedException,
    ClickTracking,
    Content,
    CustomArg,
    Email,
    From,
    Ganalytics,
    Header,
    Mail,
    MailSettings,
    MimeType,
    OpenTracking,
    Personalization,
    ReplyTo,
    SandBoxMode,
    Subject,
    SubscriptionTracking,
    To,
    TrackingSettings,
)

from tocsin.adapters.headers import checked
from tocsin.adapters.sendgrid_answer import Answer, judge, judge_failure
from tocsin.adapters.sendgrid_lists import SuppressionLists
from tocsin.domain.errors import Refused
from tocsin.domain.letter import Letter
from tocsin.ports import Outcome, Suppressed

_SEND = "/v3/mail/send"
_LARGEST = 30_000_000
"""Bytes of a whole message that SendGrid takes."""
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=10, sock_connect=5, sock_read=20)
"""Seconds; the total stays below every activity's start-to-close, since what is on the wire cannot be called back."""
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class SendGrid:
    """Sends letters by SendGrid's v3 API, one request each; fulfils `ports.Channel` and `ports.Suppresses`.

    Args:
        api_key: with the right to send mail; a key of the EU region needs the EU base URL.
        base_url: as `https://api.sendgrid.com`; plain http is for a test server on this machine only.
        sandbox: have letters validated and not sent; each then counts as not sent.
        in_flight: the most requests at once.
        timeout: in seconds; a letter whose answer did not come in time is in doubt.
        reports_delivery: its events are taken in, so that a letter without any has not arrived.

    Raises:
        Refused: if the base URL would carry the key in the clear, or the key cannot be one.
    """

    name = "sendgrid"

    def __init__(
        self,
        api_key: SecretStr,
        base_url: str,
        sandbox: bool = False,
        in_flight: int = 64,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
        reports_delivery: bool = False,
    ) -> None:
        self.reports_delivery = reports_delivery
        self._base = _checked_url(base_url)
        self._url = self._base + _SEND
        self._key = _checked_key(api_key)
        self._sandbox = sandbox
        self._in_flight = in_flight
        self._timeout = timeout
        self._proxy = _proxy_for(self._url)
        self._session: aiohttp.ClientSession | None = None
        self._lists = SuppressionLists(self._get)

    def prepare(self, letter: Letter) -> bytes:
        """Return the request's JSON body.

        Raises:
            Refused: if a header value or address could not be carried unchanged, or the letter is too large, or it
                quotes what looks like a SendGrid key.
        """
        try:
            body = orjson.dumps(_mail(checked(letter), sandbox=self._sandbox).get())
        except ApiKeyIncludedException:
            raise Refused(
                f"notice {letter.notice_number} quotes what looks like a SendGrid API key; take it out of the facts"
            ) from None
        except orjson.JSONEncodeError:
            raise Refused(f"notice {letter.notice_number} holds half a surrogate pair; retype its facts") from None
        if len(body) > _LARGEST:
            raise Refused(
                f"notice {letter.notice_number} has {len(body):,} bytes and SendGrid takes {_LARGEST:,}; "
                "shorten the summary and send the rest as a follow-up"
            )
        return body

    async def send(self, prepared: bytes, at: datetime) -> Outcome:
        """Post the body once; `at` is the sender's time, against which a reset instant is read if need be."""
        try:
            answer = await self._post(prepared)
        except Exception as error:  # noqa: BLE001 (a channel never raises: what is not understood is in doubt)
            outcome = judge_failure(error)
        else:
            outcome = judge(answer, at)
        if not outcome.detail:
            return outcome
        return outcome.model_copy(update={"detail": self._without_key(outcome.detail)})

    async def lookup(self, prepared: bytes) -> bool | None:
        """Return None: SendGrid's own events, not a query, say what became of a request in doubt."""
        return None

    async def suppressed(self, at: datetime) -> list[Suppressed]:
        """Read the suppression lists whole, through the pooled connections; `at` as for `send`.

        Raises:
            Deferred: if one of them cannot be read now, or SendGrid asked not to be asked yet.
        """
        return await self._lists.read(at)

    async def close(self) -> None:
        """Close the pooled connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(self, prepared: bytes) -> Answer:
        headers = self._bearer() | {"Content-Type": "application/json"}
        async with self._pool().post(
            self._url, data=prepared, headers=headers, allow_redirects=False, proxy=self._proxy
        ) as response:
            # Read to its end: only a connection with nothing left on it can be used again.
            return Answer(response.status, response.headers, await response.read())

    async def _get(self, path: str) -> Answer:
        async with self._pool().get(
            self._base + path, headers=self._bearer(), allow_redirects=False, proxy=self._proxy
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key.get_secret_value()}"}

    def _pool(self) -> aiohttp.ClientSession:
        # Made on first use, since it belongs to the loop that runs then.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._in_flight),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _without_key(self, detail: str) -> str:
        return detail.replace(self._key.get_secret_value(), "(key)")


def _checked_url(base_url: str) -> str:
    parts = urlsplit(base_url)
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK)):
        raise Refused(
            f"TOCSIN_SENDGRID_BASE_URL is {base_url!r}, over which the key would not be safe; "
            "use https://api.sendgrid.com, or https://api.eu.sendgrid.com for a key of the EU region"
        )
    return base_url.rstrip("/")


def _checked_key(key: SecretStr) -> SecretStr:
    value = key.get_secret_value()
    if not (value and value.isascii() and value.isprintable() and " " not in value):
        raise Refused("TOCSIN_SENDGRID_API_KEY is empty or holds a space or line break; copy the key again")
    return key


def _proxy_for(url: str) -> str | None:
    # Read once: aiohttp's own trust_env reads the environment and ~/.netrc again, in two threads, for each letter.
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


def _mail(letter: Letter, *, sandbox: bool) -> Any:
    mail = Mail(
        from_email=From(letter.from_address, _name(letter.from_name)),
        subject=Subject(letter.subject),
        plain_text_content=Content(MimeType.text, letter.text),
        html_content=Content(MimeType.html, letter.html) if letter.html else None,
    )
    mail.add_personalization(_personalization(letter))
    if letter.reply_to is not None:
        mail.reply_to = ReplyTo(letter.reply_to)
    for name, value in _headers(letter).items():
        mail.add_header(Header(name, value))
    if sandbox:
        mail.mail_settings = MailSettings(sandbox_mode=SandBoxMode(enable=True))
    mail.tracking_settings = _no_tracking()
    return mail


def _personalization(letter: Letter) -> Any:
    # Exactly one, with one recipient: recipients of one list would see each other, and one bad address fails all.
    personalization = Personalization()
    personalization.add_to(_recipient(letter))
    # Not counted as personal data by SendGrid, hence kept for good and never erased: an opaque id and nothing else.
    personalization.add_custom_arg(CustomArg("notice_id", letter.notice_id))
    return personalization


def _recipient(letter: Letter) -> Email:
    return To(letter.to_address, _name(letter.to_name))


def _name(name: str) -> str | None:
    # SendGrid takes no comma or semicolon in a name: "Cedar Bank, Inc." goes out as "Cedar Bank Inc."
    return " ".join(name.replace(",", " ").replace(";", " ").split()) or None


def _headers(letter: Letter) -> dict[str, str]:
    headers = {
        "Message-ID": letter.message_id,
        "In-Reply-To": letter.in_reply_to,
        "References": letter.thread,
        "Auto-Submitted": "auto-generated",
        "X-Tocsin-Notice": letter.notice_number,
    }
    return {name: value for name, value in headers.items() if value is not None}


def _no_tracking() -> Any:
    # All four said aloud: what is left out follows the account's default, which is often on. Following individual
    # openings needs consent, rewritten links look like phishing, and nobody must unsubscribe from legal notices.
    return TrackingSettings(
        click_tracking=ClickTracking(enable=False, enable_text=False),
        open_tracking=OpenTracking(enable=False),
        subscription_tracking=SubscriptionTracking(enable=False),
        ganalytics=Ganalytics(enable=False),
    )
