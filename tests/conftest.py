"""What all tests share: examples are not timed, since the machine that runs them may be busy; what this run needs."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from temporalio.worker._workflow import _WorkflowWorker

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make shots` say where pictures of the console's pages go."""
    parser.addoption("--shots", metavar="FOLDER", help="leave pictures of every page of the console there")


@pytest.fixture(scope="session", autouse=True)
def browser_required() -> bool:
    """Whether the tests in a browser may not skip. It is no setting of Tocsin's, which refuses names that are none."""
    return os.environ.pop("TOCSIN_BROWSER", "") == "required"


@pytest.fixture(scope="session", autouse=True)
def patient_with_workflows() -> Iterator[None]:
    """Call a workflow deadlocked after twenty seconds, not two, which its thread may wait for a busy processor here."""
    made = _WorkflowWorker.__init__

    def patiently(worker: _WorkflowWorker, **words: Any) -> None:
        made(worker, **words)
        assert worker._deadlock_timeout_seconds == 2, "Temporal's worker keeps its patience elsewhere now"
        worker._deadlock_timeout_seconds = 20

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_WorkflowWorker, "__init__", patiently)
        yield
