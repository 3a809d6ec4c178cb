"""What is spoken over Temporal: the names of workflows, updates, signals and queues, and their messages.

Names are promises to running incidents: they are never changed, only added to. Messages hold ids, counts,
instants and decisions; an act's envelope is the one exception, and every payload is encrypted.
"""

from enum import StrEnum

from tocsin.domain.clock import ClockSpec, Mark
from tocsin.domain.duty import Difference
from tocsin.domain.incident import Status
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.notice import WaveCounts
from tocsin.domain.probe_deed import is_round
from tocsin.domain.task import Task
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import ClockId, IncidentId, Instant, NoticeId, Value, WaveId

TASK_QUEUE = "tocsin"

INCIDENT = "tocsin.Incident"
CLOCK = "tocsin.Clock"
WAVE = "tocsin.Wave"
RESPONSE = "tocsin.Response"
SWEEP = "tocsin.Sweep"
PROBE = "tocsin.Probe"

ACT = "act"
"""The one update: a person's act, in its envelope. Its update id is the kind of the act and the act id."""
STATUS = "status"
"""The one query every workflow answers."""

CLOCK_ENDED = "clock_ended"
CLOCK_MISSED = "clock_missed"
WAVE_PROGRESS = "wave_progress"
TASKS_CHANGED = "tasks_changed"
PART_LOST = "part_lost"
CLOCK_SILENT = "clock_silent"
"""Signals to an incident."""

REARM = "rearm"
RECOUNT = "recount"
ANSWERED = "answered"
"""Signals to a clock."""

NUDGE = "nudge"
"""Signal to a wave."""

BY_HAND = "by_hand"
PROMISED = "promised"
INCIDENT_OVER = "incident_over"
"""Signals to a response."""

SWEEP_SCHEDULE = "tocsin-sweep"


class SearchAttribute(StrEnum):
    """The search attributes, registered on start. The dev server allows at most ten keywords."""

    STATUS = "TocsinStatus"
    INCIDENT = "TocsinIncident"
    NEXT_DEADLINE = "TocsinNextDeadline"


def incident_workflow(incident_id: IncidentId) -> str:
    """Return the workflow id of an incident, or of a round: waves tell it how far they came."""
    return f"tocsin/{'probe' if is_round(incident_id) else 'incident'}/{incident_id}"


def clock_workflow(incident_id: IncidentId, clock_id: ClockId) -> str:
    """Return the workflow id of a clock."""
    return f"tocsin/clock/{incident_id}/{clock_id}"


def wave_workflow(incident_id: IncidentId, wave_id: WaveId) -> str:
    """Return the workflow id of a wave."""
    return f"tocsin/wave/{incident_id}/{wave_id}"


def response_workflow(incident_id: IncidentId) -> str:
    """Return the workflow id of an incident's tasks."""
    return f"tocsin/response/{incident_id}"


def incident_of(workflow_id: str) -> IncidentId | None:
    """Return the incident that a workflow id belongs to, or None for one that belongs to none (the sweep)."""
    parts = workflow_id.split("/")
    return IncidentId(parts[2]) if len(parts) > 2 and parts[0] == "tocsin" else None


class IncidentInput(Value):
    """Starts an incident; `state` is given when it continues as new."""

    incident_id: IncidentId
    tempo: Tempo
    state: IncidentState | None = None
    history_limit: int | None = None


class Climbing(Value):
    """A page that climbs the ladder: the warning it is about, since when, and how many rungs were called."""

    mark: Mark
    since: Instant
    called: int = 0
    next_at: Instant | None = None
    """When the next rung is called; None: nobody is left."""


class ClockInput(Value):
    """Starts a clock."""

    incident_id: IncidentId
    tempo: Tempo
    spec: ClockSpec
    sent: tuple[Mark, ...] = ()
    sequence: int = 0
    climbing: Climbing | None = None
    open_pages: tuple[str, ...] = ()
    """What pages were about that a pager keeps open until it is told what became of it."""


class WaveInput(Value):
    """Starts the sending of a released wave of `rows` ledger rows."""

    incident_id: IncidentId
    wave_id: WaveId
    tempo: Tempo
    rows: int
    sequence: int = 0
    due_at: Instant | None = None
    """The nearest deadline, or target, that its incident ran against when it was released."""


class ProbeInput(Value):
    """Starts a round of the register."""

    round_id: IncidentId
    tempo: Tempo


class ResponseInput(Value):
    """Starts the tasks of an incident. `tasks` is given when it continues as new."""

    incident_id: IncidentId
    tempo: Tempo
    kind: str
    sequence: int = 0
    tasks: tuple[Task, ...] | None = None
    over: Status | None = None


class SweepInput(Value):
    """Starts one sweep."""

    tempo: Tempo


class ClockEnded(Value):
    """A clock tells its incident that it has ended, and how."""

    clock_id: ClockId
    outcome: str


class ClockMissed(Value):
    """A clock tells its incident that its deadline passed with duties open."""

    clock_id: ClockId


class ClockSilent(Value):
    """A clock tells its incident that its minimal letters are due: nobody has released any."""

    clock_id: ClockId


class PartLost(Value):
    """The sweep tells an incident that a workflow of its own must run and does not."""

    workflow_id: str


class WaveProgress(Value):
    """A wave tells its incident how far it came."""

    wave_id: WaveId
    counts: WaveCounts
    ended: bool = False
    opened_again: bool = False
    """A notice failed after it had been a duty's proof: the duty needs a clock again."""


class TasksChanged(Value):
    """The response tells the incident how many tasks stand in the way of closing."""

    blocking: int
    settled_notice: NoticeId | None = None
    """A notice that a person has just delivered by hand."""


class NoticeByHand(Value):
    """A wave hands notices to people: the response makes a task of each."""

    tasks: tuple[Task, ...]


class IncidentOver(Value):
    """An incident tells its response that it has ended; what only improves may go on."""

    status: Status


class ResolvedDuties(Value):
    """What resolving the duties gave: the clocks that should run now, and what changed."""

    clocks: tuple[ClockSpec, ...]
    difference: Difference
    """The first of each kind only; `added`, `moved` and `withdrawn` count them all."""
    duties: int
    added: int = 0
    moved: int = 0
    withdrawn: int = 0
    may_be_affected: int = 0
    """Agreements of which nobody has said yet whether they are affected."""


class IncidentStatus(Value):
    """What an incident answers when asked."""

    state: IncidentState
    next_target_at: Instant | None = None
