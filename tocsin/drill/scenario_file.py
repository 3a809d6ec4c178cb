"""A scenario as a TOML file, read with every mistake named at once."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tocsin.adapters.register_csv import read_register
from tocsin.adapters.toml_file import read_toml
from tocsin.domain.act import Revise
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Facts
from tocsin.domain.revising import revised
from tocsin.domain.scenario import ReviseTurn, Scenario

SCENARIOS = Path(__file__).parent / "scenarios"
_KEY = b"a scenario's register is read for its mistakes only"
_HEADER = re.compile(r"\s*\[\[(act|fault)\]\]")


def shipped() -> dict[str, Path]:
    """Return the scenarios that ship, by name."""
    return {path.stem: path for path in sorted(SCENARIOS.glob("*.toml"))}


def read_scenario(name: str) -> Scenario:
    """Read a scenario that ships, by its name, or any other by its path.

    Raises:
        Refused: if there is no such file or it is no TOML; else naming each mistake with its line and fix.
    """
    path = shipped().get(name, Path(name))
    table = read_toml(path, f"these ship: {', '.join(shipped())}; docs/drill.md says how to write one")
    lines = _lines(path)
    mistakes: list[str] = []
    try:
        scenario = Scenario.model_validate(table)
        found = [*scenario.mistakes(), *_of_facts(scenario)]
    except ValidationError as error:
        scenario, found = None, [_said(one["loc"], one) for one in error.errors()]
    mistakes += [f"{_where(place, lines)}: {what}" for place, what in found]
    register = table.get("register_csv")
    if isinstance(register, str):
        mistakes += _of_register(register)
    if mistakes or scenario is None:
        raise Refused(f"{path} is wrong:\n  " + "\n  ".join(mistakes))
    return scenario


def _of_register(text: str) -> list[str]:
    try:
        read_register(text.strip().encode(), _KEY)
    except Refused as refused:
        return [f"register_csv: {line.strip()}" for line in str(refused).splitlines() if line.strip()]
    return []


def _of_facts(scenario: Scenario) -> Iterator[tuple[str, str]]:
    for number, turn in enumerate(scenario.act, start=1):
        if isinstance(turn, ReviseTurn):
            try:
                revised(Facts(title="A drill"), Revise(facts=dict(turn.facts)))
            except ValidationError as error:
                for one in error.errors():
                    yield f"act {number} (revise)", _words(f"facts.{one['loc'][0]}", one)


def _said(place: tuple[int | str, ...], error: Any) -> tuple[str, str]:
    parts = [str(part) for part in place]
    if parts and parts[0] in {"act", "fault"} and len(place) > 1 and isinstance(place[1], int):
        tag = f" ({parts[2]})" if len(parts) > 2 else ""
        return f"{parts[0]} {place[1] + 1}{tag}", _words(".".join(parts[3:]), error)
    return ".".join(parts[:-1]) or "top", _words(parts[-1] if parts else "", error)


def _words(field: str, error: Any) -> str:
    match error["type"]:
        case "missing":
            return f"{field} is missing; add it"
        case "extra_forbidden":
            return f"{field} is unknown; take it out, or correct its name"
        case "union_tag_invalid":
            return f"{error['ctx']['tag']!r} is none of {error['ctx']['expected_tags']}; write one of them"
        case "union_tag_not_found":
            return f"{error['ctx']['discriminator']} is missing; it says what this is"
        case _:
            return f"{field} is {error['input']!r}: {error['msg'][:1].lower()}{error['msg'][1:]}; correct it"


def _lines(path: Path) -> dict[str, int]:
    """Return on which line each act and fault begins."""
    found: dict[str, int] = {}
    counts = {"act": 0, "fault": 0}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if header := _HEADER.match(line):
            counts[header[1]] += 1
            found[f"{header[1]} {counts[header[1]]}"] = number
    return found


def _where(place: str, lines: dict[str, int]) -> str:
    line = lines.get(" ".join(place.split()[:2]))
    return f"line {line}, {place}" if line else place
