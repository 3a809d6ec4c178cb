"""Clocks: when a set of duties with one rule, one trigger and one deadline must be warned about.

A reminder is "due and not yet sent", never "the hour equals N": a worker that was down catches up in one go.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from tocsin.domain.audience import NOBODY, MayBeAffected, naming
from tocsin.domain.duty import OWED_TO_US, Duty, DutyState
from tocsin.domain.incident import Trigger
from tocsin.domain.tempo import time_left
from tocsin.domain.values import ActId, ClockId, IncidentId, Instant, Value, WaveId, derived_id


class Mark(StrEnum):
    """The points of a clock at which a person is told how it stands."""

    HALF = "50 %"
    THREE_QUARTERS = "75 %"
    NINE_TENTHS = "90 %"
    DUE = "due"


SHARES = {Mark.HALF: 0.5, Mark.THREE_QUARTERS: 0.75, Mark.NINE_TENTHS: 0.9, Mark.DUE: 1.0}
"""The share of the time from trigger to deadline at which each mark falls due, in the order of falling due."""


class ClockSpec(Value):
    """What a clock counts towards. `deadline_at` is None for a duty without a number; then `target_at` is ours."""

    clock_id: ClockId
    incident_id: IncidentId
    rule_id: str
    title: str
    trigger: Trigger
    trigger_at: Instant
    deadline_at: Instant | None
    target_at: Instant

    @property
    def owed_to_us(self) -> bool:
        """Whether the other party must tell us by then."""
        return self.rule_id.startswith(OWED_TO_US)

    @property
    def is_our_deadline(self) -> bool:
        """Whether we must have told somebody by then: neither a target of our own nor somebody else's deadline."""
        return self.deadline_at is not None and not self.owed_to_us

    def mark_at(self, mark: Mark) -> datetime:
        """Return the instant at which `mark` falls due."""
        return self.trigger_at + (self.target_at - self.trigger_at) * SHARES[mark]


class ClockState(StrEnum):
    """How a clock stands."""

    RUNNING = "running"
    ENDED = "ended"


class ClockRow(Value):
    """A clock as the store shows it."""

    spec: ClockSpec
    state: ClockState = ClockState.RUNNING
    sent: tuple[Mark, ...] = ()
    late: bool = False
    late_reason: ActId | None = None
    """The act that gave the reason; its words are sealed with the act."""
    ended_at: Instant | None = None
    outcome: str | None = None
    open_duties: int = 0
    total_duties: int = 0


def due_mark(spec: ClockSpec, sent: Iterable[Mark], now: datetime) -> Mark | None:
    """Return the latest mark that is due and not yet sent, or None; the earlier ones it overtakes are not sent."""
    passed = [mark for mark in SHARES if spec.mark_at(mark) <= now]
    if not passed or passed[-1] in set(sent):
        return None
    return passed[-1]


def next_mark_at(spec: ClockSpec, now: datetime) -> datetime | None:
    """Return the instant of the next mark after `now`, or None when all have passed."""
    return next((at for at in map(spec.mark_at, SHARES) if at > now), None)


def covered_by(mark: Mark) -> tuple[Mark, ...]:
    """Return `mark` and the marks before it: sending it makes them sent."""
    order = list(SHARES)
    return tuple(order[: order.index(mark) + 1])


def warning(
    spec: ClockSpec,
    mark: Mark,
    now: datetime,
    counted: tuple[int, int],
    held: int,
    may_be: MayBeAffected = NOBODY,
) -> tuple[str, str]:
    """Return subject and text of the page for a mark: what, how long left, what to do. Ids, counts, services."""
    still_open, total = counted
    name = "deadline" if spec.deadline_at else "internal target (the clause has no number)"
    left = time_left(spec.target_at, now)
    subject = f"{left}: {spec.title}, incident {spec.incident_id}"
    lines = [
        f"Clock: {spec.title} ({spec.clock_id}), {'all' if mark is Mark.DUE else mark} of its time has passed.",
        f"{name.capitalize()}: {spec.target_at.isoformat()} ({left}).",
        f"Open: {still_open} of {total} duties.",
    ]
    if held:
        lines.append(f"{held} of them are under a hold: the clock runs on, nothing is sent until it is lifted.")
    if may_be.agreements:
        lines += _unnamed(spec, mark, may_be)
    if spec.owed_to_us:
        lines.append(f"They owe us this notice: ask for it now. When it has come: tocsin told {spec.incident_id} PARTY")
    elif mark is Mark.DUE and spec.deadline_at and not held:
        lines.append("It is late. Tell them now; the reason why may follow.")
    lines.append(f"See what is missing: tocsin show {spec.incident_id}")
    return subject, "\n".join(lines) + "\n"


def about(spec: ClockSpec, mark: Mark) -> str:
    """Return the opaque id of what a warning is about: another deadline, or another mark, is another thing."""
    return derived_id("pag", spec.clock_id, spec.target_at.isoformat(), mark)


def silence_words(incident_id: IncidentId, wave_id: WaveId, spec: ClockSpec, rows: int) -> str:
    """Return the text of the page that says that minimal letters have left without a person's release."""
    return (
        f"Nobody released a letter in time, and the clauses say that the minimal one goes then: {rows} row(s) of wave "
        f"{wave_id} are being sent.\nClock: {spec.title} ({spec.clock_id}), deadline {spec.target_at.isoformat()}.\n"
        f"Look at what went out: tocsin show {incident_id} --letters {wave_id}\n"
        f"Then tell them more: tocsin draft {incident_id} --kind follow_up\n"
    )


def _unnamed(spec: ClockSpec, mark: Mark, may_be: MayBeAffected) -> list[str]:
    """Return what a page says while nobody has said who is affected: in the last quarter, that it cannot wait."""
    counts = f"{may_be.agreements} agreements of {may_be.parties} parties may be"
    if mark is Mark.HALF:
        return [f"It is not known who is affected: {counts}. Nobody is written to until a person says who."]
    return [
        f"Say now who is affected: {counts}, and no letter can be drafted before. If in doubt, name everyone:",
        *(f"  {command}" for command in naming(spec.incident_id, may_be.services)),
    ]


def group(duties: Iterable[Duty]) -> list[ClockSpec]:
    """Return one spec per clock that has open duties, nearest target first."""
    still_open = sorted((duty for duty in duties if duty.state is DutyState.OPEN), key=lambda duty: duty.clock_id)
    specs = [_spec(next(iter(members))) for _, members in groupby(still_open, key=lambda duty: duty.clock_id)]
    return sorted(specs, key=lambda spec: (spec.target_at, spec.clock_id))


def _spec(duty: Duty) -> ClockSpec:
    return ClockSpec(
        clock_id=duty.clock_id,
        incident_id=duty.incident_id,
        rule_id=duty.rule_id,
        title=duty.title,
        trigger=duty.trigger,
        trigger_at=duty.trigger_at,
        deadline_at=duty.deadline_at,
        target_at=duty.target_at,
    )
