"""The mail pager calls a person once for each page, or says that it could not."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from tocsin.adapters.outbox import Outbox
from tocsin.adapters.pager import ChannelPager
from tocsin.domain.errors import Deferred
from tocsin.ports import Page, Pager

TO, SENDER = "on-call@processor.example", "incident-desk@processor.example"


def a_page(**change: Any) -> Page:
    """Return a page about a clock, with some fields changed."""
    values: dict[str, Any] = {
        "key": "clk-1/75 %",
        "subject": "75 %: 18 h left to tell 3 controllers",
        "text": "72 h from confirmation, incident inc-1.\nDo: tocsin show inc-1\n",
        "at": datetime(2026, 11, 20, 22, 10, tzinfo=UTC),
    }
    return Page(**{**values, **change})


def pages(folder: Path) -> list[Path]:
    """Return the pages that were written."""
    return sorted((folder / "pages").glob("*.eml"))


@pytest.fixture
def pager(tmp_path: Path) -> Pager:
    """Return the pager of the embedded default."""
    return ChannelPager(Outbox(tmp_path, "pages"), TO, SENDER)


async def test_page_is_a_plain_mail(pager: Pager, tmp_path: Path) -> None:
    """A page is one plain mail to the on-call address, dated with its own instant."""
    await pager.page(a_page())

    message = message_from_bytes(pages(tmp_path)[0].read_bytes(), policy=SMTP)
    assert (message["To"], message["From"]) == (TO, f"Tocsin <{SENDER}>")
    assert message["Subject"] == a_page().subject
    assert message["Date"] == "Fri, 20 Nov 2026 22:10:00 +0000"
    assert message.get_content_type() == "text/plain"
    assert message.get_content().replace("\r\n", "\n") == a_page().text


async def test_same_key_pages_once(pager: Pager, tmp_path: Path) -> None:
    """The same key again delivers nothing new, even in other words; another key does."""
    await pager.page(a_page())
    before = pages(tmp_path)[0].read_bytes()
    await pager.page(a_page(text="other words\n"))
    await pager.page(a_page(key="clk-1/90 %"))

    assert len(pages(tmp_path)) == 2
    assert before in {path.read_bytes() for path in pages(tmp_path)}


async def test_key_stays_inside(pager: Pager, tmp_path: Path) -> None:
    """A key with path marks in it names no file outside the folder and is not shown."""
    await pager.page(a_page(key="../../etc/cron.d/x"))

    assert len(pages(tmp_path)) == 1
    assert b"cron" not in pages(tmp_path)[0].read_bytes()


async def test_line_break_in_a_subject_does_not_stop_a_page(pager: Pager, tmp_path: Path) -> None:
    """A page is delivered with its subject on one line: calling a person never fails over a line break."""
    await pager.page(a_page(subject="75 %\r\nBcc: mallory@elsewhere.example"))

    message = message_from_bytes(pages(tmp_path)[0].read_bytes(), policy=SMTP)
    assert message["Subject"] == "75 % Bcc: mallory@elsewhere.example"
    assert message["Bcc"] is None


async def test_page_that_cannot_be_delivered_is_deferred(tmp_path: Path) -> None:
    """A channel that does not take the page is reported, to be tried again, with whom to call meanwhile."""
    (tmp_path / "pages").write_text("a file where the folder should be")
    pager = ChannelPager(Outbox(tmp_path, "pages"), TO, SENDER)

    with pytest.raises(Deferred, match="outbox answered channel_down"):
        await pager.page(a_page())
