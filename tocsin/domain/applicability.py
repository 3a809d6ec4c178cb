"""Whether a rule applies, in three values: yes, no, or cannot be ruled out, each with the facts that made it so.

The logic is Kleene's: what is not known stays open unless the rest decides without it. `all` is no as soon as one part
is no, `any` is yes as soon as one part is yes, whatever else is unknown.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from operator import ge, gt, le, lt
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Discriminator, Field, StrictBool, StrictInt, Tag, model_validator

from tocsin.domain.fact import Fact, FactRegistry, FactType, FactValue, FactValues, value_mistakes
from tocsin.domain.values import Instant, Value


class Answer(StrEnum):
    """Whether a rule applies. The third value keeps a duty on the list; it never drops one."""

    YES = "yes"
    NO = "no"
    CANNOT_BE_RULED_OUT = "cannot_be_ruled_out"

    def negated(self) -> "Answer":
        """Return the opposite; what cannot be ruled out stays so."""
        return {Answer.YES: Answer.NO, Answer.NO: Answer.YES}.get(self, self)


class Reason(Value):
    """One fact that decided, or that is missing and would. `words` is a sentence part for a person."""

    fact: str
    value: str | None
    """The fact's value in words; None if it is not known yet."""
    words: str
    citation: str | None = None
    """The article of an exception that the fact fulfils or might fulfil."""


class Verdict(Value):
    """Whether a rule applies, and because of which facts."""

    answer: Answer
    because: tuple[Reason, ...] = ()

    @property
    def unknown(self) -> tuple[str, ...]:
        """The facts to ask for, in the order in which the rule names them; empty unless it cannot be ruled out."""
        if self.answer is not Answer.CANNOT_BE_RULED_OUT:
            return ()
        return tuple(dict.fromkeys(reason.fact for reason in self.because if reason.value is None))


class Operator(StrEnum):
    """How a number is compared. "More than 500" and "500 or more" differ by one person, so both are kept."""

    MORE = ">"
    AT_LEAST = ">="
    LESS = "<"
    AT_MOST = "<="


_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.MORE: gt,
    Operator.AT_LEAST: ge,
    Operator.LESS: lt,
    Operator.AT_MOST: le,
}


class _Node(Value):
    # `is`, `in` and `not` are words of the data files and no names in Python.
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class Asks(_Node):
    """A condition on one fact, with exactly one of `is`, `in`, `has`, `has_any`, or `op` with `value`."""

    fact: str = Field(min_length=1)
    is_: StrictBool | StrictInt | str | None = Field(default=None, alias="is")
    in_: tuple[str, ...] | None = Field(default=None, alias="in", min_length=1)
    has: str | None = None
    has_any: tuple[str, ...] | None = Field(default=None, min_length=1)
    op: Operator | None = None
    value: StrictInt | Instant | None = None

    @model_validator(mode="after")
    def _one_comparison(self) -> Self:
        given = [self.is_, self.in_, self.has, self.has_any, self.op]
        if sum(part is not None for part in given) != 1:
            raise ValueError("give exactly one of `is`, `in`, `has`, `has_any`, or `op` with `value`")
        if (self.op is None) != (self.value is None):
            raise ValueError('`op` and `value` come together, as in op = ">", value = 500')
        return self

    @property
    def words(self) -> str:
        """The comparison as it is read: `has controller`, `> 500`."""
        if self.op is not None:
            return f"{self.op} {_in_words(self.value)}"
        for word, part in (("is", self.is_), ("is one of", self.in_), ("has", self.has), ("has one of", self.has_any)):
            if part is not None:
                return f"{word} {_in_words(part)}"
        return "is known"

    def holds(self, value: FactValue) -> bool:
        """Say whether a known value fulfils the condition. Values of another type than the fact's never get here."""
        if self.op is not None:
            return _COMPARE[self.op](value, self.value)
        if self.in_ is not None:
            return value in self.in_
        if self.has is not None or self.has_any is not None:
            wanted = {self.has} if self.has is not None else set(self.has_any or ())
            return isinstance(value, tuple | list) and not wanted.isdisjoint(value)
        return value == self.is_


class AllOf(_Node):
    """Every part must hold."""

    all: tuple["Condition", ...] = Field(min_length=1)


class AnyOf(_Node):
    """One part is enough."""

    any: tuple["Condition", ...] = Field(min_length=1)


