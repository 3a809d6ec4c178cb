"""The outbox keeps a channel's promises: exact bytes, whole files, one per letter, nothing forged."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from tocsin.adapters.outbox import Outbox
from tocsin.domain.errors import Refused
from tocsin.domain.letter import Letter
from tocsin.domain.values import NoticeId
from tocsin.ports import Channel, Verdict

AT = datetime(2026, 11, 20, 22, 10, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
NAME = "ntc-birchbirchbirch1.eml"


def a_letter(**change: Any) -> Letter:
    """Return a letter to Birch Clinic, with some fields changed."""
    values: dict[str, Any] = {
        "from_name": "Incident desk",
        "from_address": "incident-desk@processor.example",
        "reply_to": "replies@processor.example",
        "to_name": "Privacy desk, Birch Clinic",
        "to_address": "privacy@birch.example",
        "subject": "Security incident notice N-7Q2F-M3KD under agreement BIRCH-2024",
        "text": "Dear Ms Öz,\n\nplain words.\n.\nFrom here on.\n",
        "html": "<p>Dear Ms Öz,</p>\n",
        "language": "en",
        "message_id": "<ntc-birchbirchbirch1@processor.example>",
        "in_reply_to": "<ntc-birchbirchbirch0@processor.example>",
        "notice_number": "N-7Q2F-M3KD",
        "notice_id": NoticeId("ntc-birchbirchbirch1"),
    }
    return Letter(**{**values, **change})


def parsed(content: bytes) -> EmailMessage:
    """Return what a mail program makes of the bytes."""
    message = message_from_bytes(content, policy=SMTP)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def names(folder: Path) -> list[str]:
    """Return the names of all files in a folder, hidden ones included."""
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def outbox(tmp_path: Path) -> Channel:
    """Return an outbox whose folder does not exist yet."""
    return Outbox(tmp_path / "outbox")


@pytest.fixture
def notices(tmp_path: Path) -> Path:
    """Return the folder that the outbox writes to."""
    return tmp_path / "outbox" / "notices"


def test_same_letter_gives_the_same_bytes(outbox: Channel) -> None:
    """Preparing twice gives equal bytes, without a date in them."""
    prepared = outbox.prepare(a_letter())

    assert prepared == outbox.prepare(a_letter())
    assert "Date" not in parsed(prepared)


def test_headers_are_exact(outbox: Channel) -> None:
    """The message carries these headers and no others."""
    message = parsed(outbox.prepare(a_letter()))

    assert {name: str(value) for name, value in message.items()} == {
        "From": "Incident desk <incident-desk@processor.example>",
        "To": '"Privacy desk, Birch Clinic" <privacy@birch.example>',
        "Reply-To": "replies@processor.example",
        "Subject": "Security incident notice N-7Q2F-M3KD under agreement BIRCH-2024",
        "Message-ID": "<ntc-birchbirchbirch1@processor.example>",
        "In-Reply-To": "<ntc-birchbirchbirch0@processor.example>",
        "References": "<ntc-birchbirchbirch0@processor.example>",
        "Auto-Submitted": "auto-generated",
        "X-Tocsin-Notice": "N-7Q2F-M3KD",
        "MIME-Version": "1.0",
        "Content-Type": message["Content-Type"],
    }


def test_first_letter_refers_to_nothing(outbox: Channel) -> None:
    """Without an earlier letter, or an address for replies, those headers are absent."""
    message = parsed(outbox.prepare(a_letter(in_reply_to=None, reply_to=None)))

    assert not {"In-Reply-To", "References", "Reply-To"} & set(message)


def test_parts_are_plain_then_html(outbox: Channel) -> None:
    """A mail program finds the plain text first and both parts word for word."""
    message = parsed(outbox.prepare(a_letter()))

    kinds = [part.get_content_type() for part in message.iter_parts()]
    contents = [part.get_content().replace("\r\n", "\n") for part in message.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
    assert contents == [a_letter().text, a_letter().html]


def test_only_ascii_and_short_lines_travel(outbox: Channel) -> None:
    """Whatever a letter holds, each line is ASCII, ends in CR LF and is short enough for every server."""
    prepared = outbox.prepare(a_letter(text="ä" * 5000 + "\nx\n", to_name="Öz " * 40, html="<p>" + "y" * 5000 + "</p>"))

    assert prepared.isascii()
    assert b"\n" not in prepared.replace(b"\r\n", b"")
    assert max(map(len, prepared.split(b"\r\n"))) <= 78


def test_letter_cannot_hold_its_own_boundary(outbox: Channel) -> None:
    """A letter that quotes the boundary of its own message stays one letter of two parts."""
    boundary = parsed(outbox.prepare(a_letter())).get_boundary()
    text = f"before\n--{boundary}\nContent-Type: text/html\n\n--{boundary}--\nafter\n"

    message = parsed(outbox.prepare(a_letter(text=text)))

    parts = list(message.iter_parts())
    assert message.get_boundary() == boundary
    assert len(parts) == 2
    assert parts[0].get_content().replace("\r\n", "\n") == text


def test_foreign_domain_travels_in_ascii(outbox: Channel) -> None:
    """A domain outside ASCII is written in its A-label form."""
    assert parsed(outbox.prepare(a_letter(to_address="desk@bücher.example")))["To"].addresses[0].domain == (
        "xn--bcher-kva.example"
    )


def test_longest_ids_survive(outbox: Channel) -> None:
    """The longest Message-IDs that are taken come out as they went in."""
    letter_id = f"<{'a' * 54}@{'b' * 11}.example>"
    message = parsed(outbox.prepare(a_letter(message_id=letter_id, in_reply_to=letter_id)))

    assert len(letter_id) == 76
    assert [str(message[name]).strip() for name in ("Message-ID", "In-Reply-To", "References")] == [letter_id] * 3


@pytest.mark.parametrize("evil", ["a\nBcc: m@elsewhere.example", "a\r\nb", "a\rb", "a\x00b", "a\u2028b", "a\ud800b"])
@pytest.mark.parametrize("field", ["from_name", "to_name", "subject", "notice_number"])
def test_line_breaks_in_headers_are_refused(outbox: Channel, field: str, evil: str) -> None:
    """No value with a line break or control character becomes a header."""
    with pytest.raises(Refused, match=field):
        outbox.prepare(a_letter().model_copy(update={field: evil}))


@pytest.mark.parametrize(
    "evil",
    [
        "mallory",
        "a@b@birch.example",
        "a b@birch.example",
        "evil\r\nBcc: v@birch.example",
        "a@birch.example, b@birch.example",
        "Mallory <m@birch.example>",
        "",
        "ö@birch.example",
        "a@-birch.example",
        "a@birch.example\n",
    ],
)
@pytest.mark.parametrize("field", ["to_address", "from_address", "reply_to"])
def test_what_is_no_address_is_refused(outbox: Channel, field: str, evil: str) -> None:
    """An address that is none, or that many servers refuse, is refused without being repeated."""
    with pytest.raises(Refused, match=f"{field} of notice N-7Q2F-M3KD") as caught:
        outbox.prepare(a_letter(**{field: evil}))

    assert "birch.example" not in str(caught.value)


@pytest.mark.parametrize(
    "evil",
    ["<../../x@p.example>", "<.x@p.example>", "x@p.example", "<x y@p.example>", "<x@p.example>\n", f"<{'a' * 80}@p>"],
)
def test_odd_message_ids_are_refused(outbox: Channel, evil: str) -> None:
    """A Message-ID that could name another file, or would not survive its header, is refused."""
    with pytest.raises(Refused, match="message_id"):
        outbox.prepare(a_letter(message_id=evil))


def test_text_that_is_no_text_is_refused(outbox: Channel) -> None:
    """Half a surrogate pair in the text is refused, not sent as something else."""
    with pytest.raises(Refused, match="N-7Q2F-M3KD"):
        outbox.prepare(a_letter().model_copy(update={"text": "\ud800"}))


async def test_file_is_the_date_and_the_prepared_bytes(outbox: Channel, notices: Path) -> None:
    """Sending writes exactly the released bytes under a Date line of the instant passed in, for the owner only."""
    prepared = outbox.prepare(a_letter())

    outcome = await outbox.send(prepared, AT.astimezone(timezone(timedelta(hours=5))))

    path = notices / NAME
    assert (outcome.verdict, outcome.provider_id) == (Verdict.ACCEPTED, NAME)
    assert path.read_bytes() == b"Date: Fri, 20 Nov 2026 22:10:00 +0000\r\n" + prepared
    assert path.stat().st_mode & 0o077 == 0
    assert names(notices) == [NAME]


async def test_sending_again_changes_nothing(outbox: Channel, notices: Path) -> None:
    """The same letter sent again is accepted, and the first file stays as it was."""
    prepared = outbox.prepare(a_letter())
    await outbox.send(prepared, AT)
    before = (notices / NAME).read_bytes()

    again = await outbox.send(prepared, LATER)

    assert (again.verdict, again.provider_id) == (Verdict.ACCEPTED, NAME)
    assert (notices / NAME).read_bytes() == before
    assert names(notices) == [NAME]


async def test_sending_at_once_leaves_one_file(outbox: Channel, notices: Path) -> None:
    """Several sendings of one letter at the same time all succeed and leave one whole file."""
    prepared = outbox.prepare(a_letter())

    outcomes = await asyncio.gather(*(outbox.send(prepared, AT) for _ in range(20)))

    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
    assert names(notices) == [NAME]
    assert (notices / NAME).read_bytes().endswith(prepared)


async def test_other_words_under_one_id_are_rejected(outbox: Channel, notices: Path) -> None:
    """A different letter under a Message-ID that was sent does not replace the first."""
    await outbox.send(outbox.prepare(a_letter()), AT)
    before = (notices / NAME).read_bytes()

    outcome = await outbox.send(outbox.prepare(a_letter(text="other words\n")), AT)

    assert outcome.verdict is Verdict.REJECTED
    assert (notices / NAME).read_bytes() == before


async def test_lookup_tells_what_was_taken(outbox: Channel) -> None:
    """Before sending the answer is no, afterwards it is yes, and for bytes without an id nobody can tell."""
    prepared = outbox.prepare(a_letter())
    before = await outbox.lookup(prepared)
    await outbox.send(prepared, AT)

    assert (before, await outbox.lookup(prepared), await outbox.lookup(b"")) == (False, True, None)


async def test_bytes_without_an_id_are_rejected(outbox: Channel) -> None:
    """Bytes that no outbox prepared are rejected instead of written somewhere; an id in the body does not count."""
    assert (await outbox.send(b"", AT)).verdict is Verdict.REJECTED
    assert (await outbox.send(b"To: x\r\n\r\nMessage-ID: <x@y>\r\n", AT)).verdict is Verdict.REJECTED
    assert (await outbox.send(b"Message-ID: <../../x@y>\r\n\r\n", AT)).verdict is Verdict.REJECTED


async def test_unwritable_folder_is_not_sent(tmp_path: Path) -> None:
    """A disk that refuses means that the channel is down, which pages a person, with the fix."""
    (tmp_path / "outbox").write_text("a file where the folder should be")
    channel = Outbox(tmp_path / "outbox")

    outcome = await channel.send(channel.prepare(a_letter()), AT)

    assert outcome.verdict is Verdict.CHANNEL_DOWN
    assert "check space and rights" in outcome.detail


async def test_naive_instant_is_refused(outbox: Channel) -> None:
    """A date without a zone is no instant."""
    with pytest.raises(ValueError, match="no time zone"):
        await outbox.send(outbox.prepare(a_letter()), datetime(2026, 11, 20))  # noqa: DTZ001


CRASH = """
import asyncio, os, pathlib, sys
from datetime import UTC, datetime
from tocsin.adapters.outbox import Outbox

