"""`receipts`: what channels and recipients said of each notice, and what nobody could assign."""

from collections.abc import Iterable
from typing import Annotated

import typer

from tocsin import receiving
from tocsin.cli import lookup
from tocsin.cli.arguments import Incident, Json
from tocsin.cli.render import emit, say, when
from tocsin.cli.reports import dsn, nudged
from tocsin.cli.session import Session, session
from tocsin.cli.todo import Me
from tocsin.domain.errors import Refused
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.probe_deed import is_round
from tocsin.domain.read import Way
from tocsin.domain.receipt import Receipt
from tocsin.domain.values import IncidentId, Instant, Value
from tocsin.ports import Transaction

commands = typer.Typer(no_args_is_help=True, help="What channels and recipients said of the notices.")


class Told(Value):
    """How far one notice came, and by what proof."""

    number: str
    reference: str
    party: str
    state: NoticeState
    attempts: int
    sent_at: Instant | None
    since: Instant | None
    delivered_at: Instant | None
    """Likely the start of the recipient's own clock."""
    possible_duplicate: bool
    detail: str | None
    receipts: tuple[Receipt, ...]


@commands.command("list")
def list_(
    ctx: typer.Context,
    incident: Incident,
    notice: Annotated[str | None, typer.Option(metavar="NUMBER", help="Only this notice.")] = None,
    as_json: Json = False,
) -> None:
    """List the notices of an incident that left: state, proof, instants and every receipt."""
    work = session(ctx)
    incident_id = lookup.looked_at(work, incident, Way.SHOW).incident_id
    only = lookup.notice(work, incident_id, notice).notice_id if notice else None
    with work.store.reading() as tx:
        rows = [row for row in tx.ledger.of(incident_id) if row.attempts and only in {None, row.notice_id}]
        told = list(_told(tx, rows))
    if as_json:
        emit(told)
        return
    for one in told:
        _say(one)
    if not told:
        say("no notice has left yet")


commands.command()(dsn)


@commands.command()
def parked(ctx: typer.Context, as_json: Json = False) -> None:
    """List the receipts that nobody could assign: unknown ids, and bounces that several notices may be meant by."""
    with session(ctx).store.reading() as tx:
        found = tx.receipts.parked()
    if as_json:
        emit(found)
        return
    for receipt in found:
        say(f"{receipt.receipt_id}  {receipt.kind}, {when(receipt.at)}", style="bold")
        say(receipt.detail or "(no reason given)", indent=2)
    if found:
        say("Whose it is: tocsin receipts raw RECEIPT; then tocsin receipts assign RECEIPT --to … --notice …")
    else:
        say("nothing is parked")


@commands.command()
def raw(
    ctx: typer.Context,
    receipt: Annotated[str, typer.Argument(metavar="RECEIPT", help="Its id, as `parked` and `list` show it.")],
) -> None:
    """Print a receipt exactly as it came."""
    with session(ctx).store.reading() as tx:
        content = tx.receipts.raw(receipt)
    if content is None:
        raise Refused(f"there is no receipt {receipt}; `tocsin receipts parked` lists those that wait")
    say(content.decode(errors="backslashreplace"))


@commands.command()
def assign(
    ctx: typer.Context,
    receipt: Annotated[str, typer.Argument(metavar="RECEIPT", help="The id of a parked receipt.")],
    to: Annotated[str | None, typer.Option(metavar="INCIDENT", help="The notice's incident, or its round.")] = None,
    notice: Annotated[str | None, typer.Option(metavar="NUMBER", help="The notice that it belongs to.")] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="It belongs to no notice of ours.")] = False,
    as_json: Json = False,
) -> None:
    """Give a parked receipt to its notice, or set it aside; either is written into the log."""
    work = session(ctx)
    if not Me.of(work).acts:
        raise Refused(f"an auditor reads and changes nothing; {work.actor.name} may not assign")
    if nobody is (to is not None and notice is not None):
        raise Refused("say whose it is: --to INCIDENT --notice NUMBER, or --nobody")
    row = None
    if to is not None and notice is not None:
        row = lookup.notice(work, _case(work, to), notice)
    mine = receiving.assign(work.store, receipt, row, work.actor.person_id, work.now())
    waits = nudged(work)
    if as_json:
        emit({"receipt": mine or receipt, "notice": row.number if row else None})
        return
    say(f"{receipt} is of notice {row.number}" if row else f"{receipt} is set aside")
    if waits:
        say(f"Its wave looks again once the engine answers: {waits}")


def _case(work: Session, given: str) -> IncidentId:
    """Return the incident that is meant, or the round of the register."""
    with work.store.reading() as tx:
        round_ = tx.probes.one(IncidentId(given)) if is_round(given) else None
    return round_.round_id if round_ is not None else lookup.incident(work, given).incident_id


def _told(tx: Transaction, rows: Iterable[Notice]) -> Iterable[Told]:
    for row in rows:
        agreement = tx.register.agreement(row.agreement_id)
        yield Told(
            number=row.number,
            reference=agreement.reference if agreement else row.agreement_id,
            party=agreement.party_name if agreement else "",
            state=row.state,
            attempts=row.attempts,
            sent_at=row.claimed_at,
            since=row.settled_at,
            delivered_at=row.delivered_at,
            possible_duplicate=row.possible_duplicate,
            detail=row.detail,
            receipts=tuple(tx.receipts.of([row.notice_id])),
        )


def _say(told: Told) -> None:
    since = f", {when(told.since)}" if told.since else ""
    say(f"{told.number}  {told.reference} {told.party}: {told.state.replace('_', ' ')}{since}", style="bold")
    if told.sent_at:
        twice = ", possibly twice" if told.possible_duplicate else ""
        say(f"sent {when(told.sent_at)}, attempt {told.attempts}{twice}", indent=2)
    if told.delivered_at:
        say(f"delivered {when(told.delivered_at)}: likely the start of their own clock", indent=2)
    if told.detail:
        say(told.detail, indent=2)
    for receipt in told.receipts:
        words = f": {receipt.detail}" if receipt.detail else ""
        say(f"{when(receipt.at)}  {receipt.kind} ({receipt.source}){words}", indent=4)
