"""The outbox channel: each letter becomes one `.eml` file in a folder, complete or not there at all.

The file's name comes from the Message-ID, so sending the same letter twice leaves one file.
"""

import asyncio
import hashlib
import os
import re
import tempfile
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from tocsin.adapters.headers import checked
from tocsin.domain.errors import Refused
from tocsin.domain.letter import Letter
from tocsin.domain.values import as_utc
from tocsin.ports import Outcome, Verdict

_MESSAGE_ID_LINE = re.compile(rb"^Message-ID:\s*<([A-Za-z0-9_-][A-Za-z0-9._-]*)@", re.MULTILINE | re.IGNORECASE)


class Outbox:
    """Writes letters to `<folder>/<shelf>/`; fulfils `ports.Channel`."""

    name = "outbox"
    reports_delivery = False

    def __init__(self, folder: Path, shelf: str = "notices") -> None:
        self._folder = folder / shelf

    def prepare(self, letter: Letter) -> bytes:
        """Return the letter as an RFC 5322 message without its Date line; the same letter gives the same bytes.

        Raises:
            Refused: if a header value or address could not be carried unchanged.
        """
        return prepared_mail(letter)

    async def send(self, prepared: bytes, at: datetime) -> Outcome:
        """Write the message with `at` as its Date. A file that is there already with the same body is accepted."""
        return await asyncio.to_thread(self._send, prepared, as_utc(at))

    async def lookup(self, prepared: bytes) -> bool | None:
        """Say whether a file under these bytes' Message-ID is there; None if they have none."""
        path = self._path(prepared)
        return None if path is None else await asyncio.to_thread(path.exists)

    async def close(self) -> None:
        """Do nothing: a folder holds no connection."""

    def _send(self, prepared: bytes, at: datetime) -> Outcome:
        path = self._path(prepared)
        if path is None:
            return Outcome(verdict=Verdict.REJECTED, detail="the stored message has no usable Message-ID; draft again")
        try:
            if path.exists():
                return _already(path, prepared)
            write_whole(path, f"Date: {format_datetime(at)}\r\n".encode() + prepared)
        except OSError as error:
            # No letter would fare better: the wave pages a person, and goes on by itself once the disk is mended.
            return Outcome(verdict=Verdict.CHANNEL_DOWN, detail=_disk_trouble(error))
        return Outcome(verdict=Verdict.ACCEPTED, provider_id=path.name)

    def _path(self, prepared: bytes) -> Path | None:
        return file_of(self._folder, prepared.partition(b"\r\n\r\n")[0])


def file_of(shelf: Path, head: bytes) -> Path | None:
    """Return where a shelf of an outbox keeps the mail with these headers; None if their Message-ID is of no use."""
    found = _MESSAGE_ID_LINE.search(head)
    return shelf / f"{found[1].decode()}.eml" if found else None


def prepared_mail(letter: Letter) -> bytes:
    """Return a letter, checked, as RFC 5322 bytes without a Date line.

    Raises:
        Refused: if a header value or address could not be carried unchanged.
    """
    try:
        return message_bytes(checked(letter))
    except (ValueError, UnicodeError) as error:
        raise Refused(
            f"notice {letter.notice_number} cannot be written as a mail ({type(error).__name__}); "
            "look for unusual characters in its names, subject and text"
        ) from None


def message_bytes(letter: Letter) -> bytes:
    """Return a checked letter as RFC 5322 bytes: plain text first, then HTML if it has any, and no Date line."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(letter.from_name, addr_spec=letter.from_address)
    message["To"] = Address(letter.to_name, addr_spec=letter.to_address)
    for name, value in _plain_headers(letter).items():
        message[name] = value
    message.set_content(letter.text, cte="quoted-printable")
    if letter.html:
        message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
        message.set_boundary(_boundary(letter.message_id))
    return message.as_bytes()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a crash at any point leaves it complete or absent. Only its owner may read it.

    Raises:
        OSError: if the disk refuses.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # Without this a power cut may forget the new name although the content is on the disk.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _already(path: Path, prepared: bytes) -> Outcome:
    if path.read_bytes().partition(b"\r\n")[2] == prepared:
        return Outcome(verdict=Verdict.ACCEPTED, provider_id=path.name, detail="was there already")
    return Outcome(
        verdict=Verdict.REJECTED,
        provider_id=path.name,
        detail=f"{path.name} is there already with another body; compare the two before anything is sent again",
    )


def _disk_trouble(error: OSError) -> str:
    return f"the outbox folder cannot be written ({error.strerror or type(error).__name__}); check space and rights"


def _plain_headers(letter: Letter) -> dict[str, str]:
    headers = {
        "Reply-To": letter.reply_to,
        "Subject": letter.subject,
        "Message-ID": letter.message_id,
        "In-Reply-To": letter.in_reply_to,
        "References": letter.thread,
        "Auto-Submitted": "auto-generated",
        "X-Tocsin-Notice": letter.notice_number,
    }
    return {name: value for name, value in headers.items() if value is not None}


def _boundary(message_id: str) -> str:
    # "=_" never occurs in quoted-printable text, so no letter can contain its own boundary.
    return "=_" + hashlib.sha256(message_id.encode()).hexdigest()[:32]
