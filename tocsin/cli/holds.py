"""`hold`, `hold-confirm`, `lift`: an order not to tell, and its end. A hold stops notices, never a clock."""

from datetime import datetime
from typing import Annotated

import typer

from tocsin.cli import lookup
from tocsin.cli.acting import act
from tocsin.cli.arguments import Incident, Json, instant
from tocsin.cli.session import session
from tocsin.domain.act import Role
from tocsin.domain.hold import HoldKind
from tocsin.domain.holding import ConfirmHold, HoldProvisionally, Lift, PlaceHold
from tocsin.domain.register import OnLift

commands = typer.Typer()


@commands.command()
def hold(
    ctx: typer.Context,
    incident: Incident,
    kind: Annotated[HoldKind, typer.Option(help="The ground of the order.")],
    issuer: Annotated[str, typer.Option(help="The authority, or the legal basis.")],
    reference: Annotated[str, typer.Option(help="The order's own reference.")],
    to: Annotated[list[str] | None, typer.Option(metavar="REF", help="Only this agreement; default: all.")] = None,
    review_at: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="INSTANT", help="When it is looked at again.")
    ] = None,
    on_lift: Annotated[OnLift | None, typer.Option(help="Default: what each contract says.")] = None,
    provisional: Annotated[
        bool, typer.Option("--provisional", help="It lapses after 4 h unless an approver confirms it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Record an order not to tell: nothing leaves until it is lifted; the clocks go on.

    Of somebody who is no approver it is provisional.
    """
    work = session(ctx)
    state = lookup.incident(work, incident)
    kind_of_deed = PlaceHold if Role.APPROVER in work.actor.roles and not provisional else HoldProvisionally
    deed = kind_of_deed(
        hold_kind=kind,
        issuer=issuer,
        reference=reference,
        agreements=lookup.agreements(work, to) if to else None,
        review_at=review_at,
        on_lift=on_lift,
    )
    act(work, deed, state.incident_id, as_json)


@commands.command("hold-confirm")
def confirm_hold(
    ctx: typer.Context,
    incident: Incident,
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="The hold's id or the beginning of it.")],
    as_json: Json = False,
) -> None:
    """Confirm a provisional hold as an approver: it stands until it is lifted."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    act(work, ConfirmHold(hold_id=lookup.hold(work, incident_id, hold)), incident_id, as_json)


@commands.command()
def lift(
    ctx: typer.Context,
    incident: Incident,
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="The hold's id or the beginning of it.")],
    reason: Annotated[str, typer.Option(help="What ended it.")] = "",
    as_json: Json = False,
) -> None:
    """Record that an order not to tell has ended: what it held back is due."""
    work = session(ctx)
    incident_id = lookup.incident(work, incident).incident_id
    deed = Lift(hold_id=lookup.hold(work, incident_id, hold), reason=reason)
    act(work, deed, incident_id, as_json)
