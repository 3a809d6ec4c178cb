"""Real Temporal servers that skip time, and a house with a worker on one."""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.common import SearchAttributeKey
from temporalio.testing import TimeSkippingConfig, WorkflowEnvironment

from tests.house import House
from tests.workflow.post import Post
from tests.workflow.story import Story
from tocsin.wire import SearchAttribute

FLAGS = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "history.timerProcessorMaxTimeShift": '"20ms"',
    "system.forceSearchAttributesCacheRefreshOnRead": "true",
}

ORG = """\
name = "Operator GmbH"
time_zone = "Europe/Berlin"
roles = ["controller"]
establishments = ["DE"]
serves = ["DE"]
kinds = []
nis2 = "essential"
data_in = ["DE"]
"""


@asynccontextmanager
async def a_server(**flags: str) -> AsyncIterator[WorkflowEnvironment]:
    """Run a real Temporal server that skips time."""
    settings = FLAGS | {name.replace("__", "."): value for name, value in flags.items()}
    env = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        search_attributes=[
            SearchAttributeKey.for_keyword(SearchAttribute.STATUS),
            SearchAttributeKey.for_keyword(SearchAttribute.INCIDENT),
            SearchAttributeKey.for_datetime(SearchAttribute.NEXT_DEADLINE),
        ],
        dev_server_extra_args=[
            word for name, value in settings.items() for word in ("--dynamic-config-value", f"{name}={value}")
        ],
        ts_config=TimeSkippingConfig(max_session_skip_count=1000),
    )
    async with env:
        yield env


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[WorkflowEnvironment]:
    """One server for the session."""
    async with a_server() as env:
        yield env


@pytest.fixture(scope="session")
async def forgetful_server() -> AsyncIterator[WorkflowEnvironment]:
    """A server that asks every workflow to continue as new after forty events instead of four thousand."""
    async with a_server(limit__historyCount__suggestContinueAsNew="40") as env:
        yield env


@pytest.fixture(scope="session")
async def furnished(server: WorkflowEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with keys, a store and a register, of which each test gets a copy."""
    home = tmp_path_factory.mktemp("furnished") / "home"
    house = House(home, server.client)
    house.register()
    house.store.close()
    return home


@pytest.fixture
async def quiet_house(server: WorkflowEnvironment, furnished: Path, tmp_path: Path) -> AsyncIterator[House]:
    """A house in which nobody works yet."""
    async with a_house(server, furnished, tmp_path / "home") as house:
        yield house


@pytest.fixture
async def house(quiet_house: House) -> AsyncIterator[House]:
    """A house with a worker."""
    async with quiet_house.working():
        yield quiet_house


@pytest.fixture
async def operator(server: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[House]:
    """A house whose organisation is a controller and an essential entity in Germany."""
    home = tmp_path / "operator"
    home.mkdir()
    (home / "org.toml").write_text(ORG)
    house = House(home, server.client)
    house.register()
    async with house.working(max_cached_workflows=0):
        yield house
    house.store.close()


@pytest.fixture
def story(server: WorkflowEnvironment, house: House) -> Story:
    """What happens in that house; time passes where the test lets it."""
    return Story(server, house)


@pytest.fixture
async def replayed_story(server: WorkflowEnvironment, quiet_house: House) -> AsyncIterator[Story]:
    """The same with a worker that remembers nothing and replays every task, so that nondeterminism shows at once."""
    async with quiet_house.working(max_cached_workflows=0):
        yield Story(server, quiet_house)


@pytest.fixture
async def forgetful_story(
    forgetful_server: WorkflowEnvironment, furnished: Path, tmp_path: Path
) -> AsyncIterator[Story]:
    """The same on the server that keeps histories short."""
    async with a_house(forgetful_server, furnished, tmp_path / "home") as house, house.working():
        yield Story(forgetful_server, house)


@asynccontextmanager
async def a_house(server: WorkflowEnvironment, furnished: Path, home: Path) -> AsyncIterator[House]:
    """Build a house whose letters and pages go through channels that do as they are told."""
    shutil.copytree(furnished, home)
    # The environment's own client would let time run away in every workflow that it starts.
    house = House(home, await server.connect_client())
    house.channel, house.paging = Post(house.channel), Post(house.paging)
    yield house
    house.store.close()
