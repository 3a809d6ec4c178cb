"""The register as a TOML file: the full form, with each clause a table of its own. What is wrong is named by its path.

Every value is read as the cell that a CSV file would have in its place, so that both files say exactly the same.
"""

import json
import tomllib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from tocsin.adapters import register_cells as cells
from tocsin.adapters.register_csv import content_of, refuse_mistakes, text_of
from tocsin.adapters.register_gather import gather
from tocsin.adapters.register_row import COLUMNS, FURTHER_COLUMNS, NOBODY, NOTHING, OF_THE_CLAUSE, Row, rows_of
from tocsin.domain.clause import Exemption, ExemptionKind
from tocsin.domain.errors import Refused
from tocsin.domain.register import Agreement
from tocsin.domain.register_text import did_you_mean, parse_word

OF_A_CLAUSE = {
    "key": "clause",
    "subject": "subject",
    "notify": "notify",
    "owed_by": "owed_by",
    "data": "clause_data",
    "possession": "possession",
    "discharge": "discharge",
    "methods": "methods",
    "language": "clause_language",
    "time_zone": "clause_time_zone",
    "calendar": "calendar",
    "exceptions": "exceptions",
    "on_lift": "on_lift",
    "on_silence": "on_silence",
    "delivered_within": "delivered_within",
    "recipients": "clause_recipients",
    "copies": "clause_copies",
}
"""The keys of a clause's table, and the columns that say the same."""

OF_AN_AGREEMENT = {column: column for column in (*COLUMNS, *FURTHER_COLUMNS) if column not in OF_THE_CLAUSE}

_PLAIN_LISTS = {"notify", "methods", "services", "deputies", "copies", "clause_recipients", "clause_copies"}
"""Lists whose items cannot hold a `;`."""
_ITEM_LISTS = {"regions", "subprocessors", "data_categories", "clause_data"}
_DAYS = {"starts_on", "ends_on", "data_held_until"}


def stream_toml(source: Path | str | bytes, id_key: bytes) -> Iterator[Agreement]:
    """Yield the agreements of a TOML register: `[[agreement]]` tables, each with `[[agreement.clause]]` tables.

    A contract's versions are tables with the same `agreement` and another `version`, one after the other.

    Raises:
        Refused: at the end, listing every mistake with its path and the fix; at once for what is no TOML.
    """
    name, content = content_of(source)
    tables = _tables(name, text_of(name, content))
    mistakes: list[str] = []
    yield from gather(_rows(tables), id_key, mistakes)
    refuse_mistakes(name, mistakes)


def write_toml(agreements: Iterable[Agreement]) -> bytes:
    """Return the register as TOML, which `stream_toml` reads back exactly. Raises Refused as `rows_of` does."""
    lines: list[str] = []
    for agreement in agreements:
        head: tuple[str, str] | None = None
        for row in rows_of(agreement):
            if head != (row["agreement"], row["version"]):
                head = (row["agreement"], row["version"])
                lines += ["[[agreement]]", *_pairs(OF_AN_AGREEMENT, row), ""]
            lines += ["[[agreement.clause]]", *_pairs(OF_A_CLAUSE, row), ""]
    return "\n".join(lines).encode()


def _tables(name: str, text: str) -> list[object]:
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        raise Refused(f"{name}: it nests too deeply to be a register; write [[agreement]] tables") from None
    except ValueError as error:  # its own error, and numbers with more digits than Python reads
        raise Refused(f"{name} is not TOML: {error}; correct that line") from error
    tables = raw.get("agreement")
    if not isinstance(tables, list) or not tables or len(raw) > 1:
        has = ", ".join(map(repr, raw)) or "nothing"
        raise Refused(f"{name} holds [[agreement]] tables, at least one, and nothing else; it has {has}")
    return tables


def _rows(tables: list[object]) -> Iterator[Row]:
    for number, table in enumerate(tables, 1):
        where = f"agreement[{number}]"
        if not isinstance(table, dict):
            row = Row(where, {})
            row.wrong("agreement", "it is no table; write [[agreement]]")
            yield row
            continue
        clauses = table.pop("clause", [])
        if not isinstance(clauses, list) or not all(isinstance(clause, dict) for clause in clauses):
            row = Row(where, {})
            row.wrong("clause", "it is no list of tables; write [[agreement.clause]]")
            yield row
            continue
        yield from _contract(where, table, clauses)


