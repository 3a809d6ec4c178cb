"""How scenario time relates to wall time, and how spans of time are put into words."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field

from tocsin.domain.values import Instant, Value

# Left out where it is not so: what was recorded before there were drills still is what was recorded.
IsDrill = Annotated[bool, Field(exclude_if=lambda drill: not drill)]
"""Whether something is a rehearsal."""
PAUSE = timedelta(seconds=1)
"""A pause between two tries is not compressed below this: machines need it, whatever the scenario's clock says."""
PATIENCE = timedelta(seconds=5)
"""Nor is what a machine may take for its work: a busy one must not be taken for a dead one."""


class Tempo(Value):
    """The rate of scenario time. In production `speed` is 1 and both times are the same.

    `origin` is the instant, the same in both times, at which the scenario starts. Deadlines are always kept in
    scenario time; only waits are divided by the speed.
    """

    origin: Instant
    speed: float = Field(default=1.0, gt=0)
    drill: IsDrill = False
    """It is a rehearsal, and everything that is written of it says so."""

    def scenario(self, wall: datetime) -> datetime:
        """Return the scenario instant at the wall instant `wall`."""
        if self.speed == 1.0:
            return wall
        return self.origin + (wall - self.origin) * self.speed

    def wall(self, scenario: datetime) -> datetime:
        """Return the wall instant of the scenario instant `scenario`."""
        if self.speed == 1.0:
            return scenario
        return self.origin + (scenario - self.origin) / self.speed

    def wait(self, span: timedelta) -> timedelta:
        """Return how long to wait, in wall time, for `span` of scenario time to pass."""
        return span / self.speed

    def pause(self, span: timedelta) -> timedelta:
        """Return the wall time of a pause for machines: `span`, compressed, but not below `PAUSE`."""
        return max(self.wait(span), min(span, PAUSE))

    def patience(self, span: timedelta) -> timedelta:
        """Return the wall time that a machine has for its work: `span`, compressed, but not below `PATIENCE`."""
        return max(self.wait(span), min(span, PATIENCE))


ON_THE_WALL = Tempo(origin=datetime(1970, 1, 1, tzinfo=UTC))
"""Time as it passes."""


def in_words(span: timedelta) -> str:
    """Return a span as a person would say it, two units at most: `2 d 4 h`, `3 h 20 min`, `45 s`."""
    seconds = int(abs(span).total_seconds())
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        count, seconds = divmod(seconds, size)
        if count or (parts and len(parts) < 2):
            parts.append(f"{count} {name}")
        if len(parts) == 2:
            break
    kept = [part for index, part in enumerate(parts) if index == 0 or not part.startswith("0 ")]
    return " ".join(kept) or "0 s"


def time_left(until: datetime, now: datetime) -> str:
    """Return the wording of a countdown: `3 h 20 min left`, or `2 h overdue`."""
    if now > until:
        return f"{in_words(now - until)} overdue"
    return f"{in_words(until - now)} left"
