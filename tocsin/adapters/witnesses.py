"""Witnesses: where the newest checkpoint of the log is kept beyond the reach of whoever holds the store.

A file on another volume and an HTTP endpoint can be asked for what they hold; mail and timestamps are kept by others.
"""

import asyncio
import hashlib
import os
import secrets
from datetime import datetime
from pathlib import Path

import aiohttp

from tocsin.audit.checkpoint import Checkpoint, Note
from tocsin.domain.errors import Broken, Deferred
from tocsin.domain.letter import Letter
from tocsin.domain.values import NoticeId
from tocsin.ports import Channel, Verdict

_MOST_BYTES = 64 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_NONE_YET = (204, 404, 405)


class FileWitness:
    """Keeps the newest checkpoint in one file, written whole or not at all."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def pin(self, note: str, at: datetime) -> bytes:
        """Replace what the file holds.

        Raises:
            Deferred: if it cannot be written.
            Broken: if it holds a checkpoint of more entries: that is kept, as proof.
        """
        return await asyncio.to_thread(self._pin, note)

    async def newest(self) -> str | None:
        """Return what the file holds, None if there is none yet. Raises Deferred if it cannot be read."""
        return await asyncio.to_thread(self._read)

    def _pin(self, note: str) -> bytes:
        held = self._read()
        if held is not None:
            _refuse_going_back(held, note, str(self._path))
        draft = self._path.with_name(f".{self._path.name}-{secrets.token_hex(4)}")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(note)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise Deferred(f"{self._path} cannot be written: {error.strerror}; see TOCSIN_WITNESS_FILE") from error
        return b""

    def _read(self) -> str | None:
        try:
            return self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Deferred(f"{self._path} cannot be read: {error.strerror}; see TOCSIN_WITNESS_FILE") from error


class HttpWitness:
    """Posts the checkpoint to an endpoint, and asks it with GET for the newest one that it holds."""

    name = "http"

    def __init__(self, url: str) -> None:
        self._url = url

    async def pin(self, note: str, at: datetime) -> bytes:
        """Post the checkpoint and return what was answered, such as a cosignature.

        Raises:
            Deferred: if it cannot be reached or does not answer with success.
        """
        try:
            async with aiohttp.ClientSession(timeout=_TIMEOUT) as http:
                headers = {"Content-Type": "text/plain; charset=utf-8"}
                async with http.post(self._url, data=note.encode(), headers=headers) as answer:
                    if not answer.ok:
                        raise Deferred(f"the endpoint answered {answer.status}; see TOCSIN_WITNESS_URL")
                    return await answer.content.read(_MOST_BYTES)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Deferred(f"the endpoint cannot be reached: {type(error).__name__}; see TOCSIN_WITNESS_URL") from error

    async def newest(self) -> str | None:
        """Return what it holds; None if it says that it holds none, or cannot be asked. Raises Deferred."""
        try:
            async with aiohttp.ClientSession(timeout=_TIMEOUT) as http, http.get(self._url) as answer:
                if answer.status in _NONE_YET:
                    return None
                if not answer.ok:
                    raise Deferred(f"the endpoint answered {answer.status}; see TOCSIN_WITNESS_URL")
                return (await answer.content.read(_MOST_BYTES)).decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Deferred(f"the endpoint cannot be reached: {type(error).__name__}; see TOCSIN_WITNESS_URL") from error


class MailWitness:
    """Sends the checkpoint to a mail address by the channel of pages: the mailbox is the witness."""

    name = "mail"

    def __init__(self, channel: Channel, to: str, sender: str) -> None:
        self._channel = channel
        self._to = to
        self._sender = sender

    async def pin(self, note: str, at: datetime) -> bytes:
        """Send the checkpoint, once as far as the channel can tell. Raises Deferred if it was not taken."""
        prepared = self._channel.prepare(self._letter(note))
        if await self._channel.lookup(prepared):
            return b""
        outcome = await self._channel.send(prepared, at)
        if outcome.verdict is not Verdict.ACCEPTED:
            raise Deferred(f"{self._channel.name} answered {outcome.verdict}; see TOCSIN_WITNESS_MAIL")
        return (outcome.provider_id or "").encode()

    async def newest(self) -> str | None:
        """Return None: a mailbox is read by people, who give it to `tocsin log check`."""
        return None

    def _letter(self, note: str) -> Letter:
        checkpoint = Checkpoint.from_text(Note.parse(note).text)
        name = f"checkpoint-{hashlib.sha256(note.encode()).hexdigest()[:32]}"
        return Letter(
            from_name="Tocsin",
            from_address=self._sender,
            reply_to=None,
            to_name="",
            to_address=self._to,
            subject=f"Checkpoint of the audit log: {checkpoint.size} entries",
            text=f"Keep this mail. To compare the log with it, save the lines below the next one: tocsin log check FILE"
            f"\n\n{note}",
            html="",
            language="en",
            message_id=f"<{name}@tocsin>",
            notice_number=name,
            notice_id=NoticeId(name),
        )


def _refuse_going_back(held: str, note: str, where: str) -> None:
    try:
        before = Checkpoint.from_text(Note.parse(held).text)
    except ValueError as error:
        raise Broken(f"{where} holds something that is no checkpoint; look at it, and move it away") from error
    after = Checkpoint.from_text(Note.parse(note).text)
    if before.origin != after.origin:
        raise Broken(f"{where} holds a checkpoint of the log {before.origin}; give each log a place of its own")
    if before.size > after.size:
        raise Broken(f"{where} holds a checkpoint of {before.size} entries, the log's newest has {after.size}")
