"""What must call a person although no workflow does: the rules of `tocsin watch`, which trusts nothing but the store.

Temporal's timers warn, the sweep looks after them, and this looks after both from outside. Pure: what was seen is
passed in, with the instant at which it was seen.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from tocsin.domain.clock import ClockRow, due_mark
from tocsin.domain.tempo import time_left
from tocsin.domain.values import Instant, Value

UNWARNED_FOR = timedelta(minutes=10)
"""How long a clock's warning may be due before the silence itself is told: two tries of a page that nobody took."""

SWEEP_SILENT_FOR = timedelta(minutes=15)
"""How long the sweep may say nothing: three of its rounds."""

LOG_BEHIND_FOR = timedelta(minutes=1)
"""How much older than the newest change of an incident its newest entry may be; both are one transaction."""

APART = timedelta(minutes=5)
"""How far ahead of the watcher's clock the engine's may be: one of its sweeps."""

AGAIN_AFTER = timedelta(hours=1)
"""How long one alarm is not repeated while it stands."""


class Log(Value):
    """The log's head as it stands, and the instant of its newest entry."""

    size: int
    root: str
    newest_at: Instant | None = None


class Seen(Value):
    """What one look saw."""

    at: Instant
    clocks: tuple[ClockRow, ...] = ()
    """The running ones."""
    swept_at: Instant | None = None
    open_incidents: int = 0
    changed_at: Instant | None = None
    """When an incident was last changed."""
    log: Log | None = None
    before: Log | None = None
    """The log at the look before this one, if there was one."""
    before_holds: bool = True
    """Whether the log's first `before.size` entries still give `before.root`."""
    engine: str = ""
    """Why Temporal does not answer; empty: it does."""
    pollers: int | None = None
    """Workers that poll the queue; None: Temporal did not say."""
    store: str = ""
    """Why the store cannot be read; empty: it can."""
    disk: str = ""
    """Why the disk is a danger; empty: it is none."""


class Alarm(Value):
    """A reason to call a person. The same key is the same reason."""

    key: str
    subject: str
    text: str


def alarms(seen: Seen) -> list[Alarm]:
    """Return every reason to call a person, the most urgent first. Ids, counts and instants only."""
    return [*_store(seen), *_clocks(seen), *_engine(seen), *_log(seen)]


def to_send(found: Iterable[Alarm], told_at: dict[str, datetime], now: datetime) -> list[Alarm]:
    """Return the alarms that were not told within `AGAIN_AFTER`."""
    return [alarm for alarm in found if alarm.key not in told_at or now - told_at[alarm.key] >= AGAIN_AFTER]


def _store(seen: Seen) -> Iterator[Alarm]:
    if seen.store:
        yield Alarm(
            key="store",
            subject="Tocsin's store cannot be read",
            text=f"{seen.store}\nNo clock can be checked. Mend the store; until then keep the deadlines by hand.\n",
        )
    if seen.disk:
        yield Alarm(
            key="disk", subject="Tocsin's disk", text=f"{seen.disk}\nMake room before nothing can be written.\n"
        )


def _clocks(seen: Seen) -> Iterator[Alarm]:
    for row in sorted(seen.clocks, key=lambda row: row.spec.target_at):
        mark = due_mark(row.spec, row.sent, seen.at - UNWARNED_FOR) if row.open_duties else None
        if mark is None:
            continue
        spec, left = row.spec, time_left(row.spec.target_at, seen.at)
        yield Alarm(
            key=f"clock:{spec.clock_id}:{spec.target_at.isoformat()}:{mark}",
            subject=f"Nobody was warned: {left}: {spec.title}, incident {spec.incident_id}",
            text=(
                f"Clock {spec.clock_id} ({spec.title}) should have warned at {spec.mark_at(mark).isoformat()} "
                f"and did not.\nTarget: {spec.target_at.isoformat()} ({left}). "
                f"Open: {row.open_duties} of {row.total_duties} duties.\n"
                f"Look at Temporal and the worker, and see what is missing: tocsin show {spec.incident_id}\n"
            ),
        )


def _engine(seen: Seen) -> Iterator[Alarm]:
    if seen.engine:
        yield Alarm(
            key="engine",
            subject="Temporal does not answer: no clock runs",
            text=f"{seen.engine}\nOpen incidents: {seen.open_incidents}. Start it; clocks go on where they stood.\n",
        )
    elif seen.pollers == 0:
        yield Alarm(
            key="worker",
            subject="No worker polls: clocks fire into the void",
            text=f"Temporal answers, but no worker does. Start one.\nOpen incidents: {seen.open_incidents}.\n",
        )
    if seen.swept_at is not None and seen.swept_at - seen.at > APART:
        yield Alarm(
            key="time",
            subject="Two machines disagree on the time",
            text=(
                f"The last sweep is of {seen.swept_at.isoformat()}, and here it is {seen.at.isoformat()}.\n"
                "One clock was set forward or the other back: warnings come too early or too late. Let both follow "
                "NTP; until then keep the deadlines by hand.\n"
            ),
        )
    if not seen.store and (seen.swept_at is None or seen.at - seen.swept_at > SWEEP_SILENT_FOR):
        last = f"the last one reported at {seen.swept_at.isoformat()}" if seen.swept_at else "none has ever reported"
        yield Alarm(
            key="sweep",
            subject="The sweep is silent",
            text=(
                f"No sweep has reported for {SWEEP_SILENT_FOR.seconds // 60} minutes: {last}.\n"
                "A lost clock would not be found. See whether its schedule is paused or deleted; a worker's start "
                "makes it again.\n"
            ),
        )


def _log(seen: Seen) -> Iterator[Alarm]:
    if seen.log is None:
        return
    newest_at = seen.log.newest_at
    if seen.changed_at is not None and (newest_at is None or seen.changed_at - newest_at > LOG_BEHIND_FOR):
        yield Alarm(
            key="log-behind",
            subject="The audit log does not move",
            text=(
                f"An incident changed at {seen.changed_at.isoformat()}, but the log's newest entry is of "
                f"{newest_at.isoformat() if newest_at else 'never'}.\nKeep the store as it is: tocsin log verify\n"
            ),
        )
    if seen.before is not None and (seen.log.size < seen.before.size or not seen.before_holds):
        what = "is shorter than it was" if seen.log.size < seen.before.size else "is another one than it was"
        yield Alarm(
            key="log-cut",
            subject=f"The audit log {what}",
            text=(
                f"It had {seen.before.size} entries with root {seen.before.root}; now {seen.log.size}, "
                f"{seen.log.root}.\nEntries were cut or rewritten. Keep the store as it is, and compare it with a "
                "backup.\n"
            ),
        )
