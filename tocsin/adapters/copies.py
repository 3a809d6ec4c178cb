"""Copies of an incident outside the store: files in this home, and what is known of the places that are not here."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from tocsin.adapters.channels import open_posting
from tocsin.adapters.outbox import file_of
from tocsin.adapters.posting import ENTRIES
from tocsin.adapters.spool import WAITING, Aside
from tocsin.adapters.vault import KEPT
from tocsin.domain.act import Envelope
from tocsin.domain.choices import backup_places
from tocsin.domain.erasure import Copy, Fate
from tocsin.domain.errors import Refused
from tocsin.domain.values import IncidentId
from tocsin.ports import Left
from tocsin.settings import Settings


class HomeCopies:
    """Fulfils `ports.Copies` on one home. Another machine's home has its own: erase there, too."""

    def __init__(self, settings: Settings, open_spooled: Callable[[bytes], bytes]) -> None:
        """Take the settings, and what opens a spooled report."""
        self._settings = settings
        self._open_spooled = open_spooled

    def found(self, incident_id: IncidentId, left: Left) -> list[Copy]:
        """Return the files of an incident that are here, counted by place."""
        by_place: dict[tuple[str, str], int] = {}
        for what, path in self._files(incident_id, left):
            place = (what, str(path.parent))
            by_place[place] = by_place.get(place, 0) + 1
        return [
            Copy(what=what, where=where, fate=Fate.DESTROYED, count=count) for (what, where), count in by_place.items()
        ]

    def destroy(self, incident_id: IncidentId, left: Left) -> None:
        """Delete them; what is gone already is gone.

        Raises:
            Refused: if the disk refuses; what was not deleted stays listed.
        """
        posted = [path.stem for what, path in self._files(incident_id, left) if what == _POSTED]
        try:
            for what, path in self._files(incident_id, left):
                if what != _POSTED:
                    path.unlink(missing_ok=True)
            if posted:
                open_posting(self._settings).take_down(posted)
        except OSError as error:
            raise Refused(
                f"{error.filename} was not deleted ({error.strerror}); mend that, and go on: tocsin erase {incident_id}"
            ) from error

    def elsewhere(self, changed_at: datetime, now: datetime) -> list[Copy]:
        """Return what holds copies and is not reached from here."""
        return [*self._temporal(changed_at, now), *self._processes(now), *self._backups(now)]

    def _files(self, incident_id: IncidentId, left: Left) -> Iterator[tuple[str, Path]]:
        home = self._settings.home
        for message_id in left.message_ids:
            path = file_of(self._settings.outbox / "notices", f"Message-ID: {message_id}".encode())
            if path is not None and path.exists():
                yield "letters", path
        for name in left.postings:
            if (path := self._settings.posting / ENTRIES / f"{name}.json").exists():
                yield _POSTED, path
        pack = re.compile(re.escape(incident_id) + r"-\d+\.zip")
        for path in _below(home / "evidence"):
            if pack.fullmatch(path.name):
                yield "evidence packs written when it ended", path
        for path in _below(home / "spool"):
            if path.suffix in {WAITING, *Aside} and self._spooled_for(path) == incident_id:
                yield "spooled reports", path

    def _spooled_for(self, path: Path) -> IncidentId | None:
        try:
            return Envelope.model_validate_json(self._open_spooled(path.read_bytes())).act.incident_id
        except (Refused, ValidationError, OSError):
            return None

    def _temporal(self, changed_at: datetime, now: datetime) -> Iterator[Copy]:
        until = changed_at + timedelta(days=self._settings.retention_days)
        where = f"namespace {self._settings.temporal_namespace}"
        if now < until:
            yield Copy(what="payloads of histories in Temporal", where=where, fate=Fate.UNREADABLE, until=until)
            what = "ids, states and times in Temporal: workflow ids, search attributes"
            yield Copy(what=what, where=where, fate=Fate.OUT_OF_REACH, until=until)

    def _processes(self, now: datetime) -> Iterator[Copy]:
        what = "the opened key in the memory of workers and consoles that used it last"
        yield Copy(what=what, where="running processes", fate=Fate.OUT_OF_REACH, until=now + KEPT)
        if self._settings.database_url.startswith("postgresql"):
            what = "the wrapped key in dead rows and write-ahead logs, until they are vacuumed and recycled"
            yield Copy(what=what, where="PostgreSQL", fate=Fate.OUT_OF_REACH)

    def _backups(self, now: datetime) -> Iterator[Copy]:
        backups = backup_places(self._settings.backups)
        what = "backups, with the wrapped key in them: whoever has a backup of the master keys as well can read them"
        for name, kept in backups.items():
            yield Copy(what=what, where=name, fate=Fate.OUT_OF_REACH, until=now + kept if kept else None)
        if not backups:
            where = "nowhere that TOCSIN_BACKUPS names"
            yield Copy(what="backups, if there are any", where=where, fate=Fate.OUT_OF_REACH)


_POSTED = "public notices on the notice page"


def _below(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []
