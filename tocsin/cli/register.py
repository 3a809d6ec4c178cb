"""`register import|check|export|subprocessors|probe`: which organisations we promised what, and whom to write to."""

import asyncio
import hashlib
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters.register_file import Format, stream_file, write_file
from tocsin.audit.entry import EntryDraft
from tocsin.cli.arguments import Json
from tocsin.cli.probe import probe
from tocsin.cli.render import complain, emit, say
from tocsin.cli.session import Session, session
from tocsin.cli.subprocessors import export_subprocessors
from tocsin.domain.act import Actor, Role
from tocsin.domain.errors import Refused
from tocsin.domain.readiness import Finding, Readiness, Weight
from tocsin.domain.register import Agreement
from tocsin.domain.values import Value
from tocsin.ports import Store, Transaction

commands = typer.Typer(help="The register: whom we promised to tell, how fast, and whom to write to.")
File = Annotated[
    Path, typer.Argument(metavar="FILE", help="CSV, or TOML if it is named so; `examples/register.csv` shows how.")
]


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
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Publish the agreements of a CSV or TOML file. One mistake in it, and nothing is imported."""
    work = session(ctx)
    _may_change(work.actor)
    changes, findings = work.publish(file, dry_run=dry_run)
    emit(changes) if as_json else _tell(changes, findings)


@commands.command()
def check(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Default: the register itself.")] = None,
    dns: Annotated[bool, typer.Option("--dns", help="Ask the DNS whether each domain can take mail.")] = False,
    as_json: Json = False,
) -> None:
    """List what stands in the way of telling each party: no promise, nobody to write to, no deputy, old contacts."""
    work = session(ctx)
    looking = Readiness(work.now().date(), work.answers())
    with work.store.reading() as tx:
        for agreement in stream_file(file, work.keyring.id_key()) if file else tx.register.agreements():
            looking.look(agreement)
    findings, late = looking.findings(), frozenset[str]()
    if dns:
        without, late = _asked(looking.domains())
        findings += looking.without_mail(without)
    if late:
        complain(f"The DNS did not answer in time for: {', '.join(sorted(late))}")
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
    form: Annotated[Format | None, typer.Option("--format", help="Default: by the name of --out, else csv.")] = None,
    as_json: Json = False,
) -> None:
    """Write the register as CSV or TOML; importing it again changes nothing."""
    with session(ctx).store.reading() as tx:
        agreements = sorted(tx.register.agreements(), key=lambda agreement: agreement.reference)
    by_name = Format.TOML if out is not None and out.suffix.casefold() == ".toml" else Format.CSV
    if as_json:
        emit(agreements)
    elif out is None:
        sys.stdout.write(write_file(agreements, form or by_name).decode())
    else:
        out.write_bytes(write_file(agreements, form or by_name))
        say(f"wrote {len(agreements)} agreements to {out}")


commands.command("subprocessors")(export_subprocessors)
commands.command("probe")(probe)


def _asked(domains: frozenset[str]) -> tuple[dict[str, str], frozenset[str]]:
    from tocsin.adapters.mail_domains import domains_without_mail  # noqa: PLC0415 - what only --dns needs

    return asyncio.run(domains_without_mail(domains))


def published(work: Session, file: Path, *, dry_run: bool) -> tuple[Changes, list[Finding]]:
    """Publish the agreements of a file, and look at each for what stands in the way of telling its party."""
    looking = Readiness(work.now().date(), work.answers())
    agreements = map(looking.look, stream_file(file, work.keyring.id_key()))
    changes = compared(work.store, agreements) if dry_run else publish(work.store, work.actor, work.now(), agreements)
    return changes, list(looking.findings())


def publish(store: Store, actor: Actor, at: datetime, agreements: Iterable[Agreement]) -> Changes:
    """Publish them as they are read. A mistake in the file, found at any line, takes the whole transaction back."""
    with store.writing() as tx:
        comparing = _Comparing(tx)
        revision = tx.register.publish(map(comparing.look, agreements), at)
        changes = comparing.changes(revision, imported=True)
        if changes.added or changes.changed:
            tx.log.append([_entry(actor, at, revision, changes)])
    return changes


def compared(store: Store, agreements: Iterable[Agreement]) -> Changes:
    """Return what publishing them would change; nothing is."""
    with store.reading() as tx:
        comparing = _Comparing(tx)
        for agreement in agreements:
            comparing.look(agreement)
        return comparing.changes(tx.register.revision(), imported=False)


class _Comparing:
    """What a stream of agreements changes in the register; of each agreement only a digest is kept."""

    def __init__(self, tx: Transaction) -> None:
        self._before = {agreement.agreement_id: _digest(agreement) for agreement in tx.register.agreements()}
        self._added: list[str] = []
        self._changed: list[str] = []
        self._unchanged = 0

    def look(self, agreement: Agreement) -> Agreement:
        before = self._before.pop(agreement.agreement_id, None)
        if before is None:
            self._added.append(agreement.reference)
        elif before != _digest(agreement):
            self._changed.append(agreement.reference)
        else:
            self._unchanged += 1
        return agreement

    def changes(self, revision: int, *, imported: bool) -> Changes:
        return Changes(
            revision=revision,
            imported=imported,
            added=tuple(self._added),
            changed=tuple(self._changed),
            unchanged=self._unchanged,
            not_in_file=len(self._before),
        )


def _digest(agreement: Agreement) -> bytes:
    return hashlib.sha256(agreement.model_dump_json().encode()).digest()


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
    found = list(findings)
    for finding in found:
        if finding.severity is not Weight.INFO:
            _tell_finding(finding)
    if more := sum(finding.severity is Weight.INFO for finding in found):
        say(f"{more} more thing(s) to look at: tocsin register check")


def _tell_finding(finding: Finding) -> None:
    say(f"{finding.reference}: {finding.what}; {finding.fix}", indent=2)
