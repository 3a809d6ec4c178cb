"""Which part may import which."""

import subprocess
import sys
from pathlib import Path

from tests.architecture.source import ROOT


def test_imports_point_one_way() -> None:
    """The import contracts of pyproject.toml hold."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout
