"""Which recorded facts answer what a report to an authority must hold: a table, and how a fact is put into words.

Content keys are those of `required_contents` in `tocsin/policies/*.toml`. A key that is not in the table asks for
something that is recorded nowhere, such as an authority's own reference: a person supplies it with the report.
"""

from collections.abc import Mapping

from tocsin.domain.incident import Answer, Facts, Trigger, Triggers
from tocsin.domain.values import IncidentId, Value


class Dossier(Value):
    """Everything about one incident that a report may say."""

    incident_id: IncidentId
    facts: Facts
    triggers: Triggers = {}
    organisation: str = ""
    contact_point: str = ""
    measures_taken: tuple[str, ...] = ()
    """Measures named in the facts, then the titles of finished mitigation tasks."""
    measures_intended: tuple[str, ...] = ()
    """Titles of mitigation tasks that are not finished."""
    prevention: tuple[str, ...] = ()
    """Titles of improvements, which outlive the incident."""
    delay_reasons: tuple[str, ...] = ()
    """Why deadlines were missed, as people gave it."""
    notices_given: str = ""
    """How many were told, in words."""


class Part(Value):
    """One recorded thing that belongs to an answer. `source` is `fact:`, `answer:`, `at:` or `our:` and a name."""

    source: str
    label: str = ""
    optional: bool = False
    """Left out where nothing is recorded: its absence is not something that is not yet known."""


TITLE = Part(source="fact:title", label="In short")
SUMMARY = Part(source="fact:summary", label="What happened")
CATEGORIES = Part(source="fact:data_categories", label="Categories of data")
PEOPLE = Part(source="fact:people_affected", label="Approximate number of people")
RECORDS = Part(source="fact:records_affected", label="Approximate number of records")
CONSEQUENCES = Part(source="fact:consequences", label="Likely consequences")
CAUSE = Part(source="fact:cause", label="Cause")
SEVERITY = Part(source="fact:severity", label="Severity as we assess it", optional=True)
TAKEN = Part(source="our:measures_taken", label="Taken", optional=True)
INTENDED = Part(source="our:measures_intended", label="Proposed or under way", optional=True)
ORGANISATION = Part(source="our:organisation", label="Organisation", optional=True)
CONTACT = Part(source="our:contact_point", label="Contact")
PLACES = Part(source="answer:incident.places", label="Places touched")
OCCURRED = Part(source=f"at:{Trigger.OCCURRENCE}", label="Happened")
DISCOVERED = Part(source=f"at:{Trigger.DISCOVERY}", label="Discovered")
RECOVERED = Part(source=f"at:{Trigger.HANDLING_ENDED}", label="Recovered")
PEOPLE_KINDS = Part(source="", label="Categories of people")
"""Recorded nowhere yet, and so not yet known."""

_DESCRIBED = (TITLE, SUMMARY)
_WITH_IMPACT = (*_DESCRIBED, SEVERITY, CONSEQUENCES)
_IN_FULL = (*_DESCRIBED, PEOPLE, OCCURRED, PLACES)

PARTS: Mapping[str, tuple[Part, ...]] = {
    "assessment": (SEVERITY, CONSEQUENCES),
    "cause": (CAUSE,),
    "code": (Part(source="our:incident_id"),),
    "consequences": (CONSEQUENCES,),
    "contact_point": (ORGANISATION, CONTACT),
    "cross_border": (PLACES,),
    "data_categories": (CATEGORIES,),
    "description": _DESCRIBED,
    "impact": (CONSEQUENCES,),
    "malicious": (Part(source="answer:incident.malicious"),),
    "measures": (TAKEN, INTENDED),
    "measures_intended": (INTENDED,),
    "member_states": (PLACES,),
    "mitigation": (TAKEN, INTENDED),
    "nature": _DESCRIBED,
    "nature_scope_timing": _IN_FULL,
    "notices_given": (Part(source="our:notices_given"),),
    "origin": (CAUSE,),
    "prevention": (Part(source="our:prevention"),),
    "records": (CATEGORIES, RECORDS),
    "resolution": (RECOVERED, Part(source="our:measures_taken", label="How")),
    "risks": (CONSEQUENCES,),
    "root_causes": (CAUSE,),
    "subjects": (PEOPLE_KINDS, PEOPLE),
    "temporary_measures": (TAKEN,),
    "times": (Part(source=f"at:{Trigger.DETECTION}", label="Detected"),),
    "update": (SUMMARY,),
    "updated_details": (SUMMARY, PEOPLE, CONSEQUENCES),
    "when_and_how": (OCCURRED, SUMMARY),
}
"""The parts of the answer by content key."""

