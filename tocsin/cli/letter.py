"""`letter preview`: a letter as a file, as a mail and as a picture, before anybody gets it."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters.letters import JinjaLetters
from tocsin.adapters.outbox import Outbox, write_whole
from tocsin.adapters.toml_file import read_toml
from tocsin.cli import lookup
from tocsin.cli.arguments import Json, facts_of
from tocsin.cli.render import emit, say
from tocsin.cli.session import Session, session
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Facts, Triggers
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.letter import Letter, LetterFacts
from tocsin.domain.notice import WaveKind
from tocsin.domain.read import Way
from tocsin.domain.register import Agreement
from tocsin.domain.said import Said
from tocsin.domain.values import NoticeId

commands = typer.Typer(help="Letters as files, before anybody gets them.")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NUMBER, EARLIER = "N-0000-0000", "N-0000-0001"
"""The numbers of a letter that was not drafted yet, and of the one that it would follow."""


WIDTH, HIGHEST = 720, 16_000
"""Pixels of a picture; a browser draws none that is higher."""
_MEASURE = "<script>const d = document.documentElement; d.dataset.height = d.scrollHeight</script>"


@commands.command()
def preview(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(metavar="INCIDENT|FACTS", help="An incident, or a TOML file with its facts.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Where the files go.")],
    language: Annotated[str | None, typer.Option(metavar="CODE", help="Default: the agreement's.")] = None,
    kind: Annotated[WaveKind, typer.Option(help="What the letter says.")] = WaveKind.INITIAL,
    to: Annotated[str | None, typer.Option(metavar="REF", help="To whom; default: the first who is affected.")] = None,
    as_json: Json = False,
) -> None:
    """Write a letter as the exact mail, as HTML, and as a picture if there is a Chromium to take one."""
    work = session(ctx)
    if what.endswith(".toml"):
        known = facts_of(read_toml(Path(what), "give the path of a file with facts, or the id of an incident"))
        agreement = _agreement(work, None, to)
        letter = rendered(work, agreement, known, {}, kind, language)
    else:
        state = lookup.looked_at(work, what, Way.LETTER)
        agreement = _agreement(work, state, to)
        drafted = _drafted(work, state, agreement, kind) if language is None else None
        letter = drafted or rendered(work, agreement, _facts(work, state), state.triggers, kind, language)
    files = _write(work, letter, out, re.sub(r"[^\w-]", "-", f"{agreement.reference}-{kind}-{letter.language}"))
    if as_json:
        emit({"files": files, "notice_number": letter.notice_number, "language": letter.language})
        return
    if letter.notice_number == NUMBER:
        say(f"Not drafted yet: number {NUMBER} stands in for the real one.")
    for file in files:
        say(str(file))


def _agreement(work: Session, state: IncidentState | None, to: str | None) -> Agreement:
    if to is not None:
        return lookup.party(work, to)
    with work.store.reading() as tx:
        pins = tx.register.pinned(state.incident_id) if state else []
        affected = (pin.agreement for pin in pins if not pin.excluded)
        found = next(affected, None) or next(iter(tx.register.agreements()), None)
    if found is None:
        raise Refused("there is nobody to write to; fill the register first: tocsin register import FILE")
    return found


def _facts(work: Session, state: IncidentState) -> Facts:
    with work.store.reading() as tx:
        return tx.incidents.facts(state.incident_id) or facts_of({"title": "(no facts yet)"})


def _drafted(work: Session, state: IncidentState, agreement: Agreement, kind: WaveKind) -> Letter | None:
    """Return the letter of the newest wave of this kind to this party, word for word, if there is one."""
    with work.store.reading() as tx:
        for wave in reversed(tx.ledger.waves(state.incident_id)):
            rows = tx.ledger.notices(wave.wave_id) if wave.kind is kind else []
            for row in rows:
                if row.agreement_id == agreement.agreement_id and (letter := tx.ledger.letter(row.notice_id)):
                    return letter
    return None


def rendered(
    work: Session,
    agreement: Agreement,
    known: Facts,
    triggers: Triggers,
    kind: WaveKind,
    language: str | None = None,
    number: str = NUMBER,
) -> Letter:
    """Return the letter that a party would have now, under this number, whether or not it has a contact."""
    sender, contact = work.settings, next(iter(agreement.chain), None)
    said = Said.of(known, known.measures, triggers)
    words = JinjaLetters().render(
        LetterFacts(
            wave_kind=kind,
            language=language or agreement.language,
            time_zone=agreement.time_zone,
            sender_name=sender.sender_name,
            party_name=agreement.party_name,
            contact_name=contact.name if contact else "",
            agreement_reference=agreement.reference,
            notice_number=number,
            previous_number=None if kind is WaveKind.INITIAL else EARLIER,
            facts=known,
            measures_taken=said.measures,
            occurred_at=said.occurred_at,
            discovered_at=said.discovered_at,
            confirmed_at=said.confirmed_at,
            drafted_at=work.now(),
            periods=(),
            contact_point=known.contact_point or sender.reply_to or sender.sender_address,
        )
    )
    return Letter(
        from_name=sender.sender_name,
        from_address=sender.sender_address,
        reply_to=sender.reply_to,
        to_name=contact.name if contact else agreement.party_name,
        to_address=contact.email if contact else "nobody@preview.example",
        subject=words.subject,
        text=words.text,
        html=words.html,
        language=words.language,
        message_id="<preview@tocsin.example>",
        notice_number=number,
        notice_id=NoticeId("ntc-preview"),
    )


def _write(work: Session, letter: Letter, folder: Path, name: str) -> list[Path]:
    mail, page = folder / f"{name}.eml", folder / f"{name}.html"
    try:
        write_whole(mail, Outbox(work.settings.outbox, "notices").prepare(letter))
        write_whole(page, letter.html.encode())
    except OSError as error:
        raise Refused(f"cannot write into {folder}: {error.strerror}; give a folder that you may write to") from error
    return [mail, page, *_picture(page)]


def _picture(page: Path) -> list[Path]:
    """Take a picture of the letter, as wide as a phone held sideways, if there is a browser that can."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        return []
    picture = page.with_suffix(".png")
    # A letter holds no script; without root there is a sandbox around it all the same.
    loose = ["--no-sandbox"] if os.geteuid() == 0 else []
    command = [browser, "--headless", "--disable-gpu", "--hide-scrollbars", *loose]
    try:
        size = f"--window-size={WIDTH},{_height(command, page)}"
        _browse([*command, size, f"--screenshot={picture.resolve()}", page.resolve().as_uri()])
    except (OSError, subprocess.SubprocessError):
        return []
    return [picture] if picture.exists() else []


def _height(command: list[str], page: Path) -> int:
    """Ask the browser how high the letter is: a picture of a long one must not end before it does."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / page.name
        copy.write_text(page.read_text(encoding="utf-8") + _MEASURE, encoding="utf-8")
        shown = _browse([*command, f"--window-size={WIDTH},100", "--dump-dom", copy.as_uri()])
    found = re.search(rb'data-height="(\d+)"', shown)
    return min(int(found[1]), HIGHEST) if found else 2400


def _browse(command: list[str]) -> bytes:
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)  # noqa: S603 a browser, on a file of ours
    return done.stdout
