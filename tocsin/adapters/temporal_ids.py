"""Each line that is logged during an activity names its incident, its workflow and the activity, whoever writes it."""

from typing import Any

import structlog
from temporalio import activity, client
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from tocsin.adapters.logging import ids_of_workflow


class NamesIds(client.Interceptor, Interceptor):
    """Binds the ids for as long as an activity runs, in whichever thread. A client's worker takes it from there."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Stand before the activity."""
        return _Bound(next)


class _Bound(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 - the SDK's word
        info = activity.info()
        ids = ids_of_workflow(info.workflow_id or "")
        with structlog.contextvars.bound_contextvars(activity=info.activity_type, attempt=info.attempt, **ids):
            return await super().execute_activity(input)
