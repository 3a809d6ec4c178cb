"""Release by silence: where a clause says so, the minimal letter goes when nobody has released one in time."""

from collections.abc import Iterable

from activities.acts import engine_entry
from activities.family import written_to
from activities.releasing import parties_of, release_rows
from tocsin.domain.clause import OnSilence
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.values import ENGINE, ClockId, IncidentId, Value, WaveId
from tocsin.ports import Stamp, Transaction

LISTED = 100
"""Clauses that the log's entry names; it counts them all."""


class SilentRelease(Value):
    """A wave to release by silence, and the state that it leads to."""

    stamp: Stamp
    state: IncidentState
    wave_id: WaveId
    clock_id: ClockId


class SilentlyReleased(Value):
    """How many rows a release by silence set free."""

    rows: int


def silent(tx: Transaction, incident_id: IncidentId, duties: Iterable[Duty]) -> list[Duty]:
    """Return those of a clock's duties that a minimal letter may answer by itself.

    They have a deadline and a clause that says so, their party is known to be affected, nobody was written to, and no
    hold covers them.
    """
    asking = [duty for duty in duties if duty.on_silence is OnSilence.RELEASE_MINIMAL and _is_ours(duty)]
    if not asking:
        return []
    affected, written = tx.register.affected(incident_id), written_to(tx, incident_id)
    holds = tx.duties.holds(incident_id)
    return [
        duty
        for duty in asking
        if duty.agreement_id in affected - written
        and not any(hold.covers(duty.agreement_id) for hold in holds if duty.agreement_id)
    ]


def release(tx: Transaction, order: SilentRelease) -> SilentlyReleased:
    """Release the wave, with the clauses that allow it in the log.

    Raises:
        Refused: if somebody was told, or a hold was placed, since its letters were written.
    """
    incident_id = order.stamp.incident_id
    wave = tx.ledger.wave(order.wave_id)
    on_clock = tx.duties.of(incident_id, clock_id=order.clock_id, open_only=True)
    allowed = silent(tx, incident_id, on_clock)
    if wave is None or wave.digest is None or not wave.rows:
        raise Refused(f"wave {order.wave_id} was not drafted to its end")
    if parties_of(tx, wave) - {duty.agreement_id for duty in allowed}:
        raise Refused("somebody was told, or a hold was placed, since these letters were written")
    release_rows(tx, wave, ENGINE, order.stamp.at)
    tx.incidents.put_state(order.state, order.stamp.at)
    clauses = sorted({duty.citation for duty in allowed})
    data: dict[str, object] = {
        "wave": order.wave_id,
        "clock": order.clock_id,
        "digest": wave.digest,
        "rows": wave.rows,
        "clauses": clauses[:LISTED],
        "clauses_count": len(clauses),
    }
    tx.log.append([engine_entry(order.stamp, "wave.released_by_silence", data)])
    return SilentlyReleased(rows=wave.rows)


def _is_ours(duty: Duty) -> bool:
    return duty.state is DutyState.OPEN and duty.deadline_at is not None and not duty.owed_to_us
