"""How late warnings are when very many clocks run out together, beside a bare timer and an activity that does nothing.

`python -m benchmarks.clocks` opens 1,000 incidents with three clocks each, their deadlines spread over five minutes, on
Temporal's dev server and a store on SQLite, all real; a warning counts when it is handed to the pager. Before it, as
many bare workflows on the same server wait for as many instants. Then both again with all deadlines in one minute.
`--incidents N --spread SECONDS` tries less; its figures are not kept. On a busy machine `--rate` opens fewer a second:
a run whose incidents are not all open before the first is due measures the opening, and is void.
"""

import argparse
import asyncio
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.rows import Rows
from tests.acceptance.stack import Server, free_port
from tests.house import House
from tocsin.adapters.embedded import prepare_namespace
from tocsin.client import Underway
from tocsin.domain.clock import Mark
from tocsin.domain.incident import Facts, Trigger
from tocsin.domain.ladder import Ladder, Rung, Who
from tocsin.domain.tempo import Tempo
from tocsin.ports import Page, PageAnswer

REGISTER = """\
agreement,party,notify,services,contact
BIRCH-1,Birch Clinic,4h from discovery; 24h from detection; 36h from awareness,records-api,Bea <bea@birch.example>
"""
PERIODS = {Trigger.DISCOVERY: 4, Trigger.DETECTION: 24, Trigger.AWARENESS: 36}
INCIDENTS, SPREADS = 1_000, (300, 60)
AT_ONCE = 4
"""Reports, or starts, under way at the same time."""
BARE_A_SECOND, OURS_A_SECOND = 60.0, 2.0
"""How fast they can be opened, at least; the deadlines begin when all are open."""
CACHED = 6_000
"""Workflows that the worker remembers: five for each incident, as `TOCSIN_CACHED_WORKFLOWS` is set for so many."""
SETTLE = 15.0
"""Seconds of rest before that."""
QUIET = 420.0
"""Seconds after which nothing more is waited for."""
TIMES = 2.0
"""How much later than the bare timer's the 99th percentile may be."""


@workflow.defn(name="bench.Bare", sandboxed=False)
class Bare:
    """A timer, then an activity that does nothing."""

    @workflow.run
    async def run(self, due: str) -> None:
        """Wait for the instant."""
        await workflow.sleep(max(datetime.fromisoformat(due) - workflow.now(), timedelta(0)))
        await workflow.execute_activity("bench.nothing", due, start_to_close_timeout=timedelta(seconds=30))


class Stopwatch:
    """Notes how late what was due is: it is the pager of one, and the activity of the other."""

    keeps_open = False

    def __init__(self) -> None:
        self.late: dict[str, float] = {}

    async def page(self, page: Page) -> None:
        """Take a page; one at the deadline itself is noted."""
        clock, _, rest = page.key.partition(":")
        target, _, mark = rest.removesuffix(f":{Who.OWNER}").rpartition(":")
        if mark == Mark.DUE:
            self._note(clock, target)

    async def answer(self, about: str, answer: PageAnswer) -> None:
        """Do nothing."""

    @activity.defn(name="bench.nothing")
    async def nothing(self, due: str) -> None:
        """Do nothing."""
        self._note(activity.info().workflow_id or "", due)

    def _note(self, key: str, due: str) -> None:
        self.late.setdefault(key, time.time() - datetime.fromisoformat(due).timestamp())

    def percentile(self, share: float) -> float:
        """Return how late the given share of them is at most, in milliseconds."""
        ordered = sorted(self.late.values())
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000


class Void(Exception):
    """The run measured something else."""


async def main(incidents: int, spreads: Sequence[int], rate: float, *, keep: bool) -> int:
    """Measure, print, and return 1 if a warning was missed or a target is. Raises Void."""
    rows = Rows()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        server = Server(Path(folder) / "temporal", free_port())
        server.start()
        try:
            await prepare_namespace(server.address, "bench-clocks", retention_days=1)
            client = await Client.connect(server.address, namespace="bench-clocks")
            for spread in spreads:
                bare = await _bare(client, incidents * len(PERIODS), spread)
                ours = await _ours(client, Path(folder) / f"home-{spread}", incidents, spread, rate)
                _tell(rows, incidents * len(PERIODS), spread, ours, bare, aim=spread != SPREADS[0])
        finally:
            server.stop()
    if keep:
        rows.keep()
    return 0 if rows.hold else 1


