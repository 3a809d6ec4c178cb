"""What `explain` answers with. As JSON it is an interface: `docs/explain-json.md` describes it, and it only grows."""

from collections.abc import Callable
from enum import StrEnum
from typing import Literal

from tocsin.domain.applicability import Answer, Reason
from tocsin.domain.calendar import Calendar
from tocsin.domain.fact import FactValue, WhoKnows
from tocsin.domain.gdpr_decision import Proposal, WhomToTell
from tocsin.domain.incident import Basis, Trigger, Triggers
from tocsin.domain.organisation import Organisation
from tocsin.domain.policy import HoldRule, Kind, Lateness, PolicyId, Status
from tocsin.domain.register import Affected
from tocsin.domain.severity import EnisaScore, SeverityInputs
from tocsin.domain.values import AgreementId, Instant, Value

FORMAT = "tocsin.explain/1"

Calendars = Callable[[str, int, int], Calendar]
"""Gives the calendar of an id for the years from the one to the other. Raises Refused for one that is unknown."""


class Case(Value):
    """Everything that duties follow from. What is not in it is not known."""

    profile: Organisation = Organisation()
    facts: dict[str, FactValue | None] = {}
    """Facts of the incident by key, as in `incident.personal_data`."""
    triggers: Triggers = {}
    submitted: dict[PolicyId, Instant] = {}
    """When the report that a policy asks for was sent in; the newest, where it was updated."""
    affected: tuple[Affected, ...] = ()
    sources: tuple[AgreementId, ...] = ()
    """Agreements of the parties at which it happened: what they owe us is explained, too."""
    contents: frozenset[str] = frozenset()
    """Keys of required contents about which something is known."""
    severity: SeverityInputs | None = None
    """What a person judged for ENISA's score."""
    decided: WhomToTell | None = None
    """Whom a person decided to tell under GDPR articles 33 and 34."""


class Source(StrEnum):
    """What a duty rests on."""

    POLICY = "policy"
    CONTRACT = "contract"


class Standing(StrEnum):
    """Whether the event from which a duty runs has happened."""

    RUNNING = "running"
    NOT_YET_RUNNING = "not_yet_running"


class ContentState(Value):
    """One thing that the report must hold, and whether anything is known about it."""

    key: str
    text: str
    missing: bool
    may_be_unknown: bool


class ExplainedDuty(Value):
    """One duty with all that a lawyer needs to check it."""

    id: str
    version: str
    source: Source
    kind: Kind
    title: str
    owed_by: str
    owed_to: tuple[str, ...]
    """The kinds of recipient."""
    to: str
    """The recipient by name."""
    applies: Answer
    because: tuple[Reason, ...]
    standing: Standing
    trigger: Trigger | None
    trigger_words: str = ""
    trigger_at: Instant | None = None
    trigger_basis: Basis | None = None
    starts_when: str | None = None
    """The event that has not happened yet, in words; None once it has."""
    period: str
    """`72 hours`, `no number`."""
    without_undue_delay: bool
    lateness: Lateness = Lateness.NOT_STATED
    rule: str
    """How the period is counted: a `ComputingRule`, or `contract_days`, `contract_working_days`."""
    deadline_at: Instant | None = None
    """None: the text has no number, or the event has not happened."""
    deadline_local: str | None = None
    """The same on the clocks of `zone`, ISO 8601."""
    zone: str
    """The authority's time zone, or the party's; IANA name."""
    target_at: Instant | None = None
    """When we want it done: the deadline, or our own target where there is none."""
    stricter_deadline_at: Instant | None = None
    """What a stricter reading of the contract gives."""
    steps: tuple[str, ...] = ()
    readings: dict[str, Instant | None] = {}
    """What other readings of the same text give; never used to delay."""
    calendar: str | None = None
    """Where the days off come from, with the version."""
    follow_ups: tuple[str, ...] = ()
    required_contents: tuple[ContentState, ...] = ()
    hold: HoldRule | None = None
    letter: str | None = None
    citation: str
    sources: tuple[str, ...] = ()
    status: Status | None = None
    counsel_check: bool = False
    """A field that decides rests on secondary sources alone: check with counsel."""
    notes: tuple[str, ...] = ()


class NotOwed(Value):
    """A policy that does not apply, with the facts that kept it out."""

    id: str
    version: str
    title: str
    applies: Literal[Answer.NO] = Answer.NO
    because: tuple[Reason, ...]
    citation: str


class Inactive(Value):
    """A policy or version that starts no clock, with the reason."""

    id: str
    version: str
    title: str
    reason: str
    citation: str


class Question(Value):
    """A fact that is not known yet, and the duties that knowing it decides."""

    fact: str
    question: str
    who: WhoKnows
    choices: tuple[str, ...] = ()
    settles: tuple[str, ...] = ()
    """Duties that any answer decides."""
    may_settle: tuple[str, ...] = ()
    """Duties that one answer decides, and another leaves open."""


class Decide(Value):
    """All duties that cannot be ruled out, as one thing to decide."""

    duties: int
    deadline_at: Instant | None
    """The earliest deadline among them; None if none of them has one."""
    deadline_local: str | None
    zone: str | None
    deadline_of: str | None
    """The id of the duty whose deadline it is."""
    target_at: Instant | None
    questions: tuple[Question, ...]
    """Ordered by how many of the duties each settles."""


class Decision(Proposal):
    """The proposal under GDPR articles 33 and 34. A person decides."""

    binds: Answer
    """Whether this decision is ours at all: it is the controller's."""
    because: tuple[Reason, ...]
    decided: WhomToTell | None = None
    """What a person decided; None: no decision recorded yet."""


class Severity(Value):
    """ENISA's score beside the decision: it decides nothing, and no rule reads it."""

    inputs: SeverityInputs
    score: EnisaScore


class Explanation(Value):
    """Who must be told, by when, and why, as the facts stand."""

    format: str = FORMAT
    subject: str
    at: Instant
    """The instant as of which this is said."""
    law: str
    """The fingerprint of all policies it was made from."""
    duties: tuple[ExplainedDuty, ...]
    """Those that apply or cannot be ruled out, nearest target first."""
    decide: Decide | None
    near_misses: tuple[NotOwed, ...]
    """The law is ours, but a fact of this incident kept the duty out."""
    out_of_scope: tuple[NotOwed, ...] | None = None
    """The law is not ours. None: not asked for."""
    inactive: tuple[Inactive, ...] | None = None
    """None: not asked for."""
    decision: Decision
    severity: Severity | None = None
    """None: nobody has scored it."""
    remarks: tuple[str, ...] = ()
    """What else a reader should know, such as an answer that could not be read."""
