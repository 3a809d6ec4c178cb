"""The clocks of an incident drawn on one line of time: where each thing lies, in per cent. Pure; templates draw it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from tocsin.cli.views import ClockView, Event, IncidentView
from tocsin.domain.clock import SHARES, ClockState, Mark
from tocsin.domain.hold import Hold
from tocsin.domain.tempo import in_words

EVEN_UP_TO = timedelta(hours=96)
"""A longer span is drawn with its square root, so that hours beside weeks can still be seen."""
STEPS = tuple(timedelta(hours=hours) for hours in (1, 4, 12, 24, 48, 72, 168, 336, 720, 2160, 8760))
ROOM = 0.03
SHOWN_EVENTS = ("act.", "wave.", "clock.missed", "hold.")


class Tick(NamedTuple):
    """A line of the scale."""

    at: float
    words: str


class Span(NamedTuple):
    """Something that lasts, in per cent of the width."""

    start: float
    width: float
    words: str


class Point(NamedTuple):
    """Something that happened, or will."""

    at: float
    words: str
    kind: str = ""


class Row(NamedTuple):
    """One clock."""

    clock: ClockView
    bar: Span
    spent: Span
    """From its trigger to now, or to its end."""
    marks: tuple[Point, ...]
    target: Point
    tone: str
    holds: tuple[Span, ...]


class Drawing(NamedTuple):
    """The whole picture."""

    ticks: tuple[Tick, ...]
    now: float
    rows: tuple[Row, ...]
    events: tuple[Point, ...]
    even: bool


class Scale:
    """From instants to per cent of the width."""

    def __init__(self, first: datetime, last: datetime) -> None:
        self.first = first
        self.span = max(last - first, timedelta(hours=1))
        self.even = self.span <= EVEN_UP_TO

    def __call__(self, at: datetime) -> float:
        """Return where an instant lies, cut off at the edges."""
        share = min(max((at - self.first) / self.span, 0.0), 1.0)
        return round(100 * (share if self.even else share**0.5), 2)

    def ticks(self) -> tuple[Tick, ...]:
        """Return the lines of the scale that leave each other room for their words."""
        found: list[Tick] = []
        for step in STEPS:
            at = self(self.first + step)
            if step < self.span * (1 - ROOM) and at - (found[-1].at if found else 0.0) >= 14 and at <= 92:
                found.append(Tick(at, f"+{in_words(step)}"))
        return tuple(found)


def draw(view: IncidentView, now: datetime) -> Drawing | None:
    """Return the picture of an incident's clocks as they stand now, or None if it has none."""
    if not view.clocks:
        return None
    shown = sorted(view.clocks, key=lambda clock: (clock.state is ClockState.ENDED, clock.spec.target_at))
    running = [clock for clock in shown if clock.state is ClockState.RUNNING] or shown
    first = min(clock.spec.trigger_at for clock in shown)
    last = max([clock.spec.target_at for clock in running] + [now])
    scale = Scale(first, first + (last - first) * (1 + ROOM))
    rows = tuple(_row(clock, view.holds, scale, now) for clock in shown)
    return Drawing(scale.ticks(), scale(now), rows, tuple(_events(view.events, scale)), scale.even)


def tone(clock: ClockView, now: datetime) -> str:
    """Return how urgent a clock is, in one word."""
    spec = clock.spec
    if clock.state is ClockState.ENDED:
        return "over"
    if now > spec.target_at:
        return "late"
    if now >= spec.mark_at(Mark.THREE_QUARTERS):
        return "pressing"
    return "soon" if now >= spec.mark_at(Mark.HALF) else "calm"


def _row(clock: ClockView, holds: tuple[Hold, ...], scale: Scale, now: datetime) -> Row:
    spec = clock.spec
    start, end = scale(spec.trigger_at), scale(spec.target_at)
    spent = min(scale(now), end) if clock.state is ClockState.RUNNING else end
    marks = (Point(scale(spec.mark_at(mark)), mark.value) for mark in SHARES if mark is not Mark.DUE)
    kind = "deadline" if spec.deadline_at else "target"
    return Row(
        clock=clock,
        bar=Span(start, round(max(end - start, 0.5), 2), spec.title),
        spent=Span(start, round(max(spent - start, 0.0), 2), "time that has passed"),
        marks=tuple(marks),
        target=Point(end, kind, kind),
        tone=tone(clock, now),
        holds=tuple(_holds(holds, scale, now)) if clock.held else (),
    )


def _holds(holds: Iterable[Hold], scale: Scale, now: datetime) -> Iterable[Span]:
    for hold in holds:
        start, end = scale(hold.placed_at), scale(hold.lifted_at or now)
        yield Span(start, round(max(end - start, 0.5), 2), f"hold: {hold.kind.replace('_', ' ')}")


def _events(events: Iterable[Event], scale: Scale) -> Iterable[Point]:
    for event in events:
        if event.kind.startswith(SHOWN_EVENTS):
            yield Point(scale(event.at), f"{event.kind.replace('.', ' ').replace('_', ' ')}", event.kind)
