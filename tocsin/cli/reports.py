"""`receipts dsn`: reports of delivery from the mailbox that they come back to, taken in by hand or by a timer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tocsin import receiving
from tocsin.adapters.delivery_status import LARGEST, Report, reports
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit, say
from tocsin.cli.session import Session, session
from tocsin.cli.todo import Me
from tocsin.domain.errors import Deferred, Refused
from tocsin.domain.values import Value


class Filed(Value):
    """What came of reading some mails."""

    mails: int
    new: int
    again: int
    parked: int
    left: tuple[str, ...] = ()
    """The mails that were none of these reports, and why."""


def dsn(
    ctx: typer.Context,
    mails: Annotated[list[Path], typer.Argument(metavar="FILE|MAILDIR…", help="Mails, or a Maildir with new ones.")],
    as_json: Json = False,
) -> None:
    """Take in reports of delivery (RFC 3464) that mail servers sent back about letters by SMTP."""
    work = session(ctx)
    if not Me.of(work).acts:
        raise Refused(f"an auditor reads and changes nothing; {work.actor.name} may not file reports")
    taken, left = receiving.Taken(), []
    files = list(_files(mails))
    for file in files:
        try:
            found = _read(work, file)
        except Refused as refused:
            left.append(f"{file}: {refused}")
            continue
        now = receiving.take_reports(work.store, [(one.heard, one.notices) for one in found], work.now())
        taken = taken.plus(now)
        _done_with(file)
    waits = nudged(work)
    filed = Filed(mails=len(files), new=taken.new, again=taken.again, parked=taken.parked, left=tuple(left))
    if as_json:
        emit(filed)
        return
    say(f"{filed.new} new, {filed.again} known already, {filed.parked} parked, from {filed.mails} mail(s)")
    if filed.parked:
        say("Whose the parked ones are only a person can say: tocsin receipts parked")
    for why in filed.left:
        say(f"left alone: {why}")
    if waits:
        say(f"The waves look again once the engine answers: {waits}")


def _files(given: list[Path]) -> Iterator[Path]:
    """Yield the mails: files as they are, and of a Maildir what lies in `new`."""
    for path in given:
        if path.is_dir() and not (path / "new").is_dir():
            raise Refused(f"{path} is no Maildir: it has no folder `new`; give the mails as files")
        yield from sorted(one for one in (path / "new").iterdir() if one.is_file()) if path.is_dir() else [path]


def _read(work: Session, file: Path) -> list[Report]:
    try:
        with file.open("rb") as mail:
            raw = mail.read(LARGEST + 1)
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror}") from error
    return reports(raw, work.vault.mark, work.now())


def _done_with(file: Path) -> None:
    """Move a mail of a Maildir to those that were seen: it is durable now, and would only be known already."""
    folder = file.parent
    if folder.name == "new" and (folder.parent / "cur").is_dir():
        file.rename(folder.parent / "cur" / f"{file.name.partition(':')[0]}:2,S")


def nudged(work: Session) -> str:
    """Have the waves look again that receipts came for; return why that has to wait, if it has to."""
    with work.store.reading() as tx:
        wanted = tx.receipts.nudges(work.now())
    try:
        if wanted:
            work.nudge(wanted)
    except Deferred as error:
        return str(error)
    return ""
