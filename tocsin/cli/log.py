"""`log verify|checkpoint|check|prove`: the audit log's tree, its signed checkpoints, and proofs of single entries."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters.evidence.sign import Signer
from tocsin.adapters.notary import LogNotary
from tocsin.audit.entry import leaf_hash
from tocsin.audit.proof import inclusion_proofs
from tocsin.audit.tree import Frontier
from tocsin.audit.verify import Verdict, verify_along
from tocsin.audit.verify import verify as verify_entries
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import session
from tocsin.domain.errors import Broken, Refused
from tocsin.ports import Transaction

commands = typer.Typer(help="The append-only audit log.")
_NONE_YET = "there is no checkpoint yet; the worker's sweep signs one within minutes, and each closing of an incident"


@commands.command()
def verify(ctx: typer.Context, as_json: Json = False) -> None:
    """Recompute the log's root from its entries; fail naming the first one changed, removed or reordered."""
    work = session(ctx)
    with work.store.reading() as tx:
        verdict = verify_entries(tx.log.entries(), tx.log.head())
        checkpoints, verdict = with_checkpoints(tx, LogNotary.of(work.keyring), verdict)
    if as_json:
        emit({**verdict.model_dump(), "checkpoints": checkpoints})
    elif verdict.holds:
        say(f"the log holds: {verdict.size} entries, root {verdict.root}, as {checkpoints} signed checkpoints say")
    _fail_unless(verdict)


@commands.command()
def checkpoint(ctx: typer.Context, as_json: Json = False) -> None:
    """Print the newest signed checkpoint, who holds it, and the key that it is checked with."""
    work = session(ctx)
    notary = LogNotary.of(work.keyring)
    with work.store.reading() as tx:
        newest = tx.checkpoints.newest()
        pins = tx.checkpoints.pins(newest.head.size) if newest else []
    if newest is None:
        raise Refused(_NONE_YET)
    if as_json:
        held = {pin.witness: pin.at for pin in pins}
        keys = {"fingerprint": notary.fingerprint, "verifier_key": notary.verifier_key}
        emit({"size": newest.head.size, "at": newest.at, "note": newest.note, "witnesses": held, **keys})
        return
    say(newest.note.rstrip("\n"))
    say()
    say(f"signed {newest.at:%Y-%m-%dT%H:%M:%SZ}; held by: {', '.join(pin.witness for pin in pins) or 'nobody outside'}")
    say(f"key fingerprint {notary.fingerprint}")
    say(f"verifier key {notary.verifier_key}")


@commands.command()
def check(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint that was kept elsewhere.")],
    as_json: Json = False,
) -> None:
    """Compare the log with a checkpoint that was kept elsewhere: the log must have begun as that says."""
    work = session(ctx)
    try:
        note = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"cannot read {file} as text; name a file that holds a checkpoint") from error
    kept = LogNotary.of(work.keyring).check(note)
    with work.store.reading() as tx:
        tree = Frontier().extended(leaf_hash(one.body) for one in islice(tx.log.entries(), kept.size))
    holds = (tree.size, tree.root()) == (kept.size, kept.root)
    short = f"the log has {tree.size} entries, it had {kept.size}: its tail was cut"
    why = "" if holds else short if tree.size < kept.size else f"its first {kept.size} entries were rewritten"
    if as_json:
        emit({"holds": holds, "size": kept.size, "root": kept.root, "why": why})
    elif holds:
        say(f"the log began as this checkpoint of {kept.size} entries says")
    _fail_unless(Verdict(holds=holds, size=tree.size, root=tree.root(), why=why))


@commands.command()
def prove(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The entry's number.", min=0)],
    as_json: Json = False,
) -> None:
    """Print an entry with the proof that the newest checkpoint contains it (RFC 6962)."""
    with session(ctx).store.reading() as tx:
        newest = tx.checkpoints.newest()
        if newest is None:
            raise Refused(_NONE_YET)
        if number >= newest.head.size:
            raise Refused(f"the newest checkpoint has the entries 0 to {newest.head.size - 1}; {number} comes later")
        leaves = (bytes.fromhex(one.leaf) for one in islice(tx.log.entries(), newest.head.size))
        proof = inclusion_proofs(leaves, [number])[number]
        body = next(tx.log.entries(number)).body.decode(errors="replace")
    if as_json:
        emit({"entry": body, "proof": proof.model_dump(), "checkpoint": newest.note})
        return
    say(body)
    for step in proof.path:
        say(step, indent=2)
    say(f"entry {number} is in the checkpoint of {proof.size} entries, root {newest.head.root()}")


def with_checkpoints(tx: Transaction, notary: LogNotary | Signer, verdict: Verdict) -> tuple[int, Verdict]:
    """Return how many checkpoints there are, and the verdict with them: the log must go on from each to the next."""
    heads = [Frontier()]
    for row in tx.checkpoints.after(0):
        noted = notary.check(row.note)
        if (noted.size, noted.root) != (row.head.size, row.head.root()):
            why = f"the checkpoint of {row.head.size} entries stands beside a head that it was not made of"
            return len(heads) - 1, verdict.model_copy(update={"holds": False, "why": verdict.why or why})
        heads.append(row.head)
    return len(heads) - 1, _along(tx, heads, verdict)


def _along(tx: Transaction, heads: list[Frontier], verdict: Verdict) -> Verdict:
    if not verdict.holds or len(heads) == 1:
        return verdict
    along = verify_along(tx.log.entries(), heads)
    return verdict if along.holds else along


def _fail_unless(verdict: Verdict) -> None:
    if not verdict.holds:
        where = "" if verdict.first_bad is None else f" from entry {verdict.first_bad} on"
        raise Broken(
            f"the log does not hold{where}: {verdict.why}; keep the store as it is, and compare it with a backup"
        )
