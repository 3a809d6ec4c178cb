"""Worker and Temporal server killed again and again in the middle of a wave, at moments that a seed chooses."""

import asyncio
import contextlib
import random
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.installed import Standin
from tests.acceptance.controllers import many
from tests.acceptance.stack import Installation, Server, WorkerProcess, free_port
from tests.house import ASHA, DARA, House
from tocsin import wire
from tocsin.audit.verify import verify
from tocsin.domain.act import Confirm, Draft, Release
from tocsin.domain.notice import NoticeState as S
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import IncidentId, NoticeId, WaveId

SEED = 20261127
IN_FLIGHT = 64
SPEED = 20.0
"""Scenario seconds to a second: the grace period of five minutes takes a quarter of one."""
AHEAD = 200
"""Of the letters to come, how many may leave before the next blow at most."""


class Ordeal:
    """One wave through a stand-in, and what is killed while it is sent."""

    def __init__(self, folder: Path, controllers: int) -> None:
        self.chance = random.Random(SEED)
        self.controllers = controllers
        self.server = Server(folder / "temporal", free_port())
        self.standin = Standin()
        self.worker_kills = 0
        self._folder = folder
        self._stack = AsyncExitStack()
        for part in (self.server, self.standin):
            self._stack.push_async_callback(asyncio.to_thread, part.stop)
        self._worker: WorkerProcess | None = None

    async def begun(self, *, events: bool) -> tuple[House, IncidentId, WaveId]:
        """Release the wave; `events`: SendGrid's events reach a console that nobody kills."""
        settings = {"CHANNEL": "sendgrid", "SENDGRID_API_KEY": "SG.kill", "SENDGRID_BASE_URL": self.standin.url}
        port = free_port()
        if events:
            settings |= {
                "SENDGRID_WEBHOOK_KEYS": await self.standin.key(),
                "CONSOLE_ADDRESS": f"127.0.0.1:{port}",
            }
            # Each event comes twice and after the one that followed it, and each post once more from a forger before.
            odd = {"duplicated": True, "reordered": True, "forged": True}
            await self.standin.tell(events_url=f"http://127.0.0.1:{port}/webhooks/sendgrid", **odd)
        self.installation = Installation(self._folder / "home", self.server.address, "ordeal", **settings)
        self._stack.push_async_callback(asyncio.to_thread, self.installation.stop)
        await asyncio.to_thread(self.server.start)
        await asyncio.to_thread(self.installation.set_up, many(self.controllers))
        await self._start_worker()
        if events:
            self._stack.enter_context(self.installation.console())
        house = await self.installation.house()
        house.tempo = Tempo(origin=datetime.now(UTC), speed=SPEED)

        def now() -> datetime:
            return house.tempo.scenario(datetime.now(UTC))

        incident = await house.report(now())
        await house.do(incident, ASHA, Confirm(), now())
        drafted = await house.do(incident, ASHA, Draft(), now())
        wave = WaveId(drafted.ids["wave"])
        await house.do(incident, DARA, Release(wave_id=wave, digest=drafted.ids["digest"]), now())
        return house, incident, wave

    async def wait(self) -> None:
        """Wait for some more letters, but not for long."""
        goal = len(await self.standin.record()) + self.chance.randrange(AHEAD)
        async with asyncio.timeout(self.chance.uniform(0.2, 6)):
            while len(await self.standin.record()) < goal:  # noqa: ASYNC110 - the stand-in has no event to wait for
                await asyncio.sleep(0.01)

    async def strike(self) -> None:
        """Kill the worker or the server at a moment that chance chooses, and start it again."""
        with contextlib.suppress(TimeoutError):  # when nothing is being sent: that is a moment, too
            await self.wait()
        if self.chance.random() < 0.6:
            assert self._worker is not None
            await asyncio.to_thread(self._worker.kill)
            self.worker_kills += 1
            await self._start_worker()
        else:
            await asyncio.to_thread(self.server.kill)
            await asyncio.to_thread(self.server.start)

    async def end(self) -> None:
        """Stop everything."""
        await self._stack.aclose()

    async def _start_worker(self) -> None:
        self._worker = self.installation.start_worker()
        await asyncio.to_thread(self._worker.ready)


async def endure(folder: Path, controllers: int, kills: int, *, events: bool = False) -> None:
    """Kill so often, let the wave end, and compare what the stand-in received with ledger and log."""
    ordeal = Ordeal(folder, controllers)
    try:
        house, incident, wave = await ordeal.begun(events=events)
        for _ in range(kills):
            await ordeal.strike()
        await house.client.get_workflow_handle(wire.wave_workflow(incident, wave)).result()
        await agree(ordeal, house, wave, events=events)
    finally:
        await ordeal.end()


async def agree(ordeal: Ordeal, house: House, wave: WaveId, *, events: bool) -> None:
    """Check that everybody was told, that doubles are few and known, and that all three records say the same."""
    took = await ordeal.standin.record()
    with house.store.reading() as tx:
        rows = tx.ledger.notices(wave)
        verdict = verify(tx.log.entries(), tx.log.head())
    told = {row.notice_id for row in rows if row.state is (S.DELIVERED if events else S.ACCEPTED)}
    received = Counter(one["notice_id"] for one in took)
    doubled = {notice for notice, times in received.items() if times > 1}
    possible = {row.notice_id for row in rows if row.possible_duplicate}
    figures = f"{len(told)} told of {len(rows)}, {len(doubled)} doubled, {len(possible)} sent again after a doubt"
    print(f"{figures}; {ordeal.worker_kills} kills of the worker")
    assert len(rows) == ordeal.controllers
    assert verdict.holds, verdict.why
    # Everybody was told; what stayed in doubt twice is a person's, who can see that it may have arrived.
    assert {row.state for row in rows if row.notice_id not in told} <= {S.BY_HAND}
    assert told <= set(received) <= {row.notice_id for row in rows}
    assert max(received.values()) <= 2
    assert len(doubled) <= (0 if events else IN_FLIGHT * ordeal.worker_kills)
    assert doubled <= possible
    assert {one["message_id"] for one in took} == {row.message_id for row in rows if row.notice_id in received}
    assert len({(one["notice_id"], one["message_id"]) for one in took}) == len(received)
    _log_agrees(house, told, "notice.delivered" if events else "notice.accepted")


def _log_agrees(house: House, told: set[NoticeId], kind: str) -> None:
    assert Counter(entry["data"]["notice"] for entry in house.log(kind)) == dict.fromkeys(told, 1)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("events", [False, True])
async def test_killed_four_times(tmp_path: Path, events: bool) -> None:
    """Four kills of worker and server in a wave of 400 leave nobody untold; ledger, log and stand-in agree."""
    await endure(tmp_path, 400, 4, events=events)


@pytest.mark.soak
@pytest.mark.timeout(3000)
async def test_killed_twenty_times(tmp_path: Path) -> None:
    """Twenty kills of worker and server in a wave of 2,000 leave nobody untold; ledger, log and stand-in agree."""
    await endure(tmp_path, 2_000, 20)


@pytest.mark.soak
@pytest.mark.timeout(3000)
async def test_killed_twenty_times_with_events(tmp_path: Path) -> None:
    """Where SendGrid's events arrive, twenty kills leave nobody untold and nobody told twice."""
    await endure(tmp_path, 2_000, 20, events=True)
