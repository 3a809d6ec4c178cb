"""Logging: one line an event, with the ids it is about, whoever writes it."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from tests.ports import story
from tocsin.adapters.logging import ids_of_workflow, set_up
from tocsin.domain.errors import Deferred
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


TOKEN = "Xf3-Jq0Zr8bQmT5vYw2LkHs7_dNpGc9aUe4iRo1BtAz"
KEY = "q1W2e3R4t5Y6u7I8o9P0/a1S2d3F4g5H6j7K8l9Z0x1="
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIBurrowBurrow\n-----END PRIVATE KEY-----\n"
BODY = "Dear Bea,\nthe records of your patients lay open from 2 to 3 March."
SENDGRID = "SG.Abcdefghij0123456789.KLMNOPQRSTUVwxyz0123456789abcdef"
ADDRESS = "bea.birch@clinic.example"
SECRETS = [
    *(TOKEN, KEY, "MC4CAQAwBQYDK2VwBCIEIBurrow", "patients", SENDGRID, ADDRESS, "bea.birch", "hunter2", "Zeta-Omega"),
    *("eyJhbGciOi", "0f1e2d3c", "Bea Birch", "Trial by fire"),
]


def _raised(error: BaseException, said: BaseException | None = None) -> BaseException:
    """Return an error as it is after it was raised."""
    try:
        raise error from said  # noqa: TRY301 - it is to have been raised
    except BaseException as caught:  # noqa: BLE001 - whatever it is
        return caught


def _refused_by_sql() -> BaseException:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        try:
            connection.execute(text("INSERT INTO nowhere VALUES (:a, :b)"), {"a": ADDRESS, "b": BODY})
        except SQLAlchemyError as error:
            return error
    raise AssertionError("SQLite took it")


def _invalid() -> BaseException:
    try:
        TypeAdapter(dict[str, int]).validate_python({ADDRESS: BODY})
    except ValidationError as error:
        return error
    raise AssertionError("it was taken")


HOSTILE: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = [
    ("tocsin.somewhere", "cannot write to %s: %s", (ADDRESS, ValueError(BODY)), {}),
    ("tocsin.somewhere", "posted %s, %s", (SecretStr("hunter2"), PEM.encode()), {"api_key": SENDGRID, "text": BODY}),
    ("tocsin.somewhere", BODY, (), {}),
    ("tocsin.somewhere", "a letter: %s", (story.letter(story.notice(1)),), {"letter": story.letter(story.notice(1))}),
    ("tocsin.somewhere", "<p>Dear Bea Birch, your patients</p>", (), {"html": "<b>patients</b>"}),
    ("tocsin.somewhere", "key %s, %s and %s", (KEY, PEM, TOKEN), {"nested": {"to": [ADDRESS], "more": [PEM, KEY]}}),
    ("tocsin.somewhere", "%(title)s for %(to)s", ({"title": "Trial by fire", "to": "Bea Birch"},), {}),
    ("uvicorn.access", '%s - "%s %s HTTP/%s" %d', ("[::1]:99", "GET", f"/a/{TOKEN}?to={ADDRESS}", "1.1", 200), {}),
    ("uvicorn.error", "Exception in ASGI application", (), {"exc_info": RuntimeError(BODY)}),
    ("aiohttp.access", "POST /invitation/Zeta-Omega %s", ("?code=0f1e2d3c&state=abc",), {}),
    ("httpx", 'HTTP Request: POST https://op:hunter2@mail.example/v3/mail?key=0f1e2d3c "%s"', ("202 Accepted",), {}),
    ("httpx", "headers %s", ({"Authorization": f"Bearer {SENDGRID}", "Cookie": "sid=Zeta-Omega"},), {}),
    ("sqlalchemy.engine.Engine", "[generated in 0.0001s] [parameters: (%r, %r)]", (ADDRESS, BODY), {}),
    ("sqlalchemy.pool", "cannot connect to postgresql+psycopg://tocsin:hunter2@db.example/tocsin", (), {}),
    ("sqlalchemy.engine.Engine", "it failed", (), {"exc_info": _refused_by_sql()}),
    ("pydantic", "it is invalid", (), {"exc_info": _invalid()}),
    ("temporalio.activity", "it failed", (), {"exc_info": _raised(KeyError(ADDRESS), ValueError(BODY))}),
    ("temporalio.worker", "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2ln", (), {}),
    ("temporalio.client", "payload %r", (BODY.encode(),), {"payloads": [BODY.encode()]}),
    ("asyncio", "never retrieved", (), {"exc_info": ExceptionGroup(BODY, [OSError(2, "gone", ADDRESS)])}),
    ("py.warnings", "password=hunter2, token: Zeta-Omega; user bea.birch%40clinic.example", (), {}),
]  # fmt: skip


@pytest.mark.parametrize("style", list(LoggingStyle))
def test_no_secret_comes_through(written: io.StringIO, style: LoggingStyle) -> None:
    """Whatever is logged, by ourselves or a library, as words, values or an exception: no key, address or letter."""
    set_up(Settings(logging=style, logging_level=LoggingLevel.DEBUG), written)
    for name, message, arguments, given in HOSTILE:
        about = dict(given)
        failed = about.pop("exc_info", None)
        logging.getLogger(name).error(message, *arguments, exc_info=failed, extra=about)

    said = written.getvalue()
    assert [secret for secret in SECRETS if secret in said] == []
    assert said.count("[secret]") > 8
    assert said.count("[address]") > 1


def test_what_helps_stays(written: io.StringIO) -> None:
    """Ids, digests, counts, what our own errors and drivers say, and where it happened, are not left out."""
    error = _raised(Deferred("the store cannot be reached; see TOCSIN_STORE_URL"), _refused_by_sql())
    root = "9f2c" * 16
    about = {
        "workflow": "tocsin/wave/inc-4k2j8w9x/wav-1",
        "root": root,
        "rows": 12,
        "run": "0198c1f2-aaaa-7bbb-8ccc-0123456789ab",
    }
    logging.getLogger("tocsin").error("the log has the root %s", root, exc_info=error, extra=about)

    (line,) = lines(written)
    assert line["event"] == f"the log has the root {root}"
    assert {name: line[name] for name in about} == about
    assert "tocsin.domain.errors.Deferred: the store cannot be reached; see TOCSIN_STORE_URL" in line["exception"]
    assert "no such table: nowhere" in line["exception"]
    assert "test_logging.py" in line["exception"]


def test_other_handlers_get_a_record_as_it_was(written: io.StringIO) -> None:
    """Leaving out is for our lines: the record that others are handed keeps its arguments."""
    record = logging.LogRecord("tocsin", logging.ERROR, "", 0, "to %s", (ADDRESS,), None)
    logging.getLogger().handlers[0].handle(record)

    assert record.getMessage() == f"to {ADDRESS}"
    assert "to [address]" in written.getvalue()
