"""Logging: one line an event, with the ids it is about, whoever writes it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tocsin.adapters.logging import ids_of_workflow, set_up
from tocsin.settings import LoggingLevel, LoggingStyle, Settings


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged during a test, as JSON; what stood before is there again afterwards."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    set_up(Settings(logging=LoggingStyle.JSON), stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines, read."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_its_ids(written: io.StringIO) -> None:
    """What a module says goes out as one JSON object with the ids given beside it, its weight, place and instant."""
    logging.getLogger("tocsin.somewhere").warning(
        "a letter %s", "waits", extra={"notice": "ntc-1", "incident": "inc-1"}
    )

    (line,) = lines(written)
    assert line.pop("at").endswith("Z")
    assert line == {
        "event": "a letter waits",
        "incident": "inc-1",
        "notice": "ntc-1",
        "level": "warning",
        "logger": "tocsin.somewhere",
    }


def test_a_traceback_stays_on_its_line(written: io.StringIO) -> None:
    """An exception is a field of its line, so that a collector keeps it together."""
    try:
        int("no")
    except ValueError:
        logging.getLogger("tocsin").exception("it failed")

    (line,) = lines(written)
    assert line["exception"].startswith("Traceback")


def test_the_text_for_people(written: io.StringIO) -> None:
    """As text a line is words and key=value, without colours; a weight below the level is left out."""
    set_up(Settings(logging=LoggingStyle.TEXT, logging_level=LoggingLevel.WARNING), written)
    logging.getLogger("tocsin").info("not this")
    logging.getLogger("tocsin").warning("this", extra={"incident": "inc-1"})

    (line,) = written.getvalue().splitlines()
    assert "incident=inc-1" in line
    assert "\x1b" not in line


def test_ids_of_a_workflow() -> None:
    """A workflow's id names its incident, unless it belongs to none."""
    assert ids_of_workflow("tocsin/wave/inc-1/wav-1") == {"workflow": "tocsin/wave/inc-1/wav-1", "incident": "inc-1"}
    assert ids_of_workflow("tocsin-sweep-workflow") == {"workflow": "tocsin-sweep-workflow"}
