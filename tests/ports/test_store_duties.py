"""Duties, clocks and holds in the store."""

from tests.ports.story import AT, HOUR, INCIDENT, OTHER_INCIDENT, agreement_id, clock, duty, hold
from tocsin.adapters.sql import SqlStore
from tocsin.domain.clock import ClockRow, ClockState, Mark
from tocsin.domain.duty import DutyState
from tocsin.domain.values import ActId, ClockId, IncidentId

LATER_CLOCK = ClockId("clk-later")


def test_duties_come_by_target(store: SqlStore) -> None:
    """Duties are replaced by id, and listed by target and then id, for an incident or a clock, open ones if asked."""
    urgent = duty(3, due=AT + HOUR)
    other = duty(4).model_copy(update={"clock_id": LATER_CLOCK})
    elsewhere = duty(5).model_copy(update={"incident_id": OTHER_INCIDENT})
    told = duty(2).model_copy(update={"state": DutyState.DISCHARGED, "ended_at": AT, "proof": "signed for by Noor"})
    with store.writing() as tx:
        tx.duties.put([duty(2), duty(1), urgent, other, elsewhere])
        tx.duties.put([told])

    with store.reading() as tx:
        assert tx.duties.of(INCIDENT) == [urgent, duty(1), told, other]
        assert tx.duties.of(INCIDENT, open_only=True) == [urgent, duty(1), other]
        assert list(tx.duties.each_open(INCIDENT)) == [urgent, duty(1), other]
        assert tx.duties.of(INCIDENT, clock_id=LATER_CLOCK) == [other]
        assert tx.duties.of(IncidentId("inc-unknown")) == []


def test_duties_are_found_by_their_ids(store: SqlStore) -> None:
    """Any number of ids may be asked for; unknown ones are left out."""
    everyone = [duty(number) for number in range(700)]
    with store.writing() as tx:
        tx.duties.put(everyone)

    with store.reading() as tx:
        assert tx.duties.by_id([*(one.duty_id for one in everyone), "dty-unknown"]) == everyone
        assert tx.duties.by_id([]) == []
        assert list(tx.duties.each_open(INCIDENT)) == everyone, "more than a page, all due at the same instant"


def test_a_clock_counts_its_duties_when_it_is_read(store: SqlStore) -> None:
    """A clock's numbers are the duties as they are now, not as they were when it was written."""
    with store.writing() as tx:
        tx.duties.put_clock(clock().model_copy(update={"open_duties": 99, "total_duties": 99}))
        assert tx.duties.clock(clock().spec.clock_id) == clock()
        tx.duties.put([duty(1), duty(2), duty(3, state=DutyState.WAIVED)])

    with store.reading() as tx:
        counted = clock().model_copy(update={"open_duties": 2, "total_duties": 3})
        assert tx.duties.clock(clock().spec.clock_id) == counted
        assert tx.duties.clocks(INCIDENT) == [counted]
        assert tx.duties.clock(ClockId("clk-unknown")) is None


def test_running_clocks_are_those_of_all_incidents(store: SqlStore) -> None:
    """Clocks are listed by target; an ended one is no longer running, and keeps how it ended."""
    near = clock(ClockId("clk-near"), due=AT + HOUR)
    ended = clock(ClockId("clk-ended")).model_copy(
        update={
            "state": ClockState.ENDED,
            "sent": (Mark.HALF, Mark.DUE),
            "late": True,
            "late_reason": ActId("act-why"),
            "ended_at": AT,
            "outcome": "discharged, 1 late",
        }
    )
    with store.writing() as tx:
        for row in (clock(), near, clock(ClockId("clk-ended")), ended, _elsewhere(near)):
            tx.duties.put_clock(row)

    with store.reading() as tx:
        assert tx.duties.running_clocks() == [_elsewhere(near), near, clock()]
        assert tx.duties.clocks(INCIDENT) == [near, clock(), ended]


def test_holds_keep_their_scope(store: SqlStore) -> None:
    """Holds are replaced by id and listed by when they were placed, lifted ones too."""
    scoped = hold("hld-scoped", scope=(agreement_id(1), agreement_id(2)))
    narrowed = scoped.model_copy(update={"scope": (agreement_id(2),)})
    lifted = hold().model_copy(update={"placed_at": AT + HOUR, "lifted_at": AT + 2 * HOUR})
    with store.writing() as tx:
        for one in (lifted, scoped, narrowed):
            tx.duties.put_hold(INCIDENT, one)

    with store.reading() as tx:
        assert tx.duties.holds(INCIDENT) == [narrowed, lifted]
        assert tx.duties.holds(OTHER_INCIDENT) == []


def _elsewhere(row: ClockRow) -> ClockRow:
    change = {"clock_id": ClockId("clk-elsewhere"), "incident_id": OTHER_INCIDENT}
    return row.model_copy(update={"spec": row.spec.model_copy(update=change)})
