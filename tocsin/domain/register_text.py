"""The register's wording, read and written: the `notify` cell's promises, periods, and words from short lists."""

import re
from collections.abc import Iterable
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from tocsin.domain.errors import Refused
from tocsin.domain.incident import Trigger
from tocsin.domain.register import Limb

Word = TypeVar("Word", bound=StrEnum)

PROMPTLY = "promptly"

SHORTEST_WINDOW, LONGEST_WINDOW = timedelta(minutes=5), timedelta(hours=72)

LONGEST = timedelta(days=366)
"""Longer than any promise to tell; a larger number is a slip of the keyboard."""

KNOWN_PERIODS = "promptly, or a whole number with h, min or d, as in 72h, 30min or 3d, or 3 working days"

_UNITS = {
    **dict.fromkeys(("h", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), timedelta(minutes=1)),
    # A contract's day is 24 elapsed hours unless it says otherwise: no weekend, holiday or clock change moves it.
    **dict.fromkeys(("d", "day", "days"), timedelta(hours=24)),
}
_PERIOD = re.compile(r"(\d{1,9})\s*([^\W\d_]+)")
_COUNTED = re.compile(r"(\d{1,9})\s*(business|working|banking|calendar)[\s-]*days?")
_CALENDAR = re.compile(r"\b(business|working|banking|calendar|week)[\s-]*(days?|hours?)?\b")


def parse_limbs(text: str) -> tuple[Limb, ...]:
    """Read a clause: `PERIOD from TRIGGER` parts joined by `;`, as in `promptly from discovery; 72h from confirmation`.

    Raises:
        Refused: naming every part that is not understood, and what is.
    """
    limbs: list[Limb] = []
    mistakes: list[str] = []
    for part in filter(None, map(str.strip, text.split(";"))):
        try:
            limb = _limb(part)
        except Refused as mistake:
            mistakes.append(str(mistake))
            continue
        if limb in limbs:
            mistakes.append(f"{part!r} says again what an earlier part says; remove it")
        limbs.append(limb)
    if not limbs and not mistakes:
        mistakes.append("it promises nothing; write for example `promptly from discovery; 72h from confirmation`")
    if mistakes:
        raise Refused("; ".join(mistakes))
    return tuple(limbs)


def write_limbs(limbs: Iterable[Limb]) -> str:
    """Return the wording that `parse_limbs` reads back to exactly these limbs (periods are whole minutes)."""
    return "; ".join(f"{limb.period_words} from {limb.trigger.words}" for limb in limbs)


def parse_period(text: str) -> timedelta:
    """Read a period of elapsed time: `72h`, `72 hours`, `30 min`, `3 days`. A day is 24 elapsed hours.

    Raises:
        Refused: for anything else, for zero, and for more than a year.
    """
    wording = text.strip().casefold()
    if _CALENDAR.search(wording):
        raise Refused(
            f"{text.strip()!r} is not counted in elapsed hours nor in days; "
            "write the elapsed hours that are always early enough, as in 24h, or days, as in 3 working days"
        )
    match = _PERIOD.fullmatch(wording)
    if match is None or match[2] not in _UNITS:
        raise Refused(f"the period {text.strip()!r} is unknown; known: {KNOWN_PERIODS}")
    count, unit = int(match[1]), _UNITS[match[2]]
    if not 0 < count * (unit // timedelta(minutes=1)) <= LONGEST // timedelta(minutes=1):
        raise Refused(f"the period {text.strip()!r} must be longer than 0 and at most {LONGEST.days} days")
    return count * unit


def parse_window(text: str) -> timedelta:
    """Read how long a notice may stay undelivered: a period of elapsed time from 5 minutes to 72 hours.

    Raises:
        Refused: for anything else. Mail servers try for 72 hours; what is shorter than minutes is no delivery time.
    """
    window = parse_period(text)
    if not SHORTEST_WINDOW <= window <= LONGEST_WINDOW:
        raise Refused(f"{text.strip()!r} lies outside 5min to 72h; mail takes minutes, and servers give up after 72 h")
    return window


def write_window(window: timedelta | None) -> str:
    """Return the wording that `parse_window` reads back; blank for None."""
    if window is None:
        return ""
    minutes = round(window.total_seconds() / 60)
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}min"


def parse_trigger(text: str) -> Trigger:
    """Read a trigger's name, with spaces, hyphens or underscores. Raises Refused, naming those known."""
    return parse_word(Trigger, text, "trigger")


def parse_word(words: type[Word], text: str, what: str) -> Word:
    """Read one word of a short list, whatever its case and whether it is joined by spaces, hyphens or underscores.

    Raises:
        Refused: naming `what`, the word, the one that was probably meant, and those known.
    """
    wanted = re.sub(r"[\s_-]+", "_", text.strip().casefold())
    if wanted in set(words):
        return words(wanted)
    known = ", ".join(word.value.replace("_", " ") if words is Trigger else word.value for word in words)
    raise Refused(f"the {what} {text.strip()!r} is unknown{did_you_mean(wanted, words)}; known: {known}")


