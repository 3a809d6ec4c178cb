"""What a turn of the script comes to as an act."""

from tocsin.domain import scenario as play
from tocsin.domain.act import (
    AddAffected,
    AnswerPage,
    Close,
    Confirm,
    Deed,
    Dismiss,
    Draft,
    Report,
    Revise,
)
from tocsin.domain.holding import PlaceHold
from tocsin.domain.incident import Facts
from tocsin.domain.values import AgreementId, opaque_id

TITLE = "DRILL: {}"


def deed_of(turn: play.AnyTurn, id_key: bytes, source_key: str) -> Deed:
    """Return the act of a turn that depends on nothing but the script; a report answers the alert `source_key`."""
    deed: Deed
    match turn:
        case play.ReportTurn():
            deed = _report(turn, id_key, source_key)
        case play.ConfirmTurn():
            deed = Confirm(statement=turn.statement)
        case play.DismissTurn():
            deed = Dismiss(reason=turn.reason)
        case play.ReviseTurn():
            deed = Revise(facts=dict(turn.facts))
        case play.AffectedTurn():
            deed = AddAffected(agreements=tuple(_agreement(id_key, one) for one in turn.agreements))
        case play.DraftTurn():
            deed = Draft(wave_kind=turn.wave)
        case play.HoldTurn():
            deed = PlaceHold(hold_kind=turn.ground, issuer=turn.issuer, reference=turn.reference)
        case play.CloseTurn():
            deed = Close(cause=turn.cause, lessons=turn.lessons)
        case _:
            deed = AnswerPage()
    return deed


def _report(turn: play.ReportTurn, id_key: bytes, source_key: str) -> Report:
    told_by = _agreement(id_key, turn.from_party) if turn.from_party else None
    return Report(
        facts=Facts(title=TITLE.format(turn.title), kind=turn.kind, services=turn.services, summary=turn.summary),
        everyone=turn.everyone,
        source_key=source_key,
        told_by=told_by,
        sources=(told_by,) if told_by else (),
    )


def _agreement(id_key: bytes, reference: str) -> AgreementId:
    return AgreementId(opaque_id("agr", id_key, reference))