def _contract(where: str, table: dict[str, Any], clauses: list[dict[str, Any]]) -> Iterator[Row]:
    head = _row(where, table, OF_AN_AGREEMENT)
    first = _row(f"{where}.clause[1]", clauses[0], OF_A_CLAUSE) if clauses else Row(where, {"notify": NOTHING})
    head.cells |= first.cells
    head.mistakes += first.mistakes
    yield head
    for number, clause in enumerate(clauses[1:], 2):
        row = _row(f"{where}.clause[{number}]", clause, OF_A_CLAUSE)
        row.cells |= {"agreement": head.get("agreement"), "version": head.get("version")}
        yield row


def _row(where: str, table: dict[str, Any], known: dict[str, str]) -> Row:
    found: list[tuple[str, str]] = []
    wrong: list[tuple[str, str]] = []
    for key, value in table.items():
        if key not in known:
            wrong.append((key, f"the key is unknown{did_you_mean(key, known)}; known: {', '.join(known)}"))
            continue
        try:
            found.append((known[key], _cell(known[key], value)))
        except Refused as mistake:
            wrong.append((key, str(mistake)))
    row = Row.of(where, found)
    for key, what in wrong:
        row.wrong(key, what)
    return row


def _cell(column: str, value: object) -> str:
    """Return the cell that says the same as a TOML value. Raises Refused for a value of the wrong type."""
    if column in _DAYS and isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if column == "data_held" and isinstance(value, bool):
        return "yes" if value else "no"
    if column == "exceptions":
        return cells.exemptions_cell(map(_exemption, value)) if isinstance(value, list) else _text(value)
    if isinstance(value, list):
        return _list(column, [_text(item) for item in value])
    return cells.items_cell([_text(value)]) if column in _ITEM_LISTS else _text(value)


def _list(column: str, texts: list[str]) -> str:
    if column == "clause_copies" and not texts:
        return NOBODY
    if column in _ITEM_LISTS:
        return cells.items_cell(texts)
    if column not in _PLAIN_LISTS:
        raise Refused("it is a list; write one text in quotes")
    for text in texts:
        if ";" in text or ("," in text and column == "services"):
            raise Refused(f"{text!r} holds a separator; write each item as a text of its own")
    return "; ".join(texts)


def _exemption(value: object) -> Exemption:
    if not isinstance(value, dict) or not {"text"} <= value.keys() <= {"kind", "text"}:
        raise Refused('an exception is written { kind = "encrypted", text = "…" }')
    return Exemption(
        kind=parse_word(ExemptionKind, _text(value.get("kind", "other")), "kind"), text=_text(value["text"])
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Refused(f"{value!r:.60} is no text; write it in quotes")
    return value


def _pairs(known: dict[str, str], row: dict[str, str]) -> Iterator[str]:
    for key, column in known.items():
        if cell := row.get(column, ""):
            yield f"{key} = {_value(column, cell)}"


def _value(column: str, cell: str) -> str:
    if column in _DAYS:
        return cell
    if column == "data_held":
        return "true" if cell == "yes" else "false"
    found = _array(column, cell)
    return _quoted(cell) if found is None else f"[{', '.join(found)}]"


def _array(column: str, cell: str) -> list[str] | None:
    """Return the items of a list as they are written, or None for a cell that is one text."""
    if column == "exceptions":
        kinds = ((_quoted(one.kind), _quoted(one.text)) for one in cells.exemptions(cell))
        return [f"{{ kind = {kind}, text = {text} }}" for kind, text in kinds]
    if column in _ITEM_LISTS:
        return [_quoted(item) for item in cells.items(cell)]
    if column not in _PLAIN_LISTS or cell == NOTHING:
        return None
    return [] if column == "clause_copies" and cell == NOBODY else [_quoted(item) for item in cell.split("; ")]


def _quoted(text: str) -> str:
    # JSON's string escapes are TOML's too, as long as letters beyond ASCII stay themselves.
    return json.dumps(text, ensure_ascii=False)
