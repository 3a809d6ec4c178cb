"""What Temporal runs, asked by describing ids (lists lag behind, descriptions do not), and the sweep's schedule."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
    WorkflowExecutionStatus,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from tocsin import wire
from tocsin.adapters.codec import data_converter
from tocsin.adapters.embedded import prepare_namespace
from tocsin.adapters.temporal_connection import connect, credentials, worker_runtime
from tocsin.adapters.temporal_ids import NamesIds
from tocsin.adapters.vault import Vault
from tocsin.domain.probe_deed import is_round
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import ClockId, IncidentId
from tocsin.ports import Run
from tocsin.settings import Settings

HEARD_WITHIN = timedelta(seconds=5)
AT_ONCE = 16
"""Descriptions under way at the same time: the sweep must not crowd out the clocks."""


class TemporalRuns:
    """Fulfils `ports.Runs` and `ports.Messenger` over a connected client."""

    def __init__(self, client: Client, task_queue: str = wire.TASK_QUEUE) -> None:
        self._client = client
        self._queue = task_queue

    async def look(self, workflow_ids: Sequence[str]) -> dict[str, Run]:
        """Say for each workflow id how its newest run stands."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(workflow_id: str) -> tuple[str, Run]:
            async with gate:
                return workflow_id, await self._look(workflow_id)

        return dict(await asyncio.gather(*map(ask, workflow_ids)))

    async def start_again(self, workflow_id: str, incident_id: IncidentId, tempo: Tempo) -> bool:
        """Start a lost incident from what the store holds, or tell a running one which part of it is lost."""
        incident = wire.incident_workflow(incident_id)
        try:
            if workflow_id == incident and is_round(incident_id):
                opened = wire.ProbeInput(round_id=incident_id, tempo=tempo)
                await self._client.start_workflow(wire.PROBE, opened, id=incident, task_queue=self._queue)
            elif workflow_id == incident:
                order = wire.IncidentInput(incident_id=incident_id, tempo=tempo)
                await self._client.start_workflow(wire.INCIDENT, order, id=incident, task_queue=self._queue)
            else:
                lost = wire.PartLost(workflow_id=workflow_id)
                await self._client.get_workflow_handle(incident).signal(wire.PART_LOST, lost)
        except (RPCError, WorkflowAlreadyStartedError):
            return False
        return True

    async def tell_missed(self, incident_id: IncidentId, clock_id: ClockId) -> bool:
        """Tell an incident that a clock's deadline passed; False if it was not heard for sure: it may be told twice."""
        incident = self._client.get_workflow_handle(wire.incident_workflow(incident_id))
        try:
            await incident.signal(wire.CLOCK_MISSED, wire.ClockMissed(clock_id=clock_id), rpc_timeout=HEARD_WITHIN)
        except RPCError:
            return False
        return True

    async def _look(self, workflow_id: str) -> Run:
        try:
            described = await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Run(running=False)
            raise
        more = described.raw_description.workflow_extended_info
        reset_at = more.last_reset_time.ToDatetime(UTC) if more.HasField("last_reset_time") else None
        return Run(running=described.status is WorkflowExecutionStatus.RUNNING, reset_at=reset_at)


async def open_client(settings: Settings, vault: Vault) -> Client:
    """Return a worker's client, whose payloads are sealed; the namespace is made if this server has none yet."""
    runtime, namespace = worker_runtime(settings), settings.temporal_namespace
    await prepare_namespace(settings.temporal_address, namespace, settings.retention_days, credentials(settings))
    return await connect(settings, data_converter(vault, namespace), runtime, [NamesIds()])


async def schedule_sweep(client: Client, every_seconds: int, tempo: Tempo) -> None:
    """Make the sweep's schedule, or bring an older one up to date; a sweep that still runs is not run twice."""
    action = ScheduleActionStartWorkflow(
        wire.SWEEP,
        wire.SweepInput(tempo=tempo),
        id=wire.SWEEP_SCHEDULE,
        task_queue=wire.TASK_QUEUE,
    )
    schedule = Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(seconds=every_seconds))]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP),
    )

    def renew(_: ScheduleUpdateInput) -> ScheduleUpdate:
        return ScheduleUpdate(schedule=schedule)

    try:
        await client.create_schedule(wire.SWEEP_SCHEDULE, schedule)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(wire.SWEEP_SCHEDULE).update(renew)
