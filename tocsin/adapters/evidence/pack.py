"""Reading an evidence folder that anybody may have changed: nothing in it is believed, least of all a file name."""

import hashlib
import re
from array import array
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Self, TypeVar

from pydantic import TypeAdapter

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.layout import DutyRecord, LedgerRow, LogHead, Omission, TimelineItem
from tocsin.adapters.evidence.listed import HeldRows, LedgerIndex, Listed, Opening, Unreadable, valid
from tocsin.adapters.evidence.names import Written
from tocsin.adapters.evidence.result import Finding
from tocsin.audit.entry import Entry
from tocsin.audit.tree import Frontier
from tocsin.audit.verify import StoredEntry, Verdict, verify
from tocsin.domain.act import Envelope, TaskDone
from tocsin.domain.clock import ClockRow
from tocsin.domain.hold import Hold
from tocsin.domain.incident import Facts
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.receipt import ReceiptKind
from tocsin.domain.task import Task
from tocsin.domain.values import ActId, AgreementId

T = TypeVar("T")
Parties = dict[AgreementId, tuple[tuple[str, str], ...]]
_STATES = {f"notice.{state}": state for state in NoticeState}
RECEIPTS = frozenset(f"receipt.{kind}" for kind in ReceiptKind)
"""The kinds of entries that are about a receipt."""
_INSIDE = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)?[A-Za-z0-9_-][A-Za-z0-9._-]*")


class Entries:
    """The incident's entries of the log: where each stands, and which are about which notice or receipt."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._starts, self._sizes = array("Q"), array("L")
        self._of_notice: dict[str, tuple[int, ...]] = {}
        self._of_receipt: dict[str, int] = {}
        self._last: tuple[str, list[Entry]] = ("", [])
        self.deeds: list[Entry] = []

    def add(self, entry: Entry, start: int, size: int) -> None:
        """Note where an entry stands."""
        place, kind, data = len(self._starts), entry.draft.kind, entry.draft.data
        self._starts.append(start)
        self._sizes.append(size)
        if kind in _STATES:
            notice_id = str(data.get("notice"))
            self._of_notice[notice_id] = (*self._of_notice.get(notice_id, ()), place)
        elif kind in RECEIPTS:
            self._of_receipt[str(data.get("receipt"))] = place
        else:
            self.deeds.append(entry)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._starts)

    def __iter__(self) -> Iterator[Entry]:
        """Yield them in the log's order, read anew."""
        return self._read(range(len(self._starts)))

    def about(self, notice_id: str) -> list[Entry]:
        """Return those that say what became of a notice."""
        if notice_id != self._last[0]:
            self._last = notice_id, list(self._read(self._of_notice.get(notice_id, ())))
        return self._last[1]

    @property
    def notices(self) -> set[str]:
        """The ids of the notices that they are about."""
        return set(self._of_notice)

    @property
    def receipts(self) -> set[str]:
        """The ids of the receipts that they are about."""
        return set(self._of_receipt)

    def of_receipt(self, receipt_id: str) -> Entry | None:
        """Return the entry of a receipt, or None."""
        place = self._of_receipt.get(receipt_id)
        return next(self._read([place])) if place is not None else None

    def _read(self, places: Iterable[int]) -> Iterator[Entry]:
        file = self._opening()
        for place in places:
            file.seek(self._starts[place])
            entry = layout.read_entry(file.read(self._sizes[place]))
            if entry is not None:  # it was one before: somebody writes to the folder meanwhile
                yield entry


def place_of(notice: Notice) -> int:
    """Return a hash of the place in a chain that a notice stands in: all of one place answer the same duties."""
    return hash((notice.wave_id, notice.agreement_id, notice.role, notice.method))


