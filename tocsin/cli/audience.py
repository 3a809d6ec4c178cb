"""Who is affected, as options: resolved here against the register, so that an act names agreements by their ids."""

import csv
import io
from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters.register_csv import content_of, text_of
from tocsin.cli.render import complain
from tocsin.cli.session import Session
from tocsin.domain.audience import Audience, Selection, select
from tocsin.domain.errors import Refused

TENANT_COLUMNS = ("agreement", "party")

Services = Annotated[list[str] | None, typer.Option("--service", help="A service that is affected. Repeatable.")]
Regions = Annotated[list[str] | None, typer.Option("--region", help="Only who is served there. Repeatable.")]
Subprocessors = Annotated[
    list[str] | None,
    typer.Option("--subprocessor", metavar="NAME", help="Only whose data passes through it. Repeatable."),
]
DataCategories = Annotated[
    list[str] | None,
    typer.Option("--data-category", metavar="WORD", help="Only whose agreement holds such data. Repeatable."),
]
Tenants = Annotated[
    Path | None,
    typer.Option("--tenants", metavar="FILE", help="A CSV file with the column `agreement` or `party`."),
]


def audience(
    services: list[str] | None = None,
    regions: list[str] | None = None,
    subprocessors: list[str] | None = None,
    data_categories: list[str] | None = None,
    tenants: Path | None = None,
) -> Audience:
    """Return what the options ask for. Raises Refused for a file of tenants that cannot be read."""
    return Audience(
        services=tuple(services or ()),
        regions=tuple(regions or ()),
        subprocessors=tuple(subprocessors or ()),
        data_categories=tuple(data_categories or ()),
        tenants=read_tenants(tenants) if tenants is not None else (),
    )


def chosen(work: Session, wanted: Audience) -> Selection:
    """Return who fits, and say on standard error how many, and who may be missing.

    Raises:
        Refused: if a tenant is not in the register.
    """
    with work.store.reading() as tx:
        found = select(wanted, tx.register.agreements(), work.now())
    complain(f"Affected: {len(found.agreements)} of {found.out_of} agreements, {found.parties} parties.")
    if found.silent:
        named = ", ".join(found.silent[:10]) + (" …" if len(found.silent) > 10 else "")
        complain(
            f"{len(found.silent)} more do not say whether they fit and are left out: {named}. "
            "Name those that are affected with `tocsin affected add`."
        )
    return found


def read_tenants(path: Path) -> tuple[str, ...]:
    """Return the names in a CSV file of tenants, each once.

    Raises:
        Refused: if the file cannot be read, lacks its column, or names nobody.
    """
    name, content = content_of(path)
    reader = csv.reader(io.StringIO(text_of(name, content), newline=""), strict=True)
    try:
        rows = [row for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise Refused(f"{name}: line {reader.line_num}: {error}; is a quote left open?") from error
    columns = [cell.strip().casefold() for cell in rows[0]] if rows else []
    column = next((columns.index(known) for known in TENANT_COLUMNS if known in columns), None)
    if column is None:
        raise Refused(f"{name}: line 1 names no column `agreement` or `party`; add it above the names")
    cells = (row[column].strip() for row in rows[1:] if len(row) > column)
    found = tuple(dict.fromkeys(filter(None, cells)))
    if not found:
        raise Refused(f"{name} names nobody; write one tenant on each line below the header")
    return found
