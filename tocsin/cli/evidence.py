"""`evidence`, `verify`: an incident as a folder, and the check of such a folder, which needs nothing but the folder."""

import re
from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters.evidence import Checked, check_evidence, write_evidence
from tocsin.cli import lookup
from tocsin.cli.arguments import Incident, Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import session
from tocsin.domain.errors import Broken

commands = typer.Typer()


def _head(text: str) -> tuple[int, str]:
    match = re.fullmatch(r"(\d+):([0-9a-fA-F]{64})", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no head of the log; write its size and root, as 70:9f28…")
    return int(match[1]), match[2]


@commands.command()
def evidence(
    ctx: typer.Context,
    incident: Incident,
    folder: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="A folder that is new or empty.")],
    as_json: Json = False,
) -> None:
    """Write everything about an incident to a folder that can be read and verified without Tocsin's store.

    It holds personal data, so only you may read it.
    """
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    checked = write_evidence(work.store, work.vault, incident_id, folder)
    if not as_json:
        say(f"the evidence of incident {incident_id} lies in {folder}")
    _tell(checked, folder, as_json)
    if not as_json:
        say(f"Anybody can check it: tocsin verify {folder}")


@commands.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What `tocsin evidence` wrote.")],
    head: Annotated[str | None, typer.Option(metavar="SIZE:ROOT", help="A head noted elsewhere, earlier.")] = None,
    as_json: Json = False,
) -> None:
    """Check an evidence folder from its files alone; fail naming each file and entry that does not hold."""
    _tell(check_evidence(folder, _head(head) if head else None), folder, as_json)


def _tell(checked: Checked, folder: Path, as_json: bool) -> None:
    if as_json:
        emit({**checked.model_dump(), "holds": checked.holds})
    else:
        for line in checked.lines():
            say(line)
    if not checked.holds:
        raise Broken(
            f"the evidence in {folder} does not hold: {checked.findings[0].sentence()}; "
            "keep it as it is, and compare it with another copy or the store's backup"
        )
