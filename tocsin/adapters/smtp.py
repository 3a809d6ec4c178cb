"""The SMTP channel: the stored `.eml`, handed to a mail server by `aiosmtplib`, each phase of it told apart.

Until the final dot has left nothing was sent and trying again is safe; after it only the server's answer says.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, getaddresses
from typing import Any

from aiosmtplib import SMTP, SMTPException, SMTPResponse, SMTPTimeoutError
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPNotSupported,
    SMTPResponseException,
    SMTPServerDisconnected,
)
from pydantic import SecretStr

from tocsin.adapters.masked import masked
from tocsin.adapters.outbox import prepared_mail
from tocsin.domain.errors import Refused
from tocsin.domain.letter import Letter
from tocsin.domain.values import as_utc
from tocsin.ports import Outcome, Verdict
from tocsin.settings import LOOPBACK

TIMEOUT_SECONDS = 20.0
"""For each answer of the server. RFC 5321 would wait for minutes; a wave has others to tell."""


@dataclass(frozen=True)
class MailServer:
    """Where letters are handed over."""

    host: str
    port: int = 587
    user: str | None = None
    password: SecretStr | None = field(default=None, repr=False)
    plain: bool = False
    """Without STARTTLS: for a server on this machine only."""

    def __post_init__(self) -> None:
        if self.plain and self.host not in LOOPBACK:
            raise Refused(
                f"TOCSIN_SMTP_PLAIN would send letters to {self.host} in the clear; it is for a server on this "
                "machine only: unset it, and use one that offers STARTTLS"
            )
        if (self.user is None) is not (self.password is None):
            raise Refused("TOCSIN_SMTP_USER and TOCSIN_SMTP_PASSWORD go together; set both, or neither")


class Smtp:
    """Hands letters to a mail server, one recipient each; fulfils `ports.Channel`.

    Args:
        server: where to.
        in_flight: the most connections at once; each is kept open and used again.
        trust: certificates to trust instead of the system's.
        timeout: seconds for each answer.
    """

    name = "smtp"
    reports_delivery = False  # The report asked for comes as a mail, to a person: silence says nothing here.

    def __init__(
        self,
        server: MailServer,
        in_flight: int = 8,
        trust: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._server = server
        self._trust = trust
        self._timeout = timeout
        self._free = asyncio.Semaphore(in_flight)
        self._idle: list[SMTP] = []

    def prepare(self, letter: Letter) -> bytes:
        """Return the letter as an RFC 5322 message without its Date line; the same letter gives the same bytes.

        Raises:
            Refused: if a header value or address could not be carried unchanged.
        """
        return prepared_mail(letter)

    async def send(self, prepared: bytes, at: datetime) -> Outcome:
        """Hand the message over once, with `at` as its Date."""
        async with self._free:
            try:
                return await self._hand_over(prepared, as_utc(at))
            except Exception as error:  # noqa: BLE001 (a channel never raises: what is not understood is in doubt)
                return _outcome(Verdict.IN_DOUBT, error)

    async def lookup(self, prepared: bytes) -> bool | None:
        """Return None: a mail server does not say what it took."""
        return None

    async def close(self) -> None:
        """Take leave of the server on every connection."""
        idle, self._idle = self._idle, []
        for connection in idle:
            with suppress(SMTPException, OSError):
                await connection.quit(timeout=1)

    async def _hand_over(self, prepared: bytes, at: datetime) -> Outcome:
        envelope = _Envelope.of(prepared)
        if envelope is None:
            detail = "the stored message has no sender, recipient or Message-ID; draft again"
            return Outcome(verdict=Verdict.REJECTED, detail=detail)
        try:
            connection = await self._connected()
        except (SMTPException, OSError) as error:
            return _not_connected(error)
        outcome = None
        try:
            outcome = await _deliver(connection, envelope, f"Date: {format_datetime(at)}\r\n".encode() + prepared)
        finally:
            self._put_back(connection, outcome)
        return outcome

    async def _connected(self) -> SMTP:
        while self._idle:
            connection = self._idle.pop()
            # A server ends an idle connection when it likes: better found here than in the middle of a letter.
            with suppress(SMTPException, OSError):
                await connection.rset()
                return connection
            connection.close()
        return await self._connect()

    async def _connect(self) -> SMTP:
        server = self._server
        connection = SMTP(
            hostname=server.host,
            port=server.port,
            timeout=self._timeout,
            start_tls=not server.plain,
            tls_context=self._trust,
        )
        try:
            await connection.connect()
            if connection.is_ehlo_or_helo_needed:
                await connection.ehlo()  # what the server can do decides what is asked of it
            if server.user is not None and server.password is not None:
                await connection.login(server.user, server.password.get_secret_value())
        except BaseException:
            connection.close()
            raise
        return connection

    def _put_back(self, connection: SMTP, outcome: Outcome | None) -> None:
        # Interrupted, or in doubt: nobody knows what still lies on the wire, and no other letter may follow it.
        if outcome is None or outcome.verdict is Verdict.IN_DOUBT or not connection.is_connected:
            connection.close()
        else:
            self._idle.append(connection)


@dataclass(frozen=True)
class _Envelope:
    sender: str
    recipient: str
    envelope_id: str

    @classmethod
    def of(cls, prepared: bytes) -> "_Envelope | None":
        head: Message[Any, Any] = message_from_bytes(
            prepared.partition(b"\r\n\r\n")[0], EmailMessage, policy=SMTP_POLICY
        )
        senders, recipients = (getaddresses([str(head.get(name, ""))]) for name in ("From", "To"))
        message_id = str(head.get("Message-ID", "")).strip(" <>").partition("@")[0]
        if not (len(senders) == len(recipients) == 1 and senders[0][1] and recipients[0][1] and message_id):
            return None
        return cls(senders[0][1], recipients[0][1], message_id)


async def _deliver(connection: SMTP, envelope: _Envelope, message: bytes) -> Outcome:
    dsn = connection.supports_extension("dsn")
    try:
        # RFC 3461: the envelope id comes back in the report, which then can be filed to its notice.
        ret = ["RET=HDRS", f"ENVID={envelope.envelope_id}"] if dsn else []
        await connection.mail(envelope.sender, options=ret)
    except (SMTPException, OSError) as error:
        return _refused_sender(error)
    try:
        # The address that we know them by comes back, too, however often it is forwarded.
        asked = ["NOTIFY=SUCCESS,FAILURE,DELAY", f"ORCPT=rfc822;{_xtext(envelope.recipient)}"]
        await connection.rcpt(envelope.recipient, options=asked if dsn else [])
    except (SMTPException, OSError) as error:
        return _refused_recipient(error)
    return await _transfer(connection, message)


def _xtext(value: str) -> str:
    """Return a value as RFC 3461 wants it in a parameter: `+` and `=` would be read as something else."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in value)


