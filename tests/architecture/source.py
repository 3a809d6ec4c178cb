"""The project's files, for the tests that read them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("worker.py", "workflows", "activities", "tocsin")
"""What runs."""


def modules(*parts: str) -> list[Path]:
    """Return the Python files of these parts of the tree."""
    found = []
    for part in parts:
        path = ROOT / part
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    assert found, parts
    return found


def name(path: Path) -> str:
    """Return a file's path from the root of the tree."""
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
