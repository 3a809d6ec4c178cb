"""Records the histories that later versions must still be able to replay: `python -m tests.replay.record`.

It plays the scenarios on a real dev server, and writes each run's history as Temporal keeps it, payloads sealed, to
`histories/<version>/`, with the keys that open them. Run it once per release, and again whenever a workflow of a
version that is not released yet has changed; never over a released version, for its incidents may still run.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowExecution

from tests.acceptance.stack import Server, free_port
from tests.replay.keys import write_keys
from tests.replay.scenarios import SCENARIOS, TELLING, RecordingHouse, Scenario, asked, continued, swept
from tocsin import __version__
from tocsin.adapters.embedded import prepare_namespace
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import IncidentId
from tocsin.wire import incident_of

HISTORIES = Path(__file__).parent / "histories"
NAMESPACE = "tocsin-replay"
EARLY = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=40")
"""Makes the server suggest to continue as new after so many events instead of thousands."""
LISTED_WITHIN = 2.0
"""Seconds until the server's list of workflows has caught up."""


async def main() -> None:
    """Record every scenario, and replace what was recorded of this version."""
    target = HISTORIES / __version__
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "histories"
        made.mkdir()
        await _record(Path(scratch), made, [s for s in SCENARIOS if s is not continued])
        await _record(Path(scratch), made, [continued], *EARLY)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(made, target)
    files = list(target.iterdir())
    size = sum(file.stat().st_size for file in files)
    print(f"recorded {len(files) - 1} histories of {__version__}, {size / 1000:.0f} kB, in {target}")


async def _record(scratch: Path, made: Path, scenarios: Sequence[Scenario], *options: str) -> None:
    server = Server(Path(tempfile.mkdtemp(dir=scratch)), free_port(), *options)
    server.start()
    try:
        await prepare_namespace(server.address, NAMESPACE, retention_days=1)
        client = await Client.connect(server.address, namespace=NAMESPACE)
        names: dict[IncidentId | None, str] = {None: swept.__name__}  # what belongs to no incident is the sweep
        for scenario in scenarios:
            print(f"playing {scenario.__name__}: {scenario.__doc__}")
            names |= dict.fromkeys(await _play(scenario, scratch / "home", client), scenario.__name__)
        await _write_histories(client, names, made)
    finally:
        server.stop()
    write_keys(made, scratch / "home", NAMESPACE)


async def _play(scenario: Scenario, home: Path, client: Client) -> set[IncidentId]:
    """Play a scenario; return its incidents."""
    # Only a round needs links: what was recorded before there were rounds had none.
    url = "https://notices.processor.example" if scenario is asked else None
    house = RecordingHouse(home, client, Tempo(origin=datetime.now(UTC)), url)
    before = _incidents(house)
    async with house.working():
        await scenario(house)
    after = _incidents(house)
    house.shut()
    return after - before


def _incidents(house: RecordingHouse) -> set[IncidentId]:
    with house.store.reading() as tx:
        incidents = {state.incident_id for state in tx.incidents.all()}
        return incidents | {one.round_id for one in tx.probes.all()}


async def _write_histories(client: Client, names: dict[IncidentId | None, str], made: Path) -> None:
    """Write the histories of each workflow in each scenario that are worth keeping."""
    texts: dict[str, list[str]] = {}
    for run in await _runs(client):
        history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        kind, scenario = run.workflow_type.removeprefix("tocsin.").lower(), names[incident_of(run.id)]
        if kind in TELLING.get(scenario, {kind}):
            texts.setdefault(f"{kind}-{scenario}", []).append(_text(run.id, history.to_json_dict()["events"]))
    for stem, found in texts.items():
        for number, text in enumerate(_chosen(found), start=1):
            # No time in the file's head: the same history is the same file.
            (made / f"{stem}-{number}.json").write_text(text, encoding="utf-8")


def _chosen(found: list[str]) -> list[str]:
    """Choose two of the histories of a workflow: the longest, and the longest that began by continuing another."""
    by_length = sorted(found, key=len, reverse=True)
    continuing = [text for text in by_length[1:] if "continuedExecutionRunId" in text]
    return [by_length[0], *(continuing or by_length[1:])[:1]]


def _text(workflow_id: str, events: list[dict[str, Any]]) -> str:
    lines = ",\n".join(json.dumps(event, separators=(",", ":")) for event in events)
    return f'{{"workflowId":{json.dumps(workflow_id)},"events":[\n{lines}\n]}}\n'


async def _runs(client: Client) -> list[WorkflowExecution]:
    await asyncio.sleep(LISTED_WITHIN)
    return [run async for run in client.list_workflows("WorkflowType STARTS_WITH 'tocsin.'")]


if __name__ == "__main__":
    asyncio.run(main())
