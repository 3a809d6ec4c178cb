"""`letter preview`: a letter as a file, as a mail and as a picture, before anybody gets it."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters.outbox import Outbox, write_whole
from tocsin.adapters.toml_file import read_toml
from tocsin.cli import lookup
from tocsin.cli.arguments import Json, facts_of
from tocsin.cli.previewing import NUMBER
from tocsin.cli.render import emit, say
from tocsin.cli.session import Session, session
from tocsin.domain.errors import Refused
from tocsin.domain.letter import Letter
from tocsin.domain.notice import WaveKind
from tocsin.domain.preview import WantedLetter
from tocsin.domain.read import Way

commands = typer.Typer(help="Letters as files, before anybody gets them.")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
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
    asked = WantedLetter(kind=kind, language=language, to=to)
    if what.endswith(".toml"):
        known = facts_of(read_toml(Path(what), "give the path of a file with facts, or the id of an incident"))
        found = work.preview(asked.model_copy(update={"facts": known}))
    else:
        found = work.preview(asked, lookup.looked_at(work, what, Way.LETTER))
    letter = found.letter
    files = _write(work, letter, out, re.sub(r"[^\w-]", "-", f"{found.reference}-{kind}-{letter.language}"))
    if as_json:
        emit({"files": files, "notice_number": letter.notice_number, "language": letter.language})
        return
    if letter.notice_number == NUMBER:
        say(f"Not drafted yet: number {NUMBER} stands in for the real one.")
    for file in files:
        say(str(file))


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
