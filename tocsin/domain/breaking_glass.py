"""Breaking the glass: a member of the incident has the minimal letter sent without a release, when nobody answers.

Only when the ladder went unanswered, or in the last tenth of the clock. It is loud, and an approver reviews it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from tocsin.domain.clock import ClockSpec, Mark
from tocsin.domain.errors import Refused
from tocsin.domain.values import ClockId, IncidentId, Instant, PersonId, Value, WaveId

RECALL_WITHIN = timedelta(minutes=10)
"""How long the letters wait, so that somebody may recall them."""
SENDING_TAKES = timedelta(minutes=5)
"""How long before the deadline the letters must leave at the latest: a window that ends later is not kept."""
REVIEW_WITHIN = timedelta(hours=72)
"""How long approvers have to review it before everyone is called, and again each day."""
ASK_AGAIN = timedelta(hours=24)
UNANSWERED_FOR = timedelta(minutes=30)
"""How long the last page about a clock must have gone unanswered."""


class BreakGlass(Value):
    """Have the minimal letter sent to whom a clock is owed, without a second person: nobody answers, or time is up."""

    kind: Literal["break_glass"] = "break_glass"
    clock_id: ClockId
    reason: str = ""


class Recall(Value):
    """Take back a break-glass release before its letters leave."""

    kind: Literal["recall"] = "recall"
    wave_id: WaveId
    reason: str = ""


class ReviewGlass(Value):
    """Review a break-glass release, as an approver who did not break it."""

    kind: Literal["glass_review"] = "glass_review"
    wave_id: WaveId
    text: str = Field(min_length=1)


class Glass(Value):
    """A glass that was broken and not yet reviewed."""

    clock_id: ClockId
    by: PersonId
    sends_at: Instant
    sent: bool = False
    review_by: Instant
    """When everyone is called because nobody has reviewed it."""

    @property
    def term(self) -> datetime:
        """When something falls due by itself."""
        return self.review_by if self.sent else self.sends_at


def broken(spec: ClockSpec, by: PersonId, at: datetime) -> Glass:
    """Return the glass that somebody breaks at an instant: the letters wait if the deadline allows it."""
    waits = spec.deadline_at is None or at + RECALL_WITHIN + SENDING_TAKES <= spec.deadline_at
    return Glass(
        clock_id=spec.clock_id,
        by=by,
        sends_at=at + RECALL_WITHIN if waits else at,
        review_by=at + REVIEW_WITHIN,
    )


def in_last_tenth(spec: ClockSpec, now: datetime) -> bool:
    """Say whether nine tenths of the clock's time have passed."""
    return spec.mark_at(Mark.NINE_TENTHS) <= now


def admit_glass(
    incident_id: IncidentId,
    clocks: Mapping[ClockId, ClockSpec],
    glass: Mapping[WaveId, Glass],
    deed: BreakGlass | Recall | ReviewGlass,
    person_id: PersonId,
) -> None:
    """Raise Refused unless the state of the incident lets somebody do this about a glass.

    Whether the clock's time is nearly over or its pages went unanswered is looked up where the pages are recorded.
    """
    match deed:
        case BreakGlass(clock_id=clock_id):
            if clock_id not in clocks or clocks[clock_id].owed_to_us:
                raise Refused(f"clock {clock_id} is none of ours that runs; `tocsin show {incident_id}` lists them")
            if any(one.clock_id == clock_id and not one.sent for one in glass.values()):
                raise Refused(f"somebody broke the glass for clock {clock_id} already; its letters are about to leave")
        case Recall(wave_id=wave_id):
            if wave_id not in glass:
                raise Refused(f"{wave_id} is no break-glass release that waits; `tocsin show {incident_id}` lists them")
            if glass[wave_id].sent:
                raise Refused(f"the letters of {wave_id} left already; tell the recipients in a correction")
        case ReviewGlass(wave_id=wave_id):
            if wave_id not in glass or not glass[wave_id].sent:
                raise Refused(f"{wave_id} is no break-glass release that waits for a review")
            if glass[wave_id].by == person_id:
                raise Refused("whoever broke the glass does not review it; ask another approver")


def refuse_while_unreviewed(incident_id: IncidentId, glass: Mapping[WaveId, Glass]) -> None:
    """Raise Refused while a glass waits for its recall window or its review: nothing ends before."""
    if glass:
        raise Refused(waits_for_review(incident_id, glass))


def waits_for_review(incident_id: IncidentId, glass: Mapping[WaveId, Glass]) -> str:
    """Return what an incident waits for that has unreviewed glasses."""
    how = f"tocsin review-glass {incident_id} WAVE 'what you found'"
    return f"break-glass release(s) to be sent or reviewed: {', '.join(glass)}; {how}"
