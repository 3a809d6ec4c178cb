"""What the demo shows of the ledger: a count that grows while notices go out, and the table of clocks."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from stage import Stage

from tocsin.domain.clock import ClockRow, ClockState
from tocsin.domain.errors import Deferred
from tocsin.domain.tempo import in_words

ENDS_WITHIN = 120.0
"""Seconds for a wave of the demo to end on a busy machine."""
LOOK_EVERY = 0.03
"""Seconds between two looks at the ledger: forty notices take less than a second."""


class Count(NamedTuple):
    """How many of a total were told."""

    name: str
    told: int
    total: int


class Display(Protocol):
    """Shows counts while they grow."""

    def update(self, counts: list[Count]) -> None:
        """Show these; the first is the wave's, the others are its clocks'."""

    def close(self) -> None:
        """Leave the last ones standing."""


def watch(stage: Stage, look: Callable[[], tuple[list[Count], bool]], going_on: Callable[[], bool]) -> None:
    """Show counts as they grow, until `look` says that the wave has ended or nothing is going on any more.

    Raises:
        Deferred: if the wave takes longer than `ENDS_WITHIN`.
    """
    display: Display = Bars(stage.console) if stage.console.is_terminal else Lines(stage)
    give_up_at = time.monotonic() + ENDS_WITHIN
    ended = False
    try:
        while not ended and going_on():
            counts, ended = look()
            display.update(counts)
            if time.monotonic() > give_up_at:
                raise Deferred(f"the wave did not end within {ENDS_WITHIN:.0f} s")
            time.sleep(LOOK_EVERY)
    finally:
        display.close()


class Bars:
    """A bar for the wave and one for each clock, on a terminal."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("  {task.description:<24}"), BarColumn(36), MofNCompleteColumn())
        self._bars: dict[int, TaskID] = {}
        self._progress = Progress(*columns, console=console, refresh_per_second=20)
        console.print()
        self._progress.start()

    def update(self, counts: list[Count]) -> None:
        """Move the bars."""
        for place, count in enumerate(counts):
            if place not in self._bars:
                self._bars[place] = self._progress.add_task(count.name)
            self._progress.update(self._bars[place], completed=count.told, total=count.total)

    def close(self) -> None:
        """Leave them as they are."""
        self._progress.stop()


class Lines:
    """One line whenever another quarter of the wave was told, for a pipe."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._quarter = -1
        self._printed = self._last = ""
        stage.line()

    def update(self, counts: list[Count]) -> None:
        """Print if another quarter was reached."""
        wave = counts[0]
        self._last = f"  {wave.name}: {wave.told} of {wave.total}"
        if wave.told * 4 // wave.total > self._quarter:
            self._quarter = wave.told * 4 // wave.total
            self._print()

    def close(self) -> None:
        """Print the last count, if it was not."""
        if self._last != self._printed:
            self._print()

    def _print(self) -> None:
        self._printed = self._last
        self._stage.line(self._printed)


def table(stage: Stage, rows: Iterable[ClockRow], now: datetime) -> None:
    """Print each clock: its deadline, the margin that was left when its last duty ended, told and total."""
    stage.line()
    stage.line(_columns("clock", "deadline (UTC)", "local time", "margin", "told"), "bold")
    for row in sorted(rows, key=lambda row: row.spec.target_at):
        still_open = row.state is ClockState.RUNNING
        stage.line(_clock(row, now), "yellow" if still_open else "")
    stage.line("~ our own target, the clause has no number    * open, the margin is as of now", "dim")


def _clock(row: ClockRow, now: datetime) -> str:
    spec, until = row.spec, row.spec.target_at
    at = row.ended_at or now
    margin = f"{'-' if at > until else ''}{in_words(until - at)}{'' if row.ended_at else ' *'}"
    told = f"{row.total_duties - row.open_duties}/{row.total_duties}"
    utc = f"{'' if spec.deadline_at else '~'}{until.astimezone(UTC):%d %b %H:%M}"
    return _columns(spec.title, utc, f"{until.astimezone():%a %H:%M %Z}", margin, told)


def _columns(clock: str, utc: str, local: str, margin: str, told: str) -> str:
    return f"{clock:<29.29}{utc:>15}  {local:<15.15}{margin:>12}{told:>6}"
