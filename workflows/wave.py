"""One wave, until each recipient is told, replaced by the next contact, or handed to a person."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.course import Batch, BatchResult
    from activities.fallback import Fallback, HandedOver, WaveStep
    from activities.pages import Pages
    from activities.sending import Sending
    from activities.settling import Doubts, Settled, Settling
    from tocsin import wire
    from tocsin.domain.notice import WaveCounts
    from tocsin.ports import Page

from workflows import options
from workflows.deeds import Insistent, perform
from workflows.pace import Stamps, scenario_now, wait_until
from workflows.refusals import unwrapped


@workflow.defn(name=wire.WAVE)
class WaveWorkflow:
    """Sends a released wave in range batches over the ledger, which remembers who is done."""

    @workflow.init
    def __init__(self, order: wire.WaveInput) -> None:
        self._order = order
        self._stamps = Stamps(order.incident_id, order.tempo, order.sequence)
        self._insistent = Insistent(order.incident_id, order.tempo)
        self._nudged = False
        self._counts = WaveCounts(by_state={})
        self._told: WaveCounts | None = None

    @workflow.run
    async def run(self, order: wire.WaveInput) -> WaveCounts:
        """Send, settle doubts, fall back; look again until nothing is left to do."""
        while True:
            self._nudged = False
            results = await self._send_everything()
            settled = await self._settle()
            replaced = await self._fall_back()
            self._counts = await self._count()
            if self._counts.unsettled == 0:
                break
            await self._tell(ended=False)
            await self._report_trouble(results)
            if not replaced:
                await self._pause(results, settled)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(order.model_copy(update={"sequence": self._stamps.sequence}))
        self._counts = await self._end()
        await self._tell(ended=True)
        return self._counts

    @workflow.signal(name=wire.NUDGE, description="A hold was lifted, a stop ended, or a row changed")
    def nudge(self) -> None:
        """Look again at once."""
        self._nudged = True

    @workflow.query(name=wire.STATUS)
    def status(self) -> WaveCounts:
        """Return the rows by state, as last counted."""
        return self._counts

    async def _send_everything(self) -> list[BatchResult]:
        size = options.SMALL_BATCH if self._order.rows < options.SMALL_WAVE else options.LARGE_BATCH
        lanes = asyncio.Semaphore(options.BATCHES_IN_FLIGHT)
        firsts = range(0, self._order.rows, size)
        return list(await asyncio.gather(*(self._send(lanes, first, first + size) for first in firsts)))

    async def _send(self, lanes: asyncio.Semaphore, first: int, last: int) -> BatchResult:
        batch = Batch(
            incident_id=self._order.incident_id,
            wave_id=self._order.wave_id,
            first=first,
            last=last,
            tempo=self._order.tempo,
        )
        async with lanes:
            try:
                return await perform(Sending.send, batch, options.SEND, f"rows {first} to {last - 1}")
            except ActivityError as error:
                # A fault in one range must not keep the others from being told, nor end the wave: a person is called.
                return BatchResult(channel_down=f"rows {first} to {last - 1} failed: {unwrapped(error)}")

    async def _settle(self) -> Settled:
        order = Settling(incident_id=self._order.incident_id, wave_id=self._order.wave_id, tempo=self._order.tempo)
        return await self._insistent.do(Doubts.settle, order, options.BULK, "settle doubts")

    async def _fall_back(self) -> bool:
        """Return whether another contact took over, who is to be told at once."""
        handed: HandedOver = await self._insistent.do(Fallback.fall_back, self._step(), options.BULK, "next contacts")
        if handed.tasks:
            response = wire.response_workflow(self._order.incident_id)
            await self._signal(response, wire.BY_HAND, wire.NoticeByHand(tasks=handed.tasks))
        return handed.released > 0

    async def _count(self) -> WaveCounts:
        counts = await self._insistent.do(Fallback.count, self._order.wave_id, options.STORE, "count")
        workflow.set_current_details(f"told {counts.told} of {counts.total}")
        return counts

    async def _end(self) -> WaveCounts:
        return await self._insistent.do(Fallback.end, self._step(), options.BULK, "end")

    async def _report_trouble(self, results: list[BatchResult]) -> None:
        reason = next((result.channel_down for result in results if result.channel_down), "")
        if not reason:
            return
        page = Page(
            key=f"{self._order.wave_id}:down:{reason}",
            subject=f"Notices cannot be sent, incident {self._order.incident_id}",
            text=(
                f"The channel takes nothing from us: {reason}.\n"
                f"Wave {self._order.wave_id}: told {self._counts.told} of {self._counts.total}. "
                "Mend the channel; the wave tries again every "
                f"{options.WAVE_LOOKS_AGAIN.seconds} s by itself.\n"
            ),
            at=scenario_now(self._order.tempo),
        )
        try:
            await perform(Pages.send, page, options.PAGE, "page: channel down")
        except ActivityError:
            workflow.logger.error("the page about wave %s was not taken", self._order.wave_id)

    async def _pause(self, results: list[BatchResult], settled: Settled) -> None:
        if any(result.sent for result in results) and not settled.waiting and self._moves_by_itself(results):
            return
        waits = [result.retry_after for result in results if result.retry_after is not None]
        pause = max(waits, default=timedelta(seconds=2) if settled.again else options.WAVE_LOOKS_AGAIN)
        again_at = scenario_now(self._order.tempo) + pause
        await wait_until(self._order.tempo, again_at, lambda: self._nudged, "look again at what was not sent")

    @staticmethod
    def _moves_by_itself(results: list[BatchResult]) -> bool:
        """Say whether sending again at once can get on: nothing was held, stopped or turned away."""
        return not any(r.held or r.stopped or r.not_sent or r.channel_down for r in results)

    async def _tell(self, *, ended: bool) -> None:
        if self._told == self._counts and not ended:
            # A wave that waits under a hold must not fill its incident's history.
            return
        self._told = self._counts
        progress = wire.WaveProgress(wave_id=self._order.wave_id, counts=self._counts, ended=ended)
        await self._signal(wire.incident_workflow(self._order.incident_id), wire.WAVE_PROGRESS, progress)

    async def _signal(self, workflow_id: str, signal: str, message: wire.WaveProgress | wire.NoticeByHand) -> None:
        try:
            await workflow.get_external_workflow_handle(workflow_id).signal(signal, message)
        except Exception as error:  # noqa: BLE001 - the incident is over: that must not end a wave half-way
            workflow.logger.warning("%s did not hear %s: %s", workflow_id, signal, type(error).__name__)

    def _step(self) -> WaveStep:
        return WaveStep(stamp=self._stamps.next(), wave_id=self._order.wave_id)
