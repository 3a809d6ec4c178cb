"""How a refusal crosses the border of an update: as an application error that carries the domain error's name."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from tocsin.domain.errors import Refused


def refusal(error: Refused) -> ApplicationError:
    """Return the failure that an update answers with when the rules refuse it."""
    return ApplicationError(str(error), type="Refused", non_retryable=True)


def unwrapped(error: ActivityError) -> ApplicationError:
    """Return the failure of an activity as the failure of the update, with its type and message."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        return ApplicationError(cause.message, type=cause.type, non_retryable=True)
    return ApplicationError(str(cause or error), type="Broken", non_retryable=True)
