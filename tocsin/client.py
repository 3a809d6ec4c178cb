"""The one door from command line and console to the running incidents: acts go in as updates, receipts come out.

It speaks the names of `tocsin.wire` only, and turns every way in which Temporal can fail into our three words.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Self

from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WithStartWorkflowOperation,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError, TemporalError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from tocsin import wire
from tocsin.adapters.temporal_connection import connect
from tocsin.domain.act import (
    AddNote,
    Attach,
    Draft,
    Envelope,
    Handover,
    Receipt,
    Reopen,
    Revise,
    TaskAdd,
    TaskAssign,
    TaskDone,
)
from tocsin.domain.errors import Broken, Deferred, Refused, TocsinError
from tocsin.domain.incident import OVER
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.probe_deed import Probe
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import IncidentId, Value, WaveId
from tocsin.domain.word_deeds import LiftPrivilege, Privilege, refuse_wordless
from tocsin.settings import Settings

CONNECT_WITHIN = 5.0
"""Seconds until an engine that does not answer counts as unreachable: somebody waits at 3 a.m."""
ACCEPT_WITHIN = 15.0
"""Seconds until a worker must have taken an act. One that starts soon afterwards may still take it: the engine keeps
an act in memory for a while, and the same act sent again is the same update."""
FINISH_WITHIN = 60.0
"""Seconds that a person is kept waiting for an act that was taken: it goes on without them."""
RENDER_WITHIN = 600.0
"""The same for acts that render letters: fifty thousand take their time."""

NO_WORKER = "the engine is up but no worker answers; start one (`make up`), then look whether it was done after all"

TASK_ACTS = (TaskAdd, TaskAssign, TaskDone)
RENDERING = (Draft, Revise)
LATE_ACTS = (Reopen, AddNote, Attach, Handover, Privilege, LiftPrivilege)
"""The acts that an incident takes after it has ended, too: they start its workflow again."""

EnvelopeFor = Callable[[int, IncidentId | None], Envelope]
"""Gives a report's envelope for the n-th incident (from 0) of the same alert, linked to the one before it."""


class Unreachable(Deferred):
    """The engine did not answer in time: the act was not taken, or not yet."""


class Underway(Deferred):
    """The engine took the act and is not done with it yet. It is not sent again."""


async def connected(settings: Settings, data_converter: DataConverter) -> Client:
    """Return a client connected as the settings say. Raises Unreachable after `CONNECT_WITHIN` seconds."""
    try:
        return await asyncio.wait_for(connect(settings, data_converter), CONNECT_WITHIN)
    except (RuntimeError, TimeoutError, RPCError) as error:
        raise Unreachable(
            f"cannot reach the engine at {settings.temporal_address}; start it with `make up`, "
            "or set TOCSIN_TEMPORAL_ADDRESS"
        ) from error


