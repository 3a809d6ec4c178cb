"""What all tests share: examples are not timed, since the machine that runs them may be busy; what this run needs."""

import os

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make shots` say where pictures of the console's pages go."""
    parser.addoption("--shots", metavar="FOLDER", help="leave pictures of every page of the console there")


@pytest.fixture(scope="session", autouse=True)
def browser_required() -> bool:
    """Whether the tests in a browser may not skip. It is no setting of Tocsin's, which refuses names that are none."""
    return os.environ.pop("TOCSIN_BROWSER", "") == "required"
