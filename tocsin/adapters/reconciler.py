"""Compares the store with Temporal after one of them was restored to an older point, and settles the difference.

It runs while no worker does. The ledger is settled first, by what the channels show; then every workflow of an incident
that differs is ended in Temporal and started again from the store, which holds the facts. It sends nothing.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from tocsin import wire
from tocsin.adapters.temporal_runs import TemporalRuns
from tocsin.audit.entry import EntryDraft
from tocsin.domain.errors import TocsinError
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.reconciling import UNSETTLED, Sight, Standing, differing, settled
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import IncidentId, Value
from tocsin.must_run import must_run
from tocsin.ports import Channel, Store, Transaction
from tocsin.steps import record

SENDING, WARNING = "notices.send", "pages.warn"
WHY = "tocsin reconcile: store and Temporal differ; it is started again from the store"


class LostAct(Value):
    """An act that Temporal remembers and the store does not: whoever did it does it again."""

    incident_id: IncidentId
    act_id: str
    kind: str
    by: str
    at: datetime


class Row(Value):
    """A ledger row that is not as its channel shows it."""

    incident_id: IncidentId
    notice_id: str
    number: str
    was: NoticeState
    becomes: NoticeState


class Difference(Value):
    """What differs. Empty: nothing does."""

    workflows: tuple[tuple[Sight, Standing], ...] = ()
    lost_acts: tuple[LostAct, ...] = ()
    rows: tuple[Row, ...] = ()


class _Run(Value):
    """What the newest run of a workflow tells."""

    running: bool
    ended: bool
    done: int = 0
    asked: int = 0
    acts: tuple[LostAct, ...] = ()


class Taken(Protocol):
    """Whether somebody else's record shows that a notice was taken, such as a file of the provider's events."""

    def __call__(self, row: Notice) -> bool: ...  # noqa: D102


class Reconciler:
    """Sees the difference, and settles what it saw."""

    def __init__(
        self, store: Store, client: Client, channels: Mapping[str, Channel], taken: Taken, *, store_is_old: bool
    ) -> None:
        """With `store_is_old` the operator says that the store was restored: no row of it is trusted to be unsent."""
        self._store = store
        self._client = client
        self._channels = channels
        self._taken = taken
        self._store_is_old = store_is_old

    async def look(self, at: datetime) -> Difference:
        """Return what differs. Nothing is changed.

        Raises:
            RPCError: if Temporal does not answer.
        """
        sights, acts = await self._sights()
        found = differing(sights)
        ahead = {one for one, each in found.items() if any(how is Standing.TEMPORAL_AHEAD for _, how in each)}
        steps = await self._steps(ahead, at)
        rows = [
            Row(
                incident_id=row.incident_id,
                notice_id=row.notice_id,
                number=row.number,
                was=row.state,
                becomes=taken[-1].state,
            )
            for row, taken in steps
        ]
        lost = await asyncio.to_thread(self._lost, acts)
        return Difference(
            workflows=tuple(one for each in found.values() for one in each), lost_acts=lost, rows=tuple(rows)
        )

    async def settle(self, seen: Difference, by: str, at: datetime) -> list[str]:
        """Settle what was seen; return the ids of the workflows that were ended or started again."""
        ahead = {sight.incident_id for sight, how in seen.workflows if how is Standing.TEMPORAL_AHEAD}
        steps = await self._steps(ahead, at)
        await asyncio.to_thread(self._write, seen, [taken for _, taken in steps], by, at)
        differ = {sight.incident_id for sight, _ in seen.workflows}
        changed = []
        expected = await asyncio.to_thread(self._expected)
        for incident_id in sorted(differ):
            ids = await self._ids_of(incident_id, expected)
            changed += [one for one in ids if await self._terminate(one)]
            again = [one for one in ids if expected.get(one) == incident_id]
            changed += [one for one in again if await self._again(one, incident_id, at)]
        return sorted(set(changed))

    # -- what Temporal shows ----------------------------------------------------------------------------------------

    async def _sights(self) -> tuple[list[Sight], list[LostAct]]:
        expected = await asyncio.to_thread(self._expected)
        incidents, waves = await asyncio.to_thread(self._known)
        running = {one.id async for one in self._client.list_workflows("ExecutionStatus = 'Running'")}
        ids = sorted(expected.keys() | {one for one in running if one.startswith("tocsin/")})
        runs = await asyncio.gather(*(self._run(one) for one in ids))
        stored = await asyncio.to_thread(self._stored, ids, waves)
        sights = [
            Sight(
                workflow_id=one,
                incident_id=_incident(one),
                known=_incident(one) in incidents,
                expected=one in expected,
                running=run.running,
                ended=run.ended,
                stored=stored[one],
                done=run.done,
                asked=run.asked,
            )
            for one, run in zip(ids, runs, strict=True)
        ]
        return sights, [act for run in runs for act in run.acts]

    async def _run(self, workflow_id: str) -> _Run:
        handle = self._client.get_workflow_handle(workflow_id)
        try:
            status = (await handle.describe()).status
            events = [*(await handle.fetch_history()).events]
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return _Run(running=False, ended=False)
        running = status is WorkflowExecutionStatus.RUNNING
        ended = status is WorkflowExecutionStatus.COMPLETED
        try:
            done, asked, acts = await self._told(workflow_id, events)
        except TocsinError:  # its incident's key is not in this store
            return _Run(running=running, ended=ended)
        return _Run(running=running, ended=ended, done=done, asked=asked, acts=tuple(acts))

    async def _told(self, workflow_id: str, events: Sequence[HistoryEvent]) -> tuple[int, int, list[LostAct]]:
        if "/wave/" in workflow_id:
            sent = await self._sent(events)
            return sent, 0, []
        asked: dict[int, int] = {}
        warnings, done, acts = set[int](), 0, list[LostAct]()
        for event in events:
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                order = await self._opened(event.activity_task_scheduled_event_attributes.input)
                stamp = order.get("stamp") if isinstance(order, dict) else None
                if isinstance(stamp, dict) and stamp.get("workflow_id") == workflow_id:
                    asked[event.event_id] = int(stamp["sequence"])
                    if event.activity_task_scheduled_event_attributes.activity_type.name == WARNING:
                        warnings.add(event.event_id)
            elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                ended = event.activity_task_completed_event_attributes
                if ended.scheduled_event_id in warnings and not (await self._opened(ended.result)).get("marked"):
                    continue  # it called people, or found nothing open, and wrote nothing
                done = max(done, asked.get(ended.scheduled_event_id, 0))
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
                request = event.workflow_execution_update_accepted_event_attributes.accepted_request
                acts.append(_act(await self._opened(request.input.args)))
        return done, max(asked.values(), default=0), acts

    async def _sent(self, events: Sequence[HistoryEvent]) -> int:
        batches, sent = set(), 0
        for event in events:
            if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                if event.activity_task_scheduled_event_attributes.activity_type.name == SENDING:
                    batches.add(event.event_id)
            elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                ended = event.activity_task_completed_event_attributes
                if ended.scheduled_event_id in batches:
                    sent += int((await self._opened(ended.result)).get("sent", 0))
        return sent

    async def _opened(self, payloads: Payloads) -> Any:
        """Return the first payload, read. Raises Broken if its key is gone."""
        codec = self._client.data_converter.payload_codec
        found = list(payloads.payloads)
        clear = await codec.decode(found) if codec is not None and found else found
        return json.loads(clear[0].data) if clear else {}

    # -- what the store holds ---------------------------------------------------------------------------------------

    def _expected(self) -> dict[str, IncidentId]:
        with self._store.reading() as tx:
            return must_run(tx)

    def _known(self) -> tuple[set[IncidentId], dict[str, int]]:
        """Return the incidents, and for each wave's workflow how many of its notices have left."""
        with self._store.reading() as tx:
            incidents = _cases(tx)
            left = {}
            for incident_id in incidents:
                for wave in tx.ledger.waves(incident_id):
                    counts = tx.ledger.counts(wave.wave_id).by_state
                    out = sum(n for state, n in counts.items() if state not in UNSETTLED | {NoticeState.DRAFTED})
                    left[wire.wave_workflow(incident_id, wave.wave_id)] = out
            return incidents, left

    def _stored(self, ids: Iterable[str], waves: Mapping[str, int]) -> dict[str, int]:
        with self._store.reading() as tx:
            return {one: waves.get(one, 0) if "/wave/" in one else tx.last_sequence(one) for one in ids}

    def _lost(self, acts: Iterable[LostAct]) -> tuple[LostAct, ...]:
        with self._store.reading() as tx:
            return tuple(act for act in acts if tx.incidents.act(act.act_id) is None)  # type: ignore[arg-type]

    # -- the ledger -------------------------------------------------------------------------------------------------

    async def _steps(self, ahead: set[IncidentId], at: datetime) -> list[tuple[Notice, list[Notice]]]:
        found = []
        for row, prepared in await asyncio.to_thread(self._unsettled):
            channel = self._channels.get(row.channel)
            took = True if self._taken(row) else await channel.lookup(prepared) if channel is not None else None
            steps = settled(row, took, at, doubtful=self._store_is_old or row.incident_id in ahead)
            if steps:
                found.append((row, steps))
        return found

    def _unsettled(self) -> list[tuple[Notice, bytes]]:
        with self._store.reading() as tx:
            waves = [
                wave.wave_id
                for case_id in sorted(_cases(tx))
                for wave in tx.ledger.waves(case_id)
                if wave.released_at is not None and wave.ended_at is None
            ]
            rows = [row for wave in waves for row in tx.ledger.notices(wave, states=UNSETTLED)]
            return [(row, tx.ledger.prepared(row.notice_id) or b"") for row in rows]

    def _write(self, seen: Difference, steps: list[list[Notice]], by: str, at: datetime) -> None:
        with self._store.writing() as tx:
            # A row's steps one after the other: the ledger refuses one that the table of transitions does not have.
            for depth in range(max(map(len, steps), default=0)):
                record(tx, [each[depth] for each in steps if depth < len(each)], at)
            tx.log.append(_entries(seen, by, at))

    # -- Temporal's workflows ---------------------------------------------------------------------------------------

    async def _ids_of(self, incident_id: IncidentId, expected: Mapping[str, IncidentId]) -> list[str]:
        running = [one.id async for one in self._client.list_workflows("ExecutionStatus = 'Running'")]
        mine = {one for one in running if one.startswith("tocsin/") and _incident(one) == incident_id}
        mine |= {one for one, whose in expected.items() if whose == incident_id}
        # The incident first: it is told of its other parts.
        return sorted(mine, key=lambda one: (one != wire.incident_workflow(incident_id), one))

    async def _terminate(self, workflow_id: str) -> bool:
        with suppress(RPCError):
            await self._client.get_workflow_handle(workflow_id).terminate(reason=WHY)
            return True
        return False

    async def _again(self, workflow_id: str, incident_id: IncidentId, at: datetime) -> bool:
        return await TemporalRuns(self._client).start_again(workflow_id, incident_id, Tempo(origin=at))


