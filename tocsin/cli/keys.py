"""`keys list|rotate|export`: which keys there are, and new ones for what comes; old ones open what they sealed."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters import keyfile
from tocsin.adapters.notary import LogNotary
from tocsin.adapters.vault import KEPT, NAMESPACE_SCOPE
from tocsin.audit.entry import EntryDraft
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import Session, session
from tocsin.domain.errors import Refused

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
    data: Annotated[
        bool,
        typer.Option("--data", help="Give the namespace and every open incident a new key instead."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a new master key, and move every incident's key under it; the old one stays, for backups."""
    work = session(ctx)
    if data:
        _rotate_data(work, as_json=as_json)
        return
    if log:
        work.keyring.rotate_log()
        notary = LogNotary.of(work.keyring)
        _note(work, "rotated", key="log", fingerprint=notary.fingerprint)
        if as_json:
            emit({"fingerprint": notary.fingerprint, "verifier_key": notary.verifier_key})
            return
        say(f"checkpoints are signed with a new key, fingerprint {notary.fingerprint}; the old public key is kept")
        say("Next: restart the workers, and publish the new fingerprint where the old one stands.")
        return
    current = work.keyring.rotate_master()
    moved = work.vault.rewrap()
    _note(work, "rotated", key="master", id=current, moved=moved)
    if as_json:
        emit({"master": current, "moved": moved})
        return
    say(f"{current} is the master key now; {moved} incidents' keys were moved under it")
    say("Next: back up the keys. Workers that run find the new key by themselves.")


@commands.command()
def export(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")]
) -> None:
    """Write all keys as one line, for TOCSIN_KEYRING on a machine without a disk; whoever reads it reads everything."""
    work = session(ctx)
    if file.exists():
        raise Refused(f"{file} was not written: File exists; name a file that does not exist yet")
    exported = work.keyring.exported()
    # Before there is a file: no copy of the keys without a line in the log.
    _note(work, "exported")
    try:
        keyfile.write(file, exported + "\n")
    except OSError as error:
        raise Refused(f"{file} was not written: {error.strerror}; name a file that does not exist yet") from error
    say(f"{file} holds every key of this installation (mode 600). Give it to the other machine, then delete it here.")


def _rotate_data(work: Session, *, as_json: bool) -> None:
    """Old generations stay: what they sealed is read with them for as long as it is kept."""
    with work.store.reading() as tx:
        scopes = [NAMESPACE_SCOPE, *(state.incident_id for state in tx.incidents.all(open_only=True))]
    rotated = {scope: work.vault.rotate(scope) for scope in scopes}
    _note(work, "rotated", key="data", scopes=len(rotated))
    if as_json:
        emit({"generations": rotated})
        return
    say(f"{len(rotated) - 1} open incidents and the namespace have a new key for what comes; old ones stay for reading")
    say(f"Running workers take the new keys up within {KEPT.seconds // 60} minutes.")


def _note(work: Session, what: str, **data: str | int) -> None:
    at = work.now()
    entry = EntryDraft(
        key=f"keys.{what}:{at.isoformat()}",
        at=at,
        kind=f"keys.{what}",
        incident_id=None,
        actor=work.actor.person_id,
        authenticated=work.actor.authenticated,
        data=data,
    )
    with work.store.writing() as tx:
        tx.log.append([entry])
