"""`log verify`: recompute the audit log's tree, and name the first entry that does not hold."""

import typer

from tocsin.audit.verify import verify as verify_entries
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import session
from tocsin.domain.errors import Broken

commands = typer.Typer(help="The append-only audit log.")


@commands.command()
def verify(ctx: typer.Context, as_json: Json = False) -> None:
    """Recompute the log's root from its entries; fail naming the first one changed, removed or reordered."""
    with session(ctx).store.reading() as tx:
        verdict = verify_entries(tx.log.entries(), tx.log.head())
    if as_json:
        emit(verdict)
    elif verdict.holds:
        say(f"the log holds: {verdict.size} entries, root {verdict.root}")
    if not verdict.holds:
        where = "" if verdict.first_bad is None else f" from entry {verdict.first_bad} on"
        raise Broken(
            f"the log does not hold{where}: {verdict.why}; keep the store as it is, and compare it with a backup"
        )
