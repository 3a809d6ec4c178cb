"""`spool drain`: delivers the reports that could not reach the engine."""

import time
from itertools import chain, repeat
from typing import Annotated

import typer

from tocsin.adapters.spool import Drained
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say, when
from tocsin.cli.report import numbered
from tocsin.cli.session import EXPIRES_AFTER, Session, session
from tocsin.client import Unreachable
from tocsin.domain.act import Envelope

commands = typer.Typer(help="Reports that wait for the engine.")
PAUSES = (1, 2, 4, 8, 15, 30)
"""Seconds between two tries; the last one repeats."""


@commands.command()
def drain(
    ctx: typer.Context,
    until_taken: Annotated[bool, typer.Option("--until-taken", help="Try again until nothing waits.")] = False,
    as_json: Json = False,
) -> None:
    """Deliver what waits in the spool."""
    work = session(ctx)
    if until_taken:
        _keep_draining(work)
        return
    with work.spool.only_drainer() as mine:
        if not mine:
            raise Unreachable("another process is delivering already; `tocsin next` shows what still waits")
        drained = _drain(work)
    _tell(drained, as_json)
    if drained.waiting:
        raise Unreachable(f"{drained.waiting} report(s) still wait; the engine does not answer, start it: `make up`")


def _keep_draining(work: Session) -> None:
    """Try until nothing waits. What this prints goes to a file, so it names ids only, never a reason with a name."""
    pauses = chain(PAUSES, repeat(PAUSES[-1]))
    # Looked at again without the lock: a report put while this let go found the lock taken and relies on it.
    while work.spool.waiting():
        with work.spool.only_drainer() as mine:
            if not mine:
                return
            while _note(work, _drain(work)).waiting:
                time.sleep(next(pauses))


def _note(work: Session, drained: Drained) -> Drained:
    for act_id in drained.taken:
        say(f"{when(work.now())} taken: {act_id}")
    for name, _ in drained.set_aside:
        say(f"{when(work.now())} kept aside: {name}")
    return drained


def _drain(work: Session) -> Drained:
    return work.spool.drain(work.keyring.open_from_engine, lambda envelope: _deliver(work, envelope))


def _deliver(work: Session, envelope: Envelope) -> None:
    with work.store.reading() as tx:
        if tx.incidents.act(envelope.act.act_id) is not None:
            return  # taken before, and the answer got lost
    if envelope.signature is None:
        # Unsigned, so nobody vouches for its age either; the instant of the act itself stays what it was.
        envelope = envelope.model_copy(update={"expires_at": work.now() + EXPIRES_AFTER})
    work.report(numbered(work, envelope))


def _tell(drained: Drained, as_json: bool) -> None:
    if as_json:
        emit(drained)
        return
    for act_id in drained.taken:
        say(f"taken: {act_id}")
    for name, why in drained.set_aside:
        say(f"kept aside: {name}: {why}")
    if not (drained.taken or drained.set_aside or drained.waiting):
        say("nothing waits")