def did_you_mean(wanted: str, known: Iterable[str]) -> str:
    """Return `, did you mean X?` for the closest known word, or nothing."""
    close = get_close_matches(wanted, [str(word) for word in known], n=1, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""


def parse_days(text: str) -> tuple[int, bool] | None:
    """Read a period of counted days: `3 working days` (with `business` or `banking`, too), `5 calendar days`.

    Returns:
        How many, and whether only working days count; None for any other period.

    Raises:
        Refused: for zero, and for more than a year.
    """
    match = _COUNTED.fullmatch(text.strip().casefold())
    if match is None:
        return None
    if not 0 < int(match[1]) <= LONGEST.days:
        raise Refused(f"the period {text.strip()!r} must be longer than 0 and at most {LONGEST.days} days")
    return int(match[1]), match[2] != "calendar"


def _limb(part: str) -> Limb:
    period, separator, trigger = re.sub(r"\s+", " ", part).partition(" from ")
    if not separator:
        raise Refused(f"{part!r} is not `PERIOD from TRIGGER`; write for example `72h from confirmation`")
    mistakes: list[str] = []
    span, event, counted = None, Trigger.REPORT, None
    try:
        counted = parse_days(period)
        span = None if counted or period.strip().casefold() == PROMPTLY else parse_period(period)
    except Refused as mistake:
        mistakes.append(str(mistake))
    try:
        event = parse_trigger(trigger)
    except Refused as mistake:
        mistakes.append(str(mistake))
    if mistakes:
        raise Refused("; ".join(mistakes))
    days, working = counted or (None, False)
    return Limb(trigger=event, period=span, days=days, working=working)


_LANGUAGES = frozenset(
    [
        "aa",
        "ab",
        "ae",
        "af",
        "ak",
        "am",
        "an",
        "ar",
        "as",
        "av",
        "ay",
        "az",
        "ba",
        "be",
        "bg",
        "bh",
        "bi",
        "bm",
        "bn",
        "bo",
        "br",
        "bs",
        "ca",
        "ce",
        "ch",
        "co",
        "cr",
        "cs",
        "cu",
        "cv",
        "cy",
        "da",
        "de",
        "dv",
        "dz",
        "ee",
        "el",
        "en",
        "eo",
        "es",
        "et",
        "eu",
        "fa",
        "ff",
        "fi",
        "fj",
        "fo",
        "fr",
        "fy",
        "ga",
        "gd",
        "gl",
        "gn",
        "gu",
        "gv",
        "ha",
        "he",
        "hi",
        "ho",
        "hr",
        "ht",
        "hu",
        "hy",
        "hz",
        "ia",
        "id",
        "ie",
        "ig",
        "ii",
        "ik",
        "io",
        "is",
        "it",
        "iu",
        "ja",
        "jv",
        "ka",
        "kg",
        "ki",
        "kj",
        "kk",
        "kl",
        "km",
        "kn",
        "ko",
        "kr",
        "ks",
        "ku",
        "kv",
        "kw",
        "ky",
        "la",
        "lb",
        "lg",
        "li",
        "ln",
        "lo",
        "lt",
        "lu",
        "lv",
        "mg",
        "mh",
        "mi",
        "mk",
        "ml",
        "mn",
        "mr",
        "ms",
        "mt",
        "my",
        "na",
        "nb",
        "nd",
        "ne",
        "ng",
        "nl",
        "nn",
        "no",
        "nr",
        "nv",
        "ny",
        "oc",
        "oj",
        "om",
        "or",
        "os",
        "pa",
        "pi",
        "pl",
        "ps",
        "pt",
        "qu",
        "rm",
        "rn",
        "ro",
        "ru",
        "rw",
        "sa",
        "sc",
        "sd",
        "se",
        "sg",
        "si",
        "sk",
        "sl",
        "sm",
        "sn",
        "so",
        "sq",
        "sr",
        "ss",
        "st",
        "su",
        "sv",
        "sw",
        "ta",
        "te",
        "tg",
        "th",
        "ti",
        "tk",
        "tl",
        "tn",
        "to",
        "tr",
        "ts",
        "tt",
        "tw",
        "ty",
        "ug",
        "uk",
        "ur",
        "uz",
        "ve",
        "vi",
        "vo",
        "wa",
        "wo",
        "xh",
        "yi",
        "yo",
        "za",
        "zh",
        "zu",
    ]
)
"""ISO 639-1. Three-letter languages are taken as they are."""
_TAG = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?", re.IGNORECASE)


def parse_language(text: str) -> str:
    """Read a language tag (BCP 47: language, script, region) and return it in its usual case: `de`, `pt-BR`.

    Raises:
        Refused: if it is no tag or its two-letter language does not exist.
    """
    match = _TAG.fullmatch(text.strip())
    if match is None:
        raise Refused(f"the language {text.strip()!r} is no language tag; write for example en, de or pt-BR")
    language, script, region = match.groups()
    if len(language) == 2 and language.lower() not in _LANGUAGES:
        raise Refused(f"the language {language!r} is unknown; two letters must be from ISO 639-1, as in en, de or fr")
    return "-".join(filter(None, (language.lower(), script and script.title(), region and region.upper())))
