"""The incident: its facts, its trigger instants, its states, and what may happen in which state."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from tocsin.domain.canonical import EXACT
from tocsin.domain.one_line import one_line
from tocsin.domain.severity import SeverityInputs
from tocsin.domain.values import Instant, Value


class Status(StrEnum):
    """Where an incident is in its life."""

    REPORTED = "reported"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    CLOSED = "closed"
    MERGED = "merged"
    """It turned out to be a part of another incident, which goes on with its triggers and parties."""


OVER = frozenset({Status.CLOSED, Status.DISMISSED, Status.MERGED})
"""An incident in one of these takes no act that would change what is owed."""


class Trigger(StrEnum):
    """The events that start periods. Each has its own instant; they are never merged."""

    OCCURRENCE = "occurrence"
    DETECTION = "detection"
    DISCOVERY = "discovery"
    AWARENESS = "awareness"
    CONFIRMATION = "confirmation"
    CLASSIFICATION = "classification"
    SUBMISSION = "submission"
    TOLD_BY_PROCESSOR = "told_by_processor"
    TOLD_BY = "told_by"
    """Somebody else told us of it; where it was a processor of ours, `TOLD_BY_PROCESSOR` is stated as well."""
    THEIR_AWARENESS = "their_awareness"
    """The party at which it happened knew of it: what they owe us runs from there."""
    REPORT = "report"
    KNOWN_AFFECTED = "known_affected"
    # Events that statutes name; each is an instant of its own, however close to one of the above it lies.
    REASON_TO_BELIEVE = "reason_to_believe"
    REASONABLE_BELIEF = "reasonable_belief"
    DETERMINATION_INCIDENT = "determination_incident"
    DETERMINATION_MATERIAL = "determination_material"
    CLASSIFICATION_MAJOR = "classification_major"
    ASSESSMENT_NOTIFIABLE = "assessment_notifiable"
    PAYMENT_MADE = "payment_made"
    PRIOR_REPORT_SUBMITTED = "prior_report_submitted"
    MITIGATION_AVAILABLE = "mitigation_available"
    HANDLING_ENDED = "handling_ended"
    AUTHORITY_ASKED = "authority_asked"
    DELAY_FORESEEN = "delay_foreseen"
    YEAR_END = "year_end"
    SUSPICION = "suspicion"
    STATEMENT_COMPLETED = "statement_completed"
    INFORMATION_AVAILABLE = "information_available"
    DATA_AFFECTED_KNOWN = "data_affected_known"

    @property
    def words(self) -> str:
        """The trigger as it is written in a sentence."""
        return self.value.replace("_", " ")


class Basis(StrEnum):
    """Why we hold an instant to be the trigger's."""

    STATED = "stated"
    ASSUMED = "assumed"


class TriggerFact(Value):
    """When a trigger happened, and whether a person said so or the report stands in for it until one does."""

    at: Instant
    basis: Basis = Basis.STATED


class Severity(StrEnum):
    """How bad the reporter holds it to be; it colours pages and suppresses nothing."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


Answer = bool | int | str | tuple[str, ...]
"""What a person says to such a question; a question without an answer is simply not in the mapping."""


Title = Annotated[str, AfterValidator(one_line)]
Number = Annotated[int, Field(ge=0, le=EXACT)]
"""How many there are of something; not more than the log can write."""


class Translation(Value):
    """The free text of the facts in one more language. What it lacks goes out as it was written, marked as such."""

    summary: str | None = None
    data_categories: tuple[str, ...] | None = None
    consequences: str | None = None
    measures: tuple[str, ...] | None = None
    cause: str | None = None
    lessons: str | None = None


class Facts(Value):
    """What is known of an incident. None means "not yet known", which is a value and never blocks a notice."""

    title: Title
    kind: str = "general"
    severity: Severity | None = None
    summary: str | None = None
    data_categories: tuple[str, ...] | None = None
    people_affected: Number | None = None
    records_affected: Number | None = None
    consequences: str | None = None
    measures: tuple[str, ...] = ()
    contact_point: str | None = None
    services: tuple[str, ...] = ()
    cause: str | None = None
    lessons: str | None = None
    answers: dict[str, Answer] = {}
    """Answers to the questions that decide which law applies, by the key of the fact (`tocsin policy` knows them)."""
    # Left out while they say nothing, so that what was signed before there were languages still is what was signed.
    written_in: str = Field(default="en", exclude_if=lambda language: language == "en")
    """The language that the free text is written in."""
    translations: dict[str, Translation] = Field(default={}, exclude_if=lambda by_language: not by_language)
    """The free text in other languages, by language."""
    enisa: SeverityInputs | None = Field(default=None, exclude_if=lambda inputs: inputs is None)
    """What a person judged for ENISA's severity score; it decides nothing."""

    def unknowns(self) -> tuple[str, ...]:
        """Return the names of the facts a notice asks for that nobody has supplied yet."""
        asked = ("summary", "data_categories", "people_affected", "records_affected", "consequences", "cause")
        return tuple(name for name in asked if getattr(self, name) is None)


def minimal(facts: Facts) -> Facts:
    """Return what may be said of an incident when nobody has released more: no free text, no number, no answer."""
    return Facts(title=facts.title, kind=facts.kind, services=facts.services, contact_point=facts.contact_point)


Triggers = dict[Trigger, TriggerFact]
