"""Logging: what the program says of itself while it runs, one line an event, with the ids that it is about.

It is set up here and nowhere else. Whatever a library or a module of ours logs passes through `CHAIN`, so that a line
looks the same wherever it comes from, and holds no key, no address and no word of a letter (`redaction`). It is no
evidence: that is the log, in the store.
"""

import copy
import logging
import sys
from typing import TextIO

import structlog
from structlog.types import EventDict, ExcInfo, Processor, WrappedLogger

from tocsin.adapters.redaction import by_name, cleaned, one_line, traced, without_secrets
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


def _traced(exc_info: ExcInfo) -> str:
    return traced(exc_info[1])


def _redacted(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out of a whole line what no line may hold."""
    for name, said in event.items():
        if name in _LINES and isinstance(said, str):
            event[name] = without_secrets(said)
        elif name == "event":
            event[name] = one_line(str(said))
        elif not name.startswith("_"):
            event[name] = by_name(name, said)
    return event


_LINES = {"exception", "stack_info", "stack"}
"""What has more lines than one: code, and what exceptions are known to say."""

CHAIN: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    structlog.processors.ExceptionRenderer(_traced),
    _of_temporal,
    _redacted,
]
"""What every line passes through before it is written, in this order; the last one sees all of it."""


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Leaves out of a message's arguments what no line may hold, while it is still known of what type each is."""

    def format(self, record: logging.LogRecord) -> str:
        mine = copy.copy(record)  # other handlers may want it as it was
        if not isinstance(mine.msg, str):
            mine.msg, mine.args = cleaned(mine.msg), ()
        elif isinstance(mine.args, dict):
            mine.args = {name: by_name(str(name), one) for name, one in mine.args.items()}
        elif mine.args:
            mine.args = tuple(map(cleaned, mine.args))
        return super().format(mine)


def set_up(settings: Settings, stream: TextIO | None = None) -> None:
    """Write this process's lines to `stream` (default: standard error) as the settings say, instead of before."""
    last: Processor = structlog.processors.JSONRenderer(sort_keys=True)
    if settings.logging is LoggingStyle.TEXT:
        last = structlog.dev.ConsoleRenderer(colors=False, timestamp_key="at")
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        _Formatter(
            foreign_pre_chain=CHAIN,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.logging_level)
