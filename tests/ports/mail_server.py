"""Mail servers on loopback: a real one that keeps what it took, and one that fails where a test says so."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Kept:
    """Keeps the envelopes and messages that a real server took."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.tls: list[bool] = []
        self.connections: set[object] = set()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message."""
        self.envelopes.append(envelope)
        self.tls.append(session.ssl is not None)
        self.connections.add(session.peer)
        return "250 2.0.0 taken as 4711"


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return the contexts of a server with a certificate of its own for 127.0.0.1, and of a client that trusts it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))


@asynccontextmanager
async def real(kept: Kept, tls: ssl.SSLContext | None = None, password: str | None = None) -> AsyncIterator[int]:
    """Run aiosmtpd on a free port; with `password` it wants one, over TLS only."""

    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: object) -> AuthResult:
        given = getattr(data, "password", b"")
        return AuthResult(success=given == (password or "").encode(), handled=False)

    def protocol() -> SMTP:
        return SMTP(
            kept,
            hostname="mail.example",
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=password is not None,
            authenticator=authenticate,
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


class Commands(list[str]):
    """The commands that came, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.more = asyncio.Event()
        self.ended = asyncio.Event()
        """Set when the client has gone."""

    async def until(self, command: str) -> None:
        """Wait until a command has come."""
        while command not in self:
            await asyncio.wait_for(self.more.wait(), 30)
            self.more.clear()


@asynccontextmanager
async def scripted(script: dict[str, str]) -> AsyncIterator[tuple[int, Commands]]:
    """Run a server that answers each command as `script` says; yield its port and the commands that came.

    Keys are the first word of a command, `greeting` or `dot` (the end of a message). An answer of `drop` ends the
    connection, `hang` says nothing; what is not scripted goes well. DSN is offered.
    """
    came = Commands()
    opened: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        answers = {
            "greeting": "220 mail.example",
            "EHLO": "250-mail.example\r\n250 DSN",
            "DATA": "354 go on",
            "QUIT": "221 bye",
        } | script
        if not await _answer(writer, answers["greeting"]):
            return
        message = False
        while line := await reader.readline():
            text = line.decode().rstrip("\r\n")
            if message and text != ".":
                continue
            word = "dot" if message else text.partition(" ")[0].upper()
            came.append("." if message else text)
            came.more.set()
            answer = answers.get(word, "250 ok")
            message = word == "DATA" and answer.startswith("354")
            if not await _answer(writer, answer):
                return
        came.ended.set()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], came
        for writer in opened:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _answer(writer: asyncio.StreamWriter, answer: str) -> bool:
    if answer == "hang":
        return True
    if answer == "drop":
        writer.close()
        return False
    writer.write(answer.encode() + b"\r\n")
    await writer.drain()
    return True
