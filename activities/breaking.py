"""Releasing the minimal letters in the name of who broke the glass."""

from activities.acts import engine_entry
from activities.glass import reached
from activities.releasing import parties_of, release_rows
from activities.silence import SilentlyReleased
from tocsin.domain.errors import Refused
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.values import ClockId, PersonId, Value, WaveId
from tocsin.ports import Stamp, Transaction


class GlassRelease(Value):
    """A wave to release without a second person, and the state that it leads to."""

    stamp: Stamp
    state: IncidentState
    wave_id: WaveId
    clock_id: ClockId
    by: PersonId


def release(tx: Transaction, order: GlassRelease) -> SilentlyReleased:
    """Release the wave in the name of who broke the glass.

    Raises:
        Refused: if somebody was told, or a hold was placed, since its letters were written.
    """
    wave = tx.ledger.wave(order.wave_id)
    if wave is None or wave.digest is None or not wave.rows:
        raise Refused(f"wave {order.wave_id} was not drafted to its end")
    if parties_of(tx, wave) - reached(tx, order.stamp.incident_id, order.clock_id):
        raise Refused("somebody was told, or a hold was placed, since these letters were written")
    release_rows(tx, wave, order.by, order.stamp.at)
    tx.incidents.put_state(order.state, order.stamp.at)
    data: dict[str, object] = {
        "wave": order.wave_id,
        "clock": order.clock_id,
        "digest": wave.digest,
        "rows": wave.rows,
        "by": order.by,
    }
    tx.log.append([engine_entry(order.stamp, "wave.released_by_glass", data)])
    return SilentlyReleased(rows=wave.rows)
