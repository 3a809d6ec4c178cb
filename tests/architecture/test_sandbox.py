"""Workflow files in Temporal's sandbox: they reload nothing of ours, and hide nothing from it by accident."""

import importlib
import sys
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.worker.workflow_sandbox import (
    SandboxedWorkflowRunner,
    SandboxRestrictions,
    UnintentionalPassthroughError,
)
from temporalio.workflow import SandboxImportNotificationPolicy

from workflows.every import WORKFLOWS

# The small files beside them, which run as parts of workflows, may be loaded again with them; nothing else may.
STRICT = SandboxRestrictions.default.with_import_notification_policy(
    SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
).with_passthrough_modules("workflows")
CARELESS = """\
from temporalio import workflow

import tocsin.wire


@workflow.defn(name="careless")
class Careless:
    @workflow.run
    async def run(self) -> str:
        return tocsin.wire.CLOCK
"""


def prepare(kind: type) -> None:
    """Load a workflow as a worker does."""
    SandboxedWorkflowRunner(restrictions=STRICT).prepare_workflow(workflow._Definition.must_from_class(kind))


@pytest.mark.parametrize("kind", WORKFLOWS, ids=lambda kind: kind.__name__)
async def test_workflow_loads_strictly(kind: type) -> None:
    """Each workflow loads in the sandbox, and whatever is passed through is named in its file."""
    assert workflow._Definition.must_from_class(kind).sandboxed
    prepare(kind)


async def test_careless_import_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workflow that imports our code outside the block that passes it through does not load strictly."""
    (tmp_path / "careless.py").write_text(CARELESS)
    monkeypatch.syspath_prepend(tmp_path)
    careless = importlib.import_module("careless")
    try:
        with pytest.raises(UnintentionalPassthroughError, match="tocsin"):
            prepare(careless.Careless)
    finally:
        del sys.modules["careless"]
