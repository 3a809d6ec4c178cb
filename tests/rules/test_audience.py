"""Who is affected: by what agreements say, by name, and who cannot be told apart."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tocsin.domain.audience import Audience, select
from tocsin.domain.clause import Limb, NoticeClause, OwedBy
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Trigger
from tocsin.domain.register import Agreement
from tocsin.domain.values import AgreementId, PartyId

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PROMISE = NoticeClause(limbs=(Limb(trigger=Trigger.AWARENESS),))


def agreed(reference: str, **said: Any) -> Agreement:
    """Return an agreement with a party of the same name."""
    return Agreement(
        agreement_id=AgreementId(reference),
        reference=reference,
        party_id=PartyId(said.get("party_name", reference)),
        **({"party_name": f"{reference} Ltd", "clause": PROMISE} | said),
    )


REGISTER = [
    agreed("birch", services=("records",), regions=("EU",), data_categories=("health",)),
    agreed("cedar", services=("records", "archive"), regions=("UK",), subprocessors=("Hosting BV",)),
    agreed("dogwood", services=("archive",)),
    agreed("elm", services=("records",)),
    agreed("fir", services=("records",), ends_on=date(2025, 1, 1), data_held=False),
    agreed("hosting", services=("records",), clause=PROMISE.model_copy(update={"owed_by": OwedBy.THEM})),
]


@pytest.mark.parametrize(
    ("asked", "selected", "silent"),
    [
        ({}, [], []),
        ({"services": ("records",)}, ["birch", "cedar", "elm"], []),
        ({"services": ("Records", "archive")}, ["birch", "cedar", "dogwood", "elm"], []),
        ({"services": ("records",), "regions": ("eu",)}, ["birch"], ["elm"]),
        ({"subprocessors": ("hosting bv",)}, ["cedar"], ["birch", "dogwood", "elm"]),
        ({"data_categories": ("health",), "services": ("archive",)}, [], ["cedar", "dogwood"]),
        ({"references": ("fir",)}, ["fir"], []),
        ({"tenants": ("DOGWOOD LTD", "elm")}, ["dogwood", "elm"], []),
        ({"regions": ("uk",), "references": ("birch",)}, ["birch", "cedar"], ["dogwood", "elm"]),
    ],
)
def test_selection(asked: dict[str, tuple[str, ...]], selected: list[str], silent: list[str]) -> None:
    """Every criterion must hold, any word of it will do; whoever is named is in; the silent are shown, not guessed."""
    found = select(Audience(**asked), REGISTER, NOW)
    assert (list(found.agreements), list(found.silent)) == (selected, silent)
    assert (found.by_criteria + found.by_name, found.out_of) == (len(selected), 6)


def test_unknown_names() -> None:
    """Every reference and tenant that the register lacks is named."""
    with pytest.raises(Refused, match="Gorse, oak"):
        select(Audience(references=("oak",), tenants=("Gorse", "birch")), REGISTER, NOW)


def test_parties_are_counted_once() -> None:
    """Two agreements with one party are one party."""
    twice = [agreed("a", party_name="Birch", services=("x",)), agreed("b", party_name="Birch", services=("x",))]
    found = select(Audience(services=("x",)), twice, NOW)
    assert (len(found.agreements), found.parties) == (2, 1)
