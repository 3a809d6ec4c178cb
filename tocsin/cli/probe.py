"""`register probe`: a round of letters that ask the register's contacts whether security notices reach them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated

import typer

from tocsin.cli.acting import tell
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, heading, say, when
from tocsin.cli.session import Session, session
from tocsin.domain.errors import Refused
from tocsin.domain.probing import USUAL, Answer, Round
from tocsin.domain.values import AgreementId, IncidentId
from tocsin.probing import Line, Seen, Sheet


def probe(
    ctx: typer.Context,
    round_: Annotated[
        str | None, typer.Argument(metavar="[ROUND]", help="With --show: its id, the beginning of its id, or `last`.")
    ] = None,
    party: Annotated[
        list[str] | None,
        typer.Option("--party", metavar="REF", help="Only this party, by reference or name. Repeatable."),
    ] = None,
    answer_by: Annotated[
        datetime | None,
        typer.Option(
            "--answer-by",
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help=f"The last day (UTC) for an answer. Default: in {USUAL.days} days.",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Open none: list the rounds, or each answer of one.")] = False,
    as_json: Json = False,
) -> None:
    """Ask each contact, by a letter marked as a test, to confirm that security notices reach it there.

    Whoever does not confirm in time, or is not reached, lowers the register's readiness: tocsin register check.
    """
    work = session(ctx)
    if show:
        _show(work, round_, as_json=as_json)
        return
    if round_ is not None:
        raise Refused(f"to look at a round: tocsin register probe --show {round_}")
    last = answer_by.date() if answer_by is not None else (work.now() + USUAL).date()
    receipt = work.probe(_agreements(work, party or ()), last)
    tell(receipt, as_json)
    if not as_json:
        say(f"See what comes of it: tocsin register probe --show {receipt.incident_id}")


def _agreements(work: Session, wanted: Iterable[str]) -> list[AgreementId]:
    left = {one.casefold(): one for one in wanted}
    if not left:
        return []
    found: list[AgreementId] = []
    named: set[str] = set()
    with work.store.reading() as tx:
        for agreement in tx.register.agreements():
            fits = {agreement.reference.casefold(), agreement.party_name.casefold()} & left.keys()
            found += [agreement.agreement_id] if fits else []
            named |= fits
    if missing := [word for key, word in left.items() if key not in named]:
        raise Refused(f"the register has no party or agreement {', '.join(missing)}; tocsin register export lists them")
    return found


def _show(work: Session, wanted: str | None, *, as_json: bool) -> None:
    rounds = work.rounds()
    if wanted is None:
        emit(rounds) if as_json else _tell_rounds(rounds)
        return
    sheet = work.round_sheet(_chosen(rounds, wanted))
    assert sheet is not None
    emit(sheet) if as_json else _tell_sheet(sheet)


def _chosen(rounds: list[Seen], wanted: str) -> IncidentId:
    ids = [one.round.round_id for one in rounds]
    fits = ids[:1] if wanted == "last" else [one for one in ids if one.startswith(wanted)]
    if len(fits) != 1:
        many = f"{len(fits)} rounds begin with {wanted}" if fits else f"there is no round {wanted}"
        raise Refused(f"{many}; `tocsin register probe --show` lists them")
    return fits[0]


def _tell_rounds(rounds: list[Seen]) -> None:
    for one in rounds:
        say(f"{_named(one.round)}: {_counted(one.answers)}")
    if not rounds:
        say("No contact was ever asked. Ask them: tocsin register probe")


def _tell_sheet(sheet: Sheet) -> None:
    addresses = {line.address.casefold(): line.answer for line in sheet.lines}
    say(_named(sheet.round), style="bold")
    say(_counted(Counter(addresses.values())))
    party = ""
    for line in sheet.lines:
        if line.party != party:
            heading(line.party)
            party = line.party
        say(_said(line, sheet.round), indent=2)


def _said(line: Line, round_: Round) -> str:
    words = line.answer.words
    if line.answer is Answer.SILENT:
        words = f"has not confirmed by {round_.answer_by.isoformat()}"
    at = f", {when(line.at)}" if line.at is not None and line.answer is not Answer.SILENT else ""
    why = f": {line.detail}" if line.detail else ""
    return f"{line.reference}  {line.address}  {words}{at}{why}  ({line.number})"


def _named(round_: Round) -> str:
    state = "closed" if round_.closed_at is not None else "open"
    until = round_.answer_by.isoformat()
    return f"{round_.round_id}  round of {round_.opened_on.isoformat()}, answers until {until}, {state}"


def _counted(answers: Mapping[Answer, int]) -> str:
    return ", ".join(f"{answers[one]} {one.words}" for one in Answer if answers.get(one)) or "nobody was asked"
