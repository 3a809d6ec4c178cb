"""Scheduled: finds whatever a timer missed, and reports it. It never sends a notice."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.checkpoints import Checkpoints
    from activities.evidence import Evidence
    from activities.sweep import Sweep, SweepOrder, SweepResult
    from tocsin import wire

from workflows import options
from workflows.deeds import perform
from workflows.pace import scenario_now


# No versioning behaviour of its own: a server refuses one from a worker that is not versioned, and nothing would sweep.
@workflow.defn(name=wire.SWEEP)
class SweepWorkflow:
    """One sweep: compares what the store holds open with what runs."""

    @workflow.init
    def __init__(self, order: wire.SweepInput) -> None:
        self.tempo = order.tempo

    @workflow.run
    async def run(self, order: wire.SweepInput) -> SweepResult:
        """Compare, page for what is missing, and say how much was compared."""
        sweep = SweepOrder(
            at=scenario_now(order.tempo),
            tempo=order.tempo,
            run_id=workflow.info().run_id,
            attempts=options.SWEEP_ATTEMPTS,
        )
        try:
            result = await perform(Sweep.compare, sweep, options.SWEEP, "compare store and runs")
        finally:
            wrong = await self._keep_log(sweep)
        if workflow.patched("evidence-swept"):
            try:
                await perform(Evidence.sweep, sweep.at, options.SWEEP, "keep the evidence of incidents that are over")
            except ActivityError:
                workflow.logger.warning("evidence that is missing is left to the next sweep")
        workflow.set_current_details(f"compared {result.compared}, missing {len(result.missing)}{wrong}")
        return result

    async def _keep_log(self, sweep: SweepOrder) -> str:
        if not workflow.patched("sweep-keeps-the-log"):
            return ""
        signed = await perform(Checkpoints.sign, sweep, options.SWEEP, "sign the log's checkpoint")
        pinned = await perform(Checkpoints.pin, sweep, options.SWEEP, "hand it to the witnesses")
        checked = await perform(Checkpoints.check, sweep, options.SWEEP, "compare the log with its checkpoints")
        wrong = [*signed.wrong, *pinned.wrong, *checked.wrong]
        return "".join(f"; {one}" for one in wrong)
