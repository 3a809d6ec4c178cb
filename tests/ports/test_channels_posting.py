"""The notice page: one entry however often it is sent, complete or not there at all, and two feeds that show it."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

import pytest

from tests.ports.story import letter as story_letter
from tests.ports.story import notice
from tocsin.adapters import outbox as outbox_module
from tocsin.adapters import posting as posting_module
from tocsin.adapters.posting import Posting
from tocsin.adapters.posting_pages import ATOM, Site
from tocsin.domain.errors import Refused
from tocsin.domain.letter import TOKEN_PLACEHOLDER, Letter
from tocsin.domain.notice import WaveKind
from tocsin.ports import Verdict

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SITE = Site(owner="Operator & Sons", domain="operator.example", url="https://notices.operator.example/notices")


@pytest.fixture
def page(tmp_path: Path) -> Posting:
    """A notice page in an empty folder."""
    return Posting(tmp_path / "posting", SITE)


def public(
    number: int = 1, kind: WaveKind = WaveKind.INITIAL, words: str = "A bucket was open.", **change: str
) -> Letter:
    """Return the public letter of a row; rows of one wave differ in nothing that is read."""
    html = f'<!DOCTYPE html>\n<html lang="en">\n<body>\n<main>\n<p>{words}</p>\n</main>\n</body>\n</html>'
    said = {
        "text": words,
        "html": html,
        "subject": "Security incident notice N-1",
        "to_name": "",
        "to_address": "page-1",
    }
    return story_letter(notice(number)).model_copy(update=said | {"posted_as": kind} | change)


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def test_one_notice_for_all_is_posted_once(page: Posting, tmp_path: Path) -> None:
    """Every row of a wave has the same bytes, and sending them all, and again later, changes nothing on the page."""
    first = await page.send(page.prepare(public(1)), AT)
    after = files(tmp_path)
    assert not await page.lookup(page.prepare(public(words="Another one.")))
    for row in (2, 3, 1):
        again = await page.send(page.prepare(public(row)), AT + timedelta(hours=1))
        assert (again.verdict, again.provider_id) == (Verdict.ACCEPTED, first.provider_id)

    assert files(tmp_path) == after
    assert await page.lookup(page.prepare(public(9)))


async def test_both_feeds_and_the_index_show_it(page: Posting, tmp_path: Path) -> None:
    """JSON Feed and Atom have what each format requires, under ids that last and addresses of the public page."""
    await page.send(page.prepare(public()), AT)
    folder = tmp_path / "posting"

    feed = json.loads((folder / "feed.json").read_text())
    (item,) = feed["items"]
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert (item["content_text"], item["date_published"]) == ("A bucket was open.", "2026-03-02T09:00:00+00:00")
    name = item["url"].removeprefix("https://notices.operator.example/notices/")
    assert "A bucket was open." in (folder / name).read_text()
    assert f'href="{name}"' in (folder / "index.html").read_text()
    assert "<h1>Operator &amp; Sons" in (folder / "index.html").read_text()
    atom = ElementTree.fromstring((folder / "feed.atom").read_bytes())  # noqa: S314 - our own
    found = [atom.findtext(f"{{{ATOM}}}entry/{{{ATOM}}}{name}") for name in ("id", "title", "updated", "content")]
    assert found == [item["id"], item["title"], item["date_modified"], item["content_text"]]
    assert atom.findtext(f"{{{ATOM}}}author/{{{ATOM}}}name") == "Operator & Sons"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (WaveKind.FOLLOW_UP, "There is a newer notice"),
        (WaveKind.CORRECTION, "This notice was corrected"),
        (WaveKind.WITHDRAWAL, "This notice was withdrawn"),
    ],
)
async def test_what_follows_stands_above_what_it_follows(
    page: Posting, tmp_path: Path, kind: WaveKind, words: str
) -> None:
    """An earlier notice stays readable, and says that, and by what, it was overtaken; another incident's does not."""
    await page.send(page.prepare(public()), AT)
    await page.send(page.prepare(public(words="Elsewhere.", to_address="page-2")), AT)
    await page.send(page.prepare(public(kind=kind, words="The next.")), AT + timedelta(hours=1))

    notices = [path.read_text() for path in (tmp_path / "posting").glob("?" * 20 + ".html")]
    said = {next(w for w in ("A bucket", "Elsewhere", "The next") if w in text): words in text for text in notices}
    assert said == {"A bucket": True, "Elsewhere": False, "The next": False}


async def test_a_crash_before_the_end_is_made_good(
    page: Posting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever file a crash comes before, the entry is not there yet, and sending again leaves the page whole."""
    whole: Callable[[Path, bytes], None] = outbox_module.write_whole
    prepared = page.prepare(public())
    for survive in range(4):
        written: list[Path] = []

        def crash(path: Path, content: bytes, written: list[Path] = written, survive: int = survive) -> None:
            if len(written) == survive:
                _die()
            written.append(path)
            whole(path, content)

        monkeypatch.setattr(posting_module, "write_whole", crash)
        with pytest.raises(KeyboardInterrupt):
            page._send(prepared, AT)
        assert not await page.lookup(prepared)
    monkeypatch.setattr(posting_module, "write_whole", whole)
    assert (await page.send(prepared, AT)).verdict is Verdict.ACCEPTED
    assert {"index.html", "feed.json", "feed.atom"} <= {path.name for path in (tmp_path / "posting").iterdir()}


async def test_a_full_disk_stops_the_channel(page: Posting, tmp_path: Path) -> None:
    """A folder that cannot be written is the channel's trouble, not the notice's: it waits, and a person is paged."""
    (tmp_path / "posting").write_text("a file where the folder should be")

    outcome = await page.send(page.prepare(public()), AT)

    assert (outcome.verdict, "cannot be written" in outcome.detail) == (Verdict.CHANNEL_DOWN, True)


async def test_many_workers_lose_no_entry(tmp_path: Path) -> None:
    """Workers that post different notices at the same time all end up in the index."""
    pages = [Posting(tmp_path / "posting", SITE) for _ in range(8)]
    letters = [public(words=f"Notice {n}.", to_address=f"page-{n}") for n in range(8)]

    await asyncio.gather(*(page.send(page.prepare(one), AT) for page, one in zip(pages, letters, strict=True)))

    assert len(json.loads((tmp_path / "posting" / "feed.json").read_text())["items"]) == 8


@pytest.mark.parametrize("change", [{"posted_as": None}, {"text": TOKEN_PLACEHOLDER}])
def test_a_letter_to_one_recipient_is_never_posted(page: Posting, change: dict[str, str | None]) -> None:
    """A letter that was written to a party, or holds a link of its own, is refused for the page."""
    with pytest.raises(Refused, match="no letter for the notice page"):
        page.prepare(public().model_copy(update=change))


def _die() -> NoReturn:
    raise KeyboardInterrupt
