"""The facts of one case as a TOML file, with every mistake named at once. `tocsin explain --schema` describes it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tocsin.adapters.organisation import load_organisation
from tocsin.adapters.register_file import stream_file
from tocsin.adapters.toml_file import read_toml
from tocsin.domain.errors import Refused
from tocsin.domain.explanation import Case
from tocsin.domain.fact import FactRegistry
from tocsin.domain.facts_schema import KEYS
from tocsin.domain.incident import Trigger, TriggerFact
from tocsin.domain.organisation import PREFIX, Organisation, org_fact_mistakes, place_mistakes, with_facts
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.register import Affected, Agreement
from tocsin.domain.register_text import did_you_mean
from tocsin.domain.severity import SeverityInputs
from tocsin.domain.values import Instant, Value

_INCIDENT = "incident."

_ID_KEY = b"explain"
"""Nothing that is explained from a file is kept, so its ids need no secret."""


class CaseFile(Value):
    """What a facts file says."""

    title: str
    at: Instant | None
    """The instant as of which to explain; None: now."""
    case: Case


def read_case(path: Path, pack: PolicyPack, profile: Organisation | None) -> CaseFile:
    """Read a facts file, with the organisation and the register that it names.

    Args:
        path: the file; the files it names lie relative to it.
        pack: the policies, for the facts and reports there are.
        profile: the organisation, where the file names none of its own.

    Raises:
        Refused: naming every mistake in it.
    """
    raw = read_toml(path, "give the path of a facts file, or the id of an incident")
    mistakes = list(_mistakes(raw, pack))
    profile = _organisation(path, raw, pack.facts, mistakes) or profile or Organisation()
    affected = _affected(path, raw, mistakes)
    if mistakes:
        raise Refused(f"{path} is wrong:\n  " + "\n  ".join(mistakes))
    org = {PREFIX + key: value for key, value in raw.get("org", {}).items()}
    case = Case(
        profile=with_facts(profile, Organisation.model_validate({"facts": org}).facts),
        facts=dict(_flat(_INCIDENT, raw.get("incident", {}))),
        triggers={Trigger(key): TriggerFact(at=at) for key, at in raw.get("triggers", {}).items()},
        submitted=raw.get("submitted", {}),
        affected=affected,
        contents=frozenset(raw.get("contents", {})),
        severity=SeverityInputs.model_validate(raw["severity"]) if "severity" in raw else None,
    )
    return CaseFile(title=raw.get("title") or path.name, at=raw.get("at"), case=case)


def _mistakes(raw: Mapping[str, Any], pack: PolicyPack) -> Iterator[str]:
    for key, value in raw.items():
        shape = KEYS.get(key)
        if shape is None:
            yield f"the key {key!r} is unknown{did_you_mean(key, KEYS)}; known: {', '.join(KEYS)}"
        elif not isinstance(value, shape.type):
            yield f"{key} is {value!r}, but it must be {shape.words}"
        elif shape.type is datetime:
            yield from _instant_mistakes(key, value)
        elif shape.type is dict:
            yield from _severity_mistakes(value) if key == "severity" else _table_mistakes(key, value, pack)


def _severity_mistakes(table: Mapping[str, Any]) -> Iterator[str]:
    try:
        SeverityInputs.model_validate(table)
    except ValidationError as error:
        for found in error.errors():
            yield f"severity.{'.'.join(map(str, found['loc']))}: {found['msg'].removeprefix('Value error, ')}"


def _table_mistakes(key: str, table: Mapping[str, Any], pack: PolicyPack) -> Iterator[str]:
    match key:
        case "org":
            for name, value in table.items():
                yield from (f"org.{what}" for what in org_fact_mistakes(name, value, pack.facts))
        case "incident":
            yield from _incident_mistakes(dict(_flat(_INCIDENT, table)), pack.facts)
        case "triggers":
            yield from _named_instants(key, table, [t for t in Trigger if t is not Trigger.PRIOR_REPORT_SUBMITTED])
        case "submitted":
            yield from _named_instants(key, table, list(dict.fromkeys(policy.id for policy in pack.policies)))
        case _:
            known = {content.key for policy in pack.policies for content in policy.required_contents}
            yield from (f"{key}.{_unknown(name, known)}" for name in table if name not in known)


def _incident_mistakes(values: dict[str, Any], registry: FactRegistry) -> Iterator[str]:
    yield from registry.mistakes(values)
    for key, value in values.items():
        fact = registry.find(key)
        if fact is not None and fact.places:
            yield from place_mistakes(key, value)


def _named_instants(table: str, values: Mapping[str, Any], known: list[Any]) -> Iterator[str]:
    for name, at in values.items():
        if name == Trigger.PRIOR_REPORT_SUBMITTED:
            yield f"{table}.{name}: which report? write it under [submitted], by the policy that asks for it"
        elif name not in known:
            yield f"{table}.{_unknown(name, known)}"
        else:
            yield from _instant_mistakes(f"{table}.{name}", at)


def _unknown(name: str, known: Any) -> str:
    return f"{name}: there is none of this name{did_you_mean(name, known)}; `tocsin explain --schema` lists them"


def _instant_mistakes(name: str, at: object) -> Iterator[str]:
    if not isinstance(at, datetime) or at.utcoffset() is None:
        yield f"{name} is {at!s}, but it must be an instant with a zone, as in 2026-11-21T09:00:00Z"


def _flat(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the values of nested tables, by keys joined with dots."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{key}.", value)
        else:
            yield prefix + key, tuple(value) if isinstance(value, list) else value


def _organisation(
    path: Path, raw: Mapping[str, Any], registry: FactRegistry, mistakes: list[str]
) -> Organisation | None:
    named = raw.get("organisation")
    if not isinstance(named, str):
        return None
    try:
        return load_organisation(path.parent / named, registry)
    except Refused as reason:
        mistakes.append(str(reason))
        return None


def _affected(path: Path, raw: Mapping[str, Any], mistakes: list[str]) -> tuple[Affected, ...]:
    """Return the agreements that are named, or, where a register is given and nobody named, all that it may touch."""
    register, named = raw.get("register"), raw.get("affected")
    if not isinstance(register, str):
        if named:
            mistakes.append('affected names agreements, but there is no register; add register = "register.csv"')
        return ()
    try:
        agreements = {one.reference: one for one in stream_file(path.parent / register, _ID_KEY)}
    except Refused as reason:
        mistakes.append(str(reason))
        return ()
    if not isinstance(named, list):
        return tuple(Affected(agreement=one, revision=1, confirmed=False) for one in agreements.values())
    return tuple(_named(named, agreements, mistakes))


def _named(named: list[Any], agreements: Mapping[str, Agreement], mistakes: list[str]) -> Iterator[Affected]:
    for reference in dict.fromkeys(map(str, named)):
        if reference in agreements:
            yield Affected(agreement=agreements[reference], revision=1)
        else:
            close = did_you_mean(reference, agreements)
            mistakes.append(f"affected: the register has no agreement {reference!r}{close}; add it there")
