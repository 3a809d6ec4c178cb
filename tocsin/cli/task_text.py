"""`task show`: one task, and for a notice told by hand the text that is to be read out, posted or put into a portal."""

from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters.outbox import write_whole
from tocsin.adapters.pdf import Definitions, Document, Paragraph, typeset
from tocsin.cli import lookup
from tocsin.cli.arguments import Incident, Json
from tocsin.cli.previewing import rendered
from tocsin.cli.render import emit, say, when
from tocsin.cli.session import Session, session
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Facts
from tocsin.domain.letter import TOKEN_PLACEHOLDER, Letter
from tocsin.domain.notice import Notice
from tocsin.domain.read import Way
from tocsin.domain.register import Agreement
from tocsin.domain.task import Task, TaskKind


def show(
    ctx: typer.Context,
    incident: Incident,
    task: Annotated[str, typer.Argument(metavar="TASK", help="The task's id, the beginning of it, or its key.")],
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the notice to be printed.")] = None,
    as_json: Json = False,
) -> None:
    """Show a task; for a notice told by hand whom to tell, and the prepared text."""
    work = session(ctx)
    incident_id = lookup.looked_at(work, incident, Way.TASK).incident_id
    task_id = lookup.task(work, incident_id, task)
    with work.store.reading() as tx:
        found = next(one for one in tx.tasks.of(incident_id) if one.task_id == task_id)
        row = tx.ledger.notice(found.notice_id) if found.notice_id and found.kind is TaskKind.NOTICE else None
    prepared = _prepared(work, row) if row else None
    if pdf is not None:
        _write(work, found, prepared, pdf)
    if as_json:
        emit({"task": found, "to": prepared[0].party_name if prepared else None, "text": _text(prepared)})
        return
    say(found.title, style="bold")
    say(f"{found.task_id} ({found.key}), {found.owner}, due {when(found.due_at)}, {found.state}", indent=2)
    if prepared is None:
        return
    for name, value in _whom(*prepared):
        say(f"{name}: {value}", indent=2)
    say()
    say(_text(prepared) or "")
    say(f"Then: tocsin task done {incident_id} {found.task_id} --outcome TEXT --proof REFERENCE|ATTACHMENT")


def _prepared(work: Session, row: Notice) -> tuple[Agreement, Letter]:
    """Return the stored letter, or where nobody could be written to the one that they would have had."""
    with work.store.reading() as tx:
        pins = {pin.agreement.agreement_id: pin.agreement for pin in tx.register.pinned(row.incident_id)}
        letter, wave = tx.ledger.letter(row.notice_id), tx.ledger.wave(row.wave_id)
        facts, state = tx.incidents.facts(row.incident_id), tx.incidents.state(row.incident_id)
    agreement = pins.get(row.agreement_id)
    if agreement is None or wave is None or state is None:
        raise Refused(f"notice {row.number} has no agreement or wave any more; `tocsin letter preview` writes its text")
    known = facts or Facts(title="A security incident")
    return agreement, letter or rendered(work, agreement, known, state.triggers, wave.kind, number=row.number)


def _text(prepared: tuple[Agreement, Letter] | None) -> str | None:
    """Return the words without the link that only a letter which was sent has."""
    if prepared is None:
        return None
    return "\n\n".join(part for part in prepared[1].text.split("\n\n") if TOKEN_PLACEHOLDER not in part)


def _whom(agreement: Agreement, letter: Letter) -> list[tuple[str, str]]:
    said = [("to", agreement.party_name), ("agreement", agreement.reference), ("notice", letter.notice_number)]
    methods = sorted({str(method) for clause in agreement.clauses for method in clause.methods})
    said.append(("methods in the contract", ", ".join(methods)))
    return [*said, *([("phone", agreement.phone)] if agreement.phone else [])]


def _write(work: Session, task: Task, prepared: tuple[Agreement, Letter] | None, file: Path) -> None:
    if prepared is None:
        raise Refused(f"task {task.task_id} delivers no notice: there is no text to print")
    agreement, letter = prepared
    paragraphs = tuple(Paragraph(text=part) for part in (_text(prepared) or "").split("\n\n") if part.strip())
    document = Document(
        title=letter.subject,
        kicker=f"Notice {letter.notice_number}",
        author=work.settings.sender_name,
        footer=f"Notice {letter.notice_number}",
        made_at=work.now(),
        language=letter.language,
        blocks=(Definitions(rows=(("To", agreement.party_name), ("Agreement", agreement.reference))), *paragraphs),
    )
    try:
        write_whole(file, typeset(document))
    except OSError as error:
        raise Refused(f"cannot write {file}: {error.strerror}; give a path that you may write to") from error
