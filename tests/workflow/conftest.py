"""The time-skipping server, in one fixture, and a house with a worker on it."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.common import SearchAttributeKey
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from tests.house import House
from tocsin.wire import SearchAttribute



@pytest.fixture(scope="session")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    """A real Temporal server that skips time, one for the session."""
    env = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        search_attributes=[
            SearchAttributeKey.for_keyword(SearchAttribute.STATUS),
            SearchAttributeKey.for_keyword(SearchAttribute.INCIDENT),
            SearchAttributeKey.for_datetime(SearchAttribute.NEXT_DEADLINE),
        ],
        dev_server_extra_args=[
            "--dynamic-config-value", "frontend.WorkflowTimeSkippingEnabled=true",
            "--dynamic-config-value", 'history.timerProcessorMaxTimeShift="20ms"',
            "--dynamic-config-value", "system.forceSearchAttributesCacheRefreshOnRead=true",
        ],
        ts_config=TimeSkippingConfig(max_session_skip_count=1000),
    )
    async with env:
        yield env


@pytest.fixture
async def house(server: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[House]:
    """A house whose worker replays every task, so that nondeterminism shows at once."""
    house = House(tmp_path / "home", server.client)
    house.register()
    async with house.working(max_cached_workflows=0):
        yield house
    house.store.close()
