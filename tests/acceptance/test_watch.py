"""The look from outside, against a real server, a real worker and a real store, each broken in turn."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from sqlalchemy import text

from tests.acceptance.conftest import Install
from tests.acceptance.controllers import one
from tests.acceptance.stack import Installation, free_port, wait_for
from tocsin import wire
from tocsin.adapters.embedded import prepare_namespace
from tocsin.adapters.sql import create_engine_for


async def watched(installation: Installation, code: int = 0, **settings: str) -> list[str]:
    """Look once; return what the alarms are about."""
    ran = await asyncio.to_thread(installation.tocsin, "watch", "--once", "--json", **settings)
    assert ran.code == code, ran.out + ran.err
    return [alarm["key"].partition(":")[0] for alarm in ran.json["alarms"]]


def swept(installation: Installation) -> bool:
    """Say whether a sweep has come to its end."""
    engine = create_engine_for(f"sqlite:///{installation.home / 'store.sqlite'}")
    with engine.connect() as connection:
        found = connection.execute(text("SELECT count(*) FROM beats WHERE name = 'sweep'")).scalar_one()
    engine.dispose()
    return bool(found)


def change(installation: Installation, statement: str, **values: object) -> None:
    """Change the store behind everybody's back."""
    engine = create_engine_for(f"sqlite:///{installation.home / 'store.sqlite'}")
    with engine.begin() as connection:
        connection.execute(text(statement), values)
    engine.dispose()


@pytest.fixture
async def outside() -> AsyncIterator[tuple[str, list[str]]]:
    """A place outside that waits for the heartbeat: its URL, and the paths that were asked for."""
    asked: list[str] = []

    async def ping(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    app = web.Application()
    app.router.add_get("/{tail:.*}", ping)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}/beat", asked
    await runner.cleanup()


async def test_well_then_worker_and_clock_lost(install: Install, outside: tuple[str, list[str]]) -> None:
    """While all runs nobody is called and the heartbeat arrives; a clock that never warned is paged once an hour."""
    url, asked = outside
    installation = install(HEARTBEAT_URL=url, SWEEP_EVERY_SECONDS="1")
    await asyncio.to_thread(installation.set_up, one())
    house = await installation.house()
    with installation.working():
        incident = await house.report(datetime.now(UTC))
        await asyncio.to_thread(wait_for, lambda: swept(installation))
        assert await watched(installation) == []
        with house.store.reading() as tx:
            clock = next(c for c in tx.duties.running_clocks() if c.spec.rule_id == "internal:decide")
        # As if the clock's workflow had been terminated: nobody warns any more, and its half has passed long ago.
        handle = house.client.get_workflow_handle(wire.clock_workflow(incident, clock.spec.clock_id))
        await handle.terminate("by hand")
        moved = clock.spec.model_copy(update={"trigger_at": datetime.now(UTC) - timedelta(days=2)})
        with house.store.writing() as tx:
            tx.duties.put_clock(clock.model_copy(update={"spec": moved}))
        assert await watched(installation) == ["clock"]
        # The sweep pages for the lost clock as well, in words of its own.
        told = [page for page in installation.pages() if "Nobody was warned" in page]
        assert await watched(installation) == ["clock"]
        assert told == [page for page in installation.pages() if "Nobody was warned" in page], "told once an hour"
        assert len(told) == 1
    assert asked == ["/beat"] * 3


async def test_engine_that_does_not_answer(install: Install) -> None:
    """Without Temporal the look still works, and calls a person by the pager alone."""
    installation = install(address=f"127.0.0.1:{free_port()}")
    await asyncio.to_thread(installation.set_up, one())
    assert await watched(installation) == ["engine", "sweep"]
    assert any("Temporal does not answer" in page for page in installation.pages())


async def test_no_worker(installation: Installation) -> None:
    """A queue that no worker polls is told, though Temporal answers."""
    await asyncio.to_thread(installation.set_up, one())
    await prepare_namespace(installation.address, installation.namespace, retention_days=1)
    assert await watched(installation) == ["worker", "sweep"]


async def test_cut_log(installation: Installation) -> None:
    """Entries cut from the log's tail, its head set back to fit, are found at the next look."""
    await asyncio.to_thread(installation.set_up, one())
    house = await installation.house()
    with installation.working():
        with house.store.reading() as tx:
            before = tx.log.head()
        peaks = json.dumps(before.peaks)
        await house.report(datetime.now(UTC))
        assert "log-cut" not in await watched(installation)
    change(installation, "DROP TRIGGER log_entries_no_delete")
    change(installation, "DELETE FROM log_entries WHERE number >= :size", size=before.size)
    change(installation, "UPDATE log_head SET size = :size, peaks = :peaks", size=before.size, peaks=peaks)
    assert "log-cut" in await watched(installation)


def test_store_that_cannot_be_read(installation: Installation) -> None:
    """A store that is gone calls a person; when nobody takes the page the command fails, and says whom to phone."""
    installation.set_up(one())
    (installation.home / "store.sqlite").rename(installation.home / "elsewhere.sqlite")
    assert "store" in asyncio.run(watched(installation))
    (installation.home / "watch.json").unlink()
    pages = installation.home / "outbox" / "pages"
    pages.rename(pages.with_name("moved"))
    pages.write_text("a file where the folder should be")
    assert "store" in asyncio.run(watched(installation, code=1))
