"""`log verify|checkpoint|check|prove`: the audit log's tree, its signed checkpoints, and proofs of single entries."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import session
from tocsin.domain.errors import Broken, Refused

commands = typer.Typer(help="The append-only audit log.")


@commands.command()
def verify(ctx: typer.Context, as_json: Json = False) -> None:
    """Recompute the log's root from its entries; fail naming the first one changed, removed or reordered."""
    found = session(ctx).log.verified()
    if as_json:
        emit(found)
    elif found.holds:
        say(f"the log holds: {found.size} entries, root {found.root}, as {found.checkpoints} signed checkpoints say")
    _fail_unless(found.holds, found.why, found.first_bad)


@commands.command()
def checkpoint(ctx: typer.Context, as_json: Json = False) -> None:
    """Print the newest signed checkpoint, who holds it, and the key that it is checked with."""
    newest = session(ctx).log.newest()
    keys = {"fingerprint": newest.key_fingerprint, "verifier_key": newest.verifier_key}
    if as_json:
        emit({**newest.model_dump(exclude={"key_fingerprint", "verifier_key"}), **keys})
        return
    say(newest.note.rstrip("\n"))
    say()
    say(f"signed {newest.at:%Y-%m-%dT%H:%M:%SZ}; held by: {', '.join(newest.witnesses) or 'nobody outside'}")
    say(f"key fingerprint {newest.key_fingerprint}")
    say(f"verifier key {newest.verifier_key}")


@commands.command()
def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint that was kept elsewhere.")],
    as_json: Json = False,
) -> None:
    """Compare the log with a checkpoint that was kept elsewhere: the log must have begun as that says."""
    try:
        note = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"cannot read {file} as text; name a file that holds a checkpoint") from error
    found = session(ctx).log.compared(note)
    if as_json:
        emit(found)
    elif found.holds:
        say(f"the log began as this checkpoint of {found.size} entries says")
    _fail_unless(found.holds, found.why)


@commands.command()
def prove(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The entry's number.", min=0)],
    as_json: Json = False,
) -> None:
    """Print an entry with the proof that the newest checkpoint contains it (RFC 6962)."""
    found = session(ctx).log.proved(number)
    if as_json:
        emit(found.model_dump(exclude={"root"}))
        return
    say(found.entry)
    for step in found.proof.path:
        say(step, indent=2)
    say(f"entry {number} is in the checkpoint of {found.proof.size} entries, root {found.root}")


def _fail_unless(holds: bool, why: str, first_bad: int | None = None) -> None:
    if not holds:
        where = "" if first_bad is None else f" from entry {first_bad} on"
        raise Broken(f"the log does not hold{where}: {why}; keep the store as it is, and compare it with a backup")
