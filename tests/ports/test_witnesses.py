"""Witnesses: what was handed to one can be asked back, and none lets itself be talked back to a shorter log."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from aiohttp import web

from tests.ports.authority import timestamp_authority
from tests.rules.test_log_tree import INPUTS
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.notary import LogNotary
from tocsin.adapters.outbox import Outbox
from tocsin.adapters.timestamps import TimestampWitness, dated
from tocsin.adapters.witnesses import FileWitness, HttpWitness, MailWitness
from tocsin.audit.entry import leaf_hash
from tocsin.audit.tree import Frontier
from tocsin.domain.errors import Broken, Deferred, Refused

AT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
Serve = Callable[[Callable[[web.Request], Awaitable[web.Response]]], Awaitable[str]]


def head(size: int) -> Frontier:
    """Return the head of a log of so many entries."""
    return Frontier().extended(leaf_hash(content) for content in INPUTS[:size])


@pytest.fixture
def notary(tmp_path: Path) -> LogNotary:
    """Return the notary of a new installation."""
    return LogNotary.of(FileKeyring.create(tmp_path / "keys"))


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Return what starts an HTTP server on loopback and gives its URL."""
    runners: list[web.AppRunner] = []

    async def start(handler: Callable[[web.Request], Awaitable[web.Response]]) -> str:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        runner = web.AppRunner(app)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/log"

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_a_file_holds_the_newest(tmp_path: Path, notary: LogNotary) -> None:
    """The file holds the newest checkpoint, word for word."""
    witness = FileWitness(tmp_path / "volume.txt")
    assert await witness.newest() is None

    for size in (3, 8):
        await witness.pin(notary.sign(head(size)), AT)
        assert await witness.newest() == notary.sign(head(size))
    names = {path.name for path in await asyncio.to_thread(lambda: list(tmp_path.iterdir()))}
    assert names == {"keys", "volume.txt"}  # no draft is left behind


async def test_a_file_keeps_the_longer_log(tmp_path: Path, notary: LogNotary) -> None:
    """A checkpoint of fewer entries, or of another log, does not replace the proof; nor does anything else."""
    witness = FileWitness(tmp_path / "volume.txt")
    await witness.pin(notary.sign(head(8)), AT)

    with pytest.raises(Broken, match="a checkpoint of 8 entries, the log's newest has 3"):
        await witness.pin(notary.sign(head(3)), AT)
    other = LogNotary.of(FileKeyring.create(tmp_path / "other"))
    with pytest.raises(Broken, match="of the log"):
        await witness.pin(other.sign(head(8)), AT)
    assert await witness.newest() == notary.sign(head(8))
    (tmp_path / "volume.txt").write_text("scribble")
    with pytest.raises(Broken, match="no checkpoint"):
        await witness.pin(notary.sign(head(8)), AT)


async def test_a_volume_that_is_not_there(tmp_path: Path, notary: LogNotary) -> None:
    """A place that cannot be written is a reason to try again, and names the setting."""
    with pytest.raises(Deferred, match="TOCSIN_WITNESS_FILE"):
        await FileWitness(tmp_path / "unmounted" / "volume.txt").pin(notary.sign(head(3)), AT)


async def test_an_endpoint_takes_and_gives(serve: Serve, notary: LogNotary) -> None:
    """What was posted comes back by GET, and the answer is the receipt."""
    held: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        if request.method == "POST":
            held.append(await request.text())
            return web.Response(text="cosigned")
        return web.Response(text=held[-1]) if held else web.Response(status=404)

    witness = HttpWitness(await serve(handle))
    assert await witness.newest() is None
    assert await witness.pin(notary.sign(head(3)), AT) == b"cosigned"
    assert await witness.newest() == notary.sign(head(3))


async def test_an_endpoint_that_fails(serve: Serve, notary: LogNotary) -> None:
    """An endpoint that answers with an error, or not at all, is a reason to try again."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=500)

    for url in (await serve(handle), "http://127.0.0.1:9/log"):
        with pytest.raises(Deferred, match="TOCSIN_WITNESS_URL"):
            await HttpWitness(url).pin(notary.sign(head(3)), AT)
        with pytest.raises(Deferred, match="TOCSIN_WITNESS_URL"):
            await HttpWitness(url).newest()


async def test_a_mailbox_gets_each_once(tmp_path: Path, notary: LogNotary) -> None:
    """The checkpoint is mailed as it is, once however often it is tried, and can be taken out of the mail again."""
    witness = MailWitness(Outbox(tmp_path, "pages"), "archive@auditor.example", "desk@processor.example")

    for _ in range(2):
        await witness.pin(notary.sign(head(3)), AT)

    (file,) = (tmp_path / "pages").glob("*.eml")
    mail = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert (mail["To"], mail["Subject"]) == ("archive@auditor.example", "Checkpoint of the audit log: 3 entries")
    body = mail.get_body(("plain",))
    assert body is not None
    note = body.get_content().replace("\r", "").partition("\n\n")[2]
    assert notary.check(note.rstrip("\n") + "\n").size == 3
    assert await witness.newest() is None


@pytest.fixture
def authority(tmp_path: Path) -> Callable[[bytes], bytes]:
    """Return a timestamp authority, run by openssl, with a certificate of its own."""
    return timestamp_authority(tmp_path / "tsa")


async def test_an_authority_dates_the_checkpoint(
    serve: Serve, notary: LogNotary, authority: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """The receipt is the authority's answer: it dates this checkpoint, no other, and openssl verifies it."""

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=authority(await request.read()))

    note = notary.sign(head(3))
    receipt = await TimestampWitness(await serve(handle)).pin(note, AT)

    assert abs((dated(receipt, note) - datetime.now(UTC)).total_seconds()) < 60
    with pytest.raises(Refused, match="something else"):
        dated(receipt, notary.sign(head(8)))
    with pytest.raises(Refused, match="no timestamp"):
        dated(b"nothing", note)
    (tmp_path / "note.txt").write_text(note)
    (tmp_path / "receipt.tsr").write_bytes(receipt)
    verify = ["openssl", "ts", "-verify", "-data", "note.txt", "-in", "receipt.tsr", "-CAfile", "tsa/cert.pem"]
    verified = await asyncio.to_thread(subprocess.run, verify, cwd=tmp_path, check=True, capture_output=True)
    assert b"Verification: OK" in verified.stdout


async def test_an_authority_that_dates_something_else(
    serve: Serve, notary: LogNotary, authority: Callable[[bytes], bytes]
) -> None:
    """An answer to another question, or none at all, is no timestamp of the checkpoint."""
    answers: list[bytes] = []

    async def handle(request: web.Request) -> web.Response:
        answers.append(authority(await request.read()))
        return web.Response(body=answers[0])

    witness = TimestampWitness(await serve(handle))
    await witness.pin(notary.sign(head(3)), AT)
    with pytest.raises(Deferred, match="something else"):
        await witness.pin(notary.sign(head(8)), AT)

    async def scribble(_: web.Request) -> web.Response:
        return web.Response(body=b"hello")

    with pytest.raises(Deferred, match="something else"):
        await TimestampWitness(await serve(scribble)).pin(notary.sign(head(3)), AT)
