"""`register subprocessors`: the dated list of sub-processors that controllers are promised."""

import csv
import io
import sys
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import typer

from tocsin.cli.render import emit
from tocsin.cli.session import session
from tocsin.domain.errors import Refused
from tocsin.domain.subprocessing import SubProcessor, subprocessors


class ListFormat(StrEnum):
    """How the list is written."""

    CSV = "csv"
    JSON = "json"


def export_subprocessors(
    ctx: typer.Context,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], metavar="DATE", help="Default: today (UTC).")
    ] = None,
    form: Annotated[ListFormat, typer.Option("--format", help="How it is written.")] = ListFormat.CSV,
) -> None:
    """Print the sub-processors engaged on a day: since when, for which service, where."""
    work = session(ctx)
    day = on.date() if on is not None else work.now().date()
    with work.store.reading() as tx:
        lines = subprocessors(tx.register.agreements(), day)
    if form is ListFormat.JSON:
        emit({"on": day.isoformat(), "subprocessors": lines})
    else:
        sys.stdout.write(_csv(lines, day))


def _csv(lines: list[SubProcessor], day: date) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["on", *SubProcessor.model_fields])
    writer.writerows([day.isoformat(), *map(_cell, line.model_dump().values())] for line in lines)
    return out.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return "; ".join(map(str, value))
    if isinstance(value, str) and value[:1] in {"=", "@"}:
        raise Refused(f"{value!r} would be a formula in a spreadsheet, and this list is given away; rename it")
    return "" if value is None else str(value)
