"""Runs `tocsin` commands, each in a process of its own, forked from one that has imported Tocsin already.

Starting Python and importing takes a command about a second; most of the demo would be waiting for that.
"""

import multiprocessing
import os
import shlex
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tocsin.cli import main
from tocsin.domain.errors import Refused

WITHIN = 120.0
"""Seconds for one command on a busy machine."""
COLOURS = ("FORCE_COLOR", "TTY_COMPATIBLE")
"""Settings that would make a command take the file it prints to for a terminal."""

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["tocsin.cli"])


class Command:
    """A command that was started."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self._folder = TemporaryDirectory(prefix="tocsin-demo-")
        self._process = _FORKING.Process(target=_run, args=(arguments, str(self._out), str(self._err)), daemon=True)
        self._process.start()

    @property
    def failed(self) -> bool:
        """Whether it has ended without success."""
        return bool(self._process.exitcode)

    def answer(self) -> str:
        """Wait for its end and return what it printed. Raises Refused, with its own words, if it failed."""
        self._process.join(WITHIN)
        if self._process.exitcode is None:
            self._process.kill()
            raise Refused(f"$ {self._typed}\n  did not end within {WITHIN:.0f} s, and was stopped")
        if self.failed:
            said = self._err.read_text("utf-8").strip() or f"ended with code {self._process.exitcode} and no word"
            raise Refused(f"$ {self._typed}\n{textwrap.indent(said, '  ')}")
        said = self._out.read_text("utf-8")
        self._folder.cleanup()
        return said

    @property
    def _typed(self) -> str:
        return shlex.join(["tocsin", *self._arguments])

    @property
    def _out(self) -> Path:
        return Path(self._folder.name) / "out"

    @property
    def _err(self) -> Path:
        return Path(self._folder.name) / "err"


def _run(arguments: Sequence[str], out: str, err: str) -> None:
    for number, path in ((1, out), (2, err)):
        with Path(path).open("wb") as file:
            os.dup2(file.fileno(), number)
    for name in COLOURS:
        os.environ.pop(name, None)
    sys.argv = ["tocsin", *arguments]
    main()
