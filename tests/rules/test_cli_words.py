"""The command line's reading and wording: instants, spans, ids, and text that strangers wrote."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import typer
from freezegun import freeze_time

from tocsin.cli import render
from tocsin.cli.arguments import fact, facts_of, instant, span, trigger_instant, words
from tocsin.cli.lookup import digest, meant
from tocsin.cli.session import EXPIRES_AFTER, Session
from tocsin.domain.act import Actor, Confirm
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Trigger
from tocsin.domain.notice import WaveKind
from tocsin.domain.values import IncidentId, PersonId, WaveId
from tocsin.ports import WaveRow

AT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
IDS = ("inc-aaaa2222", "inc-aabb3333", "inc-zz445555")


@pytest.fixture
def in_berlin() -> Iterator[None]:
    """Be in Berlin, where it is an hour later than in UTC in winter."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.parametrize("text", ["2026-11-21T03:10Z", "2026-11-21T04:10+01:00", "2026-11-20 22:10-05:00"])
def test_an_instant_has_a_zone(text: str) -> None:
    """An instant is read in any zone, and held in UTC."""
    assert instant(text) == AT


def test_a_naive_instant_is_wrong_usage() -> None:
    """A wall-clock time without a zone is refused, with the same time spelt right."""
    with pytest.raises(typer.BadParameter, match="no time zone; add one, for example 2026-11-21T03:10:00Z"):
        instant("2026-11-21T03:10")


def test_an_instant_beyond_the_calendar_is_wrong_usage() -> None:
    """An instant that lies before the first year once it is held in UTC is refused, not a crash."""
    with pytest.raises(typer.BadParameter, match="correct the year"):
        instant("0001-01-01T00:00+14:00")


@pytest.mark.parametrize("text", ["yesterday", "", "21.11.2026", "2026-13-01T00:00Z"])
def test_no_instant(text: str) -> None:
    """What is no instant is refused with one that is."""
    with pytest.raises(typer.BadParameter, match="2026-11-21T03:10Z"):
        instant(text)


def test_spans() -> None:
    """Spans are read in minutes, hours and days, and in nothing else, nor beyond the calendar."""
    assert [span(text) for text in ("30min", "4h", "3d")] == [
        timedelta(minutes=30),
        timedelta(hours=4),
        timedelta(days=3),
    ]
    for wrong in ("4", "h", "4 weeks", "-1h", "99999999999d"):
        with pytest.raises(typer.BadParameter, match="30min, 4h or 3d"):
            span(wrong)


def test_a_trigger_and_its_instant() -> None:
    """A trigger is set by its name; an unknown one is refused with those that exist."""
    assert trigger_instant("awareness=2026-11-21T03:10Z") == (Trigger.AWARENESS, AT)
    with pytest.raises(typer.BadParameter, match="there are: occurrence, detection, discovery"):
        trigger_instant("birthday=2026-11-21T03:10Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("people_affected=120", ("people_affected", 120)),
        ("people_affected=unknown", ("people_affected", None)),
        ("data_categories=names, health", ("data_categories", ("names", "health"))),
        ("measures=unknown", ("measures", ())),
        ("summary=a=b", ("summary", "a=b")),
    ],
)
def test_facts(text: str, expected: tuple[str, object]) -> None:
    """A fact is read by its type; `unknown` takes it back."""
    assert fact(text) == expected


@pytest.mark.parametrize("text", ["colour=red", "people_affected", "people_affected=many"])
def test_no_fact(text: str) -> None:
    """An unknown fact, one without a value, and one of the wrong type are wrong usage."""
    with pytest.raises(typer.BadParameter):
        fact(text)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"title": " "}, "title: it is blank; say in a few words what happened"),
        ({"title": "x" * 501}, "title: it has 501 letters; shorten it to 500"),
        ({"title": "two\nlines"}, "holds a line break or another control character; remove it"),
        ({"title": "x", "people_affected": -5}, "people affected: -5 is less than none; write a whole number from 0"),
        ({"title": "x", "records_affected": -1}, "records affected: -1 is less than none"),
    ],
)
def test_facts_that_cannot_be(fields: dict[str, object], says: str) -> None:
    """Facts that cannot be so are refused by name, each with its fix."""
    with pytest.raises(Refused, match=says):
        facts_of(fields)


