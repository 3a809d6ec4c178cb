"""The names spoken over Temporal: promises to running incidents, so each is written down once and said outright."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio import workflow

from tests.architecture.source import modules, name
from tocsin import wire
from workflows.every import WORKFLOWS

SPOKEN = {value for constant, value in vars(wire).items() if constant.isupper() and isinstance(value, str)}
KNOWN_BY = {"workflow.defn", "workflow.signal", "workflow.query", "workflow.update", "activity.defn"}


def decorators(path: Path) -> Iterator[ast.expr]:
    """Yield the decorators of a file by which Temporal knows something."""
    for node in ast.walk(ast.parse(path.read_text())):
        for decorator in getattr(node, "decorator_list", ()):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if ast.unparse(called) in KNOWN_BY:
                yield decorator


def stated_name(decorator: ast.expr) -> ast.expr | None:
    """Return what a decorator gives as the name."""
    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
    return next((keyword.value for keyword in keywords if keyword.arg == "name"), None)


@pytest.mark.parametrize("kind", WORKFLOWS, ids=lambda kind: kind.__name__)
def test_spoken_names_are_on_the_wire(kind: type) -> None:
    """A workflow, and each of its updates, signals and queries, goes by a name of `wire.py`."""
    known = workflow._Definition.must_from_class(kind)
    assert {known.name, *known.updates, *known.signals, *known.queries} <= SPOKEN


def test_workflow_names_are_stated() -> None:
    """Every name in a workflow's file is written as a constant of `wire.py`, so that renaming code renames nothing."""
    found = [(name(path), one) for path in modules("workflows") for one in decorators(path)]
    assert len(found) > 10
    stated = [(path, ast.unparse(stated_name(one) or one)) for path, one in found]
    assert [one for one in stated if not one[1].startswith("wire.")] == []


def test_activity_names_are_stated_once() -> None:
    """Every activity states its name, which no other has."""
    found = [one for path in modules("activities") for one in decorators(path)]
    names = [ast.literal_eval(stated) for one in found if (stated := stated_name(one)) is not None]
    assert len(found) == len(names) == len(set(names)) > 10


def test_wire_names_differ() -> None:
    """No two things of one kind share a name on the wire."""
    assert len({wire.INCIDENT, wire.CLOCK, wire.WAVE, wire.RESPONSE, wire.SWEEP, wire.PROBE}) == len(WORKFLOWS)