class Pack:
    """An evidence folder. What is small is read once and kept; what may be long is read again, value by value."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opened: dict[str, BinaryIO] = {}

    def __enter__(self) -> Self:
        """Read it within a `with`: what is read here and there stays open meanwhile."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what was open."""
        for file in self._opened.values():
            file.close()

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
        return valid(name, TypeAdapter(type_), self.read(name))

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
    def omissions(self) -> list[Omission]:
        """What was left out as privileged; packs of before there was privilege have nothing of the kind."""
        return self.load(layout.OMISSIONS, list[Omission]) if layout.OMISSIONS in self.names() else []

    @property
    def duties(self) -> Listed[DutyRecord]:
        """The duties."""
        return Listed(layout.DUTIES, lambda: self.open(layout.DUTIES), DutyRecord)

    @cached_property
    def clocks(self) -> list[ClockRow]:
        """The clocks."""
        return self.load(layout.CLOCKS, list[ClockRow])

    @property
    def ledger(self) -> list[HeldRows]:
        """The waves with their rows."""
        return self.rows.waves

    @property
    def rows(self) -> LedgerIndex:
        """The ledger's rows by notice id."""
        return self._ledger[0]

    @property
    def written(self) -> Written:
        """To whom each notice was written."""
        return self._ledger[1]

    @property
    def parties(self) -> Parties:
        """By agreement, the names of party and agreement in the rows, the last ones at the end."""
        return self._ledger[2]

    @property
    def unlike(self) -> set[int]:
        """The places in chains, by `place_of`, whose notices answer different duties: none, if all is well."""
        return self._ledger[3]

    @cached_property
    def _ledger(self) -> tuple[LedgerIndex, Written, Parties, set[int]]:
        written, parties = Written(), Parties()
        answers, unlike = dict[int, int](), set[int]()

        def see(row: LedgerRow) -> None:
            written.add_row(row)
            pair, before = (row.party, row.reference), parties.get(row.notice.agreement_id, ())
            if before[-1:] != (pair,):
                parties[row.notice.agreement_id] = (*(one for one in before if one != pair), pair)
            place, duties = place_of(row.notice), hash(row.notice.duty_ids)
            if answers.setdefault(place, duties) != duties:
                unlike.add(place)

        index = LedgerIndex(layout.LEDGER, lambda: self._kept_open(layout.LEDGER), see)
        return index, written, parties, unlike

    @cached_property
    def owed(self) -> set[int]:
        """Hashes of the id and the agreement of each duty: ids alone of very many would take more room."""
        return {hash((record.duty.duty_id, record.duty.agreement_id)) for record in self.duties}

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

    @property
    def entries(self) -> Entries:
        """The incident's own entries of the log, as far as they can be read."""
        return self._log[1]

    @property
    def deeds(self) -> list[Entry]:
        """Those that are not about a single notice: there are few of them."""
        return self.entries.deeds

    def said_of(self, notice_id: str) -> list[tuple[Entry, NoticeState]]:
        """Return the entries about a notice, with the state that each says it came to, in the log's order."""
        return [(entry, _STATES[entry.draft.kind]) for entry in self.entries.about(notice_id)]

    @cached_property
    def handed_over(self) -> set[str]:
        """The notices that became tasks for people."""
        return {task.notice_id for task in self.tasks if task.notice_id is not None}

    @cached_property
    def told_by_hand(self) -> dict[str, Entry]:
        """The entries of the acts by which people delivered notices, by notice id."""
        notices = {task.task_id: task.notice_id for task in self.tasks if task.notice_id is not None}
        told: dict[str, Entry] = {}
        for entry in self.deeds:
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
    def _log(self) -> tuple[Verdict, Entries]:
        own = Entries(lambda: self._kept_open(layout.LOG))
        stored = self._stored(own)
        verdict = verify(stored, Frontier(size=self.head.size, peaks=self.head.peaks))
        for _ in stored:  # what comes after a bad entry still speaks for the acts it names
            pass
        return verdict, own

    def _stored(self, own: Entries) -> Iterator[StoredEntry]:
        incident_id, leaves = self.incident.incident_id, self.lines(layout.LEAVES)
        leaf_at, leaf, start = -1, b"", 0
        for position, body in enumerate(self.lines(layout.LOG)):
            entry = layout.read_entry(body)
            number = entry.number if entry else position
            while leaf_at < number and (leaf := next(leaves, b"")):
                leaf_at += 1
            if entry is not None and entry.draft.incident_id == incident_id:
                own.add(entry, start, len(body))
            start += len(body) + 1
            yield StoredEntry(number=number, body=body, leaf=leaf.decode(errors="replace"))

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield a file's lines without their line breaks. Raises Unreadable."""
        try:
            with self.open(name) as file:
                yield from (line.removesuffix(b"\n") for line in file)
        except OSError as error:
            raise Unreadable(Finding(file=name, what=f"it cannot be read: {error.strerror}")) from error

    def _kept_open(self, name: str) -> BinaryIO:
        if name not in self._opened:
            self._opened[name] = self.open(name)
        return self._opened[name]

    def open(self, name: str) -> BinaryIO:
        """Open a file of the folder itself. Raises Unreadable."""
        try:
            return self._path(name).open("rb")
        except OSError as error:
            raise Unreadable(Finding(file=name, what=f"it cannot be read: {error.strerror}")) from error

    def _path(self, name: str) -> Path:
        path = self.folder / name
        linked = path.is_symlink() or (path.parent != self.folder and path.parent.is_symlink())
        if not _INSIDE.fullmatch(name) or linked or not path.is_file():
            raise Unreadable(Finding(file=name, what="there is no such file in the folder"))
        return path
