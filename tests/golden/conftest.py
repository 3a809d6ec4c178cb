"""Golden files: what we send, word for word. `pytest tests/golden --rewrite-golden` writes them anew."""

from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch that rewrites the golden files instead of comparing with them."""
    parser.addoption("--rewrite-golden", action="store_true", help="write the golden files anew; review the diff")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return a check that `content` is what the golden file of that name holds."""
    rewrite = request.config.getoption("--rewrite-golden", default=False)

    def check(name: str, content: str) -> None:
        path = HERE / name
        if rewrite:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode())
        assert path.read_bytes().decode() == content, f"{name} differs; if that is meant, use --rewrite-golden"

    return check
