"""`keys list|rotate`: which keys there are, and new ones for what comes; old ones go on opening what they sealed."""

from typing import Annotated

import typer

from tocsin.adapters.notary import LogNotary
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import session

commands = typer.Typer(help="The keys of this installation.")


@commands.command("list")
def list_(ctx: typer.Context, as_json: Json = False) -> None:
    """List the keys by id, with how many incidents' keys each master key seals; no secret is shown."""
    work = session(ctx)
    current, sealed = work.keyring.master_id(), work.vault.sealed_under()
    masters = {key_id: sealed.get(key_id, 0) for key_id in work.keyring.master_ids()}
    notary = LogNotary.of(work.keyring)
    if as_json:
        log = {"fingerprint": notary.fingerprint, "verifier_key": notary.verifier_key}
        emit({"master": current, "masters": masters, "log": log, "door": work.keyring.door_private()[0]})
        return
    for key_id, count in masters.items():
        say(f"{key_id}  {'current, ' if key_id == current else ''}seals the keys of {count} incidents")
    say(f"{work.keyring.door_private()[0]}  signs what comes in by this machine's console")
    say(f"{work.keyring.log_origin()}  signs checkpoints, fingerprint {notary.fingerprint}")


@commands.command()
def rotate(
    ctx: typer.Context,
    log: Annotated[bool, typer.Option("--log", help="Rotate the key that signs checkpoints instead.")] = False,
    as_json: Json = False,
) -> None:
    """Make a new master key, and move every incident's key under it; the old one stays, for backups."""
    work = session(ctx)
    if log:
        work.keyring.rotate_log()
        notary = LogNotary.of(work.keyring)
        if as_json:
            emit({"fingerprint": notary.fingerprint, "verifier_key": notary.verifier_key})
            return
        say(f"checkpoints are signed with a new key, fingerprint {notary.fingerprint}; the old public key is kept")
        say("Next: restart the workers, and publish the new fingerprint where the old one stands.")
        return
    current = work.keyring.rotate_master()
    moved = work.vault.rewrap()
    if as_json:
        emit({"master": current, "moved": moved})
        return
    say(f"{current} is the master key now; {moved} incidents' keys were moved under it")
    say("Next: back up the keys. Workers that run find the new key by themselves.")
