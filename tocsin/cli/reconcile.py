"""`reconcile`: after the store or Temporal was restored to an older point, show how they differ, and settle it."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters.channels import open_channels
from tocsin.adapters.codec import data_converter
from tocsin.adapters.reconciler import Difference, Reconciler
from tocsin.adapters.watcher import pollers
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say, when
from tocsin.cli.session import Session, session
from tocsin.client import connected
from tocsin.domain.act import Role
from tocsin.domain.errors import Refused
from tocsin.domain.notice import Notice
from tocsin.domain.reconciling import Standing

commands = typer.Typer()

WORDS = {
    Standing.TEMPORAL_AHEAD: "Temporal is ahead: the store is older",
    Standing.STORE_AHEAD: "the store is ahead: Temporal is older, or lost it",
    Standing.UNKNOWN: "the store has never heard of its incident: report it again, see who was told",
}


@commands.command()
def reconcile(
    ctx: typer.Context,
    settle: Annotated[
        bool, typer.Option("--settle", help="Settle it: no worker may run. Else it is only shown.")
    ] = False,
    store_restored: Annotated[
        bool,
        typer.Option("--store-restored", help="The store is an older one: no notice in it is trusted to be unsent."),
    ] = False,
    taken: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The provider's export of what it took: ids in it count as accepted."),
    ] = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="You saw to it that no worker runs; Temporal lists one for two minutes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare store, Temporal and channels after a restore; with --settle, settle it. Nothing is sent by it."""
    work = session(ctx)
    if settle and Role.APPROVER not in work.actor.roles:
        raise Refused(f"{work.actor.name} may not settle this; an approver may: give the role in people.toml")
    exported = _exported(taken)
    seen, changed = asyncio.run(_reconcile(work, exported, settle, store_restored, no_worker))
    if as_json:
        emit({"difference": seen, "settled": settle, "workflows": changed})
    else:
        _tell(seen, changed, settle)
    if not settle and (seen.workflows or seen.rows):
        raise Refused("store and Temporal differ; stop the workers, then: tocsin reconcile --settle")


async def _reconcile(
    work: Session, exported: str, settle: bool, store_restored: bool, no_worker: bool
) -> tuple[Difference, list[str]]:
    chosen = work.settings
    client = await connected(chosen, data_converter(work.vault, chosen.temporal_namespace))
    if settle and not no_worker and await pollers(client, work.now()):
        raise Refused("workers run, or did two minutes ago; stop them all, then settle again, or say --no-worker")

    def is_taken(row: Notice) -> bool:
        return any(one and one in exported for one in (row.notice_id, row.message_id.strip("<>"), row.provider_id))

    channels = open_channels(chosen)
    one = Reconciler(work.store, client, channels, is_taken, store_is_old=store_restored)
    try:
        seen = await one.look(work.now())
        return seen, await one.settle(seen, work.actor.person_id, work.now()) if settle else []
    finally:
        for channel in channels.values():
            await channel.close()


def _exported(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Refused(f"cannot read {file} ({error.strerror}); give the provider's export, as text or CSV") from error


def _tell(seen: Difference, changed: list[str], settle: bool) -> None:
    for sight, how in seen.workflows:
        say(f"{sight.workflow_id}: {WORDS[how]}", style="bold red")
    for row in seen.rows:
        say(
            f"notice {row.number} ({row.incident_id}): {row.was} {'became' if settle else 'would become'} {row.becomes}"
        )
    for act in seen.lost_acts:
        say(f"{act.kind} by {act.by} at {when(act.at)} is not in the store any more: do it again ({act.incident_id})")
    if not (seen.workflows or seen.rows or seen.lost_acts):
        say("store, Temporal and channels agree")
    for workflow_id in changed:
        say(f"{workflow_id} was ended; what is to run starts again from the store with the first worker")
