"""What a line of logging never holds: keys, tokens, addresses, the words of letters. Whatever is said passes here.

Nobody can tell a letter's words from a program's by looking at them. So words are believed by where they come from: a
message that a module writes, what our own errors say, and the first line of what drivers say of themselves. What other
exceptions say, and whatever is typed, named or shaped like something secret, is left out, and a mark stands there.
"""

import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from enum import Enum
from numbers import Number
from pathlib import PurePath
from typing import Any
from uuid import UUID

MOST = 500
"""Characters of one value that a line holds."""
DEEPEST = 4
_SECRET_NAMES = re.compile(
    r"(?i)pass(word|wd|phrase)?|.*secret.*|.*token|authorization|.*cookie.*|.*api.?key|private.*|salt|signature|"
    r"body|text|html|subject|title|summary|letter|prepared|raw|content|payloads?|parameters|personalizations|"
    r"e?mail|.*address|recipients?|to|cc|bcc|reply.to|from_name|to_name|phone"
)
"""Names under which something secret or personal may stand, whatever it looks like."""
_TRUSTED = ("tocsin.", "temporalio.", "sqlalchemy.", "sqlite3", "psycopg", "aiohttp.", "httpx", "asyncio.", "ssl")
"""Whose exceptions say what happened in the first line, and not what it happened to."""
_LETTER = re.compile(r"(?i)<(html|body|p|div|table|br|a)\b|content-transfer-encoding:|\"personalizations\"")
_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL)
_PARAMETERS = re.compile(r"\[parameters: .*", re.DOTALL)
_SHAPES = (
    (re.compile(r"(?i)\b(bearer|basic|digest) +[^\s,;\"']{6,}"), r"\1 [secret]"),
    (
        re.compile(
            r"(?i)([\"']?\b(?:pass(?:word|wd|phrase)?|secret|token|api.?key|authorization|cookie)[\"']?\s*[=:]\s*[\"']?)"
            r"[^\s\"',;&}]+"
        ),
        r"\1[secret]",
    ),
    (re.compile(r"//[^/\s@]+@"), "//[secret]@"),
    (re.compile(r"\?[^\s\"'<>=]+=[^\s\"'<>]*"), "?[query]"),
    (re.compile(r"(/(?:a|invitation)/)[^/\s\"'?]+"), r"\1[secret]"),
    (re.compile(r"\bSG\.[\w-]{8,}(?:\.[\w-]+)?|\beyJ[\w-]{8,}(?:\.[\w-]+)*|\btocsin_[\w-]{16,}"), "[secret]"),
    (re.compile(r"(?<![\w+-])(?=[\w+-]*[A-Z])(?=[\w+-]*[a-z])(?=[\w+-]*\d)[\w+-]{32,}={0,2}"), "[secret]"),
    (re.compile(r"[\w+/-]{42,}={1,2}(?!\w)"), "[secret]"),
    (re.compile(r"[^\s<>\"'(),:;@=\[\]/]+(?:@|%40)[^\s<>\"'(),:;@\[\]/]+"), "[address]"),
)
"""Shapes of secrets and addresses within a text: credentials of a URL, its query, links to a notice, tokens, keys."""


def cleaned(value: Any, depth: int = 0) -> Any:
    """Return what a line may say of a value: text without secrets, a number as it is, of other things their type."""
    said: Any = f"[{type(value).__name__}]"
    if value is None or isinstance(value, bool | Number):
        said = value
    elif isinstance(value, BaseException):
        said = said_by(value)
    elif isinstance(value, type):
        said = value.__qualname__
    elif isinstance(value, str | date | timedelta | UUID | PurePath | Enum):
        said = one_line(str(value))
    elif isinstance(value, Mapping) and depth < DEEPEST:
        said = {str(name): by_name(str(name), one, depth + 1) for name, one in value.items()}
    elif isinstance(value, list | tuple | set | frozenset) and depth < DEEPEST:
        said = [cleaned(one, depth + 1) for one in value]
    return said


def by_name(name: str, value: Any, depth: int = 0) -> Any:
    """Return what a line may say of a value that has a name: nothing, if that is a name of something secret."""
    if isinstance(value, str | bytes | Sequence | Mapping) and _SECRET_NAMES.fullmatch(name):
        return "[left out]"
    return cleaned(value, depth)


def one_line(text: str) -> str:
    """Return the first line of a text without secrets: what has more lines is a letter or a file."""
    whole = _without_blocks(text)
    first, *more = whole.splitlines() or [""]
    short = first if len(first) <= MOST else f"{first[:MOST]}… [{len(first) - MOST} more characters]"
    return without_secrets(short) + (f" [{len(more)} more lines]" if more else "")


def without_secrets(text: str) -> str:
    """Return a text with a mark for whatever looks like a key, a token or an address."""
    text = _without_blocks(text)
    for shape, mark in _SHAPES:
        text = shape.sub(mark, text)
    return text


def said_by(error: BaseException) -> str:
    """Return an exception in one line: its type, and its words if they are of a kind that holds nobody's data."""
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: [Errno {error.errno}] {one_line(error.strerror)}"
    if not type(error).__module__.startswith(_TRUSTED):
        return f"{name}: [what it says is left out]" if error.args else name
    first = next(iter(str(error).splitlines()), "")
    return f"{name}: {one_line(first)}" if first else name


def traced(error: BaseException) -> str:
    """Return where an exception came from, and those that led to it, oldest first: code, lines, and `said_by`."""
    return "\n".join(_traced(error, set()))


def _traced(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen:
        yield from _traced(before, seen)
        yield "\nwhich led to:\n"
    yield "Traceback (most recent call last):"
    yield from (line.rstrip("\n") for line in traceback.format_tb(error.__traceback__))
    yield said_by(error)
    for one in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from ("\nin this group:\n", *_traced(one, seen))


def _without_blocks(text: str) -> str:
    if _LETTER.search(text):
        return "[a letter's words]"
    return _PARAMETERS.sub("[parameters left out]", _KEY.sub("[key]", text))
