"""The ladder as a file: `escalation.toml`, read with every mistake named at once, and a first one written."""

from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from tocsin.adapters.toml_file import read_toml
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Severity
from tocsin.domain.ladder import EVERYONE_FROM, SILENCE_BEFORE, UNKNOWN, Climb, Ladder, Rung, Who
from tocsin.domain.register_text import did_you_mean, parse_period, parse_word

FILE = "escalation.toml"
_ZERO = timedelta(0)
_TABLES = ("rung", "climb", "everyone", "silence")

_DEFAULT = """\
# Who is called about a clock that is running out, by which channels, and how long each page waits for an answer.
# `tocsin page ack INCIDENT` answers it: nobody further is called before the clock's next warning. The clock runs on.
# Remove the # where you know whom to call. As long as nothing is set, every page goes to all pagers in their order.
#
# Channels are the names in TOCSIN_PAGER_URLS (oncall=pagerduty://... deputy=json://...), and "mail" for the on-call
# address. The next is tried at once when one fails.

# [[rung]]
# who = "owner"          # then "deputy", "approver", "executive"
# channels = ["oncall", "mail"]
#
# [[rung]]
# who = "executive"
# channels = ["mail"]
#
# [[climb]]              # which rung is called how long after the first page, as long as nobody has answered
# after = { owner = "0 min", executive = "1 h" }
#
# [[climb]]              # of those that fit, the one for the largest share of the clock's time holds
# share = 0.75
# severity = ["high", "critical", "unknown"]
# after = { owner = "0 min", executive = "15 min" }
#
# [everyone]             # from this share on everyone is called at once about what is still unreleased
# share = 0.9
#
# [silence]              # where a clause says release_minimal: how long before the deadline the letter goes by itself
# before = "2 h"         # of a short clock never more than a quarter of its time
"""


def load_ladder(path: Path, channels: Collection[str]) -> Ladder:
    """Read the ladder; without a file, or with nothing in it, it has one rung that every channel reaches.

    Raises:
        Refused: if it is no TOML, or naming every mistake in it.
    """
    raw = read_toml(path, "") if path.exists() else {}
    mistakes = list(_mistakes(raw, channels))
    if mistakes:
        raise Refused(f"{path} is wrong:\n  " + "\n  ".join(mistakes))
    everyone = Rung(who=Who.OWNER, channels=tuple(channels))
    return Ladder(
        rungs=tuple(Rung(who=Who(one["who"]), channels=tuple(one["channels"])) for one in raw.get("rung", ()))
        or (everyone,),
        climbs=tuple(_climb(one) for one in raw.get("climb", ())),
        everyone_from=raw.get("everyone", {}).get("share", EVERYONE_FROM),
        silence_before=_span(raw["silence"]["before"]) if "silence" in raw else SILENCE_BEFORE,
    )


