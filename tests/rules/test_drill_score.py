"""What a drill comes to: margins, answers, a score, and what was missed or nearly so."""

from datetime import UTC, datetime, timedelta

from tocsin.domain.clock import ClockRow, ClockSpec, ClockState
from tocsin.domain.drill_score import Answered, Margin, Outcome, margin_of
from tocsin.domain.hold import Hold, HoldKind
from tocsin.domain.incident import Trigger
from tocsin.domain.tempo import ON_THE_WALL, PATIENCE, PAUSE, Tempo
from tocsin.domain.values import ActId, ClockId, HoldId, IncidentId

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
H = timedelta(hours=1)


def outcome(*margins: Margin, answers: tuple[Answered, ...] = (), told: int = 2) -> Outcome:
    """Return an outcome for two recipients."""
    return Outcome(
        title="A drill",
        began_at=NOW,
        ended_at=NOW + 72 * H,
        status="closed",
        margins=margins,
        answers=answers,
        told=told,
        recipients=2,
        pages=1,
    )


def margin(left: timedelta | None, *, ended: bool = True, excuse: str = "") -> Margin:
    """Return a clock's margin."""
    return Margin(title="72 h", left=left, ended=ended, excuse=excuse)


def row(deadline_at: datetime | None, ended_at: datetime | None) -> ClockRow:
    """Return a clock's row."""
    spec = ClockSpec(
        clock_id=ClockId("clk"),
        incident_id=IncidentId("inc"),
        rule_id="rule",
        title="72 h",
        trigger=Trigger.AWARENESS,
        trigger_at=NOW,
        deadline_at=deadline_at,
        target_at=deadline_at or NOW,
    )
    return ClockRow(spec=spec, ended_at=ended_at, state=ClockState.ENDED if ended_at else ClockState.RUNNING)


def test_a_perfect_drill_has_all_points() -> None:
    """All clocks kept, everybody prompt, everyone told: 100, and nothing to learn."""
    prompt = Answered(who="Dara", what="release", needed_at=NOW, answered_at=NOW + H)
    good = outcome(margin(20 * H), answers=(prompt,))
    assert (good.score, good.missed()) == (100, [])


def test_each_part_costs_its_points() -> None:
    """A missed clock costs 60, nobody in time 20, nobody told 20."""
    slow = Answered(who="Dara", what="release", needed_at=NOW, answered_at=NOW + 3 * H)
    assert outcome(margin(-H)).score == 40
    assert outcome(margin(20 * H), answers=(slow,)).score == 80
    assert outcome(margin(20 * H), told=0).score == 80


def test_what_was_nearly_missed_is_said() -> None:
    """A clock that ended with less than a night left, silence, an act that never came, who was not told: all named."""
    never = Answered(who="Dara", what="release", needed_at=NOW)
    played = outcome(margin(3 * H), margin(-H, excuse="under a hold"), answers=(never,), told=1)
    assert played.model_copy(update={"by_silence": 2}).missed() == [
        "72 h: 3 h were left; one more night's sleep would have missed it",
        "72 h: missed by 1 h, under a hold",
        "2 letter(s) left by silence: nobody had released any in time",
        "Dara never did: release",
        "1 of 2 recipients were not told",
    ]


def test_a_margin_is_what_was_left_at_the_end() -> None:
    """It is counted to the clock's end, or to now; a clock without a date has none."""
    due = NOW + 72 * H
    assert margin_of(row(due, NOW + 70 * H), NOW + 80 * H, [], H).left == 2 * H
    open_ = margin_of(row(due, None), NOW + 74 * H, [], H)
    assert (open_.left, open_.missed) == (-2 * H, True)
    assert margin_of(row(None, None), NOW, [], H).left is None


def test_a_hold_and_the_floor_excuse() -> None:
    """A deadline that passed under a hold, or by less than a drill can do anything in, is no failure."""
    due = NOW + 48 * H
    hold = Hold(
        hold_id=HoldId("hld"),
        kind=HoldKind.LAW_ENFORCEMENT,
        issuer="police",
        reference="1",
        placed_at=NOW + 4 * H,
        placed_by=ActId("act"),
        lifted_at=NOW + 60 * H,
    )
    held = margin_of(row(due, NOW + 60 * H), NOW + 60 * H, [hold], H)
    assert (held.late, held.missed, held.excuse) == (True, False, "under a hold")
    assert margin_of(row(due, NOW + 60 * H), NOW, [hold.model_copy(update={"lifted_at": NOW + 40 * H})], H).missed
    assert not margin_of(row(due, due + H / 2), NOW, [], H).missed


def test_what_machines_need_keeps_a_floor() -> None:
    """At speed a pause is never below a second and patience never below five; at speed 1 all is as it was."""
    fast, minute = Tempo(origin=NOW, speed=4320), timedelta(minutes=1)
    assert (fast.pause(minute), fast.patience(minute)) == (PAUSE, PATIENCE)
    assert fast.pause(timedelta(milliseconds=200)) == timedelta(milliseconds=200)
    assert Tempo(origin=NOW, speed=2).pause(minute) == timedelta(seconds=30)
    assert (ON_THE_WALL.pause(minute), ON_THE_WALL.patience(minute)) == (minute, minute)