def _cases(tx: Transaction) -> set[IncidentId]:
    """Return everything that has waves: the incidents, and the rounds of the register."""
    return {state.incident_id for state in tx.incidents.all()} | {one.round_id for one in tx.probes.all()}


def _incident(workflow_id: str) -> IncidentId:
    return IncidentId(workflow_id.split("/")[2])


def _act(envelope: dict[str, Any]) -> LostAct:
    act = envelope["act"]
    return LostAct(
        incident_id=act["incident_id"],
        act_id=act["act_id"],
        kind=act["deed"]["kind"],
        by=act["actor"]["person_id"],
        at=act["at"],
    )


def _entries(seen: Difference, by: str, at: datetime) -> list[EntryDraft]:
    """Return one entry for each incident that differed, or whose ledger did."""
    incidents = {sight.incident_id for sight, how in seen.workflows if how is not Standing.UNKNOWN}
    return [
        EntryDraft(
            key=f"reconciled:{one}:{at.isoformat()}",
            at=at,
            kind="engine.reconciled",
            incident_id=one,
            actor=by,
            data={
                "workflows": sum(sight.incident_id == one for sight, _ in seen.workflows),
                "rows": sum(row.incident_id == one for row in seen.rows),
                "lost_acts": sum(act.incident_id == one for act in seen.lost_acts),
            },
        )
        for one in sorted(incidents | {row.incident_id for row in seen.rows})
    ]
