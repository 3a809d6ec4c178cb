"""`task list|show|done|assign|add`: investigation steps, mitigation tasks, and notices told by hand."""

from datetime import timedelta
from typing import Annotated

import typer

from tocsin.cli import lookup
from tocsin.cli.acting import act
from tocsin.cli.arguments import Incident, Json, span
from tocsin.cli.render import emit, say, when
from tocsin.cli.session import session
from tocsin.cli.task_text import show
from tocsin.domain.act import TaskAdd, TaskAssign, TaskDone
from tocsin.domain.incident import OVER
from tocsin.domain.read import Way
from tocsin.domain.task import TaskKind, TaskState
from tocsin.domain.tempo import time_left

commands = typer.Typer(help="Investigation steps, mitigation tasks, and notices told by hand.")
Task = Annotated[str, typer.Argument(metavar="TASK", help="The task's id, the beginning of it, or its key.")]
Owner = Annotated[str, typer.Option(help="A user name, or a role: responder, approver.")]


@commands.command("list")
def list_(
    ctx: typer.Context,
    incident: Incident,
    only_open: Annotated[bool, typer.Option("--open", help="Leave out what is done.")] = False,
    as_json: Json = False,
) -> None:
    """List an incident's tasks by due time."""
    work = session(ctx)
    state = lookup.looked_at(work, incident, Way.TASK)
    with work.store.reading() as tx:
        found = tx.tasks.of(state.incident_id)
    dropped = {task.task_id for task in found if task.blocks_closing} if state.status in OVER else set()
    tasks = [t for t in found if not only_open or (t.state is not TaskState.DONE and t.task_id not in dropped)]
    if as_json:
        emit(tasks)
        return
    for task in tasks:
        done = task.state is TaskState.DONE
        left = f"done: {task.outcome}" if done else f"{task.state}, {time_left(task.due_at, work.now())}"
        left = f"ended with the incident, which is {state.status}" if task.task_id in dropped else left
        say(task.title, style="dim" if done else "bold")
        say(f"{task.task_id} ({task.key})", indent=2)
        say(f"{task.kind}, {task.owner}, due {when(task.due_at)}, {left}", indent=2)
    if not tasks:
        say("no task")


commands.command()(show)


@commands.command()
def done(
    ctx: typer.Context,
    incident: Incident,
    task: Task,
    outcome: Annotated[str, typer.Option(help="What came of it; a mitigation's outcome goes into the next letters.")],
    proof: Annotated[str | None, typer.Option(help="A reference number, or an attachment's name.")] = None,
    as_json: Json = False,
) -> None:
    """Finish a task."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    deed = TaskDone(task_id=lookup.task(work, incident_id, task), outcome=outcome, proof=proof)
    act(work, deed, incident_id, as_json)


@commands.command()
def assign(
    ctx: typer.Context,
    incident: Incident,
    task: Task,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="A user name, or a role.")],
    as_json: Json = False,
) -> None:
    """Give a task to another owner."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    act(work, TaskAssign(task_id=lookup.task(work, incident_id, task), owner=owner), incident_id, as_json)


@commands.command()
def add(
    ctx: typer.Context,
    incident: Incident,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What is to be done.")],
    kind: Annotated[TaskKind, typer.Option(help="An improvement may outlive the incident.")] = TaskKind.INVESTIGATION,
    owner: Owner = "responder",
    due: Annotated[timedelta, typer.Option(parser=span, metavar="SPAN", help="From now: 30min, 4h, 3d.")] = "4h",  # type: ignore[assignment]
    after: Annotated[list[str] | None, typer.Option(metavar="TASK", help="What comes first. Repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Add a task."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    before = tuple(lookup.task(work, incident_id, given) for given in after or ())
    deed = TaskAdd(title=title, task_kind=kind, owner=owner, due_in=due, depends_on=before)
    act(work, deed, incident_id, as_json)
