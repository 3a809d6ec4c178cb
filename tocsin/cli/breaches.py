"""`breaches export`: the register of breaches that a controller keeps (GDPR art. 33(5))."""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from tocsin.adapters.breach_register import as_csv, as_json, read_breaches
from tocsin.cli.output import Output, deliver
from tocsin.cli.sample import day
from tocsin.cli.session import session

commands = typer.Typer(help="The register of breaches: every incident, told or not, with its facts and reasons.")


class Format(StrEnum):
    """How it is written."""

    CSV = "csv"
    JSON = "json"


@commands.command()
def export(
    ctx: typer.Context,
    form: Annotated[
        Format, typer.Option("--format", help="csv opens in a spreadsheet; json has everything.")
    ] = Format.CSV,
    first: Annotated[
        date | None, typer.Option("--from", parser=day, metavar="DAY", help="Reported on this day or later, in UTC.")
    ] = None,
    last: Annotated[
        date | None, typer.Option("--to", parser=day, metavar="DAY", help="Reported on this day or earlier, in UTC.")
    ] = None,
    out: Output = None,
) -> None:
    """Write the register of breaches, dismissed ones and those of which nobody was told included."""
    if first and last and first > last:
        raise typer.BadParameter(f"--from {first} lies after --to {last}; swap them")
    work = session(ctx)
    with work.store.reading() as tx:
        entries = read_breaches(tx, _start(first), _start(last + timedelta(days=1)) if last else None)
    content = as_csv(entries) if form is Format.CSV else as_json(entries, work.now())
    deliver(content, out, f"{len(entries)} breach(es)")


def _start(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), tzinfo=UTC) if day else None
