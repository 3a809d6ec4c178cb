"""One wave, until each recipient is told, replaced by the next contact, or handed to a person."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.course import Batch, BatchResult
    from activities.fallback import Fallback, Finish, HandedOver, WaveStep
    from activities.pages import Pages
    from activities.sending import Sending
    from activities.settling import Doubts, Settled, Settling
    from tocsin import wire
    from tocsin.domain.notice import WaveCounts
    from tocsin.domain.receipt import PROCESSED_WITHIN
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
        self.tempo = order.tempo
        self._stamps = Stamps(order.incident_id, order.tempo, order.sequence)
        self._insistent = Insistent(order.incident_id, order.tempo)
        self._nudged = False
        self._silence_told = False
        self._counts = WaveCounts(by_state={})
        self._told: WaveCounts | None = None
        self._opened_again = False
        self._finishes = workflow.patched("wave-finishes")

    @workflow.run
    async def run(self, order: wire.WaveInput) -> WaveCounts:
        """Send, settle doubts, fall back; look again until nothing is left to do."""
        while True:
            self._nudged = False
            results = await self._send_everything()
            if await self._finished():
                break
            settled = await self._settle()
            replaced = await self._fall_back()
            self._counts = await self._count()
            if self._counts.unsettled == 0 and self._counts.awaiting == 0:
                self._counts = await self._end()
                break
            await self._tell(ended=False)
            await self._report_trouble(results)
            await self._report_silence()
            if not replaced:
                await self._pause(results, settled)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(order.model_copy(update={"sequence": self._stamps.sequence}))
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
            urgency = options.send(self._order.due_at, scenario_now(self._order.tempo))
            try:
                return await perform(Sending.send, batch, urgency, f"rows {first} to {last - 1}")
            except ActivityError as error:
                # A fault in one range must not keep the others from being told, nor end the wave: a person is called.
                return BatchResult(channel_down=f"rows {first} to {last - 1} failed: {unwrapped(error)}")

    async def _finished(self) -> bool:
        """End the wave at once if everybody is told, as nearly always: nothing to settle, nobody to replace."""
        if not self._finishes:
            return False
        finish: Finish = await self._insistent.do(Fallback.finish, self._step(), options.BULK, "end if all are told")
        self._counts = finish.counts
        return finish.ended

    async def _settle(self) -> Settled:
        order = Settling(incident_id=self._order.incident_id, wave_id=self._order.wave_id, tempo=self._order.tempo)
        return await self._insistent.do(Doubts.settle, order, options.BULK, "settle doubts")

    async def _fall_back(self) -> bool:
        """Return whether another contact took over, who is to be told at once."""
        handed: HandedOver = await self._insistent.do(Fallback.fall_back, self._step(), options.BULK, "next contacts")
        self._opened_again = self._opened_again or handed.opened_again
        if handed.late:
            await self._report_late(handed)
        if handed.tasks:
            response = wire.response_workflow(self._order.incident_id)
            await self._signal(response, wire.BY_HAND, wire.NoticeByHand(tasks=handed.tasks))
        return handed.released > 0

    async def _report_late(self, handed: HandedOver) -> None:
        """Call a person: what everybody took for told is not, and after the end nobody looks by himself."""
        incident_id, over = self._order.incident_id, handed.over
        after = "after its incident had ended" if over else "after it had been delivered"
        further = f"{handed.released} next contact(s) are written to; {len(handed.tasks)} notice(s) wait for a person."
        do = (
            f"Its clocks do not run any more. Open it again: tocsin reopen {incident_id}"
            if over
            else f"A duty that it had discharged is open again. See: tocsin show {incident_id}"
        )
        page = Page(
            key=f"{self._order.wave_id}:late:{','.join(handed.late[:10])}",
            subject=f"A notice came back {after}, incident {incident_id}",
            text=f"Failed: {', '.join(handed.late[:10])}, {len(handed.late)} in all.\n{further}\n{do}\n",
            at=scenario_now(self._order.tempo),
        )
        try:
            await perform(Pages.send, page, options.PAGE, "page: a late bounce")
        except ActivityError:
            workflow.logger.error("the page about late bounces of wave %s was not taken", self._order.wave_id)

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
        if self._counts.unsettled == 0:
            await self._await_receipts()
            return
        waits = [result.retry_after for result in results if result.retry_after is not None]
        pause = max(waits, default=timedelta(seconds=2) if settled.again else options.WAVE_LOOKS_AGAIN)
        again_at = scenario_now(self._order.tempo) + pause
        await wait_until(self._order.tempo, again_at, lambda: self._nudged, "look again at what was not sent")

    async def _await_receipts(self) -> None:
        """Wait until receipts came, a notice has stayed undelivered for too long, or the channel too silent."""
        now, silent = scenario_now(self._order.tempo), self._silent_at()
        ahead = [at for at in (self._counts.look_at, silent) if at is not None and at > now]
        again_at = min(ahead, default=now + options.WAVE_LOOKS_FOR_RECEIPTS)
        await wait_until(self._order.tempo, again_at, lambda: self._nudged, "wait for receipts")

    def _silent_at(self) -> datetime | None:
        since = self._counts.silent_since
        return since + PROCESSED_WITHIN if since is not None and not self._silence_told else None

    async def _report_silence(self) -> None:
        """Call a person once when the channel took notices and then says nothing: suspended accounts accept, too."""
        silent_at = self._silent_at()
        if silent_at is None or silent_at > scenario_now(self._order.tempo):
            return
        self._silence_told = True
        page = Page(
            key=f"{self._order.wave_id}:silent",
            subject=f"A channel is silent about notices, incident {self._order.incident_id}",
            text=(
                f"The channel took notices of wave {self._order.wave_id} and has said nothing of one for "
                f"{PROCESSED_WITHIN.seconds // 60} minutes: its account may be suspended, or its receipts do not "
                "reach us.\nLook at the channel's account and at its event webhook; nothing may have left.\n"
                f"Until it is mended, tell the recipients by other means: tocsin show {self._order.incident_id}\n"
            ),
            at=scenario_now(self._order.tempo),
        )
        try:
            await perform(Pages.send, page, options.PAGE, "page: channel silent")
        except ActivityError:
            workflow.logger.error("the page about the silence on wave %s was not taken", self._order.wave_id)

    @staticmethod
    def _moves_by_itself(results: list[BatchResult]) -> bool:
        """Say whether sending again at once can get on: nothing was held, stopped or turned away."""
        return not any(r.held or r.stopped or r.not_sent or r.channel_down for r in results)

    async def _tell(self, *, ended: bool) -> None:
        counts = self._counts.bare()
        if self._told == counts and not ended and not self._opened_again:
            # A wave that waits under a hold must not fill its incident's history.
            return
        self._told = counts
        opened, self._opened_again = self._opened_again, False
        progress = wire.WaveProgress(wave_id=self._order.wave_id, counts=counts, ended=ended, opened_again=opened)
        await self._signal(wire.incident_workflow(self._order.incident_id), wire.WAVE_PROGRESS, progress)

    async def _signal(self, workflow_id: str, signal: str, message: wire.WaveProgress | wire.NoticeByHand) -> None:
        try:
            await workflow.get_external_workflow_handle(workflow_id).signal(signal, message)
        except Exception as error:  # noqa: BLE001 - the incident is over: that must not end a wave half-way
            workflow.logger.warning("%s did not hear %s: %s", workflow_id, signal, type(error).__name__)

    def _step(self) -> WaveStep:
        return WaveStep(stamp=self._stamps.next(), wave_id=self._order.wave_id)