async def _transfer(connection: SMTP, message: bytes) -> Outcome:
    with _Written(connection) as written:
        try:
            answer: SMTPResponse = await connection.data(message)
        except SMTPResponseException as error:
            # An answer is an answer, before the final dot or after it: the server says that it did not take it.
            return _by_code(error, final=Verdict.REJECTED)
        except (SMTPServerDisconnected, SMTPTimeoutError, OSError) as error:
            return _outcome(Verdict.IN_DOUBT if written.message else Verdict.NOT_SENT, error)
    return Outcome(verdict=Verdict.ACCEPTED, provider_id=None, detail=masked(answer.message))


class _Written:
    """Knows whether the message itself has begun to leave; DATA alone takes nothing over."""

    def __init__(self, connection: SMTP) -> None:
        self._count = 0
        protocol = connection.protocol
        assert protocol is not None
        self._protocol, self._write = protocol, protocol.write

    def __enter__(self) -> "_Written":
        self._protocol.write = self._counted  # type: ignore[method-assign] # the library tells nobody how far it came
        return self

    def __exit__(self, *_: object) -> None:
        self._protocol.write = self._write  # type: ignore[method-assign]

    def _counted(self, data: bytes) -> None:
        self._count += 1
        self._write(data)

    @property
    def message(self) -> bool:
        """Whether anything beyond the DATA command was written."""
        return self._count > 1


def _not_connected(error: Exception) -> Outcome:
    hopeless = (SMTPAuthenticationError, SMTPNotSupported, ssl.SSLError)
    if isinstance(error, hopeless) or isinstance(error.__cause__, ssl.SSLError):
        return _outcome(Verdict.CHANNEL_DOWN, error)
    if isinstance(error, SMTPResponseException) and not isinstance(error, SMTPConnectError):
        return _by_code(error, final=Verdict.CHANNEL_DOWN)
    if isinstance(error, SMTPException) and "STARTTLS" in str(error):
        return _outcome(Verdict.CHANNEL_DOWN, error)
    return _outcome(Verdict.NOT_SENT, error)


def _refused_sender(error: Exception) -> Outcome:
    if isinstance(error, SMTPResponseException):
        # 552 and 554 speak of this message, as of its size; any other refusal would meet every letter alike.
        this_letter = error.code in {552, 554}
        return _by_code(error, final=Verdict.REJECTED if this_letter else Verdict.CHANNEL_DOWN)
    return _outcome(Verdict.NOT_SENT, error)


def _refused_recipient(error: Exception) -> Outcome:
    if isinstance(error, SMTPResponseException):
        return _by_code(error, final=Verdict.REJECTED).model_copy(update={"recipient_only": True})
    return _outcome(Verdict.NOT_SENT, error)


def _by_code(error: SMTPResponseException, final: Verdict) -> Outcome:
    verdict = final if error.code >= 500 else Verdict.NOT_SENT
    return Outcome(verdict=verdict, detail=masked(f"{error.code} {error.message}"))


def _outcome(verdict: Verdict, error: Exception) -> Outcome:
    return Outcome(verdict=verdict, detail=masked(f"{type(error).__name__}: {error}".rstrip(": ")))
