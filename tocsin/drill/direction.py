"""One drill from its first hour to its evidence: people, faults and time side by side."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from temporalio.client import Client

from tocsin.adapters.access import invite
from tocsin.adapters.codec import data_converter
from tocsin.adapters.drill_home import SWEEP_SECONDS
from tocsin.adapters.evidence import Means, write_evidence
from tocsin.adapters.evidence.keep import workflow_ids
from tocsin.adapters.evidence.layout import TimelineItem
from tocsin.adapters.evidence.record import Record
from tocsin.adapters.evidence.sign import LogSigner
from tocsin.adapters.hours import Hours
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.people import People
from tocsin.adapters.register_csv import read_register
from tocsin.adapters.sql import SqlStore, create_engine_for, open_store
from tocsin.adapters.temporal_histories import TemporalHistories
from tocsin.adapters.vault import Vault
from tocsin.client import Engine
from tocsin.domain.drill_score import Outcome
from tocsin.domain.scenario import MailFails, Scenario, WorkerDies
from tocsin.domain.tempo import PAUSE, in_words
from tocsin.drill.outcome import Moment, Standing
from tocsin.drill.player import Cast
from tocsin.drill.sink import Sink
from tocsin.drill.stage import Stage
from tocsin.drill.team import Team

TICK = 0.25
"""Seconds of the wall between two looks at the whole."""
PACK = "DRILL-evidence.zip"


class Played(NamedTuple):
    """A drill that is over."""

    outcome: Outcome
    timeline: list[TimelineItem]
    pack: Path
    holds: bool
    """Whether the evidence holds."""
    happened: list[str]
    """Acts and faults by the hour, in sentences."""


Welcome = Callable[[dict[str, str]], None]
"""Is told the console's links by name."""


class House(NamedTuple):
    """What a drill acts with and looks at."""

    store: SqlStore
    vault: Vault
    keyring: FileKeyring
    client: Client
    hours: Hours


