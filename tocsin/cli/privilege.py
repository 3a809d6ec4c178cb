"""`privilege mark|lift|list`: paragraphs that only those who work on an incident read."""

from collections.abc import Iterable
from typing import Annotated

import typer

from tocsin.adapters.evidence.record import Record
from tocsin.cli import lookup
from tocsin.cli.acting import act
from tocsin.cli.arguments import Incident, Json
from tocsin.cli.render import emit, say, when
from tocsin.cli.session import Session, session
from tocsin.domain.act import Envelope
from tocsin.domain.errors import Refused
from tocsin.domain.privilege import digest_of, paragraphs_of
from tocsin.domain.values import IncidentId
from tocsin.domain.word_deeds import LiftPrivilege, Privilege

commands = typer.Typer(help="Paragraphs that only those who work on an incident read; packs and reports lack them.")
Entry = Annotated[int, typer.Argument(metavar="ENTRY", help="The log's entry of the act; `tocsin audit show` has it.")]
Numbers = Annotated[
    list[int] | None,
    typer.Option("--paragraph", metavar="NUMBER", help="From 1 on; default: all that the act says. Repeatable."),
]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the act, and shown to everybody.")]


@commands.command()
def mark(
    ctx: typer.Context,
    incident: Incident,
    entry: Entry,
    numbers: Numbers = None,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Mark what somebody wrote as privileged: from now on it is left out, and the omission is listed."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    digests = tuple(map(digest_of, _chosen(_words(work, incident_id, entry), numbers)))
    act(work, Privilege(paragraphs=digests, reason=reason), incident_id, as_json)


@commands.command()
def lift(
    ctx: typer.Context,
    incident: Incident,
    entry: Entry,
    reason: Reason,
    numbers: Numbers = None,
    as_json: Json = False,
) -> None:
    """Take the mark away again. Only an approver may."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    digests = tuple(map(digest_of, _chosen(_words(work, incident_id, entry), numbers)))
    act(work, LiftPrivilege(paragraphs=digests, reason=reason), incident_id, as_json)


@commands.command("list")
def list_(ctx: typer.Context, incident: Incident, as_json: Json = False) -> None:
    """List what is left out of packs and reports: of which entry, and who marked it when; never the words."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    with work.store.reading() as tx:
        left_out = list(Record(tx, incident_id).omissions)
    if as_json:
        emit(left_out)
        return
    for one in left_out:
        digest = f"SHA-256 {one.paragraph_sha256[:16]}…"
        say(f"entry {one.entry}: marked by {one.marked_by}, {when(one.marked_at)}, {digest}")
    if not left_out:
        say("nothing is privileged")


def _words(work: Session, incident_id: IncidentId, entry: int) -> list[str]:
    """Return the paragraphs of the act under an entry, in the order of its fields."""
    with work.store.reading() as tx:
        numbers = Record(tx, incident_id).act_entries
        envelope = _under(tx.incidents.acts(incident_id), numbers, entry)
    return list(paragraphs_of(envelope.act.deed.model_dump(mode="json", exclude={"kind"}, exclude_defaults=True)))


def _under(acts: Iterable[Envelope], numbers: dict[str, int], entry: int) -> Envelope:
    found = next((one for one in acts if numbers.get(str(one.act.act_id)) == entry), None)
    if found is None:
        raise Refused(f"entry {entry} is no act upon this incident; `tocsin audit show INCIDENT --kind act` has them")
    return found


def _chosen(words: list[str], numbers: list[int] | None) -> list[str]:
    if not words:
        raise Refused("this act says nothing in words")
    wanted = numbers or list(range(1, len(words) + 1))
    if not {*wanted} <= {*range(1, len(words) + 1)}:
        raise Refused(f"this act has {len(words)} paragraph(s); give numbers from 1 on with --paragraph")
    return [words[number - 1] for number in wanted]
