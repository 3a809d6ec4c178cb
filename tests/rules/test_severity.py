"""ENISA's severity method: the whole scale, the bands, and that a score is never a switch."""

import re
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tocsin.domain.severity import Band, Context, EnisaScore, Identification, SeverityInputs, band, severity
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

DATA = tomllib.loads((Path(__file__).parent / "cases" / "severity.toml").read_text(encoding="utf-8"))


def scored(case: dict[str, Any]) -> EnisaScore:
    """Return the score of a case."""
    given = {key: value for key, value in case.items() if key not in ("name", "se", "band", "source")}
    given["contexts"] = [
        {"category": category, "score": score, "reason": case["name"]} for category, score in case["contexts"].items()
    ]
    given["identifications"] = [
        {"identifier": identifier, "ease": ease} for identifier, ease in case["identifications"].items()
    ]
    return severity(SeverityInputs.model_validate(given))


def simplest(**given: Any) -> EnisaScore:
    """Return the score of simple data under an unlinked code, with what else is given."""
    least = {
        "contexts": [Context(category=Category.SIMPLE, score=1)],
        "identifications": [Identification(identifier=Identifier.CODE, ease=0.25)],
    }
    return severity(SeverityInputs.model_validate(least | given))


@pytest.mark.parametrize("case", DATA["case"], ids=lambda case: case["name"])
def test_whole_breaches(case: dict[str, Any]) -> None:
    """Each breach gets the score and the band that its source computes."""
    score = scored(case)
    assert (score.se, score.band) == (case["se"], case["band"])
    assert any(f"= {case['se']:g}:" in step for step in score.steps)


@pytest.mark.parametrize("example", DATA["scale"], ids=lambda example: example["name"])
def test_scored_like_the_method_does(example: dict[str, Any]) -> None:
    """Each of the method's own examples can be scored as the method scores it, with its reason in the steps."""
    case = {**example, "contexts": {example["category"]: example["score"]}, "identifications": {"email": 1.0}}
    score = scored({key: value for key, value in case.items() if key not in ("category", "score")})
    assert score.se == score.dpc == example["score"]
    assert example["name"] in score.steps[0]


def test_every_value_of_the_scale() -> None:
    """Each category reaches 1 to 4, and the score of every combination is the product plus the sum."""
    losses = product(ConfidentialityLoss, IntegrityLoss, AvailabilityLoss, (False, True))
    sums = {
        (
            sum(points(loss)[1] for loss in (c, i, a)) + 0.5 * bad,
            simplest(confidentiality=c, integrity=i, availability=a, malicious=bad).cb,
        )
        for c, i, a, bad in losses
    }
    assert all(expected == found for expected, found in sums)
    assert {found for _, found in sums} == {n / 4 for n in range(9)}
    for category, identifier in product(Category, Identifier):
        assert sorted(context_scale(category)) == [1, 2, 3, 4]
        for score, ease in product(context_scale(category), identifier_scale(identifier)):
            contexts = [Context(category=category, score=score, reason="as judged")]
            found = simplest(contexts=contexts, identifications=[Identification(identifier=identifier, ease=ease)])
            assert found.se == score * ease


def test_basic_scores() -> None:
    """Simple data start at 1, behavioural at 2, financial at 3, sensitive at 4."""
    assert [category.base for category in Category] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("se", "expected"),
    [
        (0.25, Band.LOW),
        (1.75, Band.LOW),
        (2, Band.MEDIUM),
        (2.75, Band.MEDIUM),
        (3, Band.HIGH),
        (3.75, Band.HIGH),
        (4, Band.VERY_HIGH),
        (6, Band.VERY_HIGH),
    ],
)
def test_bands(se: float, expected: Band) -> None:
    """A band begins at its lower number and ends below its upper one."""
    assert band(se) is expected


@pytest.mark.parametrize(("individuals", "flagged"), [(100, False), (101, True), (0, False)])
def test_more_than_a_hundred(individuals: int, flagged: bool) -> None:
    """A hundred individuals raise no flag, a hundred and one do, and the score stays the same."""
    score = simplest(individuals=individuals)
    assert any("more than 100" in flag for flag in score.flags) is flagged
    assert score.se == simplest().se


def test_unintelligible_data() -> None:
    """Sound encryption is a flag beside the score and takes nothing off it; what is not known is flagged so."""
    assert simplest(unintelligible=True, individuals=1).flags == (
        "data unintelligible: strong encryption, key not compromised",
    )
    assert simplest(unintelligible=True).se == simplest(unintelligible=False).se
    assert len(simplest().flags) == 2


def test_the_highest_counts() -> None:
    """Of several categories and several identifiers the highest of each counts."""
    score = simplest(
        contexts=[Context(category=Category.FINANCIAL, score=3), Context(category=Category.SIMPLE, score=1)],
        identifications=[
            Identification(identifier=Identifier.CODE, ease=0.25),
            Identification(identifier=Identifier.PICTURE, ease=0.75),
        ],
    )
    assert (score.dpc, score.ei) == (3, 0.75)


def test_a_move_needs_a_reason() -> None:
    """A category scored away from its basic score says why."""
    with pytest.raises(ValidationError, match="sensitive scored 1 instead of 4 needs a reason"):
        Context(category=Category.SENSITIVE, score=1)


@pytest.mark.parametrize(
    ("identifier", "ease"),
    [(Identifier.ID_NUMBER, 0.5), (Identifier.PHONE_OR_ADDRESS, 0.75), (Identifier.EMAIL, 0.5), (Identifier.CODE, 0.5)],
)
def test_steps_that_do_not_exist(identifier: Identifier, ease: float) -> None:
    """A step that the method does not have for an identifier is refused with those that it has."""
    with pytest.raises(ValidationError, match="has no step"):
        Identification(identifier=identifier, ease=ease)


@pytest.mark.parametrize("missing", ["contexts", "identifications"])
def test_nothing_to_score(missing: str) -> None:
    """Without any data, or any identifier, there is nothing to score."""
    with pytest.raises(ValidationError, match=missing):
        simplest(**{missing: []})


def test_never_a_switch() -> None:
    """The score says of itself that it keeps no notice back, and no rule reads it."""
    assert "keeps no notice back" in simplest().steps[-1]
    domain = Path(__file__).parents[2] / "tocsin" / "domain"
    lines = {path.name: re.findall(r"domain\.severity import (.*)", path.read_text()) for path in domain.glob("*.py")}
    readers = {name: found for name, found in lines.items() if found}
    # The inputs are kept in an act and in the facts; what they come to is computed where it is shown.
    assert readers.pop("act.py") == readers.pop("incident.py") == ["SeverityInputs"]
    assert readers.pop("facts_schema.py") == ["SeverityInputs"]
    # An explanation shows it.
    assert readers.pop("explanation.py") == ["EnisaScore, SeverityInputs"]
    assert readers.pop("explain.py") == ["severity"]
    assert readers == {}
