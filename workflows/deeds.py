"""Asking for an activity: one call that always names the options and the line shown in Temporal's Web UI."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

from temporalio import workflow
from temporalio.workflow import ActivityConfig

P = TypeVar("P")
R = TypeVar("R")


@overload
async def perform(deed: Callable[[Any, P], Awaitable[R]], order: P, options: ActivityConfig, summary: str) -> R: ...
@overload
async def perform(deed: Callable[[Any, P], R], order: P, options: ActivityConfig, summary: str) -> R: ...
async def perform(deed: Callable[[Any, P], Any], order: P, options: ActivityConfig, summary: str) -> Any:
    """Run the activity method `deed` with `order` and return its result.

    Raises:
        ActivityError: if it failed for good under `options`.
    """
    config: ActivityConfig = {**options, "summary": summary}
    return await workflow.execute_activity_method(deed, order, **config)
