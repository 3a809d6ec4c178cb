"""`list`, `next`, `show`: reading. They change nothing and work without the engine."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import typer

from tocsin.cli import lookup, pages
from tocsin.cli.arguments import Incident, Json
from tocsin.cli.erase import show_erased
from tocsin.cli.render import emit, say
from tocsin.cli.session import Session, session
from tocsin.cli.standing import read_standing
from tocsin.cli.todo import Me, Todo, by_urgency, erasures_for, tasks_of, waiting_for
from tocsin.cli.views import IncidentView
from tocsin.domain.erasure import Erasure
from tocsin.domain.incident import OVER, Severity, Status, Trigger
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.letter import Letter
from tocsin.domain.notice import Notice
from tocsin.domain.read import Way
from tocsin.domain.tempo import time_left
from tocsin.domain.values import AgreementId, IncidentId, Instant, Value, WaveId
from tocsin.ports import Transaction

commands = typer.Typer()
ERASED = "(erased)"


class Listed(Value):
    """One line of `list`."""

    incident_id: IncidentId
    status: Status
    title: str
    severity: Severity | None
    reported_at: Instant | None
    clocks_running: int
    next_clock: str | None
    next_at: Instant | None

    @classmethod
    def of(cls, state: IncidentState, title: str, severity: Severity | None) -> "Listed":
        """Return the line of an incident as it stands."""
        reported = state.triggers.get(Trigger.REPORT)
        nearest = min(state.clocks.values(), key=lambda spec: spec.target_at, default=None)
        return cls(
            incident_id=state.incident_id,
            status=state.status,
            title=title,
            severity=severity,
            reported_at=reported.at if reported else None,
            clocks_running=len(state.clocks),
            next_clock=nearest.title if nearest else None,
            next_at=nearest.target_at if nearest else None,
        )


@commands.command("list")
def list_(
    ctx: typer.Context,
    only_open: Annotated[bool, typer.Option("--open", help="Leave out closed and dismissed ones.")] = False,
    as_json: Json = False,
) -> None:
    """List incidents, newest first, each with its most urgent clock."""
    work = session(ctx)
    rows = work.listed(only_open=only_open)
    if as_json:
        emit(rows)
        return
    for row in rows:
        say(f"{row.incident_id}  {row.status}", style="bold")
        say(row.title, indent=2)
        if row.next_at is not None:
            say(f"{row.next_clock}: {time_left(row.next_at, work.now())}", indent=2)
    if not rows:
        say("no open incident" if only_open else "no incident yet; report one: tocsin report 'what happened'")


@commands.command("next")
def next_(ctx: typer.Context, as_json: Json = False) -> None:
    """List what waits for you, most urgent first, each with the command that does it."""
    work = session(ctx)
    todos = work.todos()
    if as_json:
        emit(todos)
        return
    for todo in todos:
        left = f" ({time_left(todo.due_at, work.now())})" if todo.due_at else ""
        say(f"{todo.what}{left}", style="bold")
        say(todo.do, indent=2)
    if not todos:
        say(f"Nothing waits for {work.actor.name}.")


@commands.command()
def show(
    ctx: typer.Context,
    incident: Incident,
    why: Annotated[bool, typer.Option("--why", help="How each number came about, step by step.")] = False,
    letters: Annotated[str | None, typer.Option(metavar="WAVE", help="Print the letters of a wave.")] = None,
    to: Annotated[str | None, typer.Option(metavar="REF", help="With --letters: only this agreement's.")] = None,
    as_json: Json = False,
) -> None:
    """Show an incident: clocks, notices that need a look, tasks, waves, holds, last events."""
    work = session(ctx)
    if (erased := _erased(work, incident)) is not None:
        emit(erased) if as_json else show_erased(work, erased)
        return
    state = lookup.looked_at(work, incident, Way.SHOW)
    if letters is not None:
        only = lookup.agreements(work, [to]) if to else None
        _show_letters(work, lookup.wave(work, state.incident_id, letters).wave_id, only, as_json)
        return
    view = work.view(state.incident_id, events=True)
    with work.store.reading() as tx:
        without = work.left_out(tx, state.incident_id).model
        duties = list(map(without, tx.duties.of(state.incident_id))) if why else []
    if as_json:
        emit({**view.model_dump(), **({"duties": duties} if why else {})})
        return
    pages.incident(view, work.now(), {person.person_id: person.name for person in work.people.all()})
    pages.steps(view, duties) if why else _hint(view)


def waiting(work: Session) -> list[Todo]:
    """Return what waits for the person who acts, most urgent first."""
    me = Me.of(work)
    with work.store.reading() as tx:
        found = [todo for state in tx.incidents.all() for todo in mine(tx, me, state, work.now())]
        found += erasures_for(tx, me, work.now(), work.settings.kept_for)
    return [*_spooled(work), *by_urgency(found)]


def mine(tx: Transaction, me: Me, state: IncidentState, now: datetime) -> Iterable[Todo]:
    """Return what waits for somebody in one incident."""
    if state.status in OVER:
        later = (task for task in tx.tasks.of(state.incident_id) if not task.blocks_closing)
        return tasks_of(me, state.incident_id, later)
    return waiting_for(me, read_standing(tx, state), now)


def _erased(work: Session, incident: str) -> Erasure | None:
    with work.store.reading() as tx:
        found = tx.erasures.of(lookup.even_erased(work, incident).incident_id)
    return found if found is not None and found.sealed_off else None


def listed(work: Session, *, only_open: bool) -> list[Listed]:
    """Return the lines of a list, newest report first."""
    with work.store.reading() as tx:
        gone = tx.erasures.sealed_off()
        return [_listed(tx, state, state.incident_id in gone) for state in tx.incidents.all(open_only=only_open)]


def _listed(tx: Transaction, state: IncidentState, erased: bool) -> Listed:
    facts = tx.incidents.facts(state.incident_id)
    return Listed.of(state, ERASED if erased else facts.title if facts else "", facts.severity if facts else None)


def _spooled(work: Session) -> list[Todo]:
    found = []
    if waiting := len(work.spool.waiting()):
        what = f"{waiting} report(s) wait for the engine: start it"
        found.append(Todo(incident_id=None, what=what, do="make up; tocsin spool drain"))
    for path in work.spool.set_aside():
        what = "a spooled report could not be delivered: tell it again by hand, then delete the file"
        found.append(Todo(incident_id=None, what=what, do=str(path)))
    return found


def _show_letters(work: Session, wave_id: WaveId, only: tuple[AgreementId, ...] | None, as_json: bool) -> None:
    with work.store.reading() as tx:
        rows = [row for row in tx.ledger.notices(wave_id) if only is None or row.agreement_id in only]
        found = ((row, letter) for row in rows if (letter := tx.ledger.letter(row.notice_id)) is not None)
        if as_json:
            emit([letter for _, letter in found])
            return
        for row, letter in found:
            _say_letter(row, letter)
    alone = sum(row.lonely for row in rows)
    if alone:
        say(f"{alone} recipient(s) have no contact: they become tasks, to be told by hand.")


def _say_letter(row: Notice, letter: Letter) -> None:
    by_hand = "by hand" if row.lonely else row.method.words
    to = f"{letter.to_name} <{letter.to_address}>" if row.contact_id else f"{letter.to_name or 'everybody'}, {by_hand}"
    say(f"To: {to}", style="bold")
    say(f"Subject: {letter.subject}", style="bold")
    say()
    say(letter.text.rstrip(), indent=2)
    say("-" * 30)


def _hint(view: IncidentView) -> None:
    say()
    say(f"How each deadline came about: tocsin show {view.incident_id} --why")
