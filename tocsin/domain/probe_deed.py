"""What a person does to have the register's contacts asked: open a round of letters that are no notices."""

from datetime import date
from typing import Literal

from tocsin.domain.values import AgreementId, IncidentId, Value, opaque_id

ROUND = "prb"
"""How the id of a round begins: nothing else is one."""


class Probe(Value):
    """Open a round: each contact of these parties is asked whether security notices reach it there."""

    kind: Literal["probe"] = "probe"
    answer_by: date
    """The last day (UTC) on which an answer is in time."""
    agreements: tuple[AgreementId, ...] = ()
    """Whose contacts are asked; empty: those of the whole register."""


def round_id_of(id_key: bytes, day: date, agreements: tuple[AgreementId, ...]) -> IncidentId:
    """Return the id of the round that asks these parties on a day: asked for twice, it is the same round."""
    return IncidentId(opaque_id(ROUND, id_key, day.isoformat(), *sorted(set(agreements))))


def is_round(case_id: str) -> bool:
    """Say whether an id is a round's. A round has a key and a ledger as an incident has, and is none."""
    return case_id.startswith(f"{ROUND}-")
