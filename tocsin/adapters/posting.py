"""The notice page: public notices in a folder, as pages and as feeds, for clauses that allow notice by posting.

A posting is one notice to everybody, so all rows of a wave in one language carry the same words, and are one entry.
An entry's file is written last: where it is, the pages and feeds that show it are complete.
"""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from tocsin.adapters.outbox import write_whole
from tocsin.adapters.posting_pages import Entry, Site, file_of, pages
from tocsin.domain.clause import Method
from tocsin.domain.errors import Refused
from tocsin.domain.letter import TOKEN_PLACEHOLDER, Letter
from tocsin.domain.values import as_utc
from tocsin.ports import Outcome, Verdict

ENTRIES = "entries"
READABLE = 0o644
"""Pages are for everybody; a web server of another user may show them."""


class Posting:
    """Writes public notices below a folder; fulfils `ports.Channel`. An entry stays until its incident is erased."""

    name = str(Method.POSTING)
    reports_delivery = False

    def __init__(self, folder: Path, site: Site) -> None:
        self._folder = folder
        self._site = site

    def prepare(self, letter: Letter) -> bytes:
        """Return the entry of a public letter; letters of the same words on the same page give the same bytes.

        Raises:
            Refused: if it is no letter for the page, or holds somebody's own link.
        """
        return prepared_entry(letter)

    async def send(self, prepared: bytes, at: datetime) -> Outcome:
        """Put the entry on the page, dated `at`; one that is there already is accepted as it stands."""
        return await asyncio.to_thread(self._send, prepared, as_utc(at))

    async def lookup(self, prepared: bytes) -> bool | None:
        """Say whether the entry is there, and so on every page and in both feeds."""
        return await asyncio.to_thread(self._path(prepared).exists)

    async def close(self) -> None:
        """Do nothing: a folder holds no connection."""

    def take_down(self, names: Collection[str]) -> None:
        """Delete the entries of these names, and show the others only; for an incident that is erased.

        Raises:
            OSError: if the disk refuses. An entry's own file goes last, so that doing it again ends it.
        """
        with self._alone():
            entries = {path: Entry.model_validate_json(path.read_bytes()) for path in self._paths()}
            gone = {path: entry for path, entry in entries.items() if path.stem in names}
            self._show([entry for path, entry in entries.items() if path not in gone])
            for path, entry in gone.items():
                (self._folder / file_of(entry)).unlink(missing_ok=True)
                path.unlink(missing_ok=True)

    def _send(self, prepared: bytes, at: datetime) -> Outcome:
        path = self._path(prepared)
        try:
            with self._alone():
                if path.exists():
                    return Outcome(verdict=Verdict.ACCEPTED, provider_id=path.stem, detail="was there already")
                self._post(Entry.model_validate_json(prepared).model_copy(update={"posted_at": at}), path)
        except OSError as error:
            said = error.strerror or type(error).__name__
            detail = f"the folder of the notice page cannot be written ({said}); check space and rights"
            return Outcome(verdict=Verdict.CHANNEL_DOWN, detail=detail)
        except ValidationError:
            return Outcome(verdict=Verdict.REJECTED, detail="the stored notice is no entry of the page; draft again")
        return Outcome(verdict=Verdict.ACCEPTED, provider_id=path.stem)

    def _post(self, entry: Entry, path: Path) -> None:
        self._show([*(Entry.model_validate_json(one.read_bytes()) for one in self._paths()), entry])
        write_whole(path, entry.model_dump_json(indent=1).encode())

    def _show(self, entries: Sequence[Entry]) -> None:
        for name, content in pages(self._site, entries):
            write_whole(self._folder / name, content)
            (self._folder / name).chmod(READABLE)

    def _paths(self) -> list[Path]:
        return sorted((self._folder / ENTRIES).glob("*.json"))

    def _path(self, prepared: bytes) -> Path:
        return self._folder / ENTRIES / f"{entry_id(prepared)}.json"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep the other workers on this folder waiting: each of them writes the pages anew from all entries."""
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def prepared_entry(letter: Letter) -> bytes:
    """Return a public letter as the entry that the page is given; nothing in it tells one recipient from another.

    Raises:
        Refused: if it is no letter for the page, or holds somebody's own link.
    """
    if letter.posted_as is None or TOKEN_PLACEHOLDER in letter.text + letter.html:
        raise Refused(f"notice {letter.notice_number} is no letter for the notice page; it names its recipient")
    entry = Entry(
        page=letter.to_address,
        kind=letter.posted_as,
        language=letter.language,
        title=letter.subject,
        text=letter.text,
        html=letter.html,
    )
    return entry.canonical()


def entry_id(prepared: bytes) -> str:
    """Return the name of an entry, made from its words: the same notice is posted once, however often it is sent."""
    return f"n-{hashlib.sha256(prepared).hexdigest()[:20]}"
