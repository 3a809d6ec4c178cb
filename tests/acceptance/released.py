"""The version before this one, as a tree of its own: its commit stands in the changelog."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.stack import ROOT


def released(folder: Path) -> tuple[str, Path]:
    """Lay the newest released version into `folder`; return its number and where it lies. Skips without its commit."""
    found = re.search(
        r"^## \[(\d+\.\d+\.\d+)\].*?^Built from commit ([0-9a-f]+)",
        (ROOT / "CHANGELOG.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None
    version, commit = found.groups()
    packed = subprocess.run(["git", "-C", ROOT, "archive", commit], check=False, capture_output=True)
    if packed.returncode:
        pytest.skip(f"the commit of {version} is not here: a clone without history, or no clone at all")
    tree = folder / version
    tree.mkdir()
    subprocess.run(["tar", "-x", "-C", tree], input=packed.stdout, check=True)
    return version, tree
