"""The law as data: one TOML file per instrument, and the loader that refuses a bad pack with all its mistakes at once.

`facts.toml` names the facts that policies may ask for. Every other file holds one instrument: its name, its sources,
and a `[[policy]]` per rule. An old version stays as a further `[[policy]]` with the same id. `docs/adding-a-regime.md`
describes every key.
"""

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tocsin.domain.applicability import Asks, condition_mistakes
from tocsin.domain.errors import Refused
from tocsin.domain.fact import FactRegistry
from tocsin.domain.policy import Policy
from tocsin.domain.policy_check import pack_mistakes, policy_mistakes
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.register_text import did_you_mean

FACTS = "facts.toml"

Model = TypeVar("Model", bound=BaseModel)

_FACTS_KEYS = ("fact", "groups")
_FILE_KEYS = ("instrument", "sources", "policy")
_CONDITIONS = ("applies", "threshold", "unless")
_FITTING: dict[str, Any] = {
    "id": "A-1",
    "instrument": "-",
    "title": "-",
    "owed_by": "-",
    "owed_to": ["others"],
    "to": "-",
    "applies": {"fact": "-", "is": True},
    "citation": "-",
    "sources": ["-"],
}
"""Stands in for fields that are wrong or missing, so that what does not fit together is still found beside them."""


def load_policies(extra: Path | None = None) -> PolicyPack:
    """Read the shipped policies, then those in the folder `extra`; a folder that is not there holds none.

    Raises:
        Refused: naming every mistake in every file, each with the policy, the field and the fix.
    """
    sources: list[tuple[str, Traversable]] = [(source.name, source) for source in _ordered(files(__name__))]
    if extra is not None and extra.is_dir():
        sources += [(f"{extra.name}/{source.name}", source) for source in _ordered(extra)]
    unreadable: list[str] = []
    files_of_law = [(label, source) for label, source in sources if label.endswith(".toml")]
    read = [(label, _content(label, source, unreadable)) for label, source in files_of_law]
    return read_pack([(label, content) for label, content in read if content is not None], unreadable)


def read_pack(contents: Iterable[tuple[str, bytes]], unreadable: Iterable[str] = ()) -> PolicyPack:
    """Read files, each under the name that its mistakes are told by, as one pack; see `load_policies`."""
    mistakes = list(unreadable)
    tables = [(label, table) for label, content in contents if (table := _toml(label, content, mistakes)) is not None]
    registry = _registry([(label, table) for label, table in tables if _is_facts(label)], mistakes)
    found: list[tuple[str, Policy]] = []
    for label, table in tables:
        if not _is_facts(label):
            found.extend((label, policy) for policy in _instrument(label, table, registry, mistakes))
    pack = PolicyPack(policies=tuple(policy for _, policy in found), facts=registry or FactRegistry())
    labels = {id(policy): label for label, policy in found}
    named = {row_id for _, table in tables for row_id in _ids(table)}
    mistakes += [f"{labels[id(policy)]}: {policy.id}: {what}" for policy, what in pack_mistakes(pack, named)]
    if mistakes:
        raise Refused("the policies are wrong:\n  " + "\n  ".join(mistakes))
    return pack


def _ordered(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda source: source.name)


def _is_facts(label: str) -> bool:
    return label.rpartition("/")[2] == FACTS


def _content(label: str, source: Traversable, mistakes: list[str]) -> bytes | None:
    try:
        return source.read_bytes()
    except OSError as error:
        mistakes.append(f"{label}: cannot read it: {error.strerror}")
        return None


