"""Wording and output: plain lines that fit a phone and a pipe, or JSON. No boxes; colour on a terminal only."""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python
from rich.console import Console
from rich.text import Text

from tocsin.domain.tempo import time_left

BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def say(text: str = "", style: str = "", indent: int = 0) -> None:
    """Print one paragraph; on a terminal it is wrapped to its width, in a pipe it stays one line."""
    _print(Console(highlight=False), text, style, indent)


def complain(text: str) -> None:
    """Print to standard error what went wrong and the fix."""
    _print(Console(stderr=True, highlight=False), text, "", 0)


def heading(text: str) -> None:
    """Print the title of a part, after an empty line."""
    say()
    say(text, style="bold")


def bullets(lines: Iterable[str], indent: int = 2) -> None:
    """Print lines below a heading."""
    for line in lines:
        say(line, indent=indent)


def emit(value: BaseModel | Sequence[BaseModel] | dict[str, Any]) -> None:
    """Print JSON."""
    plain = to_jsonable_python(value)
    sys.stdout.write(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")


def when(at: datetime) -> str:
    """Return an instant in local time and in UTC."""
    local, utc = at.astimezone(), at.astimezone(UTC)
    zulu = utc.strftime("%Y-%m-%dT%H:%MZ")
    return zulu if local.utcoffset() == utc.utcoffset() else f"{local.strftime('%a %d %b %H:%M %Z')} ({zulu})"


def due(deadline_at: datetime | None, target_at: datetime, now: datetime) -> str:
    """Return by when: a deadline, or the internal target where there is none, with the time left in words."""
    if deadline_at is not None:
        return f"by {when(deadline_at)}, {time_left(deadline_at, now)}"
    return f"no fixed deadline; our target {when(target_at)}, {time_left(target_at, now)}"


def urgency(until: datetime, since: datetime, now: datetime) -> str:
    """Return the style of a countdown: red when overdue, yellow in its second half."""
    if now > until:
        return "bold red"
    return "yellow" if now - since > (until - since) / 2 else "green"


def clean(text: str) -> str:
    """Return text that cannot move a terminal's cursor, nor reorder what is read: facts are written by strangers."""
    return "".join(char if _harmless(char) else "�" for char in text)


def _harmless(char: str) -> bool:
    return unicodedata.category(char) != "Cc" and unicodedata.bidirectional(char) not in BIDI


def _print(console: Console, text: str, style: str, indent: int) -> None:
    for line in text.split("\n"):
        words = Text(clean(line.expandtabs(4)), style=style)
        if not console.is_terminal:
            console.print(Text(" " * indent) + words, soft_wrap=True)
            continue
        for row in words.wrap(console, max(console.width - indent, 20)) or [words]:
            console.print(Text(" " * indent) + row)