folder, prepared, deed, times = sys.argv[1], pathlib.Path(sys.argv[2]).read_bytes(), sys.argv[3], int(sys.argv[4])
calls = 0
real = {"fsync": os.fsync, "replace": os.replace}[deed]

def die(*args, **named):
    global calls
    calls += 1
    if calls == times:
        os.kill(os.getpid(), 9)
    return real(*args, **named)

setattr(os, deed, die)
asyncio.run(Outbox(pathlib.Path(folder)).send(prepared, datetime(2026, 11, 20, tzinfo=UTC)))
"""


def crash(folder: Path, prepared: Path, deed: str, times: int) -> int:
    """Send in a process of its own that is killed at the given deed; return how it ended."""
    command = [sys.executable, "-c", CRASH, str(folder), str(prepared), deed, str(times)]
    return subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": str(Path.cwd())}).returncode


@pytest.mark.parametrize(
    ("deed", "times", "complete"), [("fsync", 1, False), ("replace", 1, False), ("fsync", 2, True)]
)
async def test_killed_at_any_point_leaves_all_or_nothing(tmp_path: Path, deed: str, times: int, complete: bool) -> None:
    """A process killed before, at or after the renaming leaves no half letter, and sending again leaves one."""
    channel, notices = Outbox(tmp_path / "outbox"), tmp_path / "outbox" / "notices"
    prepared = channel.prepare(a_letter())
    (tmp_path / "prepared").write_bytes(prepared)

    died = crash(tmp_path / "outbox", tmp_path / "prepared", deed, times)

    assert died == -signal.SIGKILL
    assert await channel.lookup(prepared) is complete
    assert (await channel.send(prepared, LATER)).verdict is Verdict.ACCEPTED
    assert [name for name in names(notices) if name.endswith(".eml")] == [NAME]
    assert (notices / NAME).read_bytes().partition(b"\r\n")[2] == prepared


async def test_nobody_elses_data_is_in_a_file(outbox: Channel, notices: Path) -> None:
    """Letters to two controllers are two files, and neither file knows of the other controller."""
    cedar = a_letter(
        to_name="Cedar Bank",
        to_address="desk@cedar.example",
        text="Dear Cedar\n",
        html="<p>Dear Cedar</p>",
        message_id="<ntc-cedarcedarcedar1@processor.example>",
        notice_id=NoticeId("ntc-cedarcedarcedar1"),
    )
    for letter in (a_letter(), cedar):
        await outbox.send(outbox.prepare(letter), AT)

    birch_file, cedar_file = (notices / NAME).read_bytes().lower(), (notices / "ntc-cedarcedarcedar1.eml").read_bytes()
    assert b"cedar" not in birch_file
    assert b"privacy@birch" not in cedar_file.lower()
