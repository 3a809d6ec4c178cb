"""`duty`: what is owed to whom, and ending by hand what no notice of ours discharges."""

from typing import Annotated

import typer

from tocsin.cli import lookup
from tocsin.cli.acting import act
from tocsin.cli.arguments import Incident, Json
from tocsin.cli.render import emit, say, when
from tocsin.cli.session import Session, session
from tocsin.domain.act import DutyEnd, EndDuty
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.read import Way
from tocsin.domain.statutory import policy_of
from tocsin.domain.tempo import time_left
from tocsin.domain.values import IncidentId

commands = typer.Typer(help="What is owed to whom, and how it ended.", no_args_is_help=True)

Which = Annotated[str, typer.Argument(metavar="DUTY", help="The policy's id, or the duty's id or the beginning of it.")]


@commands.command(name="list")
def show_duties(
    ctx: typer.Context,
    incident: Incident,
    everything: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    as_json: Json = False,
) -> None:
    """List what is owed, nearest first, with the rule it follows from."""
    work = session(ctx)
    duties = _duties(work, lookup.looked_at(work, incident, Way.SHOW).incident_id)
    shown = [duty for duty in duties if everything or duty.state is DutyState.OPEN]
    if as_json:
        emit(shown)
        return
    for duty in shown:
        _say(work, duty)
    if not shown:
        say("Nothing is owed at present.")


@commands.command()
def done(
    ctx: typer.Context,
    incident: Incident,
    duty: Which,
    proof: Annotated[str, typer.Option(help="The authority's reference, the party's confirmation, or its attachment.")],
    as_json: Json = False,
) -> None:
    """State that a duty was done by hand, with its proof: one of the law, or a contract's that no receipt can end."""
    _end(session(ctx), incident, duty, DutyEnd.DISCHARGED, proof, as_json)


@commands.command()
def waive(
    ctx: typer.Context,
    incident: Incident,
    duty: Which,
    writing: Annotated[str, typer.Option(help="SHA-256 of the other party's writing, attached before.")],
    as_json: Json = False,
) -> None:
    """State that the other party waived a contract's duty, in writing."""
    _end(session(ctx), incident, duty, DutyEnd.WAIVED, writing, as_json)


@commands.command(name="not-owed")
def not_owed(
    ctx: typer.Context,
    incident: Incident,
    duty: Which,
    citation: Annotated[str, typer.Option(help="The provision and the reasoning that the decision rests on.")],
    as_json: Json = False,
) -> None:
    """Decide that a duty is not owed, with the provision and the reasoning."""
    _end(session(ctx), incident, duty, DutyEnd.NOT_OWED, citation, as_json)


def _end(work: Session, incident: str, wanted: str, how: DutyEnd, proof: str, as_json: bool) -> None:
    incident_id = lookup.incident(work, incident).incident_id
    found = _one(_duties(work, incident_id), wanted)
    act(work, EndDuty(duty_id=found.duty_id, how=how, proof=proof), incident_id, as_json)


def _duties(work: Session, incident_id: IncidentId) -> list[Duty]:
    with work.store.reading() as tx:
        return tx.duties.of(incident_id)


def _one(duties: list[Duty], wanted: str) -> Duty:
    named = [duty for duty in duties if policy_of(duty) == wanted.upper()]
    found = named or [duty for duty in duties if duty.duty_id.startswith(wanted)]
    if len(found) != 1:
        many = f"{len(found)} duties begin like that" if found else "there is no such duty"
        raise Refused(f"{wanted}: {many}; `tocsin duty list INCIDENT --all` shows them")
    return found[0]


def _say(work: Session, duty: Duty) -> None:
    say(duty.title, style="bold")
    if duty.state is not DutyState.OPEN:
        say(f"{duty.state}{', late' if duty.late else ''}: {duty.proof or ''}", indent=2)
    elif duty.deadline_at is not None:
        say(f"by {duty.deadline_at.isoformat()}, {time_left(duty.deadline_at, work.now())}", indent=2)
    else:
        say(f"no date in the text; our target: {time_left(duty.target_at, work.now())}", indent=2)
    for proof in duty.proofs:
        say(f"proved {proof.words}, {when(proof.at)}", indent=2)
    if duty.state is DutyState.OPEN and len(duty.methods) > 1:
        say(f"still to be proved: {', '.join(map(str, duty.unproved))}", indent=2)
    say(f"{policy_of(duty) or duty.duty_id}: {duty.citation}", indent=2)
    say(f"because {duty.because}", indent=2)
