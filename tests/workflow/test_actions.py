"""What one incident costs in Actions, counted from its histories."""

import uuid
from collections import Counter
from datetime import timedelta

import pytest

from benchmarks.actions import SWEEPS, billed, naive, of_sweep
from tests.workflow.story import Story
from tocsin import wire
from tocsin.domain.act import Confirm, TaskAdd
from tocsin.domain.clock import ClockState
from tocsin.domain.incident import Facts
from tocsin.domain.task import TaskKind

CLAUSES = (
    "promptly from discovery; 24h from awareness; 36h from awareness; 48h from confirmation; 72h from confirmation"
)
"""Five clocks, and a sixth for the decision."""
TASKS = 10
CEILING, OWN, SWEEP = 400, 260, 12
SHARED_BY = 75
"""Open incidents that share the sweeps, from which on all of it stays under the ceiling."""


def register(controllers: int) -> str:
    """Return a register of so many controllers of the service `many`."""
    rows = (f"C-{n},Party {n},{CLAUSES},many,Desk <desk-{n}@party.example>" for n in range(controllers))
    return "\n".join(["agreement,party,notify,services,contact", *rows]) + "\n"


async def lived(story: Story, controllers: int) -> Counter[str]:
    """Let an incident live from its report to its end, 72 hours of warnings in it; return its Actions by kind."""
    story.house.register(register(controllers))
    await story.report(facts=Facts(title="Odd logins", services=("many",)))
    await story.asha(Confirm())
    await story.rest()
    clocks = [row for row in story.clocks() if row.state is ClockState.RUNNING]
    assert len(story.clocks()) == 6
    for number in range(TASKS - len(story.house.tasks(story.incident))):
        await story.asha(
            TaskAdd(
                title=f"Look {number}", task_kind=TaskKind.INVESTIGATION, owner="responder", due_in=timedelta(hours=4)
            )
        )
    assert len(story.house.tasks(story.incident)) == TASKS
    for row in clocks:
        await story.server.fast_forward(story.clock_run(row), timedelta(hours=20))
    await story.rest()
    wave = await story.tell()
    await story.finish_tasks()
    await story.rest()
    await story.close()
    await story.run().result()
    runs = [story.run(), story.response(), story.wave(wave), *(story.clock_run(row) for row in story.clocks())]
    total: Counter[str] = Counter()
    for run in runs:
        total += billed((await run.fetch_history()).events)
    return total


def share(sweep: int, incidents: int) -> float:
    """Return one incident's share of the sweeps of 72 hours."""
    return SWEEPS * sweep / incidents


async def swept(story: Story) -> int:
    """Return the Actions of one sweep."""
    order, name = wire.SweepInput(tempo=story.house.tempo), f"sweep-{uuid.uuid4()}"
    handle = await story.house.client.start_workflow(wire.SWEEP, order, id=name, task_queue=story.house.queue)
    await handle.result()
    return of_sweep((await handle.fetch_history()).events)


async def test_actions_of_an_incident(story: Story) -> None:
    """An incident with six clocks and ten tasks costs at most 260 Actions, and a sweep, whatever is open, twelve."""
    own, sweep = await lived(story, controllers=40), await swept(story)
    assert own.total() <= OWN, own
    assert sweep <= SWEEP
    assert own.total() + share(sweep, SHARED_BY) <= CEILING


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_actions_do_not_grow_with_the_parties(story: Story) -> None:
    """A thousand controllers cost a few batches more than forty, where the obvious design costs eight Actions each."""
    own, sweep = await lived(story, controllers=1_000), await swept(story)
    print(f"{own.total()} of its own, {sweep} a sweep; naive: {naive(1_000)}; {dict(own)}")
    assert own.total() <= OWN, own
    assert own.total() + share(sweep, SHARED_BY) <= CEILING
    assert naive(1_000) > 30 * own.total()
