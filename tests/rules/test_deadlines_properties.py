"""What holds for every deadline, whatever the instants, periods, holds and time zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.clock import SHARES, ClockSpec, covered_by, due_mark, group, next_mark_at
from tocsin.domain.duty import Duty, resolve
from tocsin.domain.hold import Hold, HoldKind, deadline_after_lift
from tocsin.domain.incident import Trigger, TriggerFact
from tocsin.domain.register import Affected, Agreement, Limb, NoticeClause, OnLift
from tocsin.domain.values import ActId, AgreementId, ClockId, HoldId, IncidentId, PartyId

unhurried = settings(deadline=None)
"""No limit on how long one example takes: the machine may be busy."""

LOW, HIGH = datetime(2020, 1, 1), datetime(2035, 12, 31)  # noqa: DTZ001 - hypothesis adds the zone
INSTANTS = st.datetimes(LOW, HIGH, timezones=st.just(UTC))
NEAR = st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 31), timezones=st.just(UTC))  # noqa: DTZ001 - as above
"""Instants close enough together that holds and triggers meet."""
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Tehran"])
PERIODS = st.integers(1, 14 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
SPANS = st.timedeltas(timedelta(0), timedelta(days=30))
LIFTINGS = st.sampled_from(OnLift)


def agreed(period: timedelta | None, on_lift: OnLift = OnLift.DUE_IMMEDIATELY, name: str = "birch") -> Agreement:
    """Return an agreement to tell within `period` of awareness."""
    limb = Limb(trigger=Trigger.AWARENESS, period=period)
    return Agreement(
        agreement_id=AgreementId(f"agr-{name}"),
        reference=name,
        party_id=PartyId(f"pty-{name}"),
        party_name=name,
        clause=NoticeClause(limbs=(limb,), on_lift=on_lift),
    )


def owed(
    aware_at: datetime, agreement: Agreement, known_at: datetime | None = None, holds: tuple[Hold, ...] = ()
) -> Duty:
    """Return the one duty under the agreement."""
    pin = Affected(agreement=agreement, revision=1, known_affected_at=known_at)
    (duty,) = resolve(IncidentId("inc-1"), {Trigger.AWARENESS: TriggerFact(at=aware_at)}, [pin], holds)
    return duty


@st.composite
def lifted_holds(draw: st.DrawFn) -> tuple[Hold, ...]:
    """Return up to two holds that have been lifted, one after the other."""
    placed_at, holds = draw(NEAR), []
    for number in range(draw(st.integers(0, 2))):
        lifted_at = placed_at + draw(SPANS)
        holds.append(
            Hold(
                hold_id=HoldId(f"hld-{number}"),
                kind=HoldKind.LAW,
                issuer="Data Secrecy Act s. 4",
                reference="1",
                placed_at=placed_at,
                placed_by=ActId("act-1"),
                on_lift=draw(st.none() | LIFTINGS),
                lifted_at=lifted_at,
            )
        )
        placed_at = lifted_at + draw(SPANS)
    return tuple(holds)


@unhurried
@given(NEAR, SPANS, PERIODS, st.none() | NEAR, LIFTINGS, lifted_holds())
def test_a_later_trigger_never_gives_an_earlier_deadline(
    aware_at: datetime,
    later: timedelta,
    period: timedelta,
    known_at: datetime | None,
    on_lift: OnLift,
    holds: tuple[Hold, ...],
) -> None:
    """Becoming aware later never makes the deadline earlier, with or without holds and parties found later."""
    agreement = agreed(period, on_lift)
    first = owed(aware_at, agreement, known_at, holds).deadline_at
    second = owed(aware_at + later, agreement, known_at, holds).deadline_at
    assert first is not None
    assert second is not None
    assert first <= second


@unhurried
@given(INSTANTS, ZONES, PERIODS)
def test_elapsed_hours_survive_clock_changes(aware_at: datetime, zone: str, period: timedelta) -> None:
    """Whatever zone the trigger is stated in, as many hours elapse as the clause says, over clock changes too."""
    stated = aware_at.astimezone(ZoneInfo(zone))
    duty = owed(stated, agreed(period))
    assert duty.deadline_at is not None
    assert period.total_seconds() == duty.deadline_at.timestamp() - stated.timestamp()
    assert duty == owed(aware_at, agreed(period))


@pytest.mark.parametrize(
    ("stated", "deadline"),
    [
        ("2026-03-28T20:00:00+01:00", "2026-03-29T21:00:00+02:00"),
        ("2026-10-24T20:00:00+02:00", "2026-10-25T19:00:00+01:00"),
        ("2028-02-28T12:00:00+01:00", "2028-02-29T12:00:00+01:00"),
    ],
    ids=["an hour is lost", "an hour is won", "leap day"],
)
def test_24_hours_in_berlin(stated: str, deadline: str) -> None:
    """24 hours are 24 hours: on the wall they end an hour later in March and an hour earlier in October."""
    duty = owed(datetime.fromisoformat(stated), agreed(timedelta(hours=24)))
    assert datetime.fromisoformat(deadline) == duty.deadline_at


@unhurried
@given(NEAR, st.none() | NEAR, LIFTINGS, lifted_holds())
def test_promptly_never_shows_a_deadline(
    aware_at: datetime, known_at: datetime | None, on_lift: OnLift, holds: tuple[Hold, ...]
) -> None:
    """A clause without a number has no deadline, whatever happens, and a target after its trigger."""
    duty = owed(aware_at, agreed(None, on_lift), known_at, holds)
    assert duty.deadline_at is None
    assert duty.stricter_deadline_at is None
    assert duty.target_at > duty.trigger_at


@unhurried
@given(INSTANTS, PERIODS, st.timedeltas(timedelta(days=-30), timedelta(days=30)), SPANS, LIFTINGS)
def test_lifting_never_shortens_and_never_adds_more_than_the_period(
    trigger_at: datetime, period: timedelta, placed_after: timedelta, held: timedelta, on_lift: OnLift
) -> None:
    """After a lifting the deadline is no earlier than it was, and at most a whole period after the lifting."""
    deadline_at, placed_at = trigger_at + period, trigger_at + placed_after
    moved = deadline_after_lift(deadline_at, period, placed_at, placed_at + held, on_lift)
    assert deadline_at <= moved <= max(deadline_at, placed_at + held + period)


@unhurried
@given(st.lists(st.tuples(st.sampled_from([24, 72]), LIFTINGS, st.none() | NEAR), max_size=6), lifted_holds())
def test_duties_of_one_clock_have_one_deadline(
    parties: list[tuple[int, OnLift, datetime | None]], holds: tuple[Hold, ...]
) -> None:
    """However clauses, holds and instants of being found mix, a clock never counts down to another's deadline."""
    pins = [
        Affected(agreement=agreed(timedelta(hours=hours), on_lift, str(number)), revision=1, known_affected_at=known_at)
        for number, (hours, on_lift, known_at) in enumerate(parties)
    ]
    aware = {Trigger.AWARENESS: TriggerFact(at=datetime(2026, 3, 2, tzinfo=UTC))}
    duties = resolve(IncidentId("inc-1"), aware, pins, holds)
    clocks = {clock.clock_id: clock for clock in group(duties)}
    for duty in duties:
        clock = clocks[duty.clock_id]
        assert (duty.trigger_at, duty.deadline_at) == (clock.trigger_at, clock.deadline_at)


