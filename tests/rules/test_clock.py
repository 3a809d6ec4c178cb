"""Clocks: a warning is due and not yet sent; and how spans of time are said and passed."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from tocsin.domain.audience import MayBeAffected
from tocsin.domain.clock import ClockSpec, Mark, covered_by, due_mark, group, next_mark_at, warning
from tocsin.domain.duty import Duty, DutyState, decide_duty
from tocsin.domain.incident import Trigger, TriggerFact
from tocsin.domain.tempo import Tempo, in_words, time_left
from tocsin.domain.values import ClockId, IncidentId

ZERO = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
H = timedelta(hours=1)
CLOCK = ClockSpec(
    clock_id=ClockId("clk-1"),
    incident_id=IncidentId("inc-1"),
    rule_id="contract:72h-from-confirmation",
    title="72 h from confirmation",
    trigger=Trigger.CONFIRMATION,
    trigger_at=ZERO,
    deadline_at=ZERO + 72 * H,
    target_at=ZERO + 72 * H,
)


@pytest.mark.parametrize(
    ("hours", "mark"),
    [
        (-1, None),
        (35.9, None),
        (36, Mark.HALF),
        (53.9, Mark.HALF),
        (54, Mark.THREE_QUARTERS),
        (64.8, Mark.NINE_TENTHS),
        (71.9, Mark.NINE_TENTHS),
        (72, Mark.DUE),
        (80, Mark.DUE),
    ],
)
def test_first_look_sends_the_latest_mark(hours: float, mark: Mark | None) -> None:
    """Whenever a worker first looks, only the latest mark due is sent: 80 h after the trigger, the deadline's."""
    assert due_mark(CLOCK, [], ZERO + hours * H) == mark


def test_nothing_is_sent_twice() -> None:
    """A mark that was sent, or overtaken by a later one, is not sent again."""
    for mark in Mark:
        assert due_mark(CLOCK, covered_by(mark), CLOCK.mark_at(mark)) is None


def test_worker_down_over_three_marks() -> None:
    """A worker that slept through 75 %, 90 % and the deadline sends one warning, which stands for all of them."""
    caught_up = due_mark(CLOCK, covered_by(Mark.HALF), ZERO + 73 * H)
    assert caught_up is Mark.DUE
    assert covered_by(caught_up) == tuple(Mark)


def test_marks_follow_each_other() -> None:
    """From mark to mark the clock waits for exactly the next one, and after the deadline for none."""
    now, waited = ZERO, []
    while (at := next_mark_at(CLOCK, now)) is not None:
        now = at
        waited.append((at - ZERO) / H)
    assert waited == [36, 54, 64.8, 72]


def test_a_clock_without_a_number_warns_towards_its_target() -> None:
    """The marks of a duty without a deadline are shares of our own target."""
    clock = CLOCK.model_copy(update={"deadline_at": None, "target_at": ZERO + 4 * H})
    assert due_mark(clock, [], ZERO + 2 * H) is Mark.HALF
    subject, text = warning(clock, Mark.HALF, ZERO + 2 * H, (3, 40), 0)
    assert subject.startswith("2 h left: ")
    assert "Internal target (the clause has no number): " in text
    assert "Deadline" not in text


def test_warning_says_what_is_open_and_held() -> None:
    """A warning names the clock, the time left, what is open, what a hold keeps back, and where to look."""
    subject, text = warning(CLOCK, Mark.NINE_TENTHS, ZERO + 65 * H, (3, 40), 2)
    assert subject == "7 h left: 72 h from confirmation, incident inc-1"
    assert "Open: 3 of 40 duties." in text
    assert "2 of them are under a hold" in text
    assert "tocsin show inc-1" in text


def test_warning_when_it_is_late() -> None:
    """At the deadline the warning says to tell them now, unless everything that is open is held."""
    _, late = warning(CLOCK, Mark.DUE, ZERO + 73 * H, (1, 40), 0)
    _, held = warning(CLOCK, Mark.DUE, ZERO + 73 * H, (1, 40), 1)
    assert "Tell them now" in late
    assert "Tell them now" not in held


