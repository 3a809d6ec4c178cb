"""Asking for an activity: one call that always names the options and the line shown in Temporal's Web UI.

`perform` is for what a person waits for: it fails, and they are told. `insist` is for what must happen whatever
breaks: it calls a person and goes on trying, so that no fault of a store ever ends a clock.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

from temporalio import workflow
from temporalio.exceptions import ActivityError
from temporalio.workflow import ActivityConfig

with workflow.unsafe.imports_passed_through():
    from activities.pages import Pages
    from tocsin.domain.tempo import Tempo
    from tocsin.domain.values import IncidentId
    from tocsin.ports import Page

from workflows import options as chosen
from workflows.refusals import unwrapped

P = TypeVar("P")
R = TypeVar("R")


@overload
async def perform(deed: Callable[[Any, P], Awaitable[R]], order: P, options: ActivityConfig, summary: str) -> R: ...
@overload
async def perform(deed: Callable[[Any, P], R], order: P, options: ActivityConfig, summary: str) -> R: ...
async def perform(deed: Callable[[Any, P], Any], order: P, options: ActivityConfig, summary: str) -> Any:
    """Run the activity method `deed` with `order` and return its result.

    The running workflow's `tempo` scales the options, so that no call can forget it.

    Raises:
        ActivityError: if it failed for good under `options`.
    """
    config: ActivityConfig = {**chosen.paced(options, workflow.instance().tempo), "summary": summary}
    return await workflow.execute_activity_method(deed, order, **config)


class Insistent:
    """Deeds of one workflow that are tried until they succeed; each hour of failing calls a person once."""

    def __init__(self, incident_id: IncidentId, tempo: Tempo) -> None:
        self._incident_id = incident_id
        self._tempo = tempo

    @overload
    async def do(
        self, deed: Callable[[Any, P], Awaitable[R]], order: P, options: ActivityConfig, summary: str
    ) -> R: ...
    @overload
    async def do(self, deed: Callable[[Any, P], R], order: P, options: ActivityConfig, summary: str) -> R: ...
    async def do(self, deed: Callable[[Any, P], Any], order: P, options: ActivityConfig, summary: str) -> Any:
        """Run the activity method until it succeeds; the same order is the same write, however often it is tried."""
        bounded: ActivityConfig = {**options, "schedule_to_close_timeout": chosen.GIVE_UP_AFTER}
        if options["start_to_close_timeout"] is not None and options["start_to_close_timeout"] > chosen.GIVE_UP_AFTER:
            bounded = options
        while True:
            try:
                return await perform(deed, order, bounded, summary)
            except ActivityError as error:
                await self._call(summary, error)
            await workflow.sleep(self._tempo.pause(chosen.TRY_AGAIN), summary=f"before trying again: {summary}")

    async def _call(self, summary: str, error: ActivityError) -> None:
        at = self._tempo.scenario(workflow.now())
        workflow_id = workflow.info().workflow_id
        page = Page(
            key=f"trouble:{workflow_id}:{summary}:{at:%Y-%m-%dT%H}",
            subject=f"A part of incident {self._incident_id} cannot go on",
            text=(
                f"{workflow_id} cannot do this: {summary}.\n{unwrapped(error).message}\n"
                f"It tries again every {chosen.TRY_AGAIN.seconds} s by itself. Mend what is broken.\n"
                f"Until then keep the deadlines by hand: tocsin show {self._incident_id}\n"
            ),
            at=at,
        )
        try:
            await perform(Pages.send, page, chosen.PAGE, "page: it cannot go on")
        except ActivityError:
            workflow.logger.error("%s cannot go on with %s, and nobody took the page", workflow_id, summary)