def test_lists() -> None:
    """A list is split at its commas; none given is none known."""
    assert words("names, ,health ") == ("names", "health")
    assert words(None) is None


@pytest.mark.parametrize("given", ["inc-zz445555", "zz445555", "zz", "inc-z"])
def test_the_beginning_of_an_id_is_enough(given: str) -> None:
    """An id is found by its beginning, with or without its prefix."""
    assert meant(given, IDS, "incident", "fix") == "inc-zz445555"


@pytest.mark.parametrize(("given", "says"), [("aa", "beginning of 2 ids"), ("inc-", "of 3 ids"), ("", "there is no")])
def test_an_ambiguous_id_is_refused(given: str, says: str) -> None:
    """What could be several, or is nothing, is refused."""
    with pytest.raises(Refused, match=says):
        meant(given, IDS, "incident", "fix")


def test_a_digest_is_completed_only_from_what_is_stored() -> None:
    """Twelve digits of the stored digest stand for all of it; anything else goes to the engine as it is, and fails."""
    row = WaveRow(
        wave_id=WaveId("wav-1"),
        incident_id=IncidentId("inc-1"),
        kind=WaveKind.INITIAL,
        drafted_at=AT,
        drafter=PersonId("per-asha"),
        digest="0123456789abcdef" * 4,
    )
    assert digest(row, "0123456789AB") == row.digest
    assert digest(row, "0123456789a") == "0123456789a"
    assert digest(row, "f" * 12) == "f" * 12


def test_local_time_stands_beside_utc(in_berlin: None) -> None:
    """Away from UTC an instant is shown in local time and in UTC; in UTC it is shown once."""
    assert render.when(AT) == "Sat 21 Nov 04:10 CET (2026-11-21T03:10Z)"
    assert len(render.when(AT)) <= 40
    os.environ["TZ"] = "UTC"
    time.tzset()
    assert render.when(AT) == "2026-11-21T03:10Z"


def test_a_duty_without_a_number_shows_no_deadline() -> None:
    """Where the clause has no number, our target is called ours."""
    assert render.due(None, AT + timedelta(hours=4), AT) == "no fixed deadline; our target 2026-11-21T07:10Z, 4 h left"
    assert render.due(AT, AT, AT + timedelta(hours=2)) == "by 2026-11-21T03:10Z, 2 h overdue"


def test_countdowns_change_their_colour() -> None:
    """Green in the first half, yellow in the second, red when overdue."""
    until = AT + timedelta(hours=72)
    styles = [render.urgency(until, AT, AT + timedelta(hours=hours)) for hours in (1, 40, 73)]
    assert styles == ["green", "yellow", "bold red"]


def test_strangers_cannot_write_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences, a carriage return, text direction and markup in a fact reach the screen as harmless signs."""
    render.say("a\x1b[2Jb\rc\u202ed [red]e[/red]")
    assert capsys.readouterr().out == "a�[2Jb�c�d [red]e[/red]\n"


def test_a_pipe_gets_one_line_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is wrapped or coloured in a pipe, however long it is."""
    render.say("word " * 100, style="bold red", indent=2)
    assert capsys.readouterr().out == "  " + "word " * 100 + "\n"


def test_a_narrow_terminal_gets_wrapped_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a phone lines are wrapped to its width, and keep their indent."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    render.say("word " * 20, indent=4)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    assert all(line.startswith("    word") and len(line) <= 40 for line in lines)


@freeze_time("2026-11-21T03:10:00Z")
def test_an_act_expires_and_says_how_it_came() -> None:
    """An act from the command line bears the instant and expires soon; nobody vouches for who typed it."""
    work = Session("asha")
    work.__dict__["actor"] = Actor(person_id=PersonId("per-asha"), name="Asha Rao", roles=frozenset())
    envelope = work.envelope(Confirm(), IncidentId("inc-1"))
    assert (envelope.act.at, envelope.expires_at) == (AT, AT + EXPIRES_AFTER)
    assert (envelope.act.actor.authenticated, envelope.signature) == ("unverified local", None)
    assert work.envelope(Confirm(), IncidentId("inc-1")).act.act_id != envelope.act.act_id
