"""Telling what happens to one incident: people act, time passes for one clock at a time, everything comes to rest."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, DARA, House, Paged
from tests.workflow.post import Post
from tocsin import wire
from tocsin.domain.act import Actor, Close, Confirm, Deed, Draft, Envelope, Receipt, Release, TaskDone
from tocsin.domain.clock import ClockRow
from tocsin.domain.duty import Duty
from tocsin.domain.errors import Refused
from tocsin.domain.hold import HoldKind
from tocsin.domain.holding import PlaceHold
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.register import OnLift
from tocsin.domain.task import Task, TaskKind, TaskState
from tocsin.domain.values import AgreementId, IncidentId, WaveId

H = timedelta(hours=1)
FROM_CONFIRMATION = "72 h from confirmation"
FROM_AWARENESS = "36 h from awareness"
FROM_DISCOVERY = "promptly from discovery"
DECIDE = "confirm or dismiss the report"
AT_REST = 3
"""How many looks in a row must find nothing moving."""

Handle = WorkflowHandle[Any, Any]


def police(*agreements: AgreementId, on_lift: OnLift | None = None) -> PlaceHold:
    """Return an order of the police, on these agreements or on all."""
    return PlaceHold(
        hold_kind=HoldKind.LAW_ENFORCEMENT,
        issuer="County police",
        reference="CP-7",
        agreements=agreements or None,
        on_lift=on_lift,
    )


class Drafted(NamedTuple):
    """A wave that waits for release."""

    wave: WaveId
    digest: str


class Story:
    """One incident in a house on a server that skips time."""

    def __init__(self, server: WorkflowEnvironment, house: House) -> None:
        self.server = server
        self.house = house
        self.incident = IncidentId("")
        self.alert = f"alert-{uuid.uuid4()}"
        """What is reported: houses share their keys and servers, so it is another one in each story."""
        self.pause = 0.03
        """Seconds between two looks at whether it is at rest; many stories at once would do nothing but look."""

    @property
    def now(self) -> datetime:
        """The incident's own time, which is never skipped."""
        return datetime.now(UTC)

    @property
    def post(self) -> Post:
        """The channel of the letters."""
        assert isinstance(self.house.channel, Post)
        return self.house.channel

    @property
    def paging(self) -> Post:
        """The channel of the pages."""
        assert isinstance(self.house.paging, Post)
        return self.house.paging

    @property
    def state(self) -> IncidentState:
        """The projection."""
        return self.house.state(self.incident)

    @property
    def duties(self) -> list[Duty]:
        """The duties."""
        return self.house.duties(self.incident)

    def clock(self, title: str) -> ClockRow:
        """Return the clock of that title that came last."""
        rows = [row for row in self.clocks() if row.spec.title == title]
        running = [row for row in rows if row.ended_at is None]
        return (running or rows)[-1]

    def task(self, task_id: str) -> Task:
        """Return a task by its id."""
        return next(task for task in self.house.tasks(self.incident).values() if task.task_id == task_id)

    def duties_of(self, reference: str) -> dict[str, Duty]:
        """Return the duties towards one party by title."""
        agreement = self.house.agreement(reference)
        return {duty.title: duty for duty in self.duties if duty.agreement_id == agreement}

    async def report(self, **report: Any) -> IncidentId:
        """Let Asha report."""
        self.incident = await self.house.report(self.now, **{"key": self.alert, **report})
        return self.incident

    async def confirmed(self, ago: timedelta = timedelta(0), **report: Any) -> IncidentId:
        """Let Asha report, and confirm that it was one so long ago."""
        await self.report(**report)
        await self.asha(Confirm(confirmed_at=self.now - ago))
        return self.incident

    async def asha(self, deed: Deed) -> Receipt:
        """Let Asha act."""
        return await self.act(ASHA, deed)

    async def dara(self, deed: Deed) -> Receipt:
        """Let Dara act."""
        return await self.act(DARA, deed)

    async def act(self, actor: Actor, deed: Deed, ago: timedelta = timedelta(0)) -> Receipt:
        """Let somebody act, or enter now what they did so long ago."""
        return await self.house.engine.act(self.envelope(actor, deed, ago))

    def envelope(self, actor: Actor, deed: Deed, ago: timedelta = timedelta(0)) -> Envelope:
        """Return what somebody sends in."""
        envelope = self.house.envelope(self.incident, actor, deed, self.now - ago)
        return envelope.model_copy(update={"expires_at": self.now + timedelta(minutes=10) * self.house.tempo.speed})

    async def draft(self, deed: Draft | None = None) -> Drafted:
        """Let Asha draft."""
        ids = (await self.asha(deed or Draft())).ids
        return Drafted(WaveId(ids["wave"]), ids["digest"])

    async def release(self, drafted: Drafted) -> WaveId:
        """Let Dara release."""
        await self.dara(Release(wave_id=drafted.wave, digest=drafted.digest))
        return drafted.wave

    async def tell(self, deed: Draft | None = None) -> WaveId:
        """Draft, release, and wait until the wave has ended."""
        wave = await self.release(await self.draft(deed))
        await self.wave(wave).result()
        return wave

    async def lapse(self, title: str, span: timedelta) -> None:
        """Let time pass for one clock, and everything come to rest."""
        await self.server.fast_forward(self.clock_run(self.clock(title)), span)
        await self.rest()

    async def finish_tasks(self) -> None:
        """Finish every task that stands in the way of closing, in the order in which they open."""
        while todo := [task for task in self.house.tasks(self.incident).values() if task.blocks_closing]:
            for task in todo:
                if task.state is TaskState.OPEN:
                    await self.finish(task)
        await self.until(lambda: self.state.blocking_tasks == 0)

    async def finish(self, task: Task) -> Receipt:
        """Let Asha finish a task, with a proof where one is needed."""
        proof = "call 17" if task.kind is TaskKind.NOTICE else None
        return await self.asha(TaskDone(task_id=task.task_id, outcome="done", proof=proof))

    async def close(self) -> Receipt:
        """Close it."""
        return await self.asha(Close(cause="a stolen key", lessons="rotate them"))

    async def closed(self) -> None:
        """Bring it to its end: confirmed, told, tasks done, closed."""
        await self.confirmed()
        await self.tell()
        await self.finish_tasks()
        await self.rest()
        await self.close()
        await self.run().result()

    async def runs(self, row: ClockRow) -> bool:
        """Say whether Temporal runs a clock."""
        return (await self.clock_run(row).describe()).status is WorkflowExecutionStatus.RUNNING

    async def refuses(self, actor: Actor, deed: Deed, words: str) -> None:
        """Check that the act is refused at once, with these words, and leaves nothing in history, log and store."""
        await self.rest()
        before = await self._traces()
        with pytest.raises(Refused, match=words):
            await self.act(actor, deed)
        assert await self._traces() == before

    async def _traces(self) -> tuple[object, ...]:
        with self.house.store.reading() as tx:
            stored = (tx.log.head().size, tx.incidents.state(self.incident))
        runs = [self.run(), self.response()]
        return (*stored, *[(await run.describe()).history_length for run in runs])

    def clock_run(self, row: ClockRow) -> Handle:
        """Return the handle of a clock."""
        return self._handle(wire.clock_workflow(self.incident, row.spec.clock_id))

    def wave(self, wave_id: WaveId) -> Handle:
        """Return the handle of a wave."""
        return self._handle(wire.wave_workflow(self.incident, wave_id))

    def run(self) -> Handle:
        """Return the handle of the incident."""
        return self._handle(wire.incident_workflow(self.incident))

    def response(self) -> Handle:
        """Return the handle of the incident's tasks."""
        return self._handle(wire.response_workflow(self.incident))

    def warnings(self, title: str) -> list[Paged]:
        """Return the pages about one clock."""
        return self.house.pages(title)

    def overdue(self, title: str) -> list[Paged]:
        """Return those that say that its time is over."""
        return [page for page in self.warnings(title) if "all of its time" in page.text]

    def sequences(self) -> list[int]:
        """Return the numbers of the incident's own writes in the order of the log."""
        mine = wire.incident_workflow(self.incident)
        entries = self.house.log(incident_id=self.incident)
        return [entry["sequence"] for entry in entries if entry.get("workflow_id") == mine]

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait until something shows in the store."""
        async with asyncio.timeout(60):
            while not happened():  # noqa: ASYNC110 - the store has no event to wait for
                await asyncio.sleep(0.02)

    async def rest(self) -> None:
        """Wait until nothing of this incident moves any more: no task, no activity, no new event."""
        before: list[object] = []
        quiet = 0
        async with asyncio.timeout(90):
            while quiet < AT_REST:
                looks = [await self._look(workflow_id, ends) for workflow_id, ends in self._runs().items()]
                still = looks == before and all(look[1] for look in looks)
                quiet, before = (quiet + 1 if still else 0), list(looks)
                await asyncio.sleep(self.pause)

    def _runs(self) -> dict[str, bool]:
        """Return what may run, and whether the store says that it has ended: then its last signal is under way."""
        with self.house.store.reading() as tx:
            waves = [wave for wave in tx.ledger.waves(self.incident) if wave.released_at]
        runs = {wire.incident_workflow(self.incident): False, wire.response_workflow(self.incident): False}
        runs |= {self.clock_run(row).id: row.ended_at is not None for row in self.clocks()}
        return runs | {self.wave(wave.wave_id).id: wave.ended_at is not None for wave in waves}

    async def _look(self, workflow_id: str, ends: bool, /) -> tuple[str, bool, str, int]:
        try:
            found = await self._handle(workflow_id).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return workflow_id, True, "", 0
        raw = found.raw_description
        moving = ends or raw.pending_activities or raw.HasField("pending_workflow_task")
        moving = moving or await self._waits_to_begin(found)
        idle = found.status is not WorkflowExecutionStatus.RUNNING or not moving
        return workflow_id, idle, found.run_id, found.history_length

    async def _waits_to_begin(self, found: WorkflowExecutionDescription) -> bool:
        """Say whether this is a new run that the server holds back: it lets a chain continue once a second at most."""
        if found.execution_time is None or found.execution_time == found.start_time:
            return False
        run = self.house.client.get_workflow_handle(found.id, run_id=found.run_id)
        events = (await run.fetch_history()).events
        return not any(event.HasField("workflow_task_scheduled_event_attributes") for event in events)

    def clocks(self) -> list[ClockRow]:
        """Return all clocks, ended ones included."""
        with self.house.store.reading() as tx:
            return tx.duties.clocks(self.incident)

    def _handle(self, workflow_id: str) -> Handle:
        return self.house.client.get_workflow_handle(workflow_id)
