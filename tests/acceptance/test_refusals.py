"""Commands that cannot do what is asked: one sentence with the fix, the right exit code, and never a traceback."""

import pytest

from tests.acceptance.life import Life
from tests.acceptance.stack import Installation, Ran, free_port

REFUSED, WRONG_USAGE, UNREACHABLE = 1, 2, 3


def assert_failed(ran: Ran, code: int, *words: str) -> None:
    """Check the exit code, that nothing was claimed on standard output, and that each word stands in the complaint."""
    assert code == ran.code, ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert [word for word in words if word not in " ".join(ran.err.split())] == []


@pytest.fixture
def told(life: Life) -> Installation:
    """The installation of the story: its incident is closed, and no worker runs any more."""
    return life.installation


def test_no_sendgrid_key(told: Installation) -> None:
    """SendGrid without its key is named, with the settings that would give it."""
    assert_failed(told.tocsin("list", CHANNEL="sendgrid"), REFUSED, "there is no key", "TOCSIN_SENDGRID_API_KEY_FILE")


def test_worker_without_sendgrid_key(told: Installation) -> None:
    """A worker that lacks the key does not start, says why, and ends with a code that tells."""
    worker = told.start_worker(CHANNEL="sendgrid")
    assert worker.ended() == REFUSED
    assert "there is no key" in worker.out.read_text()
    assert "Traceback" not in worker.out.read_text()


def test_unknown_incident(told: Installation) -> None:
    """An incident that does not exist is refused with the command that lists those that do."""
    assert_failed(told.tocsin("show", "inc-nowhere"), REFUSED, "there is no incident inc-nowhere", "`tocsin list`")


def test_naive_time(told: Installation, life: Life) -> None:
    """A time without a zone is wrong usage."""
    assert_failed(told.tocsin("confirm", life.incident, "--at", "2026-11-21T03:10"), WRONG_USAGE, "time zone")


def test_unreachable_engine(told: Installation, life: Life) -> None:
    """An act that the engine cannot be asked for ends with 3, and says how to start the engine."""
    nowhere = f"127.0.0.1:{free_port()}"
    ran = told.tocsin("note", life.incident, "a word", TEMPORAL_ADDRESS=nowhere)
    assert_failed(ran, UNREACHABLE, f"cannot reach the engine at {nowhere}", "make up")


def test_reading_without_engine(told: Installation, life: Life) -> None:
    """What is known can be read while the engine is away."""
    ran = told.tocsin("show", life.incident, TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}")
    assert ran.code == 0
    assert life.incident in ran.out