class Drill:
    """Plays a scenario on a stage; `show` is told how it stands, some times a second."""

    def __init__(
        self,
        scenario: Scenario,
        stage: Stage,
        speed: float,
        show: Callable[[Moment], None],
        welcome: Welcome | None = None,
    ) -> None:
        """With `welcome` people act, through a console, of whose links it is told; without it the script does."""
        self._scenario = scenario
        self._stage = stage
        self._speed = speed
        self._show = show
        self._welcome = welcome
        self._happened: list[str] = []
        self._floors: list[str] = []
        self._stopped = False
        self._sink = Sink()

    async def play(self, pager_urls: dict[str, str] | None = None) -> Played:
        """Play it from its first hour to its evidence, and stop what was started.

        Raises:
            Refused: if the home is not new, or something is not installed.
            Broken, Deferred: if a process of the stage does not run.
        """
        urls = pager_urls or {}
        keyring = self._stage.prepare(self._scenario, tuple(urls))
        with _opened(self._stage, keyring) as (store, vault):
            try:
                await self._sink.start()
                self._stage.start_engine()
                drill = self._stage.set_up(self._speed, self._sink.url, urls)
                with store.writing() as tx:
                    register = self._scenario.register_csv.strip().encode()
                    tx.register.publish(read_register(register, keyring.id_key()), drill.origin)
                await self._stage.start_worker()
                # Hour 0 is when everything stands: a worker needs seconds to start that no speed makes shorter.
                hours = Hours(drill.tempo)
                converter = data_converter(vault, self._stage.namespace)
                client = await Client.connect(
                    self._stage.address, namespace=self._stage.namespace, data_converter=converter
                )
                return await self._played(House(store, vault, keyring, client, hours))
            finally:
                self._stage.stop()
                await self._sink.stop()

    async def _played(self, house: House) -> Played:
        hours = house.hours
        people = People.load(self._stage.home / "people.toml", house.keyring.id_key())
        engine = Engine(house.client, tempo=hours.tempo)
        cast = Cast(self._scenario, hours, house.store, house.keyring.id_key(), people, engine, self._teller(hours))
        actors: Cast | Team = cast
        if self._welcome is not None:
            self._welcome(await self._open_console(house, people))
            hours.begin()
            actors = Team(self._scenario, cast, hours, house.store, self._teller(hours))
        standing = Standing(self._scenario, hours, house.store, cast.incident_id)
        try:
            await self._until_over(actors, standing, hours)
        except asyncio.CancelledError:
            self._stop_early(standing, hours)
        second, sweep = (in_words(seconds * hours.tempo.speed) for seconds in (PAUSE, timedelta(seconds=SWEEP_SECONDS)))
        floors = (
            f"an act, a letter and a page take up to a second or two of the wall; a second is {second} here",
            f"the sweep looks every {SWEEP_SECONDS} s of the wall, which is {sweep} here",
            *self._floors,
        )
        outcome = standing.outcome(cast.answers, self._sink.pages, floors)
        outcome = outcome.model_copy(update={"stopped": self._stopped})
        self._stage.kill_worker()
        pack, holds = await self._evidence(house, cast)
        with house.store.reading() as tx:
            timeline = list(Record(tx, cast.incident_id).timeline)
        return Played(outcome, timeline, pack, holds, self._happened)

    def _stop_early(self, standing: Standing, hours: Hours) -> None:
        """Take Ctrl-C for the end of the drill, whose outcome is worth as much; before the report it ends all."""
        task = asyncio.current_task()
        if task is None or not standing.reported:
            raise asyncio.CancelledError
        task.uncancel()
        self._stopped = True
        self._teller(hours)("the drill was stopped by hand")

    async def _open_console(self, house: House, people: People) -> dict[str, str]:
        """Start the console; return a link for each person, which works once."""
        await self._stage.start_console()
        now = house.hours.wall()
        return {
            person.name: f"{self._stage.console}/invitation/{invite(house.store, person, None, now)}"
            for person in people.all()
        }

    async def _evidence(self, house: House, cast: Cast) -> tuple[Path, bool]:
        known = workflow_ids(house.store, cast.incident_id)
        histories = await TemporalHistories(house.client).of(cast.incident_id, known)
        pack = self._stage.home / PACK
        means = Means(house.vault, LogSigner(house.keyring), histories)
        checked = await asyncio.to_thread(write_evidence, house.store, means, cast.incident_id, pack)
        return pack, checked.holds

    async def _until_over(self, cast: Cast | Team, standing: Standing, hours: Hours) -> None:
        at_work = [asyncio.create_task(cast.person(user)) for user in self._scenario.people]
        at_work += [asyncio.create_task(self._break(hours, fault)) for fault in self._scenario.fault]
        try:
            while hours.passed() < self._scenario.hours:
                self._show(standing.moment(self._sink.pages, self._happened))
                self._stage.check()
                for task in at_work:
                    if task.done():
                        task.result()
                if all(task.done() for task in at_work) and standing.over:
                    return
                await asyncio.sleep(TICK)
        finally:
            # Whatever Temporal's client was at fails now, and nobody asks any more how.
            asyncio.get_running_loop().set_exception_handler(lambda _, about: None)
            for task in at_work:
                task.cancel()
            for task in at_work:
                with suppress(asyncio.CancelledError):
                    await task

    async def _break(self, hours: Hours, fault: MailFails | WorkerDies) -> None:
        tell = self._teller(hours)
        await hours.until(fault.begin)
        if isinstance(fault, MailFails):
            self._sink.status = fault.status
            tell(f"the mail provider answers {fault.status} from now on")
            await hours.until(fault.end)
            self._sink.status = Sink.TAKES
            tell("the mail provider works again")
            return
        self._stage.kill_worker()
        tell("the worker was killed")
        await hours.until(fault.end)
        asked = hours.now()
        await self._stage.start_worker()
        took = in_words(hours.now() - asked)
        self._floors.append(f"a worker takes seconds to start: it polled again {took} after hour {fault.end:g}")
        tell("the worker polls again")

    def _teller(self, hours: Hours) -> Callable[[str], None]:
        def tell(what: str) -> None:
            self._happened.append(f"hour {hours.passed():5.1f}  {what}")

        return tell


@contextmanager
def _opened(stage: Stage, keyring: FileKeyring) -> Iterator[tuple[SqlStore, Vault]]:
    database = create_engine_for(stage.url)
    vault = Vault(database, keyring)
    store = open_store(stage.url, vault)
    try:
        yield store, vault
    finally:
        store.close()
        database.dispose()
