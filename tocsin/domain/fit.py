"""What an act may hold: what the log can write, and no text that nobody would read to its end."""

from collections.abc import Iterable
from typing import Any

from tocsin.domain.act import Act
from tocsin.domain.canonical import EXACT
from tocsin.domain.errors import Refused

LONGEST = 100_000
"""Letters in one text of an act: forty pages. A report sets them in ten seconds; two million took three minutes."""


def fit(act: Act) -> Act:
    """Return the act.

    Raises:
        Refused: if it holds what the log could not write; a workflow that took it would try for ever.
    """
    if wrong := misfit(act.deed.model_dump()):
        raise Refused(wrong)
    return act


def misfit(value: Any, where: str = "") -> str | None:
    """Return the first thing in an act's fields that cannot be taken, with its place and the fix, or None."""
    if isinstance(value, str):
        return _of_text(value, where)
    if isinstance(value, int):
        return None if -EXACT <= value <= EXACT else f"{where}: the number is too large; the largest is {EXACT}"
    if isinstance(value, dict):
        named = [(f"{where}.{key}".lstrip("."), one) for key, one in value.items()]
        return _first([*((where, key) for key in value), *named])
    if isinstance(value, list | tuple):
        return _first((f"{where}[{number}]", one) for number, one in enumerate(value))
    return None


def _of_text(text: str, where: str) -> str | None:
    if len(text) > LONGEST:
        return f"{where}: it has {len(text)} letters; shorten it to {LONGEST}, and attach the rest as a file"
    if any("\ud800" <= one <= "\udfff" for one in text):
        return f"{where}: it holds half a character, so it is no UTF-8; type it again"
    return None


def _first(named: Iterable[tuple[str, Any]]) -> str | None:
    return next(filter(None, (misfit(one, where) for where, one in named)), None)
