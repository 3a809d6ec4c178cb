"""The arguments that several commands share, and how their text is read."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tocsin.domain.errors import Refused
from tocsin.domain.incident import Facts, Trigger
from tocsin.domain.values import as_utc

UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}

FactValue = str | int | tuple[str, ...] | None

Incident = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, the beginning of its id, or `last`.")]
Wave = Annotated[str, typer.Argument(metavar="WAVE", help="The wave's id or the beginning of it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON with stable keys, instants in UTC (RFC 3339).")]
References = Annotated[
    list[str] | None,
    typer.Option("--affected", metavar="REF", help="An affected party's agreement, by your own reference. Repeatable."),
]


class YesNo(StrEnum):
    """An answer that has no middle."""

    YES = "yes"
    NO = "no"


def instant(text: str) -> datetime:
    """Read an instant: ISO 8601 with a zone. A wall-clock time without one is wrong usage."""
    try:
        return as_utc(datetime.fromisoformat(text))
    except OverflowError as error:
        raise typer.BadParameter(f"{text!r} lies beyond the calendar; correct the year") from error
    except ValueError as error:
        if "time zone" in str(error):
            raise typer.BadParameter(str(error)) from error
        raise typer.BadParameter(f"{text!r} is no instant; write it like 2026-11-21T03:10Z") from error


def span(text: str) -> timedelta:
    """Read a span of time: `30min`, `4h`, `3d`."""
    match = re.fullmatch(r"(\d{1,6}) ?(min|h|d)", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no span of time; write it like 30min, 4h or 3d")
    return int(match[1]) * UNITS[match[2]]


def trigger_instant(text: str) -> tuple[Trigger, datetime]:
    """Read `TRIGGER=INSTANT`."""
    name, _, at = text.partition("=")
    try:
        trigger = Trigger(name.strip())
    except ValueError as error:
        raise typer.BadParameter(f"{name!r} is no trigger; there are: {', '.join(Trigger)}") from error
    return trigger, instant(at)


def fact(text: str) -> tuple[str, FactValue]:
    """Read `FACT=VALUE`; lists are separated by commas, `unknown` says that it is not known (any more)."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if name not in Facts.model_fields or not equals:
        raise typer.BadParameter(
            f"{text!r} sets no fact; write FACT=VALUE with one of: {', '.join(Facts.model_fields)}"
        )
    return name, _typed(name, value.strip())


def facts_of(fields: Mapping[str, object]) -> Facts:
    """Return facts of these fields.

    Raises:
        Refused: naming every field that cannot be so, with the fix.
    """
    try:
        return Facts.model_validate(fields)
    except ValidationError as error:
        raise Refused("; ".join(map(_mistake, error.errors()))) from None


def words(text: str | None) -> tuple[str, ...] | None:
    """Split a list written with commas; None stays None."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _mistake(found: ErrorDetails) -> str:
    name = str(found["loc"][0]).replace("_", " ")
    if found["type"] == "greater_than_equal":
        return f"{name}: {found['input']} is less than none; write a whole number from 0 on, or unknown"
    if found["type"] == "less_than_equal":
        return f"{name}: {found['input']} is more than can be written down; write a smaller number, or unknown"
    return f"{name}: {found['msg'].removeprefix('Value error, ')}"


def _typed(name: str, value: str) -> FactValue:
    default = Facts.model_fields[name].default
    if value in {"unknown", ""} and name != "title":
        return default if default == () else None
    if name in {"people_affected", "records_affected"}:
        try:
            return int(value)
        except ValueError as error:
            raise typer.BadParameter(f"{name} is a whole number, or unknown; {value!r} is neither") from error
    if name in {"data_categories", "measures", "services"}:
        return words(value)
    return value