PARTS_OF: Mapping[str, tuple[Part, ...]] = {
    # The same key asks for more, or for other things, in these texts.
    "EU-CRA-I-F/description": _WITH_IMPACT,
    "EU-CRA-V-F/description": (),  # of the vulnerability, not of an incident
    "EU-CRA-V-N/nature": (),
    "EU-CRA-I-N/assessment": _WITH_IMPACT,
    "EU-DORA-INIT/times": (
        Part(source=f"at:{Trigger.DETECTION}", label="Detected"),
        Part(source=f"at:{Trigger.CLASSIFICATION_MAJOR}", label="Classified"),
    ),
    "EU-DORA-INIT-LATE/times": (
        Part(source=f"at:{Trigger.DETECTION}", label="Detected"),
        Part(source=f"at:{Trigger.CLASSIFICATION_MAJOR}", label="Classified"),
    ),
    "EU-DORA-INTER/times": (OCCURRED, RECOVERED),
    "EU-NIS2-FR/description": _WITH_IMPACT,
    "EU-NIS2-PR-FINAL/description": _WITH_IMPACT,
    "IN-DPDP-IND/nature": _IN_FULL,
    "IN-DPDP-BRD-1/nature": _IN_FULL,
    "US-TX-AG/measures": (TAKEN,),
    "US-TX-AG/residents": (Part(source="answer:incident.residents.US-TX"),),
}
"""The parts by policy and content key, where they differ."""

UNPRESCRIBED: Mapping[str, tuple[str, tuple[Part, ...]]] = {
    "nature": ("what happened", _DESCRIBED),
    "times": ("when it happened and was discovered", (OCCURRED, DISCOVERED)),
    "data_categories": ("the data concerned", (CATEGORIES, RECORDS)),
    "subjects": ("the people concerned", (PEOPLE,)),
    "consequences": ("the likely consequences", (CONSEQUENCES,)),
    "measures": ("the measures taken or intended", (TAKEN, INTENDED)),
    "contact_point": ("whom to ask", (ORGANISATION, CONTACT)),
}
"""What a report holds where the text prescribes nothing: our words, and no law."""


def parts_of(policy_id: str, key: str) -> tuple[Part, ...]:
    """Return the parts of the answer to one content of a policy's report; none if it is recorded nowhere."""
    return PARTS_OF.get(f"{policy_id}/{key}", PARTS.get(key, ()))


def known(dossier: Dossier, source: str) -> str | None:
    """Return what is recorded under a source, in words; None if nothing is."""
    kind, _, name = source.partition(":")
    match kind:
        case "fact":
            return _words(getattr(dossier.facts, name))
        case "answer":
            return _words(dossier.facts.answers.get(name))
        case "at":
            fact = dossier.triggers.get(Trigger(name))
            return f"{fact.at:%Y-%m-%d %H:%M} UTC ({fact.basis})" if fact else None
        case "our":
            return _words(getattr(dossier, name), between="; ")
    return None


def _words(value: Answer | None, between: str = ", ") -> str | None:
    if isinstance(value, bool):  # before int, which bool is
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, tuple):
        return between.join(value) or None
    return (value or "").strip() or None
