"""An incident whose workflow fails at every task: whoever acts is told to try again, not that it is broken for good."""

import asyncio

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from tests.house import ASHA, House
from tocsin import wire
from tocsin.client import Unreachable
from tocsin.domain.act import AddNote, Confirm
from tocsin.domain.values import IncidentId

INCIDENT = IncidentId("inc-stuck")


@workflow.defn(name=wire.INCIDENT, sandboxed=False)
class Stuck:
    """An incident that no worker gets on with."""

    @workflow.run
    async def run(self, order: wire.IncidentInput) -> None:
        """Fail, as code does that was deployed with a fault, or a worker that is overrun."""
        raise RuntimeError(order.incident_id)


async def test_a_stuck_incident_is_tried_again(server: WorkflowEnvironment, quiet_house: House) -> None:
    """Temporal refuses acts upon a workflow whose tasks keep failing; that passes, so it counts as unreachable."""
    house = quiet_house
    order = wire.IncidentInput(incident_id=INCIDENT, tempo=house.tempo)
    async with Worker(house.client, task_queue=house.queue, workflows=[Stuck]):
        handle = await house.client.start_workflow(
            wire.INCIDENT, order, id=wire.incident_workflow(INCIDENT), task_queue=house.queue
        )
        async with asyncio.timeout(60):
            while (await handle.describe()).raw_description.pending_workflow_task.attempt < 3:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.1)
        for deed in (Confirm(), AddNote(text="seen")):
            with pytest.raises(Unreachable, match="no worker gets on with this incident"):
                await house.do(INCIDENT, ASHA, deed, house.tempo.origin)
        await handle.terminate()
