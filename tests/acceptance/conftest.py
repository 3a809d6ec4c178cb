"""One Temporal dev server per test process, on free ports; a home and a namespace for each test."""

import fcntl
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.life import Life
from tests.acceptance.stack import Installation, Server, free_port

Install = Callable[..., Installation]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real Temporal dev server on an SQLite file."""
    server = Server(tmp_path_factory.mktemp("stack"), free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def install(stack: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Install]:
    """Makes installations on the session's server, and stops what they started."""
    made: list[Installation] = []

    def new(name: str = "home", address: str = stack.address, **settings: str) -> Installation:
        namespace = re.sub(r"[^a-z0-9]+", "-", f"{request.node.name}-{name}".lower()).strip("-")
        made.append(Installation(tmp_path / name, address, namespace, **settings))
        return made[-1]

    yield new
    for installation in made:
        installation.stop()


@pytest.fixture
def installation(install: Install) -> Installation:
    """One installation, for a test that needs no more."""
    return install()


@pytest.fixture(scope="session")
def life(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Life:
    """The whole life of one incident, played by the command line once, by whichever test process comes first."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "life"
    folder.mkdir(exist_ok=True)
    with (folder / "turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return Life.played(folder)
