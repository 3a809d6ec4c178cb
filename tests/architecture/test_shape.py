"""The shape of the house: sizes, docstrings, clocks that nobody reads in secret."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source import PARTS, ROOT, functions, modules, name

LONGEST = 400
ASKED_WHY = {
    "tocsin/adapters/sql/tables.py": "the schema is read together, and compared with the migrations as a whole",
    "tocsin/ports.py": "the ports are read together; most lines are their duties in sentences",
    "tocsin/adapters/evidence/standalone.py": "an auditor takes this one file along, and it may import nothing of ours",
    "workflows/incident.py": "everything in it changes the one state of an incident, in turn",
}
"""Files above the limit, each with the answer."""
READS_A_CLOCK = re.compile(r"datetime\.(now|utcnow|today)\(|date\.today\(|\btime\.time\(")
MAY_READ_A_CLOCK = ("worker.py", "tocsin/cli/", "tocsin/client.py", "tocsin/adapters/")
EMPTY_NAMES = {"utils", "helpers", "manager", "common", "misc", "base"}


def lines(path: Path) -> int:
    """Count a file's lines."""
    return len(path.read_text(encoding="utf-8").splitlines())


def test_worker_is_thin() -> None:
    """`worker.py` wires things together in at most 120 lines."""
    assert lines(ROOT / "worker.py") <= 120


def test_files_are_short() -> None:
    """No file is longer than 400 lines, but for those that say why; and whoever has become shorter says nothing."""
    long = {name(path) for path in modules(*PARTS) if lines(path) > LONGEST}
    assert long == set(ASKED_WHY)


def test_names_say_something() -> None:
    """No module is named for being left over."""
    assert [name(path) for path in modules(*PARTS, "tests") if path.stem in EMPTY_NAMES] == []


def test_time_is_passed_in() -> None:
    """Nothing reads the machine's clock but the edges: worker, command line, client and adapters."""
    reading = [name(path) for path in modules(*PARTS) if READS_A_CLOCK.search(path.read_text(encoding="utf-8"))]
    assert [path for path in reading if not path.startswith(MAY_READ_A_CLOCK)] == []


@pytest.mark.parametrize("path", [p for p in modules("tests") if p.name.startswith("test_")], ids=name)
def test_tests_state_their_fact(path: Path) -> None:
    """Each test function says in one sentence the fact that it holds."""
    tests = [function for function in functions(path) if function.name.startswith("test_")]
    said = {function.name: ast.get_docstring(function) or "" for function in tests}
    assert [test for test, fact in said.items() if not re.fullmatch(r"[^\n]{10,}\.", fact)] == []
