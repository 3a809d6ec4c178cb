"""`erase`: destroy what is held of an incident after its retention, by two persons."""

from typing import Annotated

import typer

from tocsin import erasing
from tocsin.adapters.copies import HomeCopies
from tocsin.adapters.door import SignedDoor
from tocsin.cli import lookup
from tocsin.cli.arguments import Json
from tocsin.cli.render import bullets, emit, heading, say, when
from tocsin.cli.session import Session, session
from tocsin.domain.act import Role
from tocsin.domain.erasure import Copy, Erasure, Fate, due_at, words
from tocsin.domain.erasure_deeds import AskErasure, ConfirmErasure
from tocsin.domain.errors import Refused
from tocsin.domain.values import IncidentId, Instant, PersonId, Value

commands = typer.Typer()

FATES = {
    Fate.DESTROYED: ("Destroyed", "To be destroyed"),
    Fate.UNREADABLE: ("Left, and unreadable without the key", "Stays, unreadable without the key"),
    Fate.OUT_OF_REACH: ("Out of reach: see to it yourself", "Out of reach: see to it yourself"),
}


class Due(Value):
    """An incident that is past its retention."""

    incident_id: IncidentId
    due_at: Instant
    asked_by: PersonId | None = None
    asked_at: Instant | None = None


@commands.command()
def erase(
    ctx: typer.Context,
    incident: Annotated[str | None, typer.Argument(metavar="INCIDENT", help="Its id, or `last`.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for whoever confirms it. No names.")] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Erase it, as the second person. There is no way back.")
    ] = False,
    due: Annotated[bool, typer.Option("--due", help="List the incidents that are past their retention.")] = False,
    as_json: Json = False,
) -> None:
    """Erase an incident after its retention: one person asks with --reason, another one confirms with --confirm.

    Its key is destroyed, and so is what lies here; what cannot be reached is listed. The log stays, and verifies.
    """
    work = session(ctx)
    if due or incident is None:
        _list_due(work, as_json=as_json)
        return
    incident_id = lookup.even_erased(work, incident).incident_id
    with work.store.reading() as tx:
        erasure = tx.erasures.of(incident_id)
    if confirm or (erasure is not None and erasure.sealed_off):
        erasure = _carried_out(work, incident_id, erasure, confirming=confirm)
    elif reason is not None:
        erasure = _asked(work, incident_id, reason)
    elif erasure is None or erasure.lapsed(work.now()):
        raise Refused(f"say why, for whoever confirms it: tocsin erase {incident_id} --reason '…'")
    _tell(work, erasure, as_json=as_json)


def _asked(work: Session, incident_id: IncidentId, reason: str) -> Erasure:
    envelope = work.envelope(AskErasure(reason=reason), incident_id)
    return erasing.ask(work.store, _door(work), work.vault, envelope, work.now(), work.settings.kept_for)


def _carried_out(work: Session, incident_id: IncidentId, erasure: Erasure | None, *, confirming: bool) -> Erasure:
    if confirming and (erasure is None or not erasure.sealed_off):
        request = erasure.asked.act.act_id if erasure else work.new_act_id()
        envelope = work.envelope(ConfirmErasure(request=request), incident_id)
        erasing.confirm(work.store, _door(work), work.vault, envelope, work.now(), work.settings.kept_for)
    return erasing.carry_out(work.store, work.vault, copies_of(work), incident_id, work.actor, work.now())


def _list_due(work: Session, *, as_json: bool) -> None:
    if not work.actor.roles & {Role.APPROVER, Role.ADMIN, Role.AUDITOR}:
        raise Refused(
            f"{work.actor.name} may not list what is due for erasure; an approver, an admin or an auditor may"
        )
    kept_for = work.settings.kept_for
    with work.store.reading() as tx:
        found = []
        for key in tx.erasures.due(work.now() - kept_for):
            changed_at, asked = tx.erasures.changed_at(key), tx.erasures.of(key)
            assert changed_at is not None
            by = {"asked_by": asked.asked.act.actor.person_id, "asked_at": asked.asked.act.at} if asked else {}
            found.append(Due.model_validate({"incident_id": key, "due_at": due_at(changed_at, kept_for), **by}))
    if as_json:
        emit(found)
        return
    for one in found:
        say(f"{one.incident_id}  due since {when(one.due_at)}", style="bold")
        asked_for = f"asked for by {_called(work, one.asked_by)}; confirm: tocsin erase {one.incident_id} --confirm"
        say(asked_for if one.asked_by else f"ask: tocsin erase {one.incident_id} --reason '…'", indent=2)
    if not found:
        say(f"No incident is due: each is kept for {kept_for.days} days after its last change.")


def _tell(work: Session, erasure: Erasure, *, as_json: bool) -> None:
    if as_json:
        emit(erasure)
    elif erasure.sealed_off:
        show_erased(work, erasure)
    else:
        _preview(work, erasure)


def show_erased(work: Session, erasure: Erasure) -> None:
    """Print that an incident was erased, by whom and when, and what became of each copy."""
    say(words(erasure, _names(work)), style="bold")
    say(f"reason: {erasure.reason}")
    _print_copies(erasure.copies, done=True)


def _preview(work: Session, erasure: Erasure) -> None:
    key, asked = erasure.incident_id, erasure.asked.act
    with work.store.reading() as tx:
        found = erasing.known(tx, copies_of(work), key, work.now())
    say(f"{asked.actor.name} asked on {when(asked.at)} that incident {key} be erased: {erasure.reason}", style="bold")
    _print_copies(found, done=False)
    say()
    say(f"Another approver or admin confirms, and there is no way back: tocsin erase {key} --confirm")


def _print_copies(copies: tuple[Copy, ...], *, done: bool) -> None:
    for fate, (past, future) in FATES.items():
        those = [copy for copy in copies if copy.fate is fate]
        if those:
            heading(past if done else future)
            bullets(_line(copy) for copy in those)


def _line(copy: Copy) -> str:
    count = f"{copy.count} " if copy.count is not None else ""
    until = f"; gone {when(copy.until)}" if copy.until else ""
    return f"{count}{copy.what}: {copy.where}{until}"


def copies_of(work: Session) -> HomeCopies:
    """Return where copies lie that this command reaches."""
    return HomeCopies(work.settings, work.keyring.open_from_engine)


def _door(work: Session) -> SignedDoor:
    return SignedDoor(work.keyring.door_publics(), work.settings.allow_direct)


def _names(work: Session) -> dict[PersonId, str]:
    return {person.person_id: person.name for person in work.people.all()}


def _called(work: Session, person_id: PersonId | None) -> str:
    return _names(work).get(person_id, person_id) if person_id else ""
