"""Where a document goes: to a file that only its owner reads, or to standard output."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.render import say
from tocsin.domain.errors import Refused

Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: standard output.")]


def deliver(content: bytes, out: Path | None, what: str, *, binary: bool = False) -> None:
    """Write the document, and say what it is if it went to a file.

    Raises:
        Refused: if the file cannot be written, or bytes that are no text would go to a terminal.
    """
    if out is None:
        if binary and sys.stdout.isatty():
            raise Refused("this is no text for a terminal; give a file: -o FILE")
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    _write(content, out)
    say(f"wrote {what} to {out}")


def _write(content: bytes, out: Path) -> None:
    try:
        # It holds personal data: nobody else may read it, and an older file's mode is not kept.
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o600)
            file.write(content)
    except OSError as error:
        raise Refused(f"cannot write {out}: {error.strerror}; give a file in a folder that you may write to") from error
