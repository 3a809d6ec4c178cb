"""How values become words of a letter: cleaned, wrapped, and written the way the letter's language writes them."""

import re
import unicodedata
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime
from babel.numbers import format_decimal

QUOTE = "  | "
"""What each line of a longer value starts with in the plain text."""
PLAIN_DATE = "yyyy-MM-dd HH:mm"
_WIDTH = 72
_JOINERS = "\u200c\u200d"
"""Invisible, yet needed to write Persian, Indian languages and emoji."""
_LINE = re.compile(rf".{{1,{_WIDTH}}}(?: |$)|\S{{{_WIDTH}}}")
_STARTS, _KEEPS = "\x01", "\x02"
"""Stand before a value, and for each space in it, while a paragraph is wrapped: no line begins with a value."""


class Fixed(Protocol):
    """The fixed words of a language, as its words.txt sets them."""

    colon: str
    width: int


def one_line(value: str) -> str:
    """Return the value on one line: white space collapsed, control and direction characters removed."""
    joined = " ".join(value.split())
    if joined.isprintable():
        return joined
    return "".join(c for c in joined if c in _JOINERS or unicodedata.category(c) not in {"Cc", "Cf", "Cs"})


@lru_cache(maxsize=1024)
def in_one_piece(value: str) -> str:
    """Return the value on one line, marked so that `wrapped` keeps it in one piece and begins no line with it."""
    line = one_line(value)
    return _STARTS + line.replace(" ", _KEEPS) if line else ""


def unmarked(text: str) -> str:
    """Return a text without the marks of `in_one_piece`."""
    return text.replace(_STARTS, "").replace(_KEEPS, " ")


@lru_cache(maxsize=1024)
def wrapped(paragraph: str) -> str:
    """Return a paragraph of ours in lines of at most 72 letters, but for values, which stay in one piece."""
    tied = " ".join(paragraph.split()).replace(f" {_STARTS}", _KEEPS + _STARTS)
    return "\n".join(part.rstrip() for part in re.findall(rf".{{1,{_WIDTH}}}(?: |$)|\S+(?: |$)", tied))


def heading(words: str) -> str:
    """Return a heading of the plain text: in capitals, or between bars where the script has none."""
    capitals = words.upper()
    return capitals if capitals != words else f"— {words} —"


def label(word: str, fixed: Fixed) -> str:
    """Return the word with its colon, filled up so that values stand below each other."""
    written = word + fixed.colon
    return written + " " * max(1, fixed.width - _columns(written))


@lru_cache(maxsize=16)  # the facts of a wave are the same in each of its letters
def clean_lines(value: str) -> str:
    """Return a longer value with its own lines kept, each cleaned, without empty ones around it."""
    return "\n".join(one_line(line) for line in value.strip().splitlines())


@lru_cache(maxsize=16)
def quoted(value: str) -> str:
    """Return a longer value for the plain text: wrapped at 72 letters, every line quoted, so none passes for ours."""
    lines = clean_lines(value).split("\n")
    parts = (part.rstrip() for line in lines for part in (_LINE.findall(line) or [""]))
    return "\n".join((QUOTE + part).rstrip() for part in parts)


@lru_cache(maxsize=256)
def hanging(value: str) -> str:
    """Return a list item for the plain text: on one line, or wrapped with the lines after the first set in."""
    return "\n    ".join(part.rstrip() for part in _LINE.findall(one_line(value)))


@lru_cache(maxsize=1024)
def in_zone(at: datetime, zone: tzinfo, language: str = "en", pattern: str = PLAIN_DATE) -> str:
    """Return an instant as `20 November 2026, 23:10 (Europe/Berlin, UTC+01:00) = 20 November 2026, 22:10 UTC`."""
    in_utc = f"{_date(at, UTC, language, pattern)} UTC"
    if zone is UTC:
        return in_utc
    return f"{_date(at, zone, language, pattern)} ({zone}, {_offset(at.astimezone(zone))}) = {in_utc}"


def zone_of(name: str) -> tzinfo | None:
    """Return the time zone of an IANA name, or None if there is none."""
    if name.upper() in {"UTC", "ETC/UTC"}:
        return UTC
    return _zone(name)


@lru_cache(maxsize=256)
def number(value: int | None, language: str) -> str | None:
    """Return a number grouped as the language groups it; None stays None."""
    return None if value is None else format_decimal(value, locale=locale_of(language), group_separator=True)


@lru_cache(maxsize=64)
def language_name(language: str, in_language: str) -> str:
    """Return what a language is called in another one, or its code if nobody has named it."""
    try:
        return Locale.parse(language, sep="-").get_display_name(locale_of(in_language)) or language
    except (UnknownLocaleError, ValueError):
        return language


@lru_cache(maxsize=64)
def locale_of(language: str) -> Locale:
    """Return the locale of a language; English for one that is not known."""
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def _date(at: datetime, zone: tzinfo, language: str, pattern: str) -> str:
    return format_datetime(at.astimezone(zone).replace(tzinfo=None), pattern, locale=locale_of(language))


def _offset(local: datetime) -> str:
    shift = f"{local:%z}"
    return f"UTC{shift[:3]}:{shift[3:5]}"


@lru_cache(maxsize=512)
def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return None


def _columns(words: str) -> int:
    """Return how many columns a word takes: marks above and below letters take none."""
    return sum(unicodedata.category(character) not in {"Mn", "Me", "Cf"} for character in words)
