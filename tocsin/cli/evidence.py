"""`evidence`, `verify`: an incident as a pack, and the check of such a pack, which needs nothing but the pack."""

import asyncio
import hashlib
import re
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters.evidence import VERIFIER, Checked, check_evidence
from tocsin.adapters.evidence.replay import replayed
from tocsin.adapters.evidence.sign import LogSigner
from tocsin.cli import lookup
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.cli.sample import REGISTER, Sampled, day, write_sample
from tocsin.cli.session import Session, session
from tocsin.domain.errors import Broken, Refused

commands = typer.Typer()


def _head(text: str) -> tuple[int, str]:
    match = re.fullmatch(r"(\d+):([0-9a-fA-F]{64})", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no head of the log; write its size and root, as 70:9f28…")
    return int(match[1]), match[2]


@commands.command()
def evidence(
    ctx: typer.Context,
    incident: Annotated[str | None, typer.Argument(metavar="INCIDENT", help="Its id, or `last`.")] = None,
    target: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PACK", help="A new .zip, or a folder, new or empty.")
    ] = None,
    first: Annotated[
        date | None,
        typer.Option("--from", parser=day, metavar="DAY", help="All reported on this day or later, in UTC."),
    ] = None,
    last: Annotated[
        date | None, typer.Option("--to", parser=day, metavar="DAY", help="All reported on this day or earlier.")
    ] = None,
    status: Annotated[Sampled | None, typer.Option(help="Of these, only those that are so.")] = None,
    fingerprints: Annotated[
        bool, typer.Option("--fingerprints", help="Print what to publish: of the key that signs, and of verify.py.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write everything about an incident to a pack that can be read and verified without Tocsin's store.

    It holds personal data, so only you may read it.
    """
    work = session(ctx)
    if fingerprints:
        _fingerprints(work, as_json)
        return
    if target is None or (incident is None) is (first is None and last is None):
        raise typer.BadParameter("name an incident, or a period with --from and --to; and with -o where to write")
    if incident is None:
        written = write_sample(work, first, last, status, target)
        emit({"incidents": written}) if as_json else say(f"{len(written)} pack(s) and {REGISTER} lie in {target}")
        return
    incident_id = lookup.incident(work, incident).incident_id
    checked = work.write_pack(incident_id, target)
    if not as_json:
        say(f"the evidence of incident {incident_id} lies in {target}")
    _tell(checked, target, as_json)
    if not as_json:
        key = work.fingerprint()
        say(f"Anybody can check it: tocsin verify {target}" + (f" --key {key}" if key else ""))


@commands.command()
def verify(
    pack: Annotated[Path, typer.Argument(metavar="PACK", help="What `tocsin evidence` wrote, .zip or folder.")],
    head: Annotated[str | None, typer.Option(metavar="SIZE:ROOT", help="A head noted elsewhere, earlier.")] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="FINGERPRINT", help="Of the key that must have signed, as published."),
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Also replay its histories against the code that is installed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check an evidence pack from its files alone; fail naming each file and entry that does not hold."""
    checked = check_evidence(pack, _head(head) if head else None, key)
    if replay:
        again = asyncio.run(replayed(pack, _workflows()))
        checked = checked.model_copy(update={"checks": (*checked.checks, *again.checks)})
    _tell(checked, pack, as_json)


def _workflows() -> list[type]:
    """Return the workflows of the tree or image that this runs in; the package alone has none."""
    try:
        worker = import_module("worker")
    except ImportError as error:
        raise Refused(
            "replaying needs the workflows, which the package `tocsin` does not hold; "
            "run it in the source tree or the image of the version to compare with, or leave out --replay"
        ) from error
    found: list[type] = worker.WORKFLOWS
    return found


def _fingerprints(work: Session, as_json: bool) -> None:
    """Print what an auditor compares: it must reach them by another way than the pack."""
    key, verifier = LogSigner(work.keyring).fingerprint, hashlib.sha256(VERIFIER).hexdigest()
    if as_json:
        emit({"key": key, "verifier": verifier})
        return
    say(f"key that signs:  {key}")
    say(f"verify.py:       {verifier}")
    say("Publish both where an auditor finds them without you: a forged pack comes with a forged key and verifier.")


def _tell(checked: Checked, pack: Path, as_json: bool) -> None:
    if as_json:
        emit({**checked.model_dump(), "holds": checked.holds})
    else:
        for line in checked.lines():
            say(line)
    if not checked.holds:
        raise Broken(
            f"the evidence in {pack} does not hold: {checked.findings[0].sentence()}; "
            "keep it as it is, and compare it with another copy or the store's backup"
        )
