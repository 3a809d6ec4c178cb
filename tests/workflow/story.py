"""Telling what happens to one incident: people act, time passes for one clock at a time, everything comes to rest."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, DARA, House, Paged
from tests.workflow.post import Post
from tocsin import wire
from tocsin.domain.act import Actor, Confirm, Deed, Draft, Receipt, Release
from tocsin.domain.clock import ClockRow
from tocsin.domain.duty import Duty
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.values import IncidentId, WaveId

H = timedelta(hours=1)
FROM_CONFIRMATION = "72 h from confirmation"
FROM_AWARENESS = "36 h from awareness"
FROM_DISCOVERY = "promptly from discovery"
DECIDE = "confirm or dismiss the report"
AT_REST = 3
"""How many looks in a row must find nothing moving."""

Handle = WorkflowHandle[Any, Any]


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
        rows = [row for row in self._clock_rows() if row.spec.title == title]
        running = [row for row in rows if row.ended_at is None]
        return (running or rows)[-1]

    def duties_of(self, reference: str) -> dict[str, Duty]:
        """Return the duties towards one party by title."""
        agreement = self.house.agreement(reference)
        return {duty.title: duty for duty in self.duties if duty.agreement_id == agreement}

    async def report(self, **report: Any) -> IncidentId:
        """Let Asha report."""
        self.incident = await self.house.report(self.now, **report)
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

    async def act(self, actor: Actor, deed: Deed) -> Receipt:
        """Let somebody act."""
        return await self.house.do(self.incident, actor, deed, self.now)

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

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait until something shows in the store."""
        async with asyncio.timeout(20):
            while not happened():
                await asyncio.sleep(0.02)

    async def rest(self) -> None:
        """Wait until nothing of this incident moves any more: no task, no activity, no new event."""
        before: list[object] = []
        quiet = 0
        async with asyncio.timeout(30):
            while quiet < AT_REST:
                looks = [await self._look(workflow_id) for workflow_id in self._runs()]
                still = looks == before and all(look[1] for look in looks)
                quiet, before = (quiet + 1 if still else 0), list(looks)
                await asyncio.sleep(0.03)

    def _runs(self) -> list[str]:
        with self.house.store.reading() as tx:
            waves = [wave.wave_id for wave in tx.ledger.waves(self.incident) if wave.released_at]
        return [
            wire.incident_workflow(self.incident),
            wire.response_workflow(self.incident),
            *(wire.clock_workflow(self.incident, row.spec.clock_id) for row in self._clock_rows()),
            *(wire.wave_workflow(self.incident, wave_id) for wave_id in waves),
        ]

    async def _look(self, workflow_id: str) -> tuple[str, bool, str, int]:
        try:
            found = await self._handle(workflow_id).describe()
        except RPCError as error:
            assert error.status is RPCStatusCode.NOT_FOUND
            return workflow_id, True, "", 0
        raw = found.raw_description
        moving = raw.pending_activities or raw.HasField("pending_workflow_task")
        idle = found.status is not WorkflowExecutionStatus.RUNNING or not moving
        return workflow_id, idle, found.run_id, found.history_length

    def _clock_rows(self) -> list[ClockRow]:
        with self.house.store.reading() as tx:
            return tx.duties.clocks(self.incident)

    def _handle(self, workflow_id: str) -> Handle:
        return self.house.client.get_workflow_handle(workflow_id)
