"""Acts: what a person did, as a signed envelope, and the arguments each kind of act carries."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, field_serializer

from tocsin.domain.breaking_glass import BreakGlass, Recall, ReviewGlass
from tocsin.domain.erasure_deeds import ErasureDeed
from tocsin.domain.gdpr_decision import Proposal
from tocsin.domain.holding import ConfirmHold, HoldProvisionally, Lift, PlaceHold
from tocsin.domain.incident import Answer, Facts, Trigger, Triggers
from tocsin.domain.notice import WaveKind
from tocsin.domain.probe_deed import Probe
from tocsin.domain.repinning import Recompute
from tocsin.domain.reviewing import Approved, SendBack
from tocsin.domain.severity import SeverityInputs
from tocsin.domain.task import TaskKind
from tocsin.domain.values import (
    ActId,
    AgreementId,
    ClockId,
    DutyId,
    IncidentId,
    Instant,
    PersonId,
    TaskId,
    Value,
    WaveId,
)
from tocsin.domain.word_deeds import AddNote as AddNote  # noqa: PLC0414 - it is an act like any other
from tocsin.domain.word_deeds import WordDeed


class Role(StrEnum):
    """What a person may do. Rules about roles are in `incident_state.admit`."""

    RESPONDER = "responder"
    APPROVER = "approver"
    AUDITOR = "auditor"
    ADMIN = "admin"


UNVERIFIED_LOCAL = "unverified local"
"""How an act is marked that came straight from a command line, with nobody vouching for who typed it."""


class Actor(Value):
    """Who acted, with which roles, and how we know."""

    person_id: PersonId
    name: str
    roles: frozenset[Role]
    authenticated: str = UNVERIFIED_LOCAL

    @field_serializer("roles", when_used="json")
    def _in_order(self, roles: frozenset[Role]) -> list[Role]:
        # A set has another order in every process, and what is signed must have one.
        return sorted(roles)

    @property
    def described(self) -> str:
        """Who it is and with which roles, in words."""
        return f"{self.name} is {', '.join(sorted(self.roles)) or 'without a role'}"


class Report(Value):
    """Tell of a security incident. Only the title is needed; everything else may follow."""

    kind: Literal["report"] = "report"
    facts: Facts
    triggers: dict[Trigger, Instant] = {}
    affected: tuple[AgreementId, ...] = ()
    """Named parties' agreements; with `facts.services` empty too, everyone may be affected and nobody is drafted to."""
    everyone: bool = False
    source_key: str
    """Opaque id of the alert or request that this report answers; the same one joins the same incident."""
    linked_to: IncidentId | None = None
    """The closed incident that the same alert reported before."""
    sources: tuple[AgreementId, ...] = ()
    """Agreements of the parties at which it happened: what they owe us gets clocks, too."""
    split_from: IncidentId | None = None
    """The incident that this one was a part of: its pins are copied, and its notices prove for this one."""
    told_by: AgreementId | None = None
    """The agreement of the party whose notice this report passes on; it is a source as well."""


class Absorb(Value):
    """Take another incident into this one: the earliest trigger of both counts, and its notices prove for this one."""

    kind: Literal["absorb"] = "absorb"
    source: IncidentId
    triggers: Triggers
    """The other's triggers as they stood when the person decided; it is refused if they have moved since."""
    audience_known: bool
    reason: str = ""


class MergeInto(Value):
    """End this incident as a part of another one, which has absorbed it."""

    kind: Literal["merge_into"] = "merge_into"
    target: IncidentId


class Told(Value):
    """State that a party at which it happened has told us: what it owed us is discharged by its notice."""

    kind: Literal["told"] = "told"
    agreement_id: AgreementId
    told_at: Instant | None = None
    their_awareness_at: Instant | None = None
    """Since when they knew, if their notice says so."""
    sha256: str | None = None
    """The digest of their notice, attached before."""


class Confirm(Value):
    """State that it is a security incident: the periods that run from confirmation start."""

    kind: Literal["confirm"] = "confirm"
    confirmed_at: Instant | None = None
    statement: str = ""


class Dismiss(Value):
    """State that it is no security incident, with the reason."""

    kind: Literal["dismiss"] = "dismiss"
    reason: str


class Revise(Value):
    """Change facts or trigger instants. A named field replaces what was known; the others stay."""

    kind: Literal["revise"] = "revise"
    facts: dict[str, str | int | tuple[str, ...] | None] = {}
    answers: dict[str, Answer | None] = {}
    """Answers to the questions of the law; None takes an answer back."""
    triggers: dict[Trigger, Instant] = {}
    # Left out where it is not given, so that what was signed before there were languages still is what was signed.
    language: str | None = Field(default=None, exclude_if=lambda language: language is None)
    """The language of the free text in `facts`, where it is another one than the facts were written in."""


class AddAffected(Value):
    """Name parties found to be affected, or everyone."""

    kind: Literal["affected_add"] = "affected_add"
    agreements: tuple[AgreementId, ...] = ()
    everyone: bool = False
    only: bool = False
    """Nobody else is affected: those who could not be ruled out until now are."""
    known_affected_at: Instant | None = None


class Draft(Value):
    """Render the letters of a wave and store their exact bytes for review."""

    kind: Literal["draft"] = "draft"
    wave_kind: WaveKind = WaveKind.INITIAL
    agreements: tuple[AgreementId, ...] | None = None
    """None: everybody this kind of wave is meant for."""