class Engine:
    """A connection to the engine. Use it within one event loop."""

    def __init__(self, client: Client, task_queue: str = wire.TASK_QUEUE, tempo: Tempo | None = None) -> None:
        """Use a connected client; `tempo` is scenario time for the incidents started here (default: wall time)."""
        self._client = client
        self._task_queue = task_queue
        self._tempo = tempo

    @classmethod
    async def connect(cls, settings: Settings, data_converter: DataConverter) -> Self:
        """Connect to Temporal as the settings say. Raises Unreachable after `CONNECT_WITHIN` seconds."""
        return cls(await connected(settings, data_converter), tempo=settings.tempo)

    async def report(self, envelope_for: EnvelopeFor) -> Receipt:
        """Open an incident, or join the one that the same alert opened; after its end, open the next, linked to it.

        Raises:
            Refused: if the incident refuses the report for another reason than having ended.
            Unreachable: if no worker took it in time.
            Underway: if it was taken and takes long.
        """
        generation, linked_to = 0, None
        while True:
            envelope = envelope_for(generation, linked_to)
            receipt = await self._join(envelope)
            if receipt is not None:
                return receipt
            ended = await self.status(envelope.act.incident_id)
            if ended.merged_into is not None:
                return _joined_the_target(envelope, ended.merged_into)
            generation, linked_to = generation + 1, envelope.act.incident_id

    async def act(self, envelope: Envelope) -> Receipt:
        """Do what the envelope says to its incident, or to the incident's tasks.

        Raises:
            Refused: with the incident's reason, or if there is no such incident.
            Unreachable: if no worker took it in time.
            Underway: if a worker took it and is still at it.
            Broken: if the engine failed in doing it.
        """
        act = envelope.act
        refuse_wordless(act.deed)
        if isinstance(act.deed, LATE_ACTS):
            return await self._open(envelope, WorkflowIDReusePolicy.ALLOW_DUPLICATE)
        if isinstance(act.deed, Probe):
            return await self._open_round(envelope)
        to_tasks = isinstance(act.deed, TASK_ACTS)
        workflow_id = (wire.response_workflow if to_tasks else wire.incident_workflow)(act.incident_id)
        try:
            return await self._update(workflow_id, envelope)
        except _NotFoundError:
            raise Refused(await self._why_not_found(workflow_id, act.incident_id)) from None

    async def status(self, incident_id: IncidentId) -> IncidentState:
        """Ask a running or ended incident how it stands. Raises Refused if Temporal does not know it."""
        handle = self._client.get_workflow_handle(wire.incident_workflow(incident_id))
        try:
            with _in_our_words():
                asking = handle.query(wire.STATUS, result_type=IncidentState)
                answer: IncidentState = await asyncio.wait_for(asking, ACCEPT_WITHIN)
                return answer
        except _NotFoundError:
            raise Refused(_unknown(incident_id)) from None

    async def nudge(self, incident_id: IncidentId, wave_id: WaveId, rows: int, sequence: int) -> None:
        """Have a wave look again; one that has ended starts anew, so that no late bounce is lost.

        `rows` and `sequence` (of its last write) are what a wave that starts anew goes on from.

        Raises:
            Unreachable: if the engine did not answer in time.
        """
        order = wire.WaveInput(
            incident_id=incident_id,
            wave_id=wave_id,
            tempo=self._tempo or Tempo(origin=datetime.now(UTC)),
            rows=rows,
            sequence=sequence,
        )
        with _in_our_words("the engine did not answer; it is asked again"):
            starting = self._client.start_workflow(
                wire.WAVE,
                order,
                id=wire.wave_workflow(incident_id, wave_id),
                task_queue=self._task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal=wire.NUDGE,
                static_summary=f"wave of {rows} rows, receipts came",
            )
            await asyncio.wait_for(starting, ACCEPT_WITHIN)

    async def _join(self, envelope: Envelope) -> Receipt | None:
        """Return the receipt of a report, or None if its incident has ended."""
        try:
            return await self._open(envelope, WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY)
        except WorkflowAlreadyStartedError:
            return None
        except Refused:
            if (await self.status(envelope.act.incident_id)).status in OVER:
                return None
            raise

    async def _open_round(self, envelope: Envelope) -> Receipt:
        round_id = envelope.act.incident_id
        order = wire.ProbeInput(round_id=round_id, tempo=self._tempo or Tempo(origin=datetime.now(UTC)))
        reuse, summary = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY, f"round {round_id}, no incident"
        try:
            return await self._start_with(envelope, self._starting(wire.PROBE, order, round_id, reuse, summary))
        except WorkflowAlreadyStartedError:
            raise Refused(f"these were asked today already: tocsin register probe --show {round_id}") from None

    async def _open(self, envelope: Envelope, reuse: WorkflowIDReusePolicy) -> Receipt:
        incident_id = envelope.act.incident_id
        order = wire.IncidentInput(incident_id=incident_id, tempo=self._tempo or Tempo(origin=datetime.now(UTC)))
        start = self._starting(wire.INCIDENT, order, incident_id, reuse, f"incident {incident_id}")
        return await self._start_with(envelope, start)

    def _starting(
        self, workflow: str, order: Value, case_id: IncidentId, reuse: WorkflowIDReusePolicy, summary: str
    ) -> WithStartWorkflowOperation[Any, Any]:
        return WithStartWorkflowOperation(
            workflow,
            order,
            id=wire.incident_workflow(case_id),
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=reuse,
            static_summary=summary,
        )

    async def _start_with(self, envelope: Envelope, start: WithStartWorkflowOperation[Any, Any]) -> Receipt:
        with _in_our_words():
            starting = self._client.start_update_with_start_workflow(
                wire.ACT,
                envelope,
                start_workflow_operation=start,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                id=_update_id(envelope),
                result_type=Receipt,
            )
            async with _unasked(start):
                taken = await asyncio.wait_for(starting, ACCEPT_WITHIN)
        return await _finish(taken, envelope)

    async def _update(self, workflow_id: str, envelope: Envelope) -> Receipt:
        with _in_our_words():
            starting = self._client.get_workflow_handle(workflow_id).start_update(
                wire.ACT,
                envelope,
                wait_for_stage=WorkflowUpdateStage.ACCEPTED,
                id=_update_id(envelope),
                result_type=Receipt,
            )
            taken = await asyncio.wait_for(starting, ACCEPT_WITHIN)
        return await _finish(taken, envelope)

    async def _why_not_found(self, workflow_id: str, incident_id: IncidentId) -> str:
        try:
            with _in_our_words():
                await asyncio.wait_for(self._client.get_workflow_handle(workflow_id).describe(), ACCEPT_WITHIN)
        except _NotFoundError:
            return _unknown(incident_id)
        with suppress(TocsinError):
            if target := (await self.status(incident_id)).merged_into:
                return f"incident {incident_id} was merged into {target}; go on there"
        return f"incident {incident_id} has ended; reopen it first: tocsin reopen {incident_id}"


