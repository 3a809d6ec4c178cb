"""Incidents that run already must survive the code of today: every recorded history is replayed against it."""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from tests.house import REGISTER
from tests.replay.keys import opened
from tests.replay.record import HISTORIES
from tocsin import wire
from workflows.every import WORKFLOWS

VERSIONS = sorted(
    (folder for folder in HISTORIES.iterdir() if folder.is_dir()),
    key=lambda folder: [*map(int, folder.name.split("."))],
)
YOUNGER = {wire.PROBE: "0.4.0"}
"""Workflows that the last version named, and none before it, did not have yet."""
RECORDED = [path for folder in VERSIONS for path in sorted(folder.glob("*-*-*.json"))]


@workflow.defn(name=wire.CLOCK, sandboxed=False)
class Hasty:
    """A clock that ends at once: what a careless change might do."""

    @workflow.run
    async def run(self, order: wire.ClockInput) -> str:
        """End."""
        return order.spec.title


def text_of(path: Path) -> str:
    """Return a recorded history as JSON."""
    return path.read_text(encoding="utf-8")


def read(path: Path) -> WorkflowHistory:
    """Return a recorded history."""
    kept = json.loads(text_of(path))
    return WorkflowHistory.from_json(kept["workflowId"], {"events": kept["events"]})


@pytest.fixture(scope="module")
def converters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, DataConverter]]:
    """The converter of each version, opened with the test keys that lie beside its histories."""
    folders = {folder: opened(folder, tmp_path_factory.mktemp("keys")) for folder in VERSIONS}
    yield {folder: context.__enter__() for folder, context in folders.items()}
    for context in folders.values():
        context.__exit__(None, None, None)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: f"{path.parent.name}/{path.name.partition('.')[0]}")
async def test_recorded_history_replays(path: Path, converters: dict[Path, DataConverter]) -> None:
    """The code of today takes the decisions that were taken when this history was made."""
    replayer = Replayer(workflows=WORKFLOWS, data_converter=converters[path.parent])
    await replayer.replay_workflow(read(path))


def test_every_workflow_is_recorded() -> None:
    """Each workflow that the worker registers has a history of the newest version."""
    registered = {workflow._Definition.must_from_class(kind).name for kind in WORKFLOWS}
    newest = [read(path) for path in RECORDED if path.parent == VERSIONS[-1]]
    registered -= {name for name, version in YOUNGER.items() if version == VERSIONS[-1].name}
    assert registered == {h.events[0].workflow_execution_started_event_attributes.workflow_type.name for h in newest}


def test_a_continued_run_is_recorded() -> None:
    """Among the newest histories are runs of every long-lived workflow that were continued as new."""
    newest = [text_of(path) for path in RECORDED if path.parent == VERSIONS[-1]]
    continued = {
        re.findall(r'"workflowType":{"name":"([^"]+)"}', text)[0]
        for text in newest
        if "continuedExecutionRunId" in text
    }
    assert {wire.INCIDENT, wire.CLOCK, wire.WAVE, wire.RESPONSE} == continued


async def test_changed_code_is_noticed(converters: dict[Path, DataConverter]) -> None:
    """Code that decides otherwise than a history says does not replay it."""
    path = next(path for path in RECORDED if path.name.startswith("clock-"))
    replayer = Replayer(
        workflows=[Hasty], data_converter=converters[path.parent], workflow_runner=UnsandboxedWorkflowRunner()
    )
    with pytest.raises(workflow.NondeterminismError):
        await replayer.replay_workflow(read(path))


def test_histories_are_sealed() -> None:
    """What is kept is what Temporal kept: no name or address of the register can be read in it."""
    names = re.findall(r"[A-Z]\w+ \w+|\w+@\w+\.example", REGISTER)
    assert len(names) > 5
    for path in RECORDED:
        text = text_of(path)
        payloads = b"".join(b64decode(found) for found in re.findall(r'"data":"([^"]*)"', text))
        assert [name for name in names if name in text or name.encode() in payloads] == [], path.name


def test_recordings_are_small() -> None:
    """The recordings of one version, kept as text, take less than five megabytes."""
    for folder in VERSIONS:
        assert sum(path.stat().st_size for path in folder.iterdir()) < 5_000_000, folder.name
