"""Logging: what the program says of itself while it runs, one line an event, with the ids that it is about.

It is set up here and nowhere else. Whatever a library or a module of ours logs passes through `CHAIN`, so that a line
looks the same wherever it comes from. It is no evidence: that is the log, in the store.
"""

import logging
import sys
from typing import TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from tocsin.settings import LoggingStyle, Settings

_TEMPORAL = ("temporal_activity", "temporal_workflow")
"""Under these names Temporal's SDK hands on what a line of its own is about."""


def ids_of_workflow(workflow_id: str) -> dict[str, str]:
    """Return the ids that a workflow's id holds: its own, and that of its incident if it belongs to one."""
    found = {"workflow": workflow_id}
    words = workflow_id.split("/")
    return found | {"incident": words[2]} if words[0] == "tocsin" and len(words) > 2 else found


def _of_temporal(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put the ids of a line of Temporal's SDK where those of ours stand; the rest of its details is noise."""
    for name in _TEMPORAL:
        about = event.pop(name, None)
        if isinstance(about, dict) and "workflow_id" in about:
            told = {"activity": about.get("activity_type"), "attempt": about.get("attempt")}
            event.update(ids_of_workflow(about["workflow_id"]), **{key: said for key, said in told.items() if said})
            event["event"] = str(event["event"]).partition(" ({")[0]
    return event


CHAIN: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    structlog.processors.format_exc_info,
    _of_temporal,
]
"""What every line passes through before it is written, in this order; the last one sees all of it."""


def set_up(settings: Settings, stream: TextIO | None = None) -> None:
    """Write this process's lines to `stream` (default: standard error) as the settings say, instead of before."""
    last: Processor = structlog.processors.JSONRenderer(sort_keys=True)
    if settings.logging is LoggingStyle.TEXT:
        last = structlog.dev.ConsoleRenderer(colors=False, timestamp_key="at")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=CHAIN,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.logging_level)
