"""A policy: one dated, cited legal rule as a value. What the law says is data in `tocsin/policies/*.toml`, never here.

Whether a policy may start a clock is computed from its dates and from how its fields are known; no hand sets it.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, NewType

from pydantic import ConfigDict, Field, StrictBool, StrictInt

from tocsin.domain.applicability import Answer, Asks, Condition, Reason, Verdict, combine, evaluate
from tocsin.domain.counting_dora import DoraReport
from tocsin.domain.deadline import ComputingRule, Period
from tocsin.domain.fact import FactValues
from tocsin.domain.incident import Trigger
from tocsin.domain.values import Value

PolicyId = NewType("PolicyId", str)

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]


class Mark(StrEnum):
    """How we know what a field says."""

    TEXT = "TEXT"
    """Read in the wording of the instrument itself."""
    AUTH = "AUTH"
    """Read in a statement of the competent authority."""
    SEC = "SEC"
    """Read in secondary sources: check with counsel."""
    MEMORY = "MEMORY"
    """Not verified: never starts a clock."""


class Kind(StrEnum):
    """What the rule asks for."""

    NOTICE = "notice"
    REGISTER = "register"
    ASSESSMENT = "assessment"
    VOLUNTARY = "voluntary"
    HOLD = "hold"
    """No duty at all: the rule on delaying others. It never starts a clock."""


class Recipient(StrEnum):
    """Who must be told, by kind; the policy's `to` has the name."""

    SUPERVISORY_AUTHORITY = "supervisory_authority"
    CSIRT = "csirt"
    SECTOR_REGULATOR = "sector_regulator"
    SUBJECTS = "subjects"
    CONTROLLER = "controller"
    CLIENTS = "clients"
    USERS = "users"
    PUBLIC = "public"
    MEDIA = "media"
    REGISTER = "register"
    OTHERS = "others"


class Lateness(StrEnum):
    """What the text says of a late report."""

    SOFT = "soft"
    """Allowed if the reasons accompany it."""
    HARD = "hard"
    """The text knows no late filing with reasons."""
    NOT_STATED = "not_stated"


class Unless(Value):
    """An exception with the article it rests on. It keeps a duty out only on facts that are known to fulfil it."""

    when: Condition
    words: Text
    citation: Text
    mark: Mark = Mark.TEXT
    until_shown: StrictBool = False
    """True where the duty is presumed: it stands, and is no open question, until this is known to be fulfilled."""


class HoldEffect(StrEnum):
    """What an order not to tell does to the duty."""

    NONE = "none"
    MAY_DELAY = "may_delay"
    FORBIDS = "forbids"
    NOT_STATED = "not_stated"


class HoldRule(Value):
    """What the text says of orders not to tell."""

    effect: HoldEffect = HoldEffect.NOT_STATED
    words: str = ""
    citation: str = ""
    longest_days: StrictInt | None = Field(default=None, ge=1)
    then: Period | None = None
    """How long there is once the hold has ended, where the text says so."""


class Content(Value):
    """One thing that the report must hold. What is not yet known is said to be so, and blocks nothing."""

    key: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    text: Text
    may_be_unknown: StrictBool = True


