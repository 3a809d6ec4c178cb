"""Which of store and Temporal is ahead after one of them was restored to an older point, and what a row becomes.

Pure: what was seen is passed in. Both count a workflow's writes: the store by what it holds, Temporal by the activities
in its histories that were asked for and that came to their end.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from tocsin.domain.notice import Notice, NoticeState, step
from tocsin.domain.values import IncidentId, Value


class Standing(StrEnum):
    """How store and Temporal stand to each other, for one workflow."""

    AGREES = "agrees"
    TEMPORAL_AHEAD = "temporal_ahead"
    """The store was restored to an older point: Temporal remembers what it does not."""
    STORE_AHEAD = "store_ahead"
    """Temporal was restored to an older point, or lost the workflow."""
    UNKNOWN = "unknown"
    """Temporal runs a workflow of an incident that the store has never heard of."""


class Sight(Value):
    """One workflow as store and Temporal show it."""

    workflow_id: str
    incident_id: IncidentId
    known: bool = True
    """Whether the store knows its incident."""
    expected: bool = False
    """Whether the store says that it must run."""
    running: bool = False
    ended: bool = False
    """Whether Temporal has seen it end."""
    stored: int = 0
    """Writes of it that the store holds; of a wave, the notices that it says have left."""
    done: int = 0
    """Writes that came to their end in its history; of a wave, the notices that its batches came back with."""
    asked: int = 0
    """Writes that were asked for; the last may not have come to its end. 0: its history says nothing of writes."""


def standing(seen: Sight) -> Standing:
    """Return who is ahead. A write that was under way may be in the store and not yet in the history: that agrees."""
    if not seen.known:
        return Standing.UNKNOWN if seen.running else Standing.AGREES
    if seen.done > seen.stored:
        return Standing.TEMPORAL_AHEAD
    if seen.asked and seen.stored > seen.asked:
        return Standing.STORE_AHEAD
    if seen.expected and not seen.running:
        return Standing.TEMPORAL_AHEAD if seen.ended else Standing.STORE_AHEAD
    return Standing.AGREES


def differing(sights: Iterable[Sight]) -> dict[IncidentId, list[tuple[Sight, Standing]]]:
    """Return, by incident, the workflows over which store and Temporal do not agree."""
    found: dict[IncidentId, list[tuple[Sight, Standing]]] = {}
    for seen in sights:
        if (how := standing(seen)) is not Standing.AGREES:
            found.setdefault(seen.incident_id, []).append((seen, how))
    return found


UNSETTLED = frozenset({NoticeState.RELEASED, NoticeState.CLAIMED, NoticeState.IN_DOUBT})
"""The rows of a released wave that a worker would send, or settle."""


def settled(row: Notice, took: bool | None, at: datetime, *, doubtful: bool) -> list[Notice]:
    """Return the steps of an unsettled row, by what its channel says: none, if it stays as it is.

    What was taken is adopted. Where nobody can tell and the store may have forgotten a sending (`doubtful`), it is in
    doubt for good: no worker sends it again, a receipt may still adopt it, and after the grace period it is a person's.
    """
    if took:
        return [_step(row, NoticeState.ACCEPTED, at, detail="reconciled: the channel shows that it took it")]
    if took is False or not doubtful or row.possible_duplicate:
        return []
    why = {"detail": "reconciled: the store was restored, and nobody can tell whether it left", "settled_at": at}
    steps = [row]
    if row.state is NoticeState.RELEASED:
        steps.append(_step(row, NoticeState.CLAIMED, at, claimed_at=at, attempts=row.attempts + 1))
    if steps[-1].state is NoticeState.CLAIMED:
        steps.append(_step(steps[-1], NoticeState.IN_DOUBT, at, possible_duplicate=True, **why))
    else:
        steps.append(row.model_copy(update={"possible_duplicate": True, **why}))
    return steps[1:]


def _step(row: Notice, to: NoticeState, at: datetime, **change: object) -> Notice:
    return row.model_copy(update={"state": step(row.state, to), "settled_at": at, **change})
