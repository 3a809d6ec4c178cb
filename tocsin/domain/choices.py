"""What a setting may be, where it is neither a number nor free text. Pure."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from tocsin.domain.one_line import hidden_in


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


def _host_and_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 2**16):
        raise ValueError("write it as HOST:PORT, with a port from 1 to 65535")
    return text


def _mail_address(text: str) -> str:
    if not re.fullmatch(r"[^@\s<>,;]+@[^@\s<>,;]+", text) or hidden_in(text):
        raise ValueError("it is no mail address; write it as incident-desk@processor.example, without a name")
    return text


def _visible(text: str) -> str:
    if not text.strip() or hidden_in(text):
        raise ValueError("it is blank, or holds a line break or another character that is not seen; write one line")
    return text


def web_address(url: str) -> str:
    """Return the URL. Raises ValueError, without it, if it is none of the web: it may hold a token."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(map(str.isspace, url)):
        raise ValueError("write it as https://HOST/…")
    return url


HostPort = Annotated[str, AfterValidator(_host_and_port)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
OneLine = Annotated[str, AfterValidator(_visible)]
WebAddress = Annotated[str, AfterValidator(web_address)]
Port = Annotated[int, Field(gt=0, lt=2**16)]
Days = Annotated[int, Field(gt=0, le=36_525)]
"""A hundred years at most: what lies further cannot be reckoned with."""
