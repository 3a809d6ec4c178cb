"""`register import|check|export`: which organisations we promised what, and whom to write to."""

import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters.register_csv import Finding, read_register, readiness, write_register
from tocsin.audit.entry import EntryDraft
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import Session, session
from tocsin.domain.act import Actor, Role
from tocsin.domain.errors import Refused
from tocsin.domain.register import Agreement
from tocsin.domain.values import Value
from tocsin.ports import Transaction

commands = typer.Typer(help="The register: whom we promised to tell, how fast, and whom to write to.")
Csv = Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; `examples/register.csv` shows the columns.")]


class Changes(Value):
    """What an import does to the register; references of agreements."""

    revision: int
    imported: bool
    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: int
    not_in_file: int
    """Agreements of the register that the file does not have; they are kept."""


@commands.command("import")
def import_(
    ctx: typer.Context,
    file: Csv,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Publish the agreements of a CSV file. One mistake in it, and nothing is imported."""
    work = session(ctx)
    _may_change(work.actor)
    agreements = read_register(file, work.keyring.id_key())
    if dry_run:
        with work.store.reading() as tx:
            changes = _compare(tx, agreements)
    else:
        changes = _publish(work, agreements)
    emit(changes) if as_json else _tell(changes, readiness(agreements, work.now().date()))


@commands.command()
def check(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Default: the register itself.")] = None,
    as_json: Json = False,
) -> None:
    """List what stands in the way of telling each party: no promise, nobody to write to, no deputy."""
    work = session(ctx)
    if file is not None:
        findings = readiness(read_register(file, work.keyring.id_key()), work.now().date())
    else:
        with work.store.reading() as tx:
            findings = readiness(tx.register.agreements(), work.now().date())
    if as_json:
        emit(findings)
        return
    for finding in findings:
        _tell_finding(finding)
    say(f"{len(findings)} finding(s)." if findings else "Every party can be told.")


@commands.command()
def export(
    ctx: typer.Context,
    out: Annotated[Path | None, typer.Option("--out", help="Default: standard output.")] = None,
    as_json: Json = False,
) -> None:
    """Write the register as CSV; importing it again changes nothing."""
    with session(ctx).store.reading() as tx:
        agreements = sorted(tx.register.agreements(), key=lambda agreement: agreement.reference)
    if as_json:
        emit(agreements)
    elif out is None:
        sys.stdout.write(write_register(agreements).decode())
    else:
        out.write_bytes(write_register(agreements))
        say(f"wrote {len(agreements)} agreements to {out}")


def _publish(work: Session, agreements: list[Agreement]) -> Changes:
    with work.store.writing() as tx:
        changes, at = _compare(tx, agreements), work.now()
        revision = tx.register.publish(agreements, at)
        if changes.added or changes.changed:
            tx.log.append([_entry(work.actor, at, revision, changes)])
    return changes.model_copy(update={"revision": revision, "imported": True})


def _compare(tx: Transaction, agreements: Iterable[Agreement]) -> Changes:
    before = {agreement.agreement_id: agreement.fingerprint() for agreement in tx.register.agreements()}
    after = {agreement.agreement_id: agreement for agreement in agreements}
    changed = [a.reference for key, a in after.items() if key in before and before[key] != a.fingerprint()]
    added = [a.reference for key, a in after.items() if key not in before]
    return Changes(
        revision=tx.register.revision(),
        imported=False,
        added=tuple(added),
        changed=tuple(changed),
        unchanged=len(after) - len(added) - len(changed),
        not_in_file=len(before.keys() - after.keys()),
    )


def _entry(actor: Actor, at: datetime, revision: int, changes: Changes) -> EntryDraft:
    return EntryDraft(
        key=f"register#{revision}",
        at=at,
        kind="register.published",
        incident_id=None,
        actor=actor.person_id,
        authenticated=actor.authenticated,
        data={"revision": revision, "added": len(changes.added), "changed": len(changes.changed)},
    )


def _may_change(actor: Actor) -> None:
    if not actor.roles - {Role.AUDITOR}:
        raise Refused(f"{actor.name} may not change the register; an auditor reads. Give a role in people.toml")


def _tell(changes: Changes, findings: Iterable[Finding]) -> None:
    verb = "imported" if changes.imported else "would import (dry run, nothing changed)"
    say(f"{verb}: {len(changes.added)} new, {len(changes.changed)} changed, {changes.unchanged} as they were.")
    for name, references in (("new", changes.added), ("changed", changes.changed)):
        if references and len(references) <= 60:
            say(f"{name}: {', '.join(references)}", indent=2)
    if changes.not_in_file:
        say(f"{changes.not_in_file} agreement(s) of the register are not in the file; they are kept.")
    if changes.imported:
        say(f"The register is at revision {changes.revision}.")
    for finding in findings:
        _tell_finding(finding)


def _tell_finding(finding: Finding) -> None:
    say(f"{finding.reference}: {finding.what}; {finding.fix}", indent=2)
