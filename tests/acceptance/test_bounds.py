"""Within how long `tocsin watch` hears of each fault: real parts are broken in turn, and looked at when it is due."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine
from temporalio.service import RPCError

from tests.acceptance.conftest import Install
from tests.acceptance.controllers import one
from tests.acceptance.stack import Installation, free_port
from tests.house import House
from tocsin import wire
from tocsin.adapters import watcher
from tocsin.adapters.watcher import ANSWERS_WITHIN, POLLED_WITHIN, look
from tocsin.domain.clock import Mark
from tocsin.domain.watching import APART, SWEEP_SILENT_FOR, UNWARNED_FOR, alarms
from tocsin.ports import SWEPT
from tocsin.settings import Settings

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
LOOK = timedelta(minutes=1)
"""Between two looks of `tocsin watch`: every bound below ends with the next one."""


def settings(installation: Installation, **change: str) -> Settings:
    """Return an installation's settings, as `watch` reads them."""
    own = {"temporal_address": installation.address, "temporal_namespace": installation.namespace}
    return Settings(home=installation.home, **{**own, **change})  # type: ignore[arg-type]


async def seen(installation: Installation, at: datetime, **change: str) -> set[str]:
    """Return what a look at that instant would call a person for."""
    found, _ = await look(settings(installation, **change), None, at)
    return {alarm.key.partition(":")[0] for alarm in alarms(found)}


def beat(house: House) -> datetime | None:
    """Return when a sweep last came to its end."""
    with house.store.reading() as tx:
        return tx.beats.last(SWEPT)


async def last_beat(house: House) -> datetime:
    """Return the last sweep's beat, once no other one comes."""
    before, same = beat(house), 0
    while same < 15 or before is None:
        await asyncio.sleep(0.1)
        now = beat(house)
        same, before = (same + 1 if now == before else 0), now
    return before


async def test_bounds(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault is told at its bound and not before: sweep, clocks apart, disk, worker, store and Temporal."""
    installation = install(SWEEP_EVERY_SECONDS="1")
    await asyncio.to_thread(installation.set_up, one())
    house = await installation.house()
    worker = installation.start_worker()
    await asyncio.to_thread(worker.ready)
    await house.report(datetime.now(UTC))
    async with asyncio.timeout(60):
        while beat(house) is None:  # noqa: ASYNC110 - the store has no event to wait for
            await asyncio.sleep(0.1)
    assert await seen(installation, datetime.now(UTC)) == set()

    # A clock that is an hour ahead, or behind: of the engine's machine, or of the watcher's.
    swept_at = beat(house)
    assert swept_at is not None
    assert "time" not in await seen(installation, swept_at - APART)
    assert "time" in await seen(installation, swept_at - HOUR)
    assert "sweep" in await seen(installation, swept_at + HOUR)

    # A schedule that is paused, then one that is gone.
    sweeps = house.client.get_schedule_handle(wire.SWEEP_SCHEDULE)
    await sweeps.pause()
    swept_at = await last_beat(house)
    assert "sweep" not in await seen(installation, swept_at + SWEEP_SILENT_FOR)
    assert "sweep" in await seen(installation, swept_at + SWEEP_SILENT_FOR + LOOK)
    await sweeps.delete()
    with pytest.raises(RPCError):
        await sweeps.describe()
    assert await last_beat(house) == swept_at

    # A warning that nobody got, whatever the reason: all pagers down, the engine's clock set back.
    with house.store.reading() as tx:
        half_at = min(row.spec.mark_at(Mark.HALF) for row in tx.duties.running_clocks())
    assert "clock" not in await seen(installation, half_at + UNWARNED_FOR - SECOND)
    assert "clock" in await seen(installation, half_at + UNWARNED_FOR + LOOK)

    # A disk that is nearly full.
    monkeypatch.setattr(watcher, "ROOM", 1 << 60)
    assert "disk" in await seen(installation, datetime.now(UTC))
    monkeypatch.undo()

    # A worker that is dead.
    await asyncio.to_thread(worker.kill)
    died_at = datetime.now(UTC)
    assert "worker" in await seen(installation, died_at + POLLED_WITHIN + LOOK)

    # Temporal that is dead, and a store that is away.
    began = time.monotonic()
    assert "engine" in await seen(installation, died_at, temporal_address=f"127.0.0.1:{free_port()}")
    assert time.monotonic() - began < ANSWERS_WITHIN + 1
    gone = f"sqlite:///{installation.home / 'gone.sqlite'}"
    create_engine(gone).dispose()
    assert "store" in await seen(installation, died_at, store_url=gone)
