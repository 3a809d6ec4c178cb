"""`break-glass`, `recall`, `review-glass`: the minimal letter without a second person, when nobody answers."""

from typing import Annotated

import typer

from tocsin.cli import lookup
from tocsin.cli.acting import act
from tocsin.cli.arguments import Incident, Json
from tocsin.cli.session import session
from tocsin.domain.breaking_glass import BreakGlass, Recall, ReviewGlass
from tocsin.domain.errors import Refused
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.values import ClockId, WaveId

commands = typer.Typer()
Broken = Annotated[str, typer.Argument(metavar="WAVE", help="The release's id or the beginning of it.")]


@commands.command("break-glass")
def break_glass(
    ctx: typer.Context,
    incident: Incident,
    clock: Annotated[str | None, typer.Option(metavar="CLOCK", help="Default: our nearest deadline.")] = None,
    reason: Annotated[str, typer.Option(help="Why it cannot wait for an approver.")] = "",
    as_json: Json = False,
) -> None:
    """Have the minimal letter sent without an approver: in the last tenth of a clock, or when nobody answers.

    It waits ten minutes for a recall where the deadline allows it. Everyone is called, and an approver reviews it.
    """
    work = session(ctx)
    state = lookup.incident(work, incident)
    clock_id = lookup.clock(work, state.incident_id, clock) if clock else _nearest(state)
    act(work, BreakGlass(clock_id=clock_id, reason=reason), state.incident_id, as_json)


@commands.command()
def recall(
    ctx: typer.Context,
    incident: Incident,
    wave: Broken,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: Json = False,
) -> None:
    """Take back a break-glass release before its letters leave."""
    work = session(ctx)
    state = lookup.incident(work, incident)
    act(work, Recall(wave_id=_broken(state, wave), reason=reason), state.incident_id, as_json)


@commands.command("review-glass")
def review_glass(
    ctx: typer.Context,
    incident: Incident,
    wave: Broken,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What you found.")],
    as_json: Json = False,
) -> None:
    """Review a break-glass release as an approver who did not break it; everyone is called after 72 h without one."""
    work = session(ctx)
    state = lookup.incident(work, incident)
    act(work, ReviewGlass(wave_id=_broken(state, wave), text=text), state.incident_id, as_json)


def _nearest(state: IncidentState) -> ClockId:
    ours = [spec for spec in state.clocks.values() if spec.is_our_deadline]
    if not ours:
        raise Refused(f"no deadline of ours runs; name a clock: tocsin show {state.incident_id} lists them")
    return min(ours, key=lambda spec: spec.target_at).clock_id


def _broken(state: IncidentState, given: str) -> WaveId:
    fix = f"`tocsin show {state.incident_id}` lists those that wait"
    return WaveId(lookup.meant(given, state.glass, "break-glass release", fix))
