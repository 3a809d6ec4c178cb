"""The tools of `make check-deploy`, in their own environment: without it these tests skip; with it none may."""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.source import ROOT

TOOLS = ROOT / ".venv-deploy" / "bin"
DEPLOY = ROOT / "deploy"

RENDER = """
import json, sys
from helm_python.chart import Chart, lint
folder, values = sys.argv[1], json.loads(sys.argv[2])
found = lint(folder, values, strict=True)
rendered = Chart.load(folder).render(values, name="tocsin", namespace="incidents")
print(json.dumps({"lint": found, "rendered": rendered}))
"""


def tool(name: str) -> str:
    """Return the path of a tool: of `make check-deploy`, or one that the machine has."""
    found = str(TOOLS / name) if (TOOLS / name).exists() else shutil.which(name)
    if found is None:
        needed = TOOLS.exists() and name != "systemd-analyze"  # which no registry of ours has
        (pytest.fail if needed else pytest.skip)(f"{name} is not here; run `make check-deploy`")
    return found


def run(name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a tool and return what it said."""
    return subprocess.run([tool(name), *map(str, words)], check=False, capture_output=True, text=True, timeout=100)


def rendered(**values: Any) -> dict[str, str]:
    """Return the chart's manifests by template, made by Helm's own engine after its own lint, with `values`."""
    return _rendered(json.dumps(values))


@cache
def _rendered(values: str) -> dict[str, str]:
    tool("kubernetes-validate")  # any Python is on the path, but only one has Helm's engine
    done = run("python", "-c", RENDER, DEPLOY / "chart", values)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["lint"]["errors"] == []
    manifests: dict[str, str] = said["rendered"]
    return manifests
