"""One Temporal dev server for the session, on free ports; a home and a namespace for each test."""

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
def life(stack: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """The whole life of one incident, played once by the command line; the worker has stopped afterwards."""
    installation = Installation(tmp_path_factory.mktemp("life") / "home", stack.address, "whole-life")
    life = Life(installation)
    try:
        life.play()
        yield life
    finally:
        installation.stop()
