"""The ladder: who is called about a clock, by which channels, and how long an unanswered page waits for the next.

Data, read from `escalation.toml`. Pure: how long ago the page went out is passed in.
"""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from tocsin.domain.incident import Severity
from tocsin.domain.values import Value

UNKNOWN = "unknown"
"""Stands for the severity of an incident of which nobody has said any."""

EVERYONE_FROM = 0.9
"""The share of a clock's time from which everyone is called about what is still unreleased; the last warning's."""

SILENCE_BEFORE = timedelta(hours=2)
"""How long before its deadline a minimal letter goes by itself, where the clause says so."""

SHORT_CLOCKS = 4
"""Of a short clock at most this part of its time is taken for that: a quarter."""


class Who(StrEnum):
    """The rungs, from the first to the last. Words of an office: no person is named in a history or in the log."""

    OWNER = "owner"
    DEPUTY = "deputy"
    APPROVER = "approver"
    EXECUTIVE = "executive"


class Rung(Value):
    """Somebody on the ladder, and the channels that reach them, in the order in which they are tried."""

    who: Who
    channels: tuple[str, ...]


class Climb(Value):
    """How fast the ladder is climbed. `after` says how long after the first page each rung is called."""

    after: dict[Who, timedelta]
    """A rung that it leaves out is not called."""
    severity: tuple[str, ...] = ()
    """Severities that it is for, `unknown` among them; empty: all."""
    share: float = 0.0
    """From which share of the clock's time on it holds."""

    def fits(self, severity: Severity | None, share: float) -> bool:
        """Say whether it is for a page at this share of the time, about an incident this severe."""
        return share >= self.share and (not self.severity or (severity or UNKNOWN) in self.severity)


class Step(Value):
    """A rung, and how long after the first page it is called."""

    rung: Rung
    after: timedelta


class Ladder(Value):
    """Everyone who may be called about a clock."""

    rungs: tuple[Rung, ...]
    climbs: tuple[Climb, ...] = ()
    everyone_from: float = EVERYONE_FROM
    silence_before: timedelta = SILENCE_BEFORE

    def steps(self, severity: Severity | None, share: float, *, unreleased: bool) -> tuple[Step, ...]:
        """Return whom a page at this share of a clock's time calls, and when.

        Of the climbs that fit, the one for the largest share holds, and of several such one that names severities.
        Where none fits the first rung is called: no
        severity keeps a page back. Near the deadline, with something still unreleased, everyone is called at once.
        """
        if unreleased and share >= self.everyone_from:
            return tuple(Step(rung=rung, after=timedelta(0)) for rung in self.rungs)
        fitting = [climb for climb in self.climbs if climb.fits(severity, share)]
        if not fitting:
            return (Step(rung=self.rungs[0], after=timedelta(0)),)
        after = max(fitting, key=lambda climb: (climb.share, bool(climb.severity))).after
        return tuple(Step(rung=rung, after=after[rung.who]) for rung in self.rungs if rung.who in after)

    def silence_margin(self, period: timedelta) -> timedelta:
        """Return how long before its deadline a clock of this length has a minimal letter sent by itself."""
        return min(self.silence_before, period / SHORT_CLOCKS)


def due(steps: Sequence[Step], called: int, elapsed: timedelta) -> int:
    """Return how many rungs must have been called by now: at least the first, and no fewer than were."""
    return max(1, called, sum(step.after <= elapsed for step in steps))