def _joined_the_target(envelope: Envelope, target: IncidentId) -> Receipt:
    return Receipt(
        incident_id=target,
        act_id=envelope.act.act_id,
        status="reported",
        lines=(f"reported already: the incident of this alert was merged into {target}",),
        already=True,
    )


class _NotFoundError(Exception):
    """Temporal has no running workflow of that id."""


@asynccontextmanager
async def _unasked(start: WithStartWorkflowOperation[Any, Any]) -> AsyncIterator[None]:
    """Hear how the start went, which nobody asks: asyncio complains on standard error of an error unheard."""

    async def hear() -> None:
        with suppress(TemporalError, asyncio.CancelledError):
            await start.workflow_handle()

    hearing = asyncio.create_task(hear())
    try:
        yield
    finally:
        await asyncio.wait({hearing}, timeout=1)


async def _finish(taken: WorkflowUpdateHandle[Any], envelope: Envelope) -> Receipt:
    within = RENDER_WITHIN if isinstance(envelope.act.deed, RENDERING) else FINISH_WITHIN
    try:
        with _in_our_words():
            receipt: Receipt = await asyncio.wait_for(taken.result(), within)
            return receipt
    except Unreachable as error:
        incident_id = envelope.act.incident_id
        raise Underway(
            f"the engine took this and is still at it; tocsin show {incident_id} says how far it is"
        ) from error


def _update_id(envelope: Envelope) -> str:
    """The same act sent twice is one update: Temporal answers the second with the first one's receipt."""
    return f"{envelope.act.deed.kind}:{envelope.act.act_id}"


@contextmanager
def _in_our_words(late: str = NO_WORKER) -> Iterator[None]:
    try:
        yield
    except WorkflowUpdateFailedError as error:
        raise _verdict(error.cause) from error
    except (RPCTimeoutOrCancelledError, TimeoutError) as error:
        raise Unreachable(late) from error
    except WorkflowQueryFailedError as error:
        raise Broken(f"the incident could not answer: {error.message}") from error
    except RPCError as error:
        raise _fault(error, late) from error


def _verdict(cause: BaseException | None) -> TocsinError:
    """Return our own error that the workflow, or an activity of its, raised: it travels by its type's name."""
    ours = {kind.__name__: kind for kind in (Refused, Deferred, Broken)}
    seen = cause
    while seen is not None:
        if isinstance(seen, ApplicationError) and seen.type in ours:
            return ours[seen.type](seen.message)
        seen = seen.__cause__
    return Broken(f"the engine failed at this: {cause}; the incident's history in Temporal's Web UI shows where")


def _fault(error: RPCError, late: str) -> Exception:
    match error.status:
        case RPCStatusCode.NOT_FOUND if _names_the_namespace(error):
            return Unreachable("the engine has no namespace of ours yet; start a worker, which makes it: `make up`")
        case RPCStatusCode.NOT_FOUND:
            return _NotFoundError(error.message)
        case RPCStatusCode.DEADLINE_EXCEEDED | RPCStatusCode.CANCELLED:
            return Unreachable(late)
        case RPCStatusCode.FAILED_PRECONDITION:
            # Temporal says so while the workflow's last tasks failed: its worker was killed, or overrun.
            return Unreachable(
                f"no worker gets on with this incident at present ({error.message}); try again, and if it stays so "
                "look at the worker's log"
            )
        case RPCStatusCode.UNAVAILABLE | RPCStatusCode.RESOURCE_EXHAUSTED:
            return Unreachable(f"the engine takes nothing at present ({error.message}); try again")
        case _:
            return Broken(f"the engine answered {error.status.name}: {error.message}")


def _names_the_namespace(error: RPCError) -> bool:
    return any(detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details)


def _unknown(incident_id: IncidentId) -> str:
    return f"there is no incident {incident_id}; `tocsin list` shows those that exist"
