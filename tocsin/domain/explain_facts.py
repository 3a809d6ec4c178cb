"""From what the store knows of an incident to the facts that policies ask for."""

from collections.abc import Iterable, Iterator, Mapping

from tocsin.domain.explanation import Case
from tocsin.domain.fact import FactRegistry, FactValue
from tocsin.domain.incident import Facts, Triggers
from tocsin.domain.organisation import PREFIX, Organisation, with_facts
from tocsin.domain.register import Affected

CONTENTS: Mapping[str, tuple[str, ...]] = {
    "nature": ("summary",),
    "description": ("summary",),
    "facts": ("summary",),
    "subjects": ("people_affected",),
    "records": ("records_affected",),
    "contact_point": ("contact_point",),
    "consequences": ("consequences",),
    "effects": ("consequences",),
    "measures": ("measures",),
    "mitigation": ("measures",),
    "remedial_action": ("measures",),
    "data_categories": ("data_categories",),
    "cause": ("cause",),
    "root_causes": ("cause",),
}
"""The facts that say something about a required content, by the content's key."""


def case_of(
    facts: Facts, triggers: Triggers, affected: Iterable[Affected], profile: Organisation, registry: FactRegistry
) -> tuple[Case, tuple[str, ...]]:
    """Return the case of an incident, and what could not be read in its answers."""
    given = dict(_readable(facts, registry))
    org = {key: value for key, value in given.items() if key.startswith(PREFIX)}
    case = Case(
        profile=with_facts(profile, org),
        facts={key: value for key, value in given.items() if key not in org},
        triggers=triggers,
        affected=tuple(affected),
        contents=frozenset(key for key, names in CONTENTS.items() if any(getattr(facts, name) for name in names)),
    )
    return case, tuple(f"an answer is left out: {what}" for what in registry.mistakes(facts.answers))


def _readable(facts: Facts, registry: FactRegistry) -> Iterator[tuple[str, FactValue]]:
    """Yield the answers that are right, over what follows from the incident's own facts."""
    if facts.people_affected is not None:
        yield "incident.people_affected", facts.people_affected
    for key, value in facts.answers.items():
        # A wrong answer counts as none: it must keep no duty off the list.
        if not list(registry.mistakes({key: value})):
            yield key, value