def _tell(rows: Rows, count: int, spread: int, ours: Stopwatch, bare: Stopwatch, *, aim: bool) -> None:
    what = f"{count} deadlines in {spread} s"
    rows.ceiling(f"{what}: warnings missed", count - len(ours.late), 0)
    rows.told(f"{what}: bare timer and activity, p99 late, ms", round(bare.percentile(0.99)))
    rows.told(f"{what}: warnings, p50 late, ms", round(ours.percentile(0.5)))
    rows.told(f"{what}: warnings, p99 late, ms", round(ours.percentile(0.99)))
    ratio = ours.percentile(0.99) / bare.percentile(0.99)
    if aim:
        rows.told(f"{what}: p99 late, ours / bare", round(ratio, 2))
    else:
        rows.ceiling(f"{what}: p99 late, ours / bare", ratio, TIMES)


async def _bare(client: Client, count: int, spread: int) -> Stopwatch:
    watch, queue = Stopwatch(), f"bare-{uuid.uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[Bare], activities=[watch.nothing]):

        async def start(number: int, begins_at: datetime) -> None:
            due = begins_at + timedelta(seconds=spread * number / count)
            await client.start_workflow(Bare.run, due.isoformat(), id=f"{queue}-{number}", task_queue=queue)

        await _all(start, count, BARE_A_SECOND)
        await _until_all(watch, count)
    return watch


async def _ours(client: Client, home: Path, incidents: int, spread: int, rate: float) -> Stopwatch:
    house, watch = House(home, client), Stopwatch()
    house.tempo = Tempo(origin=datetime.now(UTC))
    house.register(REGISTER)
    house.pagers["watch"] = watch
    house.ladder = Ladder(rungs=(Rung(who=Who.OWNER, channels=("watch",)),))
    async with house.working(max_cached_workflows=CACHED):

        async def start(number: int, begins_at: datetime) -> None:
            due = begins_at + timedelta(seconds=spread * number / incidents)
            gap = timedelta(seconds=spread / incidents / len(PERIODS))
            triggers = {
                t: due + place * gap - timedelta(hours=hours) for place, (t, hours) in enumerate(PERIODS.items())
            }
            facts = Facts(title="One of many", services=("records-api",))
            with suppress(Underway):  # it was taken, and goes on without us
                await house.report(datetime.now(UTC), key=f"alert-{home.name}-{number}", facts=facts, triggers=triggers)

        await _all(start, incidents, rate)
        await _until_all(watch, incidents * len(PERIODS))
    house.store.close()
    return watch


async def _all(start: Callable[[int, datetime], Awaitable[Any]], count: int, each_second: float) -> None:
    """Start all of them, the deadlines of the first ones beginning when the last one is open."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, begins_at: datetime) -> None:
        async with gate:
            await start(number, begins_at)

    begins_at = datetime.now(UTC) + timedelta(seconds=SETTLE + count / each_second)
    await asyncio.gather(*(one(number, begins_at) for number in range(count)))
    left = (begins_at - datetime.now(UTC)).total_seconds()
    print(f"{count} are open {left:.0f} s before the first of them is due", flush=True)
    if left < 0:
        raise Void("the first were due before the last were open; open fewer a second: --rate")


async def _until_all(watch: Stopwatch, count: int) -> None:
    """Wait until each was noted, or nothing more comes."""
    seen, since = -1, time.monotonic()
    while len(watch.late) < count and time.monotonic() - since < QUIET:
        if len(watch.late) != seen:
            seen, since = len(watch.late), time.monotonic()
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--incidents", type=int, default=INCIDENTS)
    asked.add_argument("--spread", type=int, nargs="*", default=list(SPREADS))
    asked.add_argument("--rate", type=float, default=OURS_A_SECOND, help="incidents opened a second")
    given = asked.parse_args()
    # A smaller run shows that the bench works, and nothing else: its figures are not kept.
    whole = (given.incidents, tuple(given.spread)) == (INCIDENTS, SPREADS)
    sys.exit(asyncio.run(main(given.incidents, given.spread, given.rate, keep=whole)))
