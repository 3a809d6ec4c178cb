"""The register as a CSV file: read with every mistake named by its line, written so that it reads back the same.

What a spreadsheet does to a CSV is expected: a byte-order mark, `;` or tabs between the cells, CRLF, blank lines.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tocsin.adapters.register_gather import gather
from tocsin.adapters.register_row import COLUMNS, FURTHER_COLUMNS, Row, rows_of
from tocsin.domain.errors import Refused
from tocsin.domain.readiness import Finding, Weight, readiness
from tocsin.domain.register import Agreement
from tocsin.domain.register_text import did_you_mean

__all__ = ["COLUMNS", "Finding", "Weight", "read_register", "readiness", "stream_register", "write_register"]

REQUIRED = ("agreement", "party", "notify", "contact")
"""The columns that must be there; `contact` may be left blank in a row: nobody to write to is work for a person."""

ALL_COLUMNS = (*COLUMNS, *FURTHER_COLUMNS)

_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}
_AS_UTF8 = "save it again as `CSV UTF-8 (Comma delimited)`"


def read_register(source: Path | str | bytes, id_key: bytes) -> list[Agreement]:
    """Read a whole register. See `stream_register`."""
    return list(stream_register(source, id_key))


def stream_register(source: Path | str | bytes, id_key: bytes) -> Iterator[Agreement]:
    """Yield a register's agreements as they are read: memory does not grow with them.

    Args:
        source: the file's path, or its bytes.
        id_key: the key of the opaque ids; the same key gives the same agreement, party and contact ids.

    Raises:
        Refused: at the end, listing every mistake with its line and the fix. Then nothing must be imported: publish
            what is yielded in one transaction, which this takes back.
    """
    name, content = content_of(source)
    mistakes: list[str] = []
    found = False
    for agreement in gather(_rows(text_of(name, content), mistakes), id_key, mistakes):
        found = True
        yield agreement
    if not found and not mistakes:
        mistakes.append("line 2: there is no agreement below the header; add at least one line")
    refuse_mistakes(name, mistakes)


def write_register(agreements: Iterable[Agreement]) -> bytes:
    """Return the register as UTF-8 CSV, comma and line feed, which `read_register` reads back exactly.

    Cells are written as they are, even those that begin with `=`, `+`, `-` or `@`: a prefix against spreadsheet
    formulas would change names and phone numbers on the way back. Open an export of names you do not trust as text.
    """
    rows = [row for agreement in agreements for row in rows_of(agreement)]
    used = {column for row in rows for column, cell in row.items() if cell}
    columns = [*COLUMNS, *(column for column in FURTHER_COLUMNS if column in used)]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\n", restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def refuse_mistakes(name: str, mistakes: list[str]) -> None:
    """Raise Refused with every mistake, if there is one."""
    if mistakes:
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
        raise Refused(f"{name}: {count}, nothing imported:\n  " + "\n  ".join(mistakes))


def content_of(source: Path | str | bytes) -> tuple[str, bytes]:
    """Return a name for the source, and its bytes. Raises Refused if it cannot be read."""
    if isinstance(source, bytes):
        return "the register", source
    try:
        return Path(source).name, Path(source).read_bytes()
    except OSError as error:
        raise Refused(
            f"cannot read the register {source}: {error.strerror}; give the path of a CSV or TOML file"
        ) from error


def text_of(name: str, content: bytes) -> str:
    """Return the text. Raises Refused, with the line, for anything but UTF-8."""
    for mark, encoding in _ENCODINGS.items():
        if content.startswith(mark):
            raise Refused(f"{name}: it is {encoding}, not UTF-8; {_AS_UTF8}")
    if (at := content.find(0)) >= 0:
        raise Refused(f"{name}: line {_line(content, at)}: byte {at + 1} is NUL, so this is no text; {_AS_UTF8}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The decoder does not count the three bytes of a byte-order mark.
        at = error.start + (len(content) - len(error.object))
        raise Refused(
            f"{name}: line {_line(content, at)}: byte {at + 1} (0x{content[at]:02x}) is not UTF-8; {_AS_UTF8}"
        ) from error


def _line(content: bytes, at: int) -> int:
    return len(re.findall(rb"\r\n|\r|\n", content[:at])) + 1


def _rows(text: str, mistakes: list[str]) -> Iterator[Row]:
    records = _records(text, mistakes)
    header_line, header = next(records, (1, None))
    if header is None:
        if not mistakes:
            mistakes.append(f"line 1: the file is empty; the first line names the columns: {','.join(COLUMNS)}")
        return
    columns = ["_".join(cell.casefold().split()) for cell in header]
    wrong = list(_header_mistakes(columns))
    mistakes.extend(f"line {header_line}: {what}" for what in wrong)
    if wrong:
        return
    for line, record in records:
        row = Row.of(f"line {line}", zip(columns, record, strict=False))
        if len(record) != len(columns):
            row.wrong("cells", f"there are {len(record)}, the header has {len(columns)}; quote cells that hold commas")
        yield row


def _records(text: str, mistakes: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not blank, with the physical line on which it starts."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    line = 1
    try:
        for record in reader:
            if any(map(str.strip, record)):
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        mistakes.append(f"line {line}: {error}; is a quote left open, or a file pasted into a cell?")


def _delimiter(text: str) -> str:
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=header.count)


def _header_mistakes(columns: list[str]) -> Iterator[str]:
    for column in dict.fromkeys(columns):
        if column not in ALL_COLUMNS:
            near = did_you_mean(column, ALL_COLUMNS)
            yield f"the column {column!r} is unknown{near}; known: {', '.join(ALL_COLUMNS)}"
        elif columns.count(column) > 1:
            yield f"the column {column!r} is there {columns.count(column)} times; keep one"
    for column in REQUIRED:
        if column not in columns:
            yield f"the column {column!r} is missing; add it to the header"