def write_default_ladder(path: Path) -> bool:
    """Write a first file in which everything is a comment; an existing one is kept. Returns whether it was written."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_DEFAULT, encoding="utf-8")
    path.chmod(0o600)
    return True


def _climb(table: dict[str, Any]) -> Climb:
    return Climb(
        after={Who(who): _span(text) for who, text in table["after"].items()},
        severity=tuple(table.get("severity", ())),
        share=table.get("share", 0.0),
    )


def _mistakes(raw: dict[str, Any], channels: Collection[str]) -> Iterator[str]:
    for key in raw:
        if key not in _TABLES:
            yield f"{key!r} is unknown{did_you_mean(key, _TABLES)}; known: {', '.join(_TABLES)}"
    rungs, climbs = _tables(raw, "rung"), _tables(raw, "climb")
    if rungs is None or climbs is None:
        yield "write each rung as [[rung]] and each climb as [[climb]], with two brackets"
        return
    for place, rung in enumerate(rungs, 1):
        yield from (f"rung {place}: {what}" for what in _rung_mistakes(rung, channels))
    yield from _order_mistakes([rung.get("who") for rung in rungs])
    known = [str(rung.get("who")) for rung in rungs]
    for place, climb in enumerate(climbs, 1):
        yield from (f"climb {place}: {what}" for what in _climb_mistakes(climb, known))
    yield from _single(raw, "everyone", "share", _share_mistake)
    yield from _single(raw, "silence", "before", _span_mistake)


def _tables(raw: dict[str, Any], name: str) -> list[dict[str, Any]] | None:
    found = raw.get(name, [])
    return found if isinstance(found, list) and all(isinstance(one, dict) for one in found) else None


def _rung_mistakes(rung: dict[str, Any], channels: Collection[str]) -> Iterator[str]:
    yield from _unknown_keys(rung, ("who", "channels"))
    try:
        parse_word(Who, str(rung.get("who", "")), "rung")
    except Refused as mistake:
        yield str(mistake)
    named = rung.get("channels")
    if not isinstance(named, list) or not named:
        yield f'channels is missing or no list; write for example channels = ["{next(iter(channels))}"]'
        return
    for name in named:
        if name not in channels:
            yield (
                f"there is no channel {name!r}{did_you_mean(str(name), channels)}; TOCSIN_PAGER_URLS names the "
                f"pagers; known: {', '.join(channels)}"
            )


def _order_mistakes(named: list[object]) -> Iterator[str]:
    known = [Who(who) for who in named if isinstance(who, str) and who in set(Who)]
    places = [list(Who).index(who) for who in known]
    if places != sorted(set(places)):
        yield f"each rung stands once, in this order: {', '.join(Who)}"


def _climb_mistakes(climb: dict[str, Any], rungs: list[str]) -> Iterator[str]:
    yield from _unknown_keys(climb, ("share", "severity", "after"))
    if "share" in climb:
        yield from _share_mistake(climb["share"])
    severities = climb.get("severity", [])
    words = [*Severity, UNKNOWN]
    for word in severities if isinstance(severities, list) else [severities]:
        if word not in words or not isinstance(severities, list):
            yield f"severity: {word!r} is none of the list [{', '.join(words)}]{did_you_mean(str(word), words)}"
    after = climb.get("after")
    if not isinstance(after, dict) or not after:
        yield 'after is missing or no table; write for example after = { owner = "0 min", deputy = "15 min" }'
        return
    yield from _after_mistakes(after, rungs)


def _after_mistakes(after: dict[str, Any], rungs: list[str]) -> Iterator[str]:
    spans: list[tuple[int, timedelta]] = []
    for who, text in after.items():
        if who not in rungs:
            yield f"after: there is no rung {who!r}{did_you_mean(who, rungs)}; add [[rung]] who = {who!r}"
            continue
        mistakes = list(_span_mistake(text))
        yield from (f"after {who}: {what}" for what in mistakes)
        if not mistakes:
            spans.append((rungs.index(who), _span(text)))
    ordered = [span for _, span in sorted(spans)]
    if len(spans) == len(after) and (ordered != sorted(ordered) or ordered[0] != _ZERO):
        yield 'after: the first rung is called at "0 min", and no rung before the one below it'


def _single(raw: dict[str, Any], name: str, key: str, wrong: Any) -> Iterator[str]:
    if name not in raw:
        return
    table = raw[name]
    if not isinstance(table, dict) or key not in table:
        yield f"{name}: write [{name}] with one line, {key} = ..."
        return
    yield from (f"{name}: {what}" for what in [*_unknown_keys(table, (key,)), *wrong(table[key])])


def _unknown_keys(table: dict[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for key in table:
        if key not in known:
            yield f"{key!r} is unknown{did_you_mean(key, known)}; known: {', '.join(known)}"


def _share_mistake(share: object) -> Iterator[str]:
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        yield f"share is {share!r}; write a number from 0 to 1, as in 0.75"


def _span_mistake(text: object) -> Iterator[str]:
    try:
        _span(text)
    except Refused as mistake:
        yield str(mistake)


def _span(text: object) -> timedelta:
    words = str(text).strip().casefold().replace(" ", "")
    return _ZERO if words in {"0", "0min", "0h"} else parse_period(str(text))
