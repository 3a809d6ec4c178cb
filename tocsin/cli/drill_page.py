"""How a drill looks: the hours as they pass, and what is to be learnt at its end."""

import re
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tocsin.cli.render import clean
from tocsin.domain.clock import ClockRow
from tocsin.domain.drill_score import WEIGHTS, Outcome
from tocsin.domain.scenario import Scenario
from tocsin.domain.tempo import in_words, time_left
from tocsin.drill.direction import Played
from tocsin.drill.outcome import Moment

TOLD_OF = ("act.", "clock.", "wave.", "sweep.")
"""The kinds of entries that its timeline shows; the evidence has all of them."""
_DIGEST = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{56}\b")
"""A digest in full, which only the evidence needs."""
LATEST, SHOWN = 8, 60
"""Lines of what happened while it runs, and at its end."""


def starting() -> RenderableType:
    """Return what stands there until hour 0."""
    return Text("A server, a worker and a store are being made for it ...")


def welcome(console: Console, links: dict[str, str], home: Path) -> None:
    """Print where people act: a link for each, which works once."""
    console.print(Text("People act now, at the console. Each opens their own link, once, and chooses a password:"))
    for name, link in links.items():
        console.print(Text(f"  {name}: {link}"), soft_wrap=True)
    console.print(
        Text(f"Commands work as well: TOCSIN_HOME={home.resolve()} tocsin --as USER show last"), soft_wrap=True
    )
    console.file.flush()  # into a file or a pipe, too: somebody waits for it


def standing(scenario: Scenario, moment: Moment) -> RenderableType:
    """Return how it stands now."""
    head = Text(f"DRILL  hour {moment.hour:5.1f} of {scenario.hours:g}   {moment.at:%a %H:%M} UTC", "bold red")
    bar = Table.grid()  # a bar alone ends no line
    bar.add_row(ProgressBar(total=scenario.hours, completed=min(moment.hour, scenario.hours), width=60))
    counts = Text(f"told {moment.told} of {moment.recipients}   pages {moment.pages}")
    asleep = [p.name for p in scenario.people.values() if p.awake_at(moment.hour) > moment.hour]
    sleepers = Text(f"asleep: {', '.join(asleep) or 'nobody'}")
    happened = [Text(line) for line in moment.happened[-LATEST:]]
    return Group(head, bar, counts, sleepers, _clocks(moment.clocks, moment.at), *happened)


def ended(console: Console, played: Played) -> None:
    """Print the timeline, the margins, the people, the score and what would have been missed."""
    outcome = played.outcome
    console.rule("DRILL: what happened")
    console.print(_timeline(played, outcome.began_at))
    tables = {"the clocks": _margins(outcome), "the people": _people(outcome), "whom pages called": _calls(outcome)}
    for title, table in tables.items():
        console.rule(f"DRILL: {title}")
        console.print(table)
    console.rule(f"DRILL: {outcome.score} of 100" + ", as far as it went" * outcome.stopped)
    for name, share in outcome.shares.items():
        console.print(f"  {share:4.0%} {name}, of {WEIGHTS[name]} points", highlight=False)
    told = f"told {outcome.told} of {outcome.recipients} recipients"
    console.print(f"  {told}; {outcome.pages} page(s) went out; the incident is {outcome.status}")
    if outcome.stopped:
        console.print(f"  stopped by hand at {_clock_time(outcome.ended_at, outcome)}; what was open then stays open")
    missed = outcome.missed()
    console.rule("DRILL: what was missed, or would have been")
    for line in missed or ["nothing"]:
        console.print(Text(f"  {line}"))
    for floor in outcome.floors:
        console.print(Text(f"  Not compressed: {floor}.", "dim"))
    says = "it holds" if played.holds else "it does NOT hold: `tocsin verify` names what"
    console.print(Text(f"Evidence, marked DRILL: {played.pack} ({says})"), soft_wrap=True)


def _timeline(played: Played, began_at: datetime) -> Table:
    items = [item for item in played.timeline if item.kind.startswith(TOLD_OF) and item.kind != "act.task_done"]
    table = Table.grid(padding=(0, 1))
    for item in items[:SHOWN]:
        hour = (item.at - began_at) / timedelta(hours=1)
        what = _DIGEST.sub(r"\1…", clean(item.what))
        table.add_row(f"  hour {hour:5.1f}", Text(f"{clean(item.who)}: {what}"))
    if len(items) > SHOWN:
        table.add_row("", f"and {len(items) - SHOWN} more, in the evidence")
    return table


def _clocks(clocks: list[ClockRow], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("clock", "left", "open"):
        table.add_column(name)
    for row in clocks:
        left = "ended" if row.ended_at else time_left(row.spec.target_at, now)
        table.add_row(clean(row.spec.title), left, f"{row.open_duties} of {row.total_duties}", style=_style(row, now))
    return table


def _style(row: ClockRow, now: datetime) -> str:
    if row.late or (row.ended_at is None and row.spec.deadline_at is not None and row.spec.deadline_at < now):
        return "red"
    return "green" if row.ended_at else ""


def _margins(outcome: Outcome) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("clock", "margin", "how it stands"):
        table.add_column(name)
    for margin in outcome.margins:
        words = "no date" if margin.left is None else in_words(margin.left) + (" late" if margin.late else " left")
        state = "ended" if margin.ended else "still open"
        if margin.late and margin.excuse:
            state += f", {margin.excuse}"
        table.add_row(clean(margin.title), words, state, style="red" if margin.missed else "")
    return table


def _people(outcome: Outcome) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("who", "for what", "needed", "answered", "took"):
        table.add_column(name)
    for one in outcome.answers:
        answered = one.answered_at
        table.add_row(
            clean(one.who),
            one.what,
            _clock_time(one.needed_at, outcome),
            _clock_time(answered, outcome) if answered else clean(one.refused) or "never",
            in_words(one.took) if one.took is not None else "",
            style="" if one.in_time else "red",
        )
    return table


def _calls(outcome: Outcome) -> Table | str:
    if not outcome.calls:
        return "  nobody: no clock came as far as a warning"
    table = Table(box=None, pad_edge=False)
    for name in ("called", "as", "at", "about", "did something at"):
        table.add_column(name)
    for one in outcome.calls:
        next_act = _clock_time(one.answered_at, outcome) if one.answered_at else "never"
        about = clean(one.about) or "what left, or could not"
        table.add_row(clean(one.who), one.rung, _clock_time(one.at, outcome), about, next_act)
    return table


def _clock_time(at: datetime, outcome: Outcome) -> str:
    minutes = round((at - outcome.began_at).total_seconds() / 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d} h"
