"""Scheduled: finds whatever a timer missed, and reports it. It never sends a notice."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.evidence import Evidence
    from activities.sweep import Sweep, SweepOrder, SweepResult
    from tocsin import wire

from workflows import options
from workflows.deeds import perform
from workflows.pace import scenario_now


@workflow.defn(name=wire.SWEEP)
class SweepWorkflow:
    """One sweep: compares what the store holds open with what runs."""

    @workflow.run
    async def run(self, order: wire.SweepInput) -> SweepResult:
        """Compare, page for what is missing, and say how much was compared."""
        sweep = SweepOrder(
            at=scenario_now(order.tempo),
            tempo=order.tempo,
            run_id=workflow.info().run_id,
            attempts=options.SWEEP_ATTEMPTS,
        )
        result = await perform(Sweep.compare, sweep, options.SWEEP, "compare store and runs")
        if workflow.patched("evidence-swept"):
            try:
                await perform(Evidence.sweep, sweep.at, options.SWEEP, "keep the evidence of incidents that are over")
            except ActivityError:
                workflow.logger.warning("evidence that is missing is left to the next sweep")
        workflow.set_current_details(f"compared {result.compared}, missing {len(result.missing)}")
        return result
