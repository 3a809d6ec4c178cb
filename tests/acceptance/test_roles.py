"""The roles of the image, started by hand with the image's own script, against PostgreSQL and Temporal."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.conftest import Install
from tests.acceptance.controllers import many
from tests.acceptance.stack import ROOT, Installation, free_port, wait_for
from tests.acceptance.waves import assert_each_told_once, ended, release_to_all
from tests.house import House
from tests.ports.conftest import Databases, postgres
from tocsin import wire
from tocsin.domain.values import IncidentId, WaveId

__all__ = ["postgres"]

CONTROLLERS = 5


def environment(installation: Installation) -> dict[str, str]:
    """Return what a container has: the settings, and the programs of the image first on the path."""
    return installation.env | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def role(installation: Installation, *words: str) -> subprocess.Popen[bytes]:
    """Start a role as the image does, from the folder of `worker.py`."""
    command = ["sh", str(ROOT / "deploy" / "role.sh"), *words]
    with (installation.home.parent / f"{words[0]}.out").open("ab") as out:
        return subprocess.Popen(command, cwd=ROOT, env=environment(installation), stdout=out, stderr=out)


@contextmanager
def running(installation: Installation, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Have a role run; SIGTERM, which engines send, ends it in time, as systemd calls success."""
    process = role(installation, *words)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in {0, -signal.SIGTERM}, (installation.home.parent / f"{words[0]}.out").read_text()
    finally:
        process.kill()
        process.wait(10)


def healthy(installation: Installation, process: subprocess.Popen[bytes]) -> bool:
    """Ask as the image's health check does."""
    command = [sys.executable, str(ROOT / "deploy" / "health.py"), str(process.pid)]
    return subprocess.run(command, check=False, env=environment(installation), capture_output=True).returncode == 0


def shown(url: str) -> str:
    """Return what is served under an address."""
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own
        text: str = answer.read().decode()
        return text


def assert_logging_names_each(installation: Installation, house: House, incident: IncidentId, wave: WaveId) -> None:
    """Check that the worker's lines are JSON, and name each notice with its incident."""
    lines = (installation.home.parent / "worker.out").read_text().splitlines()
    said = [json.loads(line) for line in lines if line.startswith("{")]
    with house.store.reading() as tx:
        notices = {row.notice_id for row in tx.ledger.notices(wave)}
    handed = [one for one in said if one["event"] == "a letter was handed to its channel"]
    ended = [one for one in said if one["event"] == "a batch of letters came to its end"]
    assert {(one["notice"], one["incident"]) for one in handed} == {(notice, incident) for notice in notices}
    assert [(one["activity"], one["workflow"]) for one in ended] == [
        ("notices.send", wire.wave_workflow(incident, wave))
    ]


async def test_roles(install: Install, postgres: Databases) -> None:
    """Migrate, worker, console and watch run from one script; worker and console are well only once they serve."""
    metrics, console = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    addresses = {"METRICS_ADDRESS": metrics, "CONSOLE_ADDRESS": console}
    installation = install(STORE_URL=postgres.empty(), LOGGING="json", LOGGING_LEVEL="DEBUG", **addresses)
    assert role(installation, "migrate").wait(60) == 0
    await asyncio.to_thread(installation.set_up, many(CONTROLLERS))
    house = await installation.house()
    with running(installation, "worker") as worker, running(installation, "console") as served:
        await asyncio.to_thread(wait_for, lambda: healthy(installation, worker) and healthy(installation, served), 60)
        incident, wave = await release_to_all(house)
        await ended(house, incident, wave)
        assert role(installation, "watch", "--once").wait(60) == 0
        assert await asyncio.to_thread(shown, f"http://{console}/readyz") == "ok\n"
        measured = await asyncio.to_thread(shown, f"http://{metrics}/metrics")
        assert "temporal_activity_schedule_to_start_latency_sum" in measured  # as the alert rules name it
        assert "temporal_worker_task_slots_available" in measured
    assert_each_told_once(installation, house, wave, CONTROLLERS)
    assert_logging_names_each(installation, house, incident, wave)