def spec(trigger_at: datetime, period: timedelta) -> ClockSpec:
    """Return a clock of `period`."""
    return ClockSpec(
        clock_id=ClockId("clk-1"),
        incident_id=IncidentId("inc-1"),
        rule_id="rule",
        title="a clock",
        trigger=Trigger.AWARENESS,
        trigger_at=trigger_at,
        deadline_at=trigger_at + period,
        target_at=trigger_at + period,
    )


@unhurried
@given(INSTANTS, PERIODS, st.timedeltas(timedelta(days=-1), timedelta(days=20)))
def test_the_next_mark_lies_strictly_ahead(trigger_at: datetime, period: timedelta, passed: timedelta) -> None:
    """The next mark is after now, so that waiting for it never spins; none is left once the deadline has passed."""
    now = trigger_at + passed
    upcoming = next_mark_at(spec(trigger_at, period), now)
    assert (upcoming is None) is (passed >= period)
    assert upcoming is None or now < upcoming <= trigger_at + period


@unhurried
@given(INSTANTS, PERIODS, st.lists(st.timedeltas(timedelta(0), timedelta(days=20)), max_size=8).map(sorted))
def test_each_mark_is_sent_at_most_once_and_in_order(
    trigger_at: datetime, period: timedelta, looks: list[timedelta]
) -> None:
    """However often and however late a worker looks, each mark is sent once at most, never after a later one."""
    clock = spec(trigger_at, period)
    sent: list[str] = []
    covered: set[str] = set()
    for passed in looks:
        if (mark := due_mark(clock, [m for m in SHARES if m in covered], trigger_at + passed)) is not None:
            sent.append(mark)
            covered |= set(covered_by(mark))
    assert sent == [mark for mark in SHARES if mark in sent]
    assert not looks or looks[-1] < period or sent[-1] == "due"