class Not(_Node):
    """The part must not hold."""

    not_: "Condition" = Field(alias="not")


def _shape(raw: object) -> str:
    names = set(raw) if isinstance(raw, dict) else {type(raw).__name__}
    for shape, signs in (("all", {"all", "AllOf"}), ("any", {"any", "AnyOf"}), ("not", {"not", "not_", "Not"})):
        if names & signs:
            return shape
    return "fact"


Condition = Annotated[
    Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")]
    | Annotated[Asks, Tag("fact")],
    Discriminator(_shape),
]
"""A condition over named facts, as nested as need be."""

AllOf.model_rebuild()
AnyOf.model_rebuild()
Not.model_rebuild()


def evaluate(condition: Condition, facts: FactValues) -> Verdict:
    """Return whether the condition holds on these facts, and the facts that decided it or that are missing."""
    match condition:
        case AllOf():
            return combine((evaluate(part, facts) for part in condition.all), decides=Answer.NO)
        case AnyOf():
            return combine((evaluate(part, facts) for part in condition.any), decides=Answer.YES)
        case Not():
            inner = evaluate(condition.not_, facts)
            return inner.model_copy(update={"answer": inner.answer.negated()})
        case _:
            return _asked(condition, facts.get(condition.fact))


def combine(parts: Iterable[Verdict], decides: Answer) -> Verdict:
    """Join verdicts: one that `decides` settles it, else one that is open keeps it open, else the opposite holds."""
    verdicts = list(parts)
    for answer in (decides, Answer.CANNOT_BE_RULED_OUT):
        if found := [verdict for verdict in verdicts if verdict.answer is answer]:
            return Verdict(answer=answer, because=_reasons(found))
    return Verdict(answer=decides.negated(), because=_reasons(verdicts))


def condition_mistakes(condition: Condition, registry: FactRegistry) -> Iterator[str]:
    """Yield what is wrong with a condition: facts that do not exist, and comparisons that their type does not allow."""
    for leaf in leaves(condition):
        fact = registry.find(leaf.fact)
        if fact is None:
            yield registry.unknown(leaf.fact)
        else:
            yield from _comparison_mistakes(leaf, fact)


def leaves(condition: Condition) -> Iterator[Asks]:
    """Yield each condition on one fact, in the order in which they are written."""
    match condition:
        case AllOf():
            inner: tuple[Condition, ...] = condition.all
        case AnyOf():
            inner = condition.any
        case Not():
            inner = (condition.not_,)
        case _:
            yield condition
            return
    for part in inner:
        yield from leaves(part)


_ALLOWED = {
    FactType.BOOL: ("is",),
    FactType.INT: ("is", "op"),
    FactType.TEXT: ("is", "in"),
    FactType.LIST: ("has", "has_any"),
    FactType.INSTANT: ("op",),
}


def _comparison_mistakes(leaf: Asks, fact: Fact) -> Iterator[str]:
    parts = {"is": leaf.is_, "in": leaf.in_, "has": leaf.has, "has_any": leaf.has_any, "op": leaf.value}
    (name, part), *_ = [(name, part) for name, part in parts.items() if part is not None]
    if name not in _ALLOWED[fact.type]:
        allowed = " or ".join(f"`{word}`" for word in _ALLOWED[fact.type])
        yield f"{leaf.fact} is of type {fact.type}, which `{name}` cannot compare; use {allowed}"
        return
    compared: tuple[object, ...] = (leaf.in_ or ()) if name == "in" else ((leaf.has,),) if name == "has" else (part,)
    for value in compared:
        yield from value_mistakes(fact, leaf.fact, value)


def _asked(leaf: Asks, value: FactValue | None) -> Verdict:
    if value is None:
        words = f"{leaf.fact} is not known yet (asked: {leaf.words})"
        return Verdict(answer=Answer.CANNOT_BE_RULED_OUT, because=(Reason(fact=leaf.fact, value=None, words=words),))
    shown, held = _in_words(value), leaf.holds(value)
    words = f"{leaf.fact} is {shown}" + ("" if leaf.words == f"is {shown}" else f" (asked: {leaf.words})")
    reason = Reason(fact=leaf.fact, value=shown, words=words)
    return Verdict(answer=Answer.YES if held else Answer.NO, because=(reason,))


def _reasons(verdicts: Iterable[Verdict]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reason for verdict in verdicts for reason in verdict.because))


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    return value.isoformat() if isinstance(value, datetime) else str(value)
