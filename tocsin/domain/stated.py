"""Instants that a person states: none lies in the future, and none a lifetime back."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from tocsin.domain.act import AddAffected, Confirm, Deed, Report, Revise, Told
from tocsin.domain.errors import Refused

SKEW = timedelta(minutes=2)
"""How far ahead of the engine's clock a stated instant may lie before it counts as the future."""

LONGEST_AGO = timedelta(days=36_525)
"""How far back a stated instant may lie: a hundred years. What lies further is a slip of the keys."""


def refuse_impossible(stated: Mapping[str, datetime], now: datetime) -> None:
    """Raise Refused for an instant, under its name, that cannot be."""
    for name, at in stated.items():
        if at > now + SKEW:
            raise Refused(f"{name} at {at.isoformat()} lies in the future; it is {now.isoformat()} now")
        if at < now - LONGEST_AGO:
            raise Refused(f"{name} at {at.isoformat()} lies more than a hundred years back; correct the year")


def stated_instants(deed: Deed) -> dict[str, datetime]:
    """Return the instants that an act states, each under its name."""
    match deed:
        case Report() | Revise():
            return {str(trigger): at for trigger, at in deed.triggers.items()}
        case Confirm() if deed.confirmed_at is not None:
            return {"confirmation": deed.confirmed_at}
        case AddAffected() if deed.known_affected_at is not None:
            return {"known affected": deed.known_affected_at}
        case _ if deed.kind in {"erase_ask", "erase_confirm"}:
            raise Refused("an incident is erased beside its workflow, once it is over: tocsin erase INCIDENT")
        case _ if deed.kind == "probe":
            raise Refused("a round of the register is no act upon an incident: tocsin register probe")
        case Told():
            stated = {"told": deed.told_at, "their awareness": deed.their_awareness_at}
            return {name: at for name, at in stated.items() if at is not None}
        case _:
            return {}
