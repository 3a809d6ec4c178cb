"""What an incident does at an instant of its own: provisional holds lapse, broken glass sends and asks for review.

Pure; the words name ids only.
"""

from datetime import datetime

from tocsin.domain.breaking_glass import Glass
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.values import HoldId, IncidentId, WaveId


def next_term(state: IncidentState) -> datetime | None:
    """Return the next instant at which something falls due by itself, or None."""
    terms = (*state.provisional.values(), *(glass.term for glass in state.glass.values()))
    return min(terms, default=None)


def overdue_holds(state: IncidentState, now: datetime) -> list[HoldId]:
    """Return the provisional holds whose time to be confirmed is over, the oldest first."""
    due = [(until, hold_id) for hold_id, until in state.provisional.items() if until <= now]
    return [hold_id for _, hold_id in sorted(due)]


def overdue_glass(state: IncidentState, now: datetime) -> list[WaveId]:
    """Return the broken glasses whose letters leave now, or whose review everyone is called about now."""
    due = [(glass.term, wave_id) for wave_id, glass in state.glass.items() if glass.term <= now]
    return [wave_id for _, wave_id in sorted(due)]


def with_glass(state: IncidentState, wave_id: WaveId, **change: object) -> IncidentState:
    """Return the state with a glass changed."""
    return state.model_copy(update={"glass": state.glass | {wave_id: state.glass[wave_id].model_copy(update=change)}})


def without_glass(state: IncidentState, wave_id: WaveId) -> IncidentState:
    """Return the state without a glass of which nothing came."""
    glass = {key: one for key, one in state.glass.items() if key != wave_id}
    return state.model_copy(update={"glass": glass})


def confirm_words(incident_id: IncidentId, hold_id: HoldId, until: datetime) -> tuple[str, str]:
    """Return subject and text of the page that asks an approver to confirm a provisional hold."""
    text = (
        "A responder recorded an order not to tell: nothing it covers is sent, and the clocks run on.\n"
        f"It lapses at {until.isoformat()} unless an approver confirms it:\n"
        f"  tocsin hold-confirm {incident_id} {hold_id}\n"
        f"If there is no such order, end it now: tocsin lift {incident_id} {hold_id} --reason '…'\n"
    )
    return f"Confirm a provisional hold, incident {incident_id}", text


def lapsed_words(incident_id: IncidentId, hold_id: HoldId) -> tuple[str, str]:
    """Return subject and text of the page that says that nobody confirmed a provisional hold."""
    text = (
        f"No approver confirmed hold {hold_id} in time. What it held back is sent from now on.\n"
        f"If the order stands, place it again at once: tocsin hold {incident_id} --kind … --issuer … --reference …\n"
        f"See what is open: tocsin show {incident_id}\n"
    )
    return f"A provisional hold lapsed, incident {incident_id}", text


def broken_words(incident_id: IncidentId, wave_id: WaveId, glass: Glass) -> tuple[str, str]:
    """Return subject and text of the page that says that somebody broke the glass."""
    text = (
        f"Somebody has the minimal letter sent without a release, for clock {glass.clock_id}.\n"
        f"It leaves at {glass.sends_at.isoformat()}. Until then anybody may recall it:\n"
        f"  tocsin recall {incident_id} {wave_id}\n"
        f"Once it has left, an approver reviews it: tocsin review-glass {incident_id} {wave_id} 'what you found'\n"
    )
    return f"The glass was broken, incident {incident_id}", text


def void_words(incident_id: IncidentId, wave_id: WaveId, why: str) -> tuple[str, str]:
    """Return subject and text of the page that says that a broken glass sent nothing."""
    text = f"Nothing of {wave_id} is sent: {why}\nSee what is open: tocsin show {incident_id}\n"
    return f"The broken glass sends nothing, incident {incident_id}", text


def unreviewed_words(incident_id: IncidentId, wave_id: WaveId) -> tuple[str, str]:
    """Return subject and text of the page that says that nobody has reviewed a broken glass."""
    text = (
        f"The minimal letter of {wave_id} left without a second person, and no approver has reviewed it.\n"
        f"Look at what went out: tocsin show {incident_id} --letters {wave_id}\n"
        f"Then: tocsin review-glass {incident_id} {wave_id} 'what you found'\n"
    )
    return f"A break-glass release waits for its review, incident {incident_id}", text
