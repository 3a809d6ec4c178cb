"""What an incident costs in Actions, as Temporal Cloud bills them, counted from the histories of its workflows.

The kinds are those of Temporal Cloud's list of Actions. Where the list leaves a doubt the dearer reading is taken: a
child counts when it is asked for and when it starts, every marker and every upsert of search attributes counts, and
each sending of a batch counts one heartbeat. Queries and refused updates leave no event; nothing here makes any.
"""

from collections import Counter
from collections.abc import Iterable

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

E = EventType
BILLED = {
    E.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "workflow started",
    E.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: "child asked for",
    E.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activity",
    E.EVENT_TYPE_TIMER_STARTED: "timer",
    E.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal",
    E.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED: "signal",
    E.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
    E.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes",
    E.EVENT_TYPE_MARKER_RECORDED: "marker",
}

SCHEDULED = 3
"""Actions of a workflow that a schedule starts, its start included."""
SWEEPS = 72 * 12
"""In 72 hours, one every five minutes."""


def billed(events: Iterable[HistoryEvent]) -> Counter[str]:
    """Return the Actions of one history by kind."""
    found: Counter[str] = Counter()
    for event in events:
        if event.event_type in BILLED:
            found[BILLED[event.event_type]] += 1
        if event.event_type == E.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            found["activity tried again"] += max(event.activity_task_started_event_attributes.attempt - 1, 0)
        scheduled = event.activity_task_scheduled_event_attributes
        if scheduled.heartbeat_timeout.ToTimedelta():
            found["heartbeat"] += 1
    return +found


def of_sweep(events: Iterable[HistoryEvent]) -> int:
    """Return the Actions of one sweep that its schedule started."""
    return billed(events).total() - 1 + SCHEDULED


def naive(controllers: int) -> int:
    """Return what the obvious design costs: a child per controller, with its letter, receipt and four timers."""
    child, letter, receipt, timers = 2, 1, 1, 4
    return controllers * (child + letter + receipt + timers)
