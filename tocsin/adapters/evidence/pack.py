"""Reading an evidence folder that anybody may have changed: nothing in it is believed, least of all a file name."""

import hashlib
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.layout import DutyRecord, LedgerRow, LedgerWave, LogHead, TimelineItem
from tocsin.adapters.evidence.result import Finding
from tocsin.audit.entry import Entry
from tocsin.audit.tree import Frontier
from tocsin.audit.verify import StoredEntry, Verdict, verify
from tocsin.domain.act import Envelope, TaskDone
from tocsin.domain.clause import Method
from tocsin.domain.clock import ClockRow
from tocsin.domain.hold import Hold
from tocsin.domain.incident import Facts
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.notice import ContactRole, NoticeState
from tocsin.domain.task import Task
from tocsin.domain.values import ActId, AgreementId, DutyId

T = TypeVar("T")
_INSIDE = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)?[A-Za-z0-9_-][A-Za-z0-9._-]*")


class Unreadable(Exception):
    """A file of the folder cannot be read as what it should be."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.sentence())
        self.finding = finding


class Pack:
    """An evidence folder. What is read once is kept, but for letters and the log of other incidents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> set[str]:
        """Return the names of all files, links and whatever else lies in the folder, but for folders themselves."""
        paths = (path for path in self.folder.rglob("*") if path.is_symlink() or not path.is_dir())
        return {path.relative_to(self.folder).as_posix() for path in paths}

    def read(self, name: str) -> bytes:
        """Return a file's bytes. Raises Unreadable if there is no such file in the folder itself."""
        try:
            return self._path(name).read_bytes()
        except OSError as error:
            raise Unreadable(Finding(file=name, what=f"it cannot be read: {error.strerror}")) from error

    def sha256(self, name: str) -> str:
        """Return a file's SHA-256 in hex, read in pieces. Raises Unreadable."""
        try:
            with self._path(name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise Unreadable(Finding(file=name, what=f"it cannot be read: {error.strerror}")) from error

    def load(self, name: str, type_: type[T]) -> T:
        """Return what a JSON file holds. Raises Unreadable if it does not hold it."""
        try:
            return TypeAdapter(type_).validate_json(self.read(name))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "its beginning"
            raise Unreadable(Finding(file=name, what=f"it is not what it was: at {where}, {first['msg']}")) from error

    @cached_property
    def incident(self) -> IncidentState:
        """Where the incident stands."""
        return self.load(layout.INCIDENT, IncidentState)

    @cached_property
    def facts(self) -> Facts:
        """What is known of it."""
        return self.load(layout.FACTS, Facts)

    @cached_property
    def acts(self) -> dict[ActId, Envelope]:
        """The acts by id."""
        envelopes = self.load(layout.ACTS, list[Envelope])
        acts = {envelope.act.act_id: envelope for envelope in envelopes}
        if len(acts) != len(envelopes):
            raise Unreadable(Finding(file=layout.ACTS, what="it has two acts of one id; an act is recorded once"))
        return acts

    @cached_property
    def duties(self) -> list[DutyRecord]:
        """The duties."""
        return self.load(layout.DUTIES, list[DutyRecord])

    @cached_property
    def clocks(self) -> list[ClockRow]:
        """The clocks."""
        return self.load(layout.CLOCKS, list[ClockRow])

    @cached_property
    def ledger(self) -> list[LedgerWave]:
        """The waves with their rows."""
        return self.load(layout.LEDGER, list[LedgerWave])

    @cached_property
    def rows(self) -> dict[str, LedgerRow]:
        """The ledger's rows by notice id."""
        return {row.notice.notice_id: row for wave in self.ledger for row in wave.rows}

    @cached_property
    def owed(self) -> dict[str, AgreementId | None]:
        """By duty id, under which agreement it is owed."""
        return {record.duty.duty_id: record.duty.agreement_id for record in self.duties}

    @cached_property
    def answered(self) -> dict[tuple[str, AgreementId, ContactRole, Method], set[tuple[DutyId, ...]]]:
        """By wave, agreement, role and method, the duties that its notices answer: the same ones, if all is well."""
        found: dict[tuple[str, AgreementId, ContactRole, Method], set[tuple[DutyId, ...]]] = {}
        for wave in self.ledger:
            for notice in (row.notice for row in wave.rows):
                place = wave.wave.wave_id, notice.agreement_id, notice.role, notice.method
                found.setdefault(place, set()).add(notice.duty_ids)
        return found

    @cached_property
    def tasks(self) -> list[Task]:
        """The tasks."""
        return self.load(layout.TASKS, list[Task])

    @cached_property
    def holds(self) -> list[Hold]:
        """The holds."""
        return self.load(layout.HOLDS, list[Hold])

    @cached_property
    def timeline(self) -> list[TimelineItem]:
        """The timeline."""
        return self.load(layout.TIMELINE, list[TimelineItem])

    @cached_property
    def head(self) -> LogHead:
        """The log's head."""
        return self.load(layout.HEAD, LogHead)

    @cached_property
    def salt(self) -> bytes:
        """The incident's salt."""
        try:
            return bytes.fromhex(self.read(layout.SALT).decode())
        except ValueError as error:
            raise Unreadable(Finding(file=layout.SALT, what="it is not hexadecimal any more")) from error

    @cached_property
    def entries(self) -> list[Entry]:
        """The incident's own entries of the log, as far as they can be read."""
        return self._log[1]

    @cached_property
    def of_notice(self) -> dict[str, list[tuple[Entry, NoticeState]]]:
        """The entries about each notice, with the state that each says it came to, in the log's order."""
        states = {f"notice.{state}": state for state in NoticeState}
        found: dict[str, list[tuple[Entry, NoticeState]]] = {}
        for entry in self.entries:
            if entry.draft.kind in states:
                found.setdefault(str(entry.draft.data.get("notice")), []).append((entry, states[entry.draft.kind]))
        return found

    @cached_property
    def told_by_hand(self) -> dict[str, Entry]:
        """The entries of the acts by which people delivered notices, by notice id."""
        notices = {task.task_id: task.notice_id for task in self.tasks if task.notice_id is not None}
        told: dict[str, Entry] = {}
        for entry in self.entries:
            envelope = self.act_of(entry)
            if envelope is not None and isinstance(deed := envelope.act.deed, TaskDone) and deed.task_id in notices:
                told[notices[deed.task_id]] = entry
        return told

    def act_of(self, entry: Entry) -> Envelope | None:
        """Return the act that an entry records, or None."""
        is_act = entry.draft.kind.startswith("act.")
        return self.acts.get(ActId(str(entry.draft.data.get("act")))) if is_act else None

    @cached_property
    def verdict(self) -> Verdict:
        """Whether the log's entries give its head."""
        return self._log[0]

    @cached_property
    def _log(self) -> tuple[Verdict, list[Entry]]:
        own: list[Entry] = []
        stored = self._stored(own)
        verdict = verify(stored, Frontier(size=self.head.size, peaks=self.head.peaks))
        for _ in stored:  # what comes after a bad entry still speaks for the acts it names
            pass
        return verdict, own

    def _stored(self, own: list[Entry]) -> Iterator[StoredEntry]:
        incident_id, leaves = self.incident.incident_id, self.lines(layout.LEAVES)
        position, leaf_at, leaf = -1, -1, b""
        for position, body in enumerate(self.lines(layout.LOG)):
            entry = layout.read_entry(body)
            number = entry.number if entry else position
            while leaf_at < number and (leaf := next(leaves, b"")):
                leaf_at += 1
            if entry is not None and entry.draft.incident_id == incident_id:
                own.append(entry)
            yield StoredEntry(number=number, body=body, leaf=leaf.decode(errors="replace"))

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield a file's lines without their line breaks. Raises Unreadable."""
        try:
            with self._path(name).open("rb") as file:
                yield from (line.removesuffix(b"\n") for line in file)
        except OSError as error:
            raise Unreadable(Finding(file=name, what=f"it cannot be read: {error.strerror}")) from error

    def _path(self, name: str) -> Path:
        path = self.folder / name
        linked = path.is_symlink() or (path.parent != self.folder and path.parent.is_symlink())
        if not _INSIDE.fullmatch(name) or linked or not path.is_file():
            raise Unreadable(Finding(file=name, what="there is no such file in the folder"))
        return path
