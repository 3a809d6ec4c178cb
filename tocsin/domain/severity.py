"""Severity of a personal data breach by ENISA's method (working document v1.0, December 2013): SE = DPC x EI + CB.

The score stands beside a decision and never takes one: its bands are not the thresholds of GDPR articles 33 and 34,
and nothing in Tocsin may read it to keep a notice back.
"""

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from tocsin.domain.severity_scales import (
    EASE_WORDS,
    AvailabilityLoss,
    Category,
    ConfidentialityLoss,
    Identifier,
    IntegrityLoss,
    context_scale,
    identifier_scale,
    points,
)
from tocsin.domain.values import Value

MANY = 100
"""More than this many individuals are flagged: 100 are not, 101 are."""

MALICE = 0.5


class Band(StrEnum):
    """What the score says about the consequences for individuals."""

    LOW = "low"
    """None, or a few inconveniences."""
    MEDIUM = "medium"
    """Significant inconveniences, overcome with some difficulty."""
    HIGH = "high"
    """Significant consequences, overcome with serious difficulty."""
    VERY_HIGH = "very_high"
    """Significant or irreversible consequences, which may not be overcome."""


class Context(Value):
    """How one category of data is scored, 1 to 4, and why it leaves the category's basic score where it does."""

    category: Category
    score: int = Field(ge=1, le=4)
    reason: str = ""

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.score != self.category.base and not self.reason.strip():
            raise ValueError(f"{self.category} scored {self.score} instead of {self.category.base} needs a reason")
        return self


class Identification(Value):
    """How easily one identifier leads to a person: 0.25, 0.5, 0.75 or 1, as far as the method has that step for it."""

    identifier: Identifier
    ease: float

    @model_validator(mode="after")
    def _on_the_scale(self) -> Self:
        scale = identifier_scale(self.identifier)
        if self.ease not in scale:
            raise ValueError(
                f"{self.identifier} has no step {self.ease:g}; it has {', '.join(f'{s:g}' for s in scale)}"
            )
        return self


class SeverityInputs(Value):
    """What a person judged; kept with the result. A password is no category: score what it gives access to."""

    contexts: tuple[Context, ...] = Field(min_length=1)
    identifications: tuple[Identification, ...] = Field(min_length=1)
    confidentiality: ConfidentialityLoss = ConfidentialityLoss.NOT_AFFECTED
    integrity: IntegrityLoss = IntegrityLoss.NOT_AFFECTED
    availability: AvailabilityLoss = AvailabilityLoss.NOT_AFFECTED
    malicious: bool = False
    individuals: int | None = Field(default=None, ge=0)
    unintelligible: bool | None = None
    """Strong encryption whose key is not compromised."""


class EnisaScore(Value):
    """The score with its parts. Flags stand beside it and change nothing in it."""

    dpc: int
    ei: float
    cb: float
    se: float
    band: Band
    flags: tuple[str, ...]
    steps: tuple[str, ...]


def severity(inputs: SeverityInputs) -> EnisaScore:
    """Return the score from 0.25 to 6, its band, and every step."""
    context = max(inputs.contexts, key=lambda one: one.score)
    identification = max(inputs.identifications, key=lambda one: one.ease)
    circumstances = _circumstances(inputs)
    cb = sum(circumstances.values())
    se = context.score * identification.ease + cb
    steps = (
        *map(_context_step, inputs.contexts),
        f"DPC = {context.score}, the highest of the categories present",
        *map(_identification_step, inputs.identifications),
        f"EI = {identification.ease:g} ({EASE_WORDS[identification.ease]}), the highest of the identifiers present",
        *(f"{words}: + {value:g}" for words, value in circumstances.items()),
        f"CB = {cb:g}, the sum of the circumstances",
        f"SE = {context.score} x {identification.ease:g} + {cb:g} = {se:g}: {band(se).replace('_', ' ')}",
        "the score is shown beside the reasoning; it decides nothing and keeps no notice back",
    )
    return EnisaScore(
        dpc=context.score, ei=identification.ease, cb=cb, se=se, band=band(se), flags=_flags(inputs), steps=steps
    )


def band(se: float) -> Band:
    """Return the band of a score: below 2 low, below 3 medium, below 4 high, from 4 very high."""
    if se < 2:
        return Band.LOW
    if se < 3:
        return Band.MEDIUM
    return Band.HIGH if se < 4 else Band.VERY_HIGH


def _circumstances(inputs: SeverityInputs) -> dict[str, float]:
    """Return the points of each circumstance, by its wording."""
    losses = (inputs.confidentiality, inputs.integrity, inputs.availability)
    found = dict(points(loss) for loss in losses)
    intent = "malicious intent" if inputs.malicious else "no malicious intent"
    return found | {intent: MALICE if inputs.malicious else 0.0}


def _flags(inputs: SeverityInputs) -> tuple[str, ...]:
    flags: list[str] = []
    if inputs.individuals is None:
        flags.append("number of individuals not yet known")
    elif inputs.individuals > MANY:
        flags.append(f"more than {MANY} individuals ({inputs.individuals})")
    if inputs.unintelligible is None:
        flags.append("not yet known whether the data are unintelligible")
    elif inputs.unintelligible:
        flags.append("data unintelligible: strong encryption, key not compromised")
    return tuple(flags)


def _context_step(context: Context) -> str:
    because = f"; {context.reason}" if context.reason else ""
    scale = context_scale(context.category)[context.score]
    return f"{context.category}: {context.score} (basic score {context.category.base}; {scale}){because}"


def _identification_step(one: Identification) -> str:
    return f"{one.identifier.replace('_', ' ')}: {one.ease:g} ({identifier_scale(one.identifier)[one.ease]})"
