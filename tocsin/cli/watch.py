"""`watch`: the look from outside, for a timer on another machine. It calls a person for whatever nobody else would."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tocsin.adapters.watcher import Memory, look
from tocsin.cli.arguments import Json
from tocsin.cli.render import complain, emit, say
from tocsin.cli.session import Session, session
from tocsin.domain.errors import Deferred, TocsinError
from tocsin.domain.watching import AGAIN_AFTER, Alarm, alarms, to_send
from tocsin.ports import Page

commands = typer.Typer()
EVERY = timedelta(minutes=1)
HEARTBEAT_WITHIN = timedelta(seconds=10)


@commands.command()
def watch(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Look once and end, for a timer; else once a minute.")] = False,
    memory: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What it remembers; default watch.json in the home.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at clocks, sweep, engine and log from outside; page for what no workflow would, then send the heartbeat.

    It needs the store and a pager, but neither keys nor Temporal nor a worker.
    """
    work, unpaged = session(ctx), 0
    file = memory or work.home / "watch.json"
    if once:
        unpaged = asyncio.run(_look(work, file, as_json))
    else:
        asyncio.run(_keep_looking(work, file, as_json))
    if unpaged:
        raise Deferred(f"{unpaged} alarm(s) reached nobody; phone the on-call person, then mend the pagers")


async def _keep_looking(work: Session, file: Path, as_json: bool) -> NoReturn:
    while True:
        await _look(work, file, as_json)
        await asyncio.sleep(EVERY.total_seconds())


async def _look(work: Session, file: Path, as_json: bool) -> int:
    """Look once; return how many alarms nobody took."""
    now, remembered = work.now(), Memory.read(file)
    seen, head = await look(work.settings, remembered.log, now)
    found = alarms(seen)
    told, unpaged = dict(remembered.told_at), 0
    for alarm in to_send(found, told, now):
        if await _page(work, alarm, now):
            told[alarm.key] = now
        else:
            unpaged += 1
    _remember(Memory(log=head, told_at={key: at for key, at in told.items() if now - at < AGAIN_AFTER}), file)
    beaten = await _heartbeat(work, failing=bool(unpaged))
    _tell(found, beaten, as_json)
    return unpaged


async def _page(work: Session, alarm: Alarm, at: datetime) -> bool:
    page = Page(key=f"watch:{alarm.key}:{at:%Y-%m-%dT%H:%M}", subject=alarm.subject, text=alarm.text, at=at)
    try:
        await work.pager.page(page)
    except TocsinError as error:
        complain(str(error))
        return False
    return True


def _remember(memory: Memory, file: Path) -> None:
    try:
        memory.write(file)
    except OSError as error:
        complain(f"{file} cannot be written ({error.strerror}): every look pages again until it can")


async def _heartbeat(work: Session, *, failing: bool) -> bool | None:
    """Report to the outside that this ran; None: there is no such place."""
    url = work.settings.heartbeat_url
    if url is None:
        return None
    target = url.get_secret_value() + ("/fail" if failing else "")
    import aiohttp  # noqa: PLC0415 - a third of a second that no other command needs

    within = aiohttp.ClientTimeout(total=HEARTBEAT_WITHIN.total_seconds())
    try:
        async with aiohttp.ClientSession(timeout=within) as http, http.get(target) as answer:
            return answer.status < 400
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


def _tell(found: list[Alarm], beaten: bool | None, as_json: bool) -> None:
    if as_json:
        emit({"alarms": found, "heartbeat": beaten})
        return
    for alarm in found:
        say(alarm.subject, style="bold red")
        say(alarm.text.rstrip())
    if not found:
        say("clocks, sweep, engine and log are as they should be")
    if beaten is False:
        complain("the heartbeat was not taken; check TOCSIN_HEARTBEAT_URL: whoever waits for it will call somebody")
    if beaten is None:
        complain("TOCSIN_HEARTBEAT_URL is not set: nobody would notice if this watcher itself died")
