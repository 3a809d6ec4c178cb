"""Reading what may be very long in a pack: lists value by value, and single values again from where they stand.

The lists are JSON in the one form in which a pack is written, a value beginning and ending on lines of its own. Any
other form, though it may be the same JSON, is taken for a change.
"""

from array import array
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from tocsin.adapters.evidence.layout import LedgerRow
from tocsin.adapters.evidence.result import Finding
from tocsin.ports import WaveRow

T = TypeVar("T")
Opening = Callable[[], BinaryIO]
_WAVE, _ROWS, _NO_ROWS = b'  "wave": {\n', b'  "rows": [\n', b'  "rows": [],\n'
_NOTHING = b"[]\n"


class Unreadable(Exception):
    """A file of the folder cannot be read as what it should be."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.sentence())
        self.finding = finding


class Lines:
    """The lines of a file, one after the other, with where each begins."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name = name
        self._file = file
        self.at = 0

    def next(self) -> bytes:
        """Return the next line; nothing at the end."""
        line = self._file.readline()
        self.at += len(line)
        return line

    def expect(self, *expected: bytes) -> bytes:
        """Return the next line, which is one of these. Raises Unreadable."""
        line = self.next()
        if line not in expected:
            raise misshapen(
                self.name, f"{line[:60].decode(errors='replace').strip()!r} stands where it does not belong"
            )
        return line

    def object(self, margin: bytes) -> tuple[bytes, bool]:
        """Return the object that begins here, and whether another follows it. Raises Unreadable."""
        pieces, last, more = [self.expect(margin + b"{\n")], margin + b"}\n", margin + b"},\n"
        while (line := self.next()) not in (last, more):
            if not line:
                raise misshapen(self.name, "it ends in the middle of a value")
            pieces.append(line)
        return b"".join([*pieces, margin + b"}"]), line == more


def misshapen(name: str, what: str) -> Unreadable:
    """Return what is raised for a file that is not written as a pack's files are."""
    return Unreadable(Finding(file=name, what=f"it is not what it was: {what}"))


def valid(name: str, adapter: TypeAdapter[T], text: bytes) -> T:
    """Return the value that a text holds. Raises Unreadable."""
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its beginning"
        raise misshapen(name, f"at {where}, {first['msg']}") from error


class Listed(Generic[T]):
    """A list of values, read anew each time."""

    def __init__(self, name: str, opening: Opening, type_: type[T]) -> None:
        self._name = name
        self._opening = opening
        self._adapter = TypeAdapter(type_)

    def __iter__(self) -> Iterator[T]:
        """Yield the values in the file's order. Raises Unreadable."""
        with self._opening() as file:
            lines = Lines(self._name, file)
            more = lines.expect(b"[\n", _NOTHING) != _NOTHING
            while more:
                text, more = lines.object(b" ")
                yield valid(self._name, self._adapter, text)
                if not more:
                    lines.expect(b"]\n")
            lines.expect(b"")


class RowsOf:
    """The rows of one wave, read anew each time."""

    def __init__(self, index: "LedgerIndex", first: int, last: int) -> None:
        self._index = index
        self._range = range(first, last)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._range)

    def __iter__(self) -> Iterator[LedgerRow]:
        """Yield them in the file's order."""
        return self._index.read(self._range)


class HeldRows:
    """A wave of the ledger."""

    def __init__(self, wave: WaveRow, rows: RowsOf) -> None:
        self.wave = wave
        self.rows = rows


class LedgerIndex(Mapping[str, LedgerRow]):
    """The ledger's rows by notice id, each read from where it stands; and its waves."""

    def __init__(self, name: str, opening: Opening, seen: Callable[[LedgerRow], None]) -> None:
        """Read it once, showing each row to `seen`; the file that `opening` gives stays open. Raises Unreadable."""
        self._name = name
        self._opening = opening
        self._starts, self._ends = array("Q"), array("Q")
        self._places: dict[str, int] = {}
        self._adapter = TypeAdapter(LedgerRow)
        self._last: tuple[int, LedgerRow | None] = (-1, None)
        self.waves: list[HeldRows] = []
        file = opening()
        file.seek(0)
        self._read_all(Lines(name, file), seen)

    def __getitem__(self, notice_id: str) -> LedgerRow:
        """Return a row. Raises KeyError."""
        place = self._places[notice_id]
        if place != self._last[0]:
            self._last = place, next(self.read(range(place, place + 1)))
        assert self._last[1] is not None
        return self._last[1]

    def __iter__(self) -> Iterator[str]:
        """Yield the notice ids."""
        return iter(self._places)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._places)

    def __contains__(self, notice_id: object) -> bool:
        """Say whether there is such a row."""
        return notice_id in self._places

    def each(self) -> Iterator[LedgerRow]:
        """Yield all rows in the file's order."""
        return self.read(range(len(self._starts)))

    def read(self, places: range) -> Iterator[LedgerRow]:
        """Yield the rows at these places."""
        file = self._opening()
        for place in places:
            file.seek(self._starts[place])
            yield valid(self._name, self._adapter, file.read(self._ends[place] - self._starts[place]))

    def _read_all(self, lines: Lines, seen: Callable[[LedgerRow], None]) -> None:
        more = lines.expect(b"[\n", _NOTHING) != _NOTHING
        nothing = not more
        while more:
            lines.expect(b" {\n")
            first = len(self._starts)
            if lines.expect(_ROWS, _NO_ROWS) == _ROWS:
                self._read_rows(lines, seen)
            self.waves.append(HeldRows(self._wave(lines), RowsOf(self, first, len(self._starts))))
            more = lines.expect(b" },\n", b" }\n") == b" },\n"
        lines.expect(b"" if nothing else b"]\n")
        lines.expect(b"")

    def _read_rows(self, lines: Lines, seen: Callable[[LedgerRow], None]) -> None:
        more = True
        while more:
            start = lines.at
            text, more = lines.object(b"   ")
            row = valid(self._name, self._adapter, text)
            self._places[row.notice.notice_id] = len(self._starts)
            self._starts.append(start)
            self._ends.append(start + len(text))
            seen(row)
        lines.expect(b"  ],\n")

    def _wave(self, lines: Lines) -> WaveRow:
        pieces = [lines.expect(_WAVE).removeprefix(b'  "wave": ')]
        while (line := lines.next()) != b"  }\n":
            if not line:
                raise misshapen(self._name, "it ends in the middle of a wave")
            pieces.append(line)
        return valid(self._name, TypeAdapter(WaveRow), b"".join([*pieces, b"}"]))
