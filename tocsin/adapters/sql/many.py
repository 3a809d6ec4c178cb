"""Statements over many rows, each sent and run once: for what happens to every recipient of a wave.

A statement that a driver runs row by row lets other threads in after each of them, and pays for each: a hundred rows
of one transaction then take several times as long beside a loop that sends letters. Here all rows travel in one
statement, as bound values; what the columns hold is converted as SQLAlchemy would.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, Connection, CursorResult, Dialect, Table

Cells = Sequence[Any]


class Many:
    """Runs them on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect
        self._name = connection.dialect.identifier_preparer.quote

    def insert(self, table: Table, names: Sequence[str], rows: Sequence[Cells], otherwise: str = "") -> None:
        """Insert rows, given as the values of the named columns; `otherwise` is an ON CONFLICT clause."""
        values = f"({self._names(names)}) VALUES {self._places(len(names), len(rows))}"
        self._run(f"INSERT INTO {table.name} {values}{otherwise}", self._cells(table, names, rows))

    def replace(self, table: Table, names: Sequence[str], rows: Sequence[Cells]) -> None:
        """Insert rows, or change those whose primary key is there. No two rows may have the same."""
        keys = [column.name for column in table.primary_key]
        changed = ", ".join(f"{name} = excluded.{name}" for name in map(self._name, names) if name not in keys)
        self.insert(table, names, rows, f" ON CONFLICT ({self._names(keys)}) DO UPDATE SET {changed}")

    def update(self, table: Table, names: Sequence[str], rows: Sequence[Cells]) -> None:
        """Change the named columns of rows that are there; the first of the names is the key they are found by."""
        key, *changed = names
        cells = ", ".join(f"{self._name(name)} = {self._cell(table.c[name])}" for name in changed)
        mine = f"{table.name}.{self._name(key)} = {self._cell(table.c[key])}"
        given = f"given ({self._names(names)}) AS (VALUES {self._places(len(names), len(rows))})"
        text = f"WITH {given} UPDATE {table.name} SET {cells} FROM given WHERE {mine}"  # noqa: S608 - our own names
        self._run(text, self._cells(table, names, rows))

    def select(self, names: Sequence[Column[Any]], keys: Sequence[str], then: str = "") -> Sequence[Any]:
        """Return columns, as the driver gives them, of the rows whose first column is one of the keys."""
        key, of = names[0], names[0].table
        wanted = self._names([name.name for name in names])
        text = f"SELECT {wanted} FROM {of} WHERE {self._name(key.name)} IN "  # noqa: S608 - our own names
        return self._run(text + self._places(len(keys), 1) + then, list(keys)).all()

    def _run(self, text: str, cells: list[Any]) -> CursorResult[Any]:
        return self._connection.exec_driver_sql(text, tuple(cells))

    def _names(self, names: Iterable[str]) -> str:
        return ", ".join(map(self._name, names))

    def _places(self, wide: int, high: int) -> str:
        return _places("?" if self._dialect.name == "sqlite" else "%s", wide, high)

    def _cell(self, column: Column[Any]) -> str:
        # PostgreSQL takes values in a list of rows for text, unless it is told.
        if self._dialect.name == "sqlite":
            return f"given.{self._name(column.name)}"
        return f"CAST(given.{self._name(column.name)} AS {column.type.compile(self._dialect)})"

    def _cells(self, table: Table, names: Sequence[str], rows: Iterable[Cells]) -> list[Any]:
        converted = _converted(table, tuple(names), self._dialect)
        if not converted:
            return [cell for row in rows for cell in row]
        return [
            cell if convert is None else convert(cell)
            for row in rows
            for cell, convert in zip(row, converted, strict=True)
        ]


@lru_cache(maxsize=512)
def _places(mark: str, wide: int, high: int) -> str:
    row = f"({', '.join([mark] * wide)})"
    return ", ".join([row] * high)


_CONVERTED: dict[tuple[str, tuple[str, ...], str], tuple[Callable[[Any], Any] | None, ...]] = {}


def _converted(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[Callable[[Any], Any] | None, ...]:
    """Return what each cell is put through on its way to the driver; nothing where no cell is."""
    about = (table.name, names, dialect.name)
    if about not in _CONVERTED:
        ways = tuple(table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names)
        _CONVERTED[about] = ways if any(ways) else ()
    return _CONVERTED[about]
