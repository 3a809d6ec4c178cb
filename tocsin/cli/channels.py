"""`channel list|open|close`: the ways for letters to leave, and what all workers know of them."""

from typing import Annotated

import typer

from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say, when
from tocsin.cli.session import Session, session
from tocsin.domain.act import Role
from tocsin.domain.breaker import ChannelState, closed, opened
from tocsin.domain.errors import Refused
from tocsin.settings import ChannelName
from tocsin.steps import channel_entry

commands = typer.Typer(help="The channels that notices leave through: which take letters, which are stopped or closed.")
Name = Annotated[ChannelName, typer.Argument(metavar="CHANNEL", help="outbox, sendgrid or smtp.")]


@commands.command("list")
def list_(ctx: typer.Context, as_json: Json = False) -> None:
    """Show the channels in use, in their order, and how each stands."""
    work = session(ctx)
    with work.store.reading() as tx:
        known = {state.name: state for state in tx.channels.all()}
    configured = [name for name in (work.settings.channel, work.settings.fallback_channel) if name is not None]
    names = list(dict.fromkeys([*configured, *known]))
    states = [known.get(name, ChannelState(name=name)) for name in names]
    if as_json:
        emit(states)
        return
    for state in states:
        say(f"{state.name}: {_words(state, work)}", style="bold red" if state.stopped else "")
        if state.name not in configured:
            say("not configured any more", indent=2)


@commands.command("open")
def open_(ctx: typer.Context, name: Name) -> None:
    """Let letters leave through a channel again, whether it stopped by itself or was closed."""
    work = session(ctx)
    _change(work, name, opened(ChannelState(name=name)))
    say(f"{name} is open: letters may leave through it. A wave that waits looks again within a minute.")


@commands.command()
def close(
    ctx: typer.Context, name: Name, why: Annotated[str, typer.Option(help="Shown to whoever looks; no secrets.")]
) -> None:
    """Let no letter leave through a channel until somebody opens it; the next channel has them."""
    work = session(ctx)
    _change(work, name, closed(ChannelState(name=name), work.actor.person_id, why, work.now()))
    say(f"{name} is closed. What it had not sent leaves by the fallback channel, if there is one, else it waits.")


def _change(work: Session, name: str, state: ChannelState) -> None:
    """Put a state that a person chose. A channel belongs to no incident, so this is no act upon one; the log has it."""
    if Role.APPROVER not in work.actor.roles:
        raise Refused(
            f"{work.actor.name} may not open or close a channel; an approver may: give the role in people.toml"
        )
    at = work.now()
    with work.store.writing() as tx:
        tx.channels.locked(name)
        tx.channels.put([state])
        entry = channel_entry(state, at, work.actor.person_id)
        tx.log.append([entry.model_copy(update={"authenticated": work.actor.authenticated})])


def _words(state: ChannelState, work: Session) -> str:
    if state.stopped_at is not None:
        who = "closed by a person" if state.stopped_by else "stopped by itself"
        return f"{who} since {when(state.stopped_at)}: {state.reason}"
    if state.paused_until is not None and state.paused_until > work.now():
        return f"asked us to wait until {when(state.paused_until)}"
    if state.failures:
        return f"takes letters; the last {state.failures} failed"
    return "takes letters"
