"""One round of the register: opened by a person, sent as every wave is, closed once its day of answers has passed."""

import asyncio

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.probing import Came, Letters, Probing, RoundStep, RoundToOpen
    from tocsin import wire
    from tocsin.domain.act import Envelope, Receipt
    from tocsin.domain.errors import Refused
    from tocsin.domain.notice import WaveCounts
    from tocsin.domain.probing import Round, admit_round

from workflows import options
from workflows.deeds import Insistent, perform
from workflows.pace import Stamps, scenario_now, wait_until
from workflows.refusals import refusal, unwrapped


@workflow.defn(name=wire.PROBE)
class ProbeWorkflow:
    """Runs until nobody's answer can be in time any more; a late one still counts, by the ledger alone."""

    @workflow.init
    def __init__(self, order: wire.ProbeInput) -> None:
        self._order = order
        self.tempo = order.tempo
        self._stamps = Stamps(order.round_id, order.tempo)
        self._insistent = Insistent(order.round_id, order.tempo)
        self._turn = asyncio.Lock()
        self._ready = False
        self._round: Round | None = None
        self._sent = False
        self._wave_sequence = 0
        self._lost = False
        self._counts = WaveCounts(by_state={})

    @workflow.run
    async def run(self, order: wire.ProbeInput) -> Came:
        """Recall or be opened, write the letters, send them, wait for the last day's end, count."""
        await self._recall()
        await workflow.wait_condition(lambda: self._round is not None or workflow.all_handlers_finished())
        if self._round is None:
            # Nothing came of it: a run that failed leaves its id free for the next try.
            raise ApplicationError("no round was opened", type="Refused", non_retryable=True)
        if not self._sent:
            await self._write(self._round)
            await self._send(self._round)
        while scenario_now(order.tempo) < self._round.ends_at:
            await wait_until(order.tempo, self._round.ends_at, lambda: self._lost, "until the last day has ended")
            await self._send_lost(self._round)
        step = RoundStep(stamp=self._stamps.next())
        return await self._insistent.do(Probing.close, step, options.BULK, "close the round")

    @workflow.update(name=wire.ACT, description="A person opens the round")
    async def act(self, envelope: Envelope) -> Receipt:
        """Write down the round and whom it asks; the letters follow."""
        await workflow.wait_condition(lambda: self._ready)
        async with self._turn:
            if self._round is not None:
                return self._receipt(envelope, self._round, already=True)
            order = RoundToOpen(stamp=self._stamps.next(), envelope=envelope)
            try:
                opened: Round = await perform(Probing.open, order, options.BULK, "open the round")
            except ActivityError as error:
                raise unwrapped(error) from error
            self._round = opened
            return self._receipt(envelope, opened)

    @act.validator
    def _admit(self, envelope: Envelope) -> None:
        """Refuse at once what nobody may, and what a rehearsal must never do."""
        try:
            admit_round(envelope.act, scenario_now(self.tempo), drill=self.tempo.drill)
        except Refused as error:
            raise refusal(error) from error

    @workflow.signal(name=wire.WAVE_PROGRESS)
    def wave_progress(self, event: wire.WaveProgress) -> None:
        """Hear how far the letters came."""
        self._counts = event.counts

    @workflow.signal(name=wire.PART_LOST, description="The sweep found that the letters are not being sent")
    def part_lost(self, event: wire.PartLost) -> None:
        """Hear that the wave was lost."""
        self._lost = True

    @workflow.query(name=wire.STATUS)
    def status(self) -> WaveCounts:
        """Return the letters by state, as last heard."""
        return self._counts

    async def _recall(self) -> None:
        recalled = await self._insistent.do(Probing.recall, self._order.round_id, options.STORE, "recall the round")
        self._stamps.sequence = recalled.sequence
        self._wave_sequence = recalled.wave_sequence
        self._sent = recalled.sent
        self._round = recalled.round
        self._ready = True

    async def _write(self, round_: Round) -> None:
        for first in range(0, round_.letters, options.RENDER_BATCH):
            some = Letters(round_id=round_.round_id, first=first, last=first + options.RENDER_BATCH)
            await self._insistent.do(Probing.write, some, options.BULK, f"write letters from {first}")
        step = RoundStep(stamp=self._stamps.next())
        await self._insistent.do(Probing.release, step, options.BULK, "set the letters free")

    async def _send(self, round_: Round) -> None:
        order = wire.WaveInput(
            incident_id=round_.round_id,
            wave_id=round_.wave_id,
            tempo=self.tempo,
            rows=round_.letters,
            sequence=self._wave_sequence,
        )
        try:
            await workflow.start_child_workflow(
                wire.WAVE,
                order,
                id=wire.wave_workflow(round_.round_id, round_.wave_id),
                parent_close_policy=ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                static_summary=f"round of {round_.letters} letters, no incident",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("the letters of %s are being sent already", round_.round_id)

    async def _send_lost(self, round_: Round) -> None:
        if not self._lost:
            return
        self._lost = False
        recalled = await self._insistent.do(Probing.recall, round_.round_id, options.STORE, "where the wave stood")
        self._wave_sequence = recalled.wave_sequence
        if not recalled.sent:
            await self._send(round_)

    def _receipt(self, envelope: Envelope, round_: Round, *, already: bool = False) -> Receipt:
        line = (
            f"round {round_.round_id}: {round_.letters} address(es) are asked, each once; an answer is in time until "
            f"the end of {round_.answer_by.isoformat()} (UTC)"
        )
        return Receipt(
            incident_id=round_.round_id,
            act_id=envelope.act.act_id,
            status="open" if round_.closed_at is None else "closed",
            lines=("opened already; nobody is written to again", line) if already else (line,),
            ids={"round": round_.round_id},
            already=already,
        )
