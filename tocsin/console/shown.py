"""What of a value a visitor is shown: privileged paragraphs only if they may read them."""

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel

from tocsin.adapters.privileged import left_out_for
from tocsin.console.gate import Pass
from tocsin.ports import Transaction

M = TypeVar("M", bound=BaseModel)


def shown(tx: Transaction, who: Pass, value: M) -> M:
    """Return a value of the visitor's incident as they may read it."""
    return left_out_for(tx, who.incident.incident_id, who.roles, on_team=who.on_team).model(value)


def all_shown(tx: Transaction, who: Pass, values: Iterable[M]) -> list[M]:
    """Return values of the visitor's incident as they may read them."""
    return list(map(left_out_for(tx, who.incident.incident_id, who.roles, on_team=who.on_team).model, values))
