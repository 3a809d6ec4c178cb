"""The version before this one, as a tree of its own: its commit stands in the changelog."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.stack import ROOT
from tocsin import __version__


def released(folder: Path) -> tuple[str, Path]:
    """Lay the newest version but this one into `folder`; return its number and where. Skips without its commit."""
    known = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\].*?^Built from commit ([0-9a-f]+)",
        (ROOT / "CHANGELOG.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    version, commit = next(one for one in known if one[0] != __version__)
    packed = subprocess.run(["git", "-C", ROOT, "archive", commit], check=False, capture_output=True)
    if packed.returncode:
        pytest.skip(f"the commit of {version} is not here: a clone without history, or no clone at all")
    tree = folder / version
    tree.mkdir()
    subprocess.run(["tar", "-x", "-C", tree], input=packed.stdout, check=True)
    return version, tree
