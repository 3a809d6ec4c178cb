"""The facts file as a JSON Schema, made from the facts and policies there are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tocsin.domain.fact import Fact, FactType, WhoKnows
from tocsin.domain.incident import Trigger
from tocsin.domain.organisation import PREFIX
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.severity import SeverityInputs
from tocsin.domain.values import Value

SCHEMA = "https://json-schema.org/draft/2020-12/schema"


class Key(Value):
    """One key of the facts file."""

    type: Any
    """The type as TOML gives it."""
    words: str


KEYS: Mapping[str, Key] = {
    "title": Key(type=str, words="a few words on the case"),
    "at": Key(type=datetime, words="the instant as of which to explain; without it, now"),
    "organisation": Key(type=str, words="the path of an org.toml; without it, that of the home"),
    "register": Key(type=str, words="the path of a register of agreements"),
    "affected": Key(type=list, words="a list of references of agreements; without it, all may be affected"),
    "org": Key(type=dict, words="a table of facts of the organisation, over those of its file"),
    "triggers": Key(type=dict, words="a table of the events that have happened, each with its instant"),
    "submitted": Key(type=dict, words="a table of the reports sent in, by policy, each with its instant"),
    "incident": Key(type=dict, words="a table of facts of the incident"),
    "severity": Key(type=dict, words="a table of what ENISA's severity score is computed from"),
    "contents": Key(type=dict, words="a table of what is known for the reports, by the key of the content"),
}

_INSTANT = {"type": "string", "format": "date-time"}

_TYPES: Mapping[FactType, dict[str, Any]] = {
    FactType.BOOL: {"type": "boolean"},
    FactType.INT: {"type": "integer"},
    FactType.TEXT: {"type": "string"},
    FactType.LIST: {"type": "array", "items": {"type": "string"}},
    FactType.INSTANT: _INSTANT,
}


def facts_schema(pack: PolicyPack) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a facts file, read from TOML; instants are TOML's own with offset."""
    events = [trigger.value for trigger in Trigger if trigger is not Trigger.PRIOR_REPORT_SUBMITTED]
    reports = list(dict.fromkeys(policy.id for policy in pack.policies))
    contents = sorted({content.key for policy in pack.policies for content in policy.required_contents})
    tables = {
        "org": _facts(pack, WhoKnows.ORG),
        "incident": _facts(pack, WhoKnows.INCIDENT),
        "triggers": _table(dict.fromkeys(events, _INSTANT)),
        "submitted": _table(dict.fromkeys(reports, _INSTANT)),
        "contents": _table({key: {} for key in contents}),
        "affected": _TYPES[FactType.LIST],
        "at": _INSTANT,
        "severity": SeverityInputs.model_json_schema(ref_template="#/properties/severity/$defs/{model}"),
    }
    properties = {
        name: {**tables.get(name, {"type": "string"}), "description": key.words} for name, key in KEYS.items()
    }
    return {"$schema": SCHEMA, "title": "Facts of one case", **_table(properties)}


def _facts(pack: PolicyPack, who: WhoKnows) -> dict[str, Any]:
    prefix = PREFIX if who is WhoKnows.ORG else "incident."
    return _table({fact.key.removeprefix(prefix): _fact(fact) for fact in pack.facts.facts if fact.who is who})


def _fact(fact: Fact) -> dict[str, Any]:
    shape = dict(_TYPES[fact.type])
    if fact.choices:
        words = {"type": "string", "enum": list(fact.choices)}
        shape = {"type": "array", "items": words} if fact.type is FactType.LIST else words
    return {**shape, "description": fact.question}


def _table(properties: Mapping[str, Any]) -> dict[str, Any]:
    # A key such as `residents.*` is a table of its own, with one entry per place.
    plain = {name: shape for name, shape in properties.items() if not name.endswith(".*")}
    nested = {name.removesuffix(".*"): shape for name, shape in properties.items() if name.endswith(".*")}
    by_place = {name: {"type": "object", "additionalProperties": shape} for name, shape in nested.items()}
    return {"type": "object", "properties": {**plain, **by_place}, "additionalProperties": False}
