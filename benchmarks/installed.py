"""The stage of a wave: the stand-in and the real `worker.py`, on one installation with a register of its own."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
from temporalio.client import Client

from tests.acceptance.controllers import many
from tests.acceptance.stack import Installation, WorkerProcess, end, free_port, listens, wait_for
from tests.house import ASHA, DARA
from tocsin import wire
from tocsin.domain.act import Confirm, Draft, Release
from tocsin.domain.notice import NoticeState
from tocsin.domain.values import AgreementId, IncidentId, WaveId

ROOT = Path(__file__).parents[1]


class Standin:
    """The stand-in, in a process of its own."""

    def __init__(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "benchmarks.standin", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        wait_for(lambda: listens(port))

    async def tell(self, **told: Any) -> None:
        """Let it answer like this from now on; nothing said: 202 after 50 ms."""
        async with aiohttp.ClientSession() as session, session.put(f"{self.url}/told", data=orjson.dumps(told)):
            pass

    async def record(self) -> list[dict[str, Any]]:
        """Return every request that it took."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/record") as answer:
            return [orjson.loads(line) for line in (await answer.read()).splitlines()]

    async def asked(self) -> int:
        """Return how often its suppression lists were asked for."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/asked") as answer:
            return int(await answer.read())

    async def key(self) -> str:
        """Return the public key under which it signs its events."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/key") as answer:
            return await answer.text()

    def stop(self) -> None:
        """End it."""
        end(self._process)


class Wave(NamedTuple):
    """A wave that was measured."""

    incident: IncidentId
    wave: WaveId
    rows: int
    rate: float
    """Recipients per second, from the start of its workflow to its end."""
    events: int
    drafting: float
    """Recipients per second from the report to letters that wait for release: rendered, sealed, stored, digested."""
    cpu: float
    """Processor time of the worker from the release on, microseconds per recipient."""
    drafting_kib: int
    """The most memory that the worker held until the letters waited for release."""
    peak_kib: int
    """The most that it held until the end: with a fresh worker, for the release and the wave alone."""


class Stage:
    """One installation that sends to the stand-in."""

    def __init__(self, home: Path, address: str, namespace: str, url: str | None) -> None:
        self._home, self._address, self._namespace = home, address, namespace
        self._url = url
        self.in_flight, self.count, self.repeat = 0, 2_000, 3

    @asynccontextmanager
    async def open(self, in_flight: int, controllers: int) -> AsyncIterator[None]:
        """Set everything up, with a worker that polls."""
        self.in_flight = in_flight
        self.standin = Standin()
        settings = {
            "CHANNEL": "sendgrid",
            "SENDGRID_API_KEY": "SG.bench",
            "SENDGRID_BASE_URL": self.standin.url,
            "SENDS_IN_FLIGHT": str(in_flight),
        } | ({"STORE_URL": self._url} if self._url else {})
        self._installation = Installation(self._home, self._address, self._namespace, **settings)
        try:
            await asyncio.to_thread(self._installation.set_up, many(controllers))
            self._worker = await self._started()
            self.house = await self._installation.house()
            self.client: Client = self.house.client
            yield
        finally:
            self._installation.stop()
            self.standin.stop()

    async def fresh_worker(self) -> None:
        """End the worker and start another."""
        await asyncio.to_thread(self._worker.stop)
        self._worker = await self._started()

    def peak_kib(self) -> int:
        """Return the most memory that the worker has held."""
        status = Path(f"/proc/{self._pid()}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1])

    async def bodies(self, count: int) -> list[bytes]:
        """Return the requests of letters that were drafted, as many as asked for."""
        if not hasattr(self, "_bodies"):
            incident, _ = await self._drafted(100)
            with self.house.store.reading() as tx:
                self._bodies = [tx.ledger.prepared(row.notice_id) or b"" for row in tx.ledger.of(incident)]
        return [self._bodies[number % len(self._bodies)] for number in range(count)]

    async def wave(self, count: int | None = None, *, fresh: bool = False) -> Wave:
        """Draft and release to everybody, or to so many, and wait for the end; `fresh`: with another worker."""
        began = time.perf_counter()
        incident, drafted = await self._drafted(count)
        drafting = time.perf_counter() - began
        drafting_kib = self.peak_kib()
        if fresh:
            await self.fresh_worker()
        before = self._cpu()
        run = await self._release(incident, drafted)
        await run.result()
        cpu = self._cpu() - before
        about = await run.describe()
        assert about.close_time is not None
        rows = len(self._rows(drafted))
        seconds = (about.close_time - about.start_time).total_seconds()
        wave = WaveId(drafted.ids["wave"])
        each = cpu / rows * 1e6
        rate, told = rows / seconds, rows / drafting
        return Wave(incident, wave, rows, rate, about.history_length, told, each, drafting_kib, self.peak_kib())

    async def killed_half_way(self) -> int:
        """Kill the worker in the middle of a wave; return how many rows that leaves in doubt, and let it end."""
        incident, drafted = await self._drafted(None)
        before = len(await self.standin.record())
        run = await self._release(incident, drafted)
        while len(await self.standin.record()) < before + self.count // 3:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
        await asyncio.to_thread(self._worker.kill)
        exposed = sum(row.state is NoticeState.CLAIMED for row in self._rows(drafted))
        self._worker = await self._started()
        await run.terminate("measured")
        return exposed

    def check(self, wave: Wave) -> None:
        """Check that each recipient's letter was taken once, and that the ledger and the log say so."""
        with self.house.store.reading() as tx:
            rows = tx.ledger.notices(wave.wave)
            entries = [orjson.loads(entry.body) for entry in tx.log.entries(incident_id=wave.incident)]
        logged = Counter(entry["data"]["notice"] for entry in entries if entry["kind"] == "notice.accepted")
        assert {row.state for row in rows} == {NoticeState.ACCEPTED}
        assert logged == {row.notice_id: 1 for row in rows}

    async def _drafted(self, count: int | None) -> Any:
        incident = await self.house.report(datetime.now(UTC), key=f"bench-{time.time_ns()}")
        await self.house.do(incident, ASHA, Confirm(), datetime.now(UTC))
        chosen = None
        if count is not None:
            with self.house.store.reading() as tx:
                pins = tx.register.pinned(incident)
            chosen = tuple(AgreementId(pin.agreement.agreement_id) for pin in pins[:count])
        return incident, await self.house.do(incident, ASHA, Draft(agreements=chosen), datetime.now(UTC))

    async def _release(self, incident: IncidentId, drafted: Any) -> Any:
        wave = WaveId(drafted.ids["wave"])
        await self.house.do(incident, DARA, Release(wave_id=wave, digest=drafted.ids["digest"]), datetime.now(UTC))
        return self.client.get_workflow_handle(wire.wave_workflow(incident, wave))

    def _rows(self, drafted: Any) -> list[Any]:
        with self.house.store.reading() as tx:
            return tx.ledger.notices(WaveId(drafted.ids["wave"]))

    async def _started(self) -> WorkerProcess:
        worker = self._installation.start_worker()
        await asyncio.to_thread(worker.ready)
        return worker

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self._pid()}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _pid(self) -> int:
        return int(self._worker.identity.removesuffix("@"))
