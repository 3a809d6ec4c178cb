"""How fast the console's pages come, with 1,000 open incidents and 50,000 notices in the store.

`python -m benchmarks.pages [INCIDENTS]` runs the real console and, beside it, a bare FastAPI page that reads one row,
in turns. Twenty approvers, who see everything, each open a page every two seconds: Now, or one of the incidents that
Now shows first. Then 200 listeners wait for live updates, and Now is asked for again. No engine runs: pages read the
store alone.
"""

import asyncio
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import httpx

from benchmarks.filled import NOTICES, fill, incident, made
from benchmarks.rows import Rows
from tests.acceptance.stack import end, free_port, listens, wait_for

INCIDENTS, READERS, LISTENERS = 1_000, 20, 200
EVERY, ROUNDS, LASTS = 2.0, 3, 16.0
"""Seconds between two pages of a reader; turns; seconds of a turn."""
CEILING = 6.0
"""Times the bare page, at the 95th percentile."""
SHOWN = 50


def main() -> int:
    """Measure, print, and return 1 if a target is missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else INCIDENTS
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    try:
        began = time.perf_counter()
        installation, port = made(folder, READERS)
        secrets = fill(installation.home, count, READERS)
        rows = Rows()
        rows.told(f"pages: {count} incidents and {count * NOTICES} notices filled in, s", _rounded(began))
        with installation.console(), bare(folder) as other:
            asyncio.run(_measure(rows, f"http://127.0.0.1:{port}", other, secrets, count))
        rows.keep()
        return 0 if rows.hold else 1
    finally:
        shutil.rmtree(folder)


async def _measure(rows: Rows, ours: str, other: str, secrets: list[str], count: int) -> None:
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(_reader(ours, secret)) for secret in secrets]
        began = time.perf_counter()
        await _timed(readers[0], "/")
        while "still being read" in (await readers[0].get("/")).text:  # noqa: ASYNC110 - a process outside
            await asyncio.sleep(0.5)
        rows.told("pages: until a console that starts has read every open incident, s", _rounded(began))
        first = [incident(number) for number in range(min(SHOWN, count))]
        rows.told("pages: an incident that nobody has opened, median ms", round(await _cold(readers[0], first), 1))
        strangers = [await stack.enter_async_context(_reader(other, "")) for _ in secrets]
        taken: dict[str, list[float]] = {"bare": [], "Now": [], "Incident": []}

        def choose(number: int) -> str:
            return "/" if number % 2 else f"/incidents/{first[number % len(first)]}"

        for _ in range(ROUNDS):
            await _turn(strangers, lambda _: "/", taken)
            await _turn(readers, choose, taken)
        least = _p95(taken["bare"])
        rows.told("pages: a bare page that reads one row, 95th percentile, ms", round(least, 2))
        for page in ("Now", "Incident"):
            rows.told(f"pages: {page}, 95th percentile, ms", round(_p95(taken[page]), 2))
            rows.ceiling(f"pages: {page}, 95th percentile, times the bare page", _p95(taken[page]) / least, CEILING)
        await _listened(rows, ours, readers, secrets[0])


async def _cold(reader: httpx.AsyncClient, incidents: Sequence[str]) -> float:
    return statistics.median([await _timed(reader, f"/incidents/{one}") for one in incidents])


async def _turn(readers: list[httpx.AsyncClient], choose: Callable[[int], str], taken: dict[str, list[float]]) -> None:
    """Have each reader open a page every two seconds, none of them at the same instant as another."""

    async def read(number: int, reader: httpx.AsyncClient) -> None:
        await asyncio.sleep(EVERY * number / len(readers))
        for step in range(int(LASTS / EVERY)):
            began, path = time.perf_counter(), choose(7 * number + step)
            name = "bare" if "tocsin" not in reader.cookies else "Now" if path == "/" else "Incident"
            taken[name].append(await _timed(reader, path))
            await asyncio.sleep(max(0.0, EVERY - (time.perf_counter() - began)))

    await asyncio.gather(*(read(number, reader) for number, reader in enumerate(readers)))


async def _listened(rows: Rows, url: str, readers: list[httpx.AsyncClient], secret: str) -> None:
    """Have so many pages listen, and ask for Now beside them."""
    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(_reader(url, secret))
        for _ in range(LISTENERS):
            asked = listener.stream("GET", "/live", headers={"Accept": "text/event-stream"})
            answer = await stack.enter_async_context(asked)
            assert answer.status_code == 200, answer.status_code
        taken: dict[str, list[float]] = {"bare": [], "Now": [], "Incident": []}
        await _turn(readers, lambda _: "/", taken)
        rows.told(f"pages: Now, while {LISTENERS} listen, 95th percentile, ms", round(_p95(taken["Now"]), 2))


async def _timed(reader: httpx.AsyncClient, path: str) -> float:
    began = time.perf_counter()
    answer = await reader.get(path)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:200]}"
    return 1000 * (time.perf_counter() - began)


def _reader(url: str, secret: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=url, cookies={"tocsin": secret} if secret else {}, limits=limits, timeout=60)


def _p95(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=20)[-1]


def _rounded(began: float) -> float:
    return round(time.perf_counter() - began, 1)


@contextmanager
def bare(folder: Path) -> Iterator[str]:
    """Run the least that a page with something of a store in it can be."""
    with sqlite3.connect(folder / "bare.sqlite") as made:
        made.execute("CREATE TABLE one (number INTEGER PRIMARY KEY, title TEXT)")
        made.execute("INSERT INTO one VALUES (1, 'Odd logins')")
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.bare_page", str(folder / "bare.sqlite"), str(port)]
    process = subprocess.Popen(command)  # noqa: S603 - our own
    try:
        wait_for(lambda: listens(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


if __name__ == "__main__":
    sys.exit(main())