class Release(Value):
    """Approve a drafted wave, bound to the digest of what was reviewed; `also`: further ones, all of them or none."""

    kind: Literal["release"] = "release"
    wave_id: WaveId
    digest: str
    # Left out while empty, so that what was signed before there were several still is what was signed.
    also: tuple[Approved, ...] = Field(default=(), exclude_if=lambda also: not also)

    @property
    def approved(self) -> dict[WaveId, str]:
        """Every wave that it releases, with its digest."""
        return {self.wave_id: self.digest} | {one.wave_id: one.digest for one in self.also}


class Stop(Value):
    """Halt our own sending of a wave; not a hold."""

    kind: Literal["stop"] = "stop"
    wave_id: WaveId
    reason: str


class Resume(Value):
    """End a stop."""

    kind: Literal["resume"] = "resume"
    wave_id: WaveId


class AnswerPage(Value):
    """Answer a page: somebody sees to it, and nobody further up the ladder is called. No clock stops."""

    kind: Literal["page_ack"] = "page_ack"
    clock_id: ClockId | None = None
    """None: every clock of the incident that calls people."""


class Attach(Value):
    """Attach a file, whose bytes the sender stored sealed beforehand under its digest."""

    kind: Literal["attach"] = "attach"
    name: str
    media_type: str
    sha256: str
    size: int


class DutyEnd(StrEnum):
    """How a person may end a duty; those that a notice discharges end by the ledger."""

    DISCHARGED = "discharged"
    """Done by hand, as a report in an authority's portal: the proof is its reference number."""
    WAIVED = "waived"
    """Contract only: the proof is the digest of the other party's writing, attached before."""
    NOT_OWED = "not_owed"
    """A decision: the proof is the provision that it rests on, and the reasoning."""


class EndDuty(Value):
    """End a duty by hand, with its proof."""

    kind: Literal["duty_end"] = "duty_end"
    duty_id: DutyId
    how: DutyEnd
    proof: str = Field(min_length=1)


class Decide(Value):
    """Decide whom GDPR articles 33 and 34 want told; the register is due whatever is decided."""

    kind: Literal["decide"] = "decide"
    authority: bool
    subjects: bool
    reason: str = ""
    proposal: Proposal
    """The engine's proposal and its factors as the person saw them; refused if the facts have changed since."""


class Assess(Value):
    """Score the severity by ENISA's method. The score stands beside the reasoning and decides nothing."""

    kind: Literal["assess"] = "assess"
    inputs: SeverityInputs


class TaskAdd(Value):
    """Add a task."""

    kind: Literal["task_add"] = "task_add"
    title: str
    task_kind: TaskKind
    owner: str
    due_in: timedelta
    depends_on: tuple[TaskId, ...] = ()


class TaskAssign(Value):
    """Give a task to another owner."""

    kind: Literal["task_assign"] = "task_assign"
    task_id: TaskId
    owner: str


class TaskDone(Value):
    """Finish a task, with its outcome."""

    kind: Literal["task_done"] = "task_done"
    task_id: TaskId
    outcome: str
    proof: str | None = None


class Handover(Value):
    """Make another person the incident's owner."""

    kind: Literal["handover"] = "handover"
    to: PersonId
    to_name: str
    note: str = ""


class Close(Value):
    """End the incident with its cause and lessons."""

    kind: Literal["close"] = "close"
    cause: str
    lessons: str


class Reopen(Value):
    """Take up a closed or dismissed incident again."""

    kind: Literal["reopen"] = "reopen"
    reason: str


Deed = Annotated[
    Report
    | Absorb
    | MergeInto
    | Recompute
    | Told
    | Confirm
    | Dismiss
    | Revise
    | AddAffected
    | Draft
    | Release
    | SendBack
    | Stop
    | Resume
    | PlaceHold
    | HoldProvisionally
    | ConfirmHold
    | Lift
    | BreakGlass
    | Recall
    | ReviewGlass
    | WordDeed
    | AnswerPage
    | Attach
    | EndDuty
    | Decide
    | Assess
    | TaskAdd
    | TaskAssign
    | TaskDone
    | Handover
    | Close
    | Reopen
    | Probe
    | ErasureDeed,
    Field(discriminator="kind"),
]


class Act(Value):
    """What a person did, to which incident, when."""

    act_id: ActId
    incident_id: IncidentId
    actor: Actor
    at: Instant
    deed: Deed


class Envelope(Value):
    """An act with the signature of the door it came through. Unsigned is allowed only for `unverified local`."""

    act: Act
    expires_at: Instant
    key_id: str | None = None
    signature: str | None = None
    """Ed25519 over `signed_bytes()`, base64."""

    def signed_bytes(self) -> bytes:
        """Return what the signature covers: everything but the signature itself, canonical (RFC 8785)."""
        return self.model_copy(update={"signature": None}).canonical()


class Receipt(Value):
    """What an accepted act answers: what happened, in lines a person can read, and ids to go on with."""

    incident_id: IncidentId
    act_id: ActId
    status: str
    lines: tuple[str, ...] = ()
    ids: dict[str, str] = {}
    already: bool = False
    """True if the same thing had been done before and nothing was done now."""