class InForce(Value):
    """When the rule is law. With `seen_on` alone its first day was not read, and rules it out on no earlier day."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    starts_on: date | None = Field(default=None, alias="from")
    ends_on: date | None = Field(default=None, alias="until")
    """The first day on which it is no longer law."""
    seen_on: date | None = None
    """A day on which it was seen to be law; used where no first day was read."""

    @property
    def known(self) -> bool:
        """Say whether any day is known on which the rule was law."""
        return bool(self.starts_on or self.seen_on or self.ends_on)

    def on(self, day: date) -> bool:
        """Say whether the rule is law on this day."""
        begun = self.starts_on is None or self.starts_on <= day
        return self.known and begun and (self.ends_on is None or day < self.ends_on)


Marks = tuple[Mark, ...]


class Status(Value):
    """How we know each field: in which kinds of source it was read. Nothing means not known at all."""

    period: Marks = ()
    trigger: Marks = ()
    in_force: Marks = ()
    threshold: Marks | None = None
    """Given only where it differs from the rest of the row."""
    contents: Marks | None = None

    def deciding(self) -> dict[str, Marks]:
        """Return the marks that decide whether a clock may start."""
        marks = {"period": self.period, "trigger": self.trigger, "in_force": self.in_force}
        return marks | ({"threshold": self.threshold} if self.threshold is not None else {})


class Policy(Value):
    """One legal rule: who owes what to whom, from when, for how long, on which facts, and where it is written."""

    id: PolicyId = Field(pattern=r"^[A-Z0-9]+(-[A-Z0-9]+)+$")
    version: Text = "1"
    instrument: Text
    title: Text
    kind: Kind = Kind.NOTICE
    owed_by: Text
    owed_to: tuple[Recipient, ...] = Field(min_length=1)
    to: Text
    """The recipient by name, as the text has it."""
    trigger: Trigger | None = None
    """None: the text names no event. The duty stands as soon as its conditions hold, and has no date."""
    trigger_words: str = ""
    """What the text adds to the trigger's name: `of the significant incident`."""
    also_from: Trigger | None = None
    """A second event that the computing rule looks at, as for DORA's initial notification."""
    period: Period | None = None
    """None: no number, so there is no date, ever."""
    lateness: Lateness = Lateness.NOT_STATED
    wud: StrictBool = False
    """Without undue delay comes first; the number, if there is one, is only the outer limit."""
    rule: ComputingRule = ComputingRule.NONE
    calendar: str | None = None
    """`authority` for the competent authority's holidays, or a calendar's id. None: nothing is added for days off."""
    dora_report: DoraReport | None = None
    applies: Condition | None = None
    """None only where no clock can start: nothing was read of whom the rule binds."""
    threshold: Asks | None = None
    unless: tuple[Unless, ...] = ()
    follow_ups: tuple[PolicyId, ...] = ()
    """Policies that run from the submission of this one's report."""
    hold: HoldRule = HoldRule()
    required_contents: tuple[Content, ...] = ()
    letter: str | None = None
    """The folder of the letter; None where the notice goes through a portal or a form."""
    citation: Text
    sources: tuple[Text, ...] = Field(min_length=1)
    status: Status = Status()
    in_force: InForce = InForce()
    inactive_because: str = ""
    """Why it can start no clock; needed exactly where the marks or the dates do not allow one."""
    notes: tuple[str, ...] = ()

    @property
    def period_words(self) -> str:
        """The period as it is read: `72 hours`, `1 month`, `no number`."""
        if self.period is None:
            return "no number"
        unit = self.period.unit.value.replace("_", " ")
        return f"{self.period.n} {unit[:-1] if self.period.n == 1 else unit}"

    def why_inactive(self, on: date | None = None) -> str | None:
        """Return why this policy starts no clock (on a day, or on any day), or None if it may."""
        doubts = self.doubts()
        if doubts:
            return self.inactive_because or "; ".join(doubts)
        if on is not None and not self.in_force.on(on):
            return f"not in force on {on.isoformat()}"
        return None

    def enabled(self, on: date) -> bool:
        """Say whether this policy may start a clock on this day: computed, never set."""
        return self.why_inactive(on) is None

    def doubts(self) -> tuple[str, ...]:
        """Return what keeps the policy from ever starting a clock, as the marks and dates have it."""
        marks = self.status.deciding()
        found = [f"its {field} is not known" for field in marks if not marks[field]]
        found += [f"its {field} is known from memory" for field in marks if Mark.MEMORY in marks[field]]
        if not self.in_force.known:
            found.append("no day is known on which it is law")
        return (*found, *(["it is a rule on holds, not a duty"] if self.kind is Kind.HOLD else []))

    @property
    def counsel_check(self) -> bool:
        """Say whether a field that decides rests on secondary sources alone; shown as "check with counsel"."""
        return any(set(marks) == {Mark.SEC} for marks in self.status.deciding().values())

    def verdict(self, facts: FactValues) -> Verdict:
        """Return whether this policy applies on these facts, and because of which."""
        if self.applies is None:
            return Verdict(answer=Answer.CANNOT_BE_RULED_OUT)
        parts = [evaluate(self.applies, facts)]
        parts += [evaluate(self.threshold, facts)] if self.threshold else []
        # Art. by art.: an exception removes the duty only if its facts are known; see `Unless`.
        parts += [_spared(exception, facts) for exception in self.unless]
        return combine(parts, decides=Answer.NO)


def _spared(exception: Unless, facts: FactValues) -> Verdict:
    found = evaluate(exception.when, facts)
    because = tuple(_cited(reason, exception) for reason in found.because)
    if exception.until_shown and found.answer is Answer.CANNOT_BE_RULED_OUT:
        return Verdict(answer=Answer.YES, because=because)
    return Verdict(answer=found.answer.negated(), because=because)


def _cited(reason: Reason, exception: Unless) -> Reason:
    return reason.model_copy(update={"citation": exception.citation, "words": f"{reason.words}: {exception.words}"})