def _toml(label: str, content: bytes, mistakes: list[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except RecursionError:
        mistakes.append(f"{label}: it is nested too deeply to read; a condition needs a handful of levels")
    except ValueError as error:  # tomllib's own, with line and column; also bytes that are no text, or endless numbers
        mistakes.append(f"{label}: it is not TOML: {error}")
    return None


def _registry(tables: Sequence[tuple[str, dict[str, Any]]], mistakes: list[str]) -> FactRegistry | None:
    facts: list[Any] = []
    groups: dict[str, Any] = {}
    for label, table in tables:
        mistakes += [f"{label}: {_unknown(key, _FACTS_KEYS)}" for key in table if key not in _FACTS_KEYS]
        listed, grouped = table.get("fact", []), table.get("groups", {})
        facts += listed if isinstance(listed, list) else [listed]
        groups |= grouped if isinstance(grouped, dict) else {"groups": grouped}
    try:
        registry = _strictly(FactRegistry, {"facts": facts, "groups": groups})
    except ValidationError as error:
        mistakes += [f"{FACTS}: {_fact_place(facts, what['loc'])}: {_what(what)}" for what in error.errors()]
        return None  # Without its facts, whether a policy names the right ones cannot be said.
    counted = Counter(fact.key for fact in registry.facts)
    mistakes += [f"{FACTS}: {key}: the fact is there already; remove one" for key, n in counted.items() if n > 1]
    return registry


def _fact_place(facts: list[Any], place: tuple[int | str, ...]) -> str:
    fact = facts[place[1]] if place[:1] == ("facts",) and len(place) > 1 and isinstance(place[1], int) else None
    key = fact.get("key") if isinstance(fact, dict) else None
    return _where((key, *place[2:]) if isinstance(key, str) else place)


def _instrument(
    name: str, table: dict[str, Any], registry: FactRegistry | None, mistakes: list[str]
) -> Iterator[Policy]:
    mistakes += [f"{name}: {_unknown(key, _FILE_KEYS)}" for key in table if key not in _FILE_KEYS]
    rows = table.get("policy")
    if not isinstance(rows, list) or not rows:
        mistakes.append(f"{name}: there is no [[policy]]; add at least one")
        return
    shared: dict[str, Any] = {key: table[key] for key in ("instrument", "sources") if key in table}
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            mistakes.append(f"{name}: policy number {number}: it is no table; write [[policy]]")
            continue
        policy, found = _policy(shared | row, registry)
        label = row["id"] if isinstance(row.get("id"), str) and row["id"] else f"policy number {number}"
        mistakes += [f"{name}: {label}: {what}" for what in dict.fromkeys(found)]
        if policy is not None:
            yield policy


def _ids(table: dict[str, Any]) -> Iterator[str]:
    rows = table.get("policy")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("id"), str):
            yield row["id"]


def _policy(row: dict[str, Any], registry: FactRegistry | None) -> tuple[Policy | None, list[str]]:
    """Return the policy, if its fields are right, and everything that is wrong with it."""
    found = [what for part in _CONDITIONS for what in _fact_mistakes(part, row.get(part), registry)] if registry else []
    try:
        policy = _strictly(Policy, row)
    except RecursionError:
        return None, [*found, "it is nested too deeply to read; a condition needs a handful of levels"]
    except ValidationError as error:
        return None, [*(f"{_where(what['loc'])}: {_what(what)}" for what in error.errors()), *found, *_rest(row, error)]
    return policy, [*found, *(what for _, what in policy_mistakes(policy))]


def _rest(row: dict[str, Any], error: ValidationError) -> list[str]:
    """Return what does not fit together among the fields that are right."""
    wrong = {str(what["loc"][0]) if what["loc"] else "" for what in error.errors()}
    try:
        policy = _strictly(Policy, _FITTING | {key: value for key, value in row.items() if key not in wrong})
    except ValidationError:
        return []  # The row is no JSON at all, as with a number that is none.
    return [what for fields, what in policy_mistakes(policy) if not fields & wrong]


def _fact_mistakes(part: str, raw: object, registry: FactRegistry) -> Iterator[str]:
    # Walks what was written rather than what was understood, so that a slip elsewhere hides no wrong fact.
    pending = [raw]
    while pending:
        node = pending.pop(0)
        if isinstance(node, list):
            pending = [*node, *pending]
        elif isinstance(node, dict) and isinstance(node.get("fact"), str):
            yield from (f"{part}: {what}" for what in _leaf_mistakes(node, registry))
        elif isinstance(node, dict):
            pending = [*node.values(), *pending]


def _leaf_mistakes(node: dict[str, Any], registry: FactRegistry) -> Iterable[str]:
    try:
        return condition_mistakes(_strictly(Asks, node), registry)
    except (ValidationError, RecursionError):
        return [] if registry.find(node["fact"]) else [registry.unknown(node["fact"])]


def _strictly(model: type[Model], raw: object) -> Model:
    # By way of JSON: its strict mode takes words for enums and lists for tuples, but no text for numbers or truth.
    written = json.dumps(raw, default=lambda value: value.isoformat())
    return model.model_validate_json(written, strict=True)


def _where(place: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in place) or "the table"


def _what(mistake: ErrorDetails) -> str:
    match mistake["type"]:
        case "missing":
            return "it is missing; add it"
        case "extra_forbidden":
            return _unknown(str(mistake["loc"][-1]), Policy.model_fields if len(mistake["loc"]) == 1 else ())
        case "enum":
            return f"{mistake['input']!r} is unknown; write {mistake['ctx']['expected']}"
    shown = repr(mistake["input"])
    return f"{mistake['msg']}; found {shown if len(shown) <= 80 else shown[:77] + '...'}"


def _unknown(key: str, known: Iterable[str]) -> str:
    words = list(known)
    return f"the key {key!r} is unknown{did_you_mean(key, words)}" + (f"; known: {', '.join(words)}" if words else "")
