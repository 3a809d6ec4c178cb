"""The acts about orders not to tell: placed by an approver, or at once by a responder until an approver confirms."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from tocsin.domain.errors import Refused
from tocsin.domain.hold import HoldKind
from tocsin.domain.register import OnLift
from tocsin.domain.values import AgreementId, HoldId, Instant, Value

CONFIRM_WITHIN = timedelta(hours=4)
"""How long a provisional hold stands unless an approver confirms it."""


class _Order(Value):
    """What an order not to tell says, whether it stands by itself or waits to be confirmed."""

    kind: Literal["hold", "hold_provisional"]
    hold_kind: HoldKind
    issuer: str
    reference: str
    agreements: tuple[AgreementId, ...] | None = None
    review_at: Instant | None = None
    on_lift: OnLift | None = None


class PlaceHold(_Order):
    """Record an order not to tell."""

    kind: Literal["hold"] = "hold"


class HoldProvisionally(_Order):
    """Record an order not to tell, until an approver confirms it; unconfirmed it lapses after four hours."""

    kind: Literal["hold_provisional"] = "hold_provisional"


class ConfirmHold(Value):
    """Confirm a provisional hold: from now on it ends by being lifted only."""

    kind: Literal["hold_confirm"] = "hold_confirm"
    hold_id: HoldId


class Lift(Value):
    """Record that the order not to tell has ended."""

    kind: Literal["lift"] = "lift"
    hold_id: HoldId
    reason: str = ""


def admit_about_hold(holds: Iterable[HoldId], provisional: Mapping[HoldId, datetime], deed: ConfirmHold | Lift) -> None:
    """Raise Refused unless the hold is in force, and waits for its confirmation if it is to be confirmed."""
    if deed.hold_id not in holds:
        raise Refused(f"hold {deed.hold_id} is not in force; `tocsin show` lists those that are")
    if isinstance(deed, ConfirmHold) and deed.hold_id not in provisional:
        raise Refused(f"hold {deed.hold_id} is in force without a confirmation; there is nothing to confirm")


def after_hold(
    holds: tuple[HoldId, ...],
    provisional: Mapping[HoldId, datetime],
    deed: PlaceHold | HoldProvisionally | ConfirmHold | Lift,
    placed: HoldId,
    at: datetime,
) -> dict[str, object]:
    """Return the holds in force, and those of them that lapse, after an act; `placed` is the id of a new one."""
    match deed:
        case PlaceHold():
            return {"holds": (*holds, placed)}
        case HoldProvisionally():
            return {"holds": (*holds, placed), "provisional": {**provisional, placed: at + CONFIRM_WITHIN}}
        case ConfirmHold(hold_id=hold_id):
            return {"provisional": _without(provisional, hold_id)}
        case Lift(hold_id=hold_id):
            return without_hold(holds, provisional, hold_id)


def without_hold(holds: Iterable[HoldId], provisional: Mapping[HoldId, datetime], hold_id: HoldId) -> dict[str, object]:
    """Return the same after one of them has ended."""
    return {"holds": tuple(one for one in holds if one != hold_id), "provisional": _without(provisional, hold_id)}


def _without(provisional: Mapping[HoldId, datetime], hold_id: HoldId) -> dict[HoldId, datetime]:
    return {key: until for key, until in provisional.items() if key != hold_id}