def test_only_open_duties_have_a_clock() -> None:
    """A clock exists for as long as one of its duties is open."""
    duty: Duty = decide_duty(IncidentId("inc-1"), {Trigger.REPORT: TriggerFact(at=ZERO)})
    ended = duty.model_copy(update={"state": DutyState.NOT_OWED, "duty_id": "dty-2"})
    assert [duty.clock_id] == [clock.clock_id for clock in group([duty, ended])]
    assert group([ended]) == []


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(milliseconds=900), "0 s"),
        (timedelta(seconds=45), "45 s"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(seconds=61), "1 min 1 s"),
        (timedelta(hours=3, minutes=20, seconds=59), "3 h 20 min"),
        (timedelta(hours=1, seconds=59), "1 h"),
        (timedelta(days=2, hours=4, minutes=59), "2 d 4 h"),
        (timedelta(days=1, minutes=1), "1 d"),
        (timedelta(days=400), "400 d"),
        (-timedelta(hours=2), "2 h"),
    ],
)
def test_spans_in_words(span: timedelta, words: str) -> None:
    """A span is said in two units at most, without a part that is nothing."""
    assert in_words(span) == words


@pytest.mark.parametrize(("hours", "words"), [(70, "2 h left"), (72, "0 s left"), (74, "2 h overdue")])
def test_countdown_in_words(hours: float, words: str) -> None:
    """A countdown says what is left, and once the instant has passed, by how much."""
    assert time_left(ZERO + 72 * H, ZERO + hours * H) == words


def test_tempo_in_production() -> None:
    """In production, scenario time is wall time."""
    tempo = Tempo(origin=ZERO)
    assert tempo.scenario(ZERO + 5 * H) == ZERO + 5 * H
    assert tempo.wait(5 * H) == 5 * H


def test_tempo_of_a_drill() -> None:
    """At speed 3,600 a second of wall time is an hour of the scenario, and 72 hours are waited for in 72 seconds."""
    tempo = Tempo(origin=ZERO, speed=3600)
    assert tempo.scenario(ZERO + timedelta(seconds=1)) == ZERO + H
    assert tempo.wait(72 * H) == timedelta(seconds=72)
    assert tempo.scenario(ZERO + tempo.wait(72 * H)) == ZERO + 72 * H


@pytest.mark.parametrize("speed", [0, -1])
def test_time_does_not_stand_still(speed: float) -> None:
    """A speed that would stop time or turn it back is refused."""
    with pytest.raises(ValidationError):
        Tempo(origin=ZERO, speed=speed)


def test_naive_instants_are_refused() -> None:
    """A wall-clock time without a zone is not an instant."""
    with pytest.raises(ValidationError, match="has no time zone"):
        TriggerFact(at=datetime(2026, 3, 2))  # noqa: DTZ001 - the mistake under test


@pytest.mark.parametrize("mark", [mark for mark in Mark if mark is not Mark.HALF])
def test_the_last_quarter_forces_the_choice(mark: Mark) -> None:
    """While nobody has said who is affected, a page of the last quarter says how many may be, and each command."""
    may_be = MayBeAffected(agreements=40, parties=37, services={"records-api": 30})
    _, text = warning(CLOCK, mark, CLOCK.mark_at(mark), (40, 40), 0, may_be)
    assert "Say now who is affected: 40 agreements of 37 parties may be" in text
    assert "  tocsin affected add inc-1 --everyone\n" in text
    assert "  tocsin affected add inc-1 --service records-api (30 agreements)\n" in text


def test_before_the_last_quarter_it_is_only_said() -> None:
    """Half-way a page says that nobody is written to yet; once the audience is known, no page speaks of it."""
    may_be = MayBeAffected(agreements=40, parties=37)
    _, text = warning(CLOCK, Mark.HALF, ZERO + 36 * H, (40, 40), 0, may_be)
    assert "It is not known who is affected: 40 agreements of 37 parties may be." in text
    assert "affected" not in warning(CLOCK, Mark.DUE, ZERO + 72 * H, (40, 40), 0)[1]
