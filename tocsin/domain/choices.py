"""What a setting may be, where it is neither a number nor free text. Pure."""

from datetime import timedelta
from enum import StrEnum


class ChannelName(StrEnum):
    """The channels a notice can leave through."""

    OUTBOX = "outbox"
    SENDGRID = "sendgrid"
    SMTP = "smtp"


class LoggingStyle(StrEnum):
    """How a line of logging is written."""

    TEXT = "text"
    JSON = "json"


class LoggingLevel(StrEnum):
    """From which weight on a line is written."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


def backup_places(text: str) -> dict[str, timedelta | None]:
    """Return where backups lie, of `nightly=35, tape`, and how long each is kept; None: for ever, as far as known.

    Raises:
        ValueError: naming the part that says neither.
    """
    found: dict[str, timedelta | None] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, equals, days = (word.strip() for word in part.partition("="))
        if not name or (equals and not (days.isascii() and days.isdigit() and len(days) < 6)):
            raise ValueError(f"{part!r} is none; write NAME=DAYS, or NAME alone where none is ever deleted")
        found[name] = timedelta(days=int(days)) if equals else None
    return found
