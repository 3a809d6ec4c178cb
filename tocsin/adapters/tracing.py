"""Tracing of each incident, from report to receipt: only where TOCSIN_TRACES_URL is set, and loaded only there."""

from temporalio.client import Interceptor

from tocsin.adapters.sql.store import Told
from tocsin.settings import Settings


def traced_calls(settings: Settings) -> list[Interceptor]:
    """Return what makes spans of a client's calls and, in a worker, of its workflows and activities."""
    if settings.traces_url is None:
        return []
    from tocsin.adapters.spans import calls, set_up  # noqa: PLC0415 - a third of a second that most commands never need

    set_up(settings)
    return calls()


def traced_entries(settings: Settings) -> Told | None:
    """Return what makes a span of each new entry of the log."""
    if settings.traces_url is None:
        return None
    from tocsin.adapters.spans import entries, set_up  # noqa: PLC0415 - as above

    set_up(settings)
    return entries
