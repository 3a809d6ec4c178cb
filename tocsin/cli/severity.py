"""`severity`: ENISA's score with its computation. It stands beside the reasoning and keeps no notice back."""

from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from pydantic import ValidationError

from tocsin.cli import lookup
from tocsin.cli.acting import act
from tocsin.cli.arguments import Incident, Json, YesNo
from tocsin.cli.render import bullets, emit, heading, say
from tocsin.cli.session import session
from tocsin.domain.act import Assess
from tocsin.domain.errors import Refused
from tocsin.domain.explain_decision import breach_facts
from tocsin.domain.incident import Facts
from tocsin.domain.kleene import all_true
from tocsin.domain.severity import Context, EnisaScore, Identification, SeverityInputs, severity
from tocsin.domain.severity_scales import (
    AvailabilityLoss,
    Category,
    ConfidentialityLoss,
    Identifier,
    IntegrityLoss,
    context_scale,
    identifier_scale,
    points,
)

commands = typer.Typer()

Contexts = Annotated[
    list[str] | None,
    typer.Option("--context", metavar="CATEGORY=SCORE[:WHY]", help="As financial=3, simple=2:profiling. Repeatable."),
]
Identifiers = Annotated[
    list[str] | None, typer.Option("--identifier", metavar="IDENTIFIER=EASE", help="As full_name=0.5. Repeatable.")
]


@commands.command(name="severity")
def score_severity(
    ctx: typer.Context,
    incident: Incident = "last",
    contexts: Contexts = None,
    identifiers: Identifiers = None,
    confidentiality: Annotated[ConfidentialityLoss | None, typer.Option(help="Who may have seen the data.")] = None,
    integrity: Annotated[IntegrityLoss | None, typer.Option(help="What became of altered data.")] = None,
    availability: Annotated[AvailabilityLoss | None, typer.Option(help="Whether it can be had again.")] = None,
    malicious: Annotated[YesNo | None, typer.Option(help="Was there intent?")] = None,
    scales: Annotated[bool, typer.Option("--scales", help="Print every value of every scale.")] = False,
    as_json: Json = False,
) -> None:
    """Score the severity by ENISA's method, or show the score: a help for the decision that decides nothing.

    What you give takes the place of what was given before; the number of people, encryption and intent are read from
    the facts where they are known.
    """
    if scales:
        print_scales()
        return
    work = session(ctx)
    state = lookup.incident(work, incident)
    with work.store.reading() as tx:
        facts = tx.incidents.facts(state.incident_id) or Facts(title=state.incident_id)
    losses = {"confidentiality": confidentiality, "integrity": integrity, "availability": availability}
    given: dict[str, object] = {name: loss for name, loss in losses.items() if loss is not None}
    given |= {"contexts": tuple(map(_context, contexts))} if contexts else {}
    given |= {"identifications": tuple(map(_identification, identifiers))} if identifiers else {}
    given |= {"malicious": malicious is YesNo.YES} if malicious is not None else {}
    if given:
        inputs = inputs_of(facts, given)
        act(work, Assess(inputs=inputs), state.incident_id, as_json)
    elif facts.enisa is None:
        raise Refused(
            f"nobody has scored it yet; say what data it is and how easily it leads to people: tocsin severity "
            f"{state.incident_id} --context CATEGORY=SCORE --identifier IDENTIFIER=EASE (--scales lists them)"
        )
    else:
        inputs = facts.enisa
        if as_json:
            emit({"inputs": inputs, "score": severity(inputs)})
    if not as_json:
        show(severity(inputs))


def show(score: EnisaScore) -> None:
    """Print a score with its computation."""
    heading(f"Severity by ENISA's method: {score.se:g}, {score.band.replace('_', ' ')}")
    bullets([*score.steps, *(f"flag: {flag}" for flag in score.flags)])


def inputs_of(facts: Facts, given: dict[str, object]) -> SeverityInputs:
    """Return the inputs: what is given now, over what was given before, over what the facts say.

    Raises:
        Refused: naming what is missing or on no scale.
    """
    known = breach_facts(facts)
    read = {
        "malicious": bool(known.malicious),
        "individuals": known.people,
        "unintelligible": all_true(known.unintelligible, known.key_safe),
    }
    before = facts.enisa.model_dump() if facts.enisa else {}
    stands = {name: value for name, value in before.items() if name not in read} | (
        {"malicious": before["malicious"]} if before and known.malicious is None else {}
    )
    try:
        return SeverityInputs.model_validate({**read, **stands, **given})
    except ValidationError as error:
        raise Refused("; ".join(_mistakes(error))) from None


def print_scales() -> None:
    """Print every value of every scale with the words it stands for."""
    for category in Category:
        _scale(f"--context {category}=…", ((str(score), words) for score, words in context_scale(category).items()))
    for identifier in Identifier:
        steps = identifier_scale(identifier).items()
        _scale(f"--identifier {identifier}=…", ((f"{ease:g}", words) for ease, words in steps))
    for name, kind in (
        ("confidentiality", ConfidentialityLoss),
        ("integrity", IntegrityLoss),
        ("availability", AvailabilityLoss),
    ):
        _scale(f"--{name}", ((loss, f"{points(loss)[0]}: + {points(loss)[1]:g}") for loss in kind))
    _scale("--malicious", (("yes", "malicious intent: + 0.5"), ("no", "+ 0")))


def _scale(title: str, lines: Iterable[tuple[str, str]]) -> None:
    say(title, style="bold")
    bullets(f"{value}: {words}" for value, words in lines)


def _context(text: str) -> Context:
    value, _, reason = text.partition(":")
    category, score = _pair(value, Category)
    try:
        return Context(category=Category(category), score=int(score), reason=reason.strip())
    except ValidationError as error:
        raise Refused("; ".join(_mistakes(error))) from None
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: a score is a whole number from 1 to 4") from error


def _identification(text: str) -> Identification:
    identifier, ease = _pair(text, Identifier)
    try:
        return Identification(identifier=Identifier(identifier), ease=float(ease))
    except ValidationError as error:
        raise Refused("; ".join(_mistakes(error))) from None
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: ease is 0.25, 0.5, 0.75 or 1") from error


def _pair(text: str, known: type[Category] | type[Identifier]) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if name.strip() not in list(known) or not sign:
        raise typer.BadParameter(f"{text!r} is none; write NAME=VALUE with one of: {', '.join(known)}")
    return name.strip(), value.strip()


def _mistakes(error: ValidationError) -> Iterator[str]:
    for found in error.errors():
        name = " ".join(map(str, found["loc"]))
        words = found["msg"].removeprefix("Value error, ")
        yield f"{name}: {words}" if name else words
