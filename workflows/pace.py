"""Time in workflows: what scenario time it is, and the one wait that all of them use."""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from tocsin.domain.tempo import Tempo
    from tocsin.domain.values import IncidentId
    from tocsin.ports import Stamp


def scenario_now(tempo: Tempo) -> datetime:
    """Return the scenario instant of the current workflow task."""
    return tempo.scenario(workflow.now())


async def wait_until(tempo: Tempo, at: datetime | None, stirred: Callable[[], bool], summary: str) -> None:
    """Wait for the scenario instant `at` (None: for ever) or until `stirred()`, whichever comes first."""
    if at is None:
        await workflow.wait_condition(stirred)
        return
    left = at - scenario_now(tempo)
    if left.total_seconds() <= 0:
        return
    try:
        await workflow.wait_condition(stirred, timeout=tempo.wait(left), timeout_summary=summary)
    except TimeoutError:
        return


class Stamps:
    """Numbers the writes of one workflow, gapless across continue-as-new."""

    def __init__(self, incident_id: IncidentId, tempo: Tempo, sequence: int = 0) -> None:
        self.sequence = sequence
        self._incident_id = incident_id
        self._tempo = tempo

    def next(self) -> Stamp:
        """Return the stamp of the next write."""
        self.sequence += 1
        info = workflow.info()
        return Stamp(
            workflow_id=info.workflow_id,
            run_id=info.run_id,
            sequence=self.sequence,
            at=scenario_now(self._tempo),
            incident_id=self._incident_id,
        )
