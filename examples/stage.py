"""How the demo speaks: numbered parts, sentences, and real commands with what they answer."""

import shlex
import textwrap
from collections.abc import Iterable

from commands import Command
from rich.console import Console
from rich.text import Text

from tocsin.cli.render import clean

WIDTH = 79
"""Columns: one less than a narrow terminal has, so that none of them wraps by itself."""
LONGEST = 3
"""Rows that one line of an answer may take here; the rest of it is cut, since this is a demo."""


class Stage:
    """Everything that the demo prints goes through here; it is made for 80 columns and for a pipe."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self.where = "getting ready"
        """What is being played, for the message of a step that fails."""

    def part(self, title: str) -> None:
        """Begin a numbered part."""
        self.where = f"part {title}"
        self.line()
        self.line()
        self.line(title, "bold")
        self.line("=" * len(title), "dim")

    def tell(self, text: str) -> None:
        """Say a paragraph."""
        self.line()
        for row in _wrapped(text):
            self.line(row)

    def tocsin(self, *arguments: str, rows: int | None = None) -> None:
        """Run one command, print it and its answer: the first `rows` lines of it, or all.

        Raises:
            Refused: with the command's own words if it fails.
        """
        self.finish(self.start(*arguments), rows)

    def start(self, *arguments: str) -> Command:
        """Print a command and start it; `finish` prints its answer."""
        self._command(arguments)
        return Command(arguments)

    def finish(self, command: Command, rows: int | None = None) -> None:
        """Wait for a command and print its answer. Raises Refused with its own words if it fails."""
        lines = command.answer().rstrip().splitlines()
        for line in lines[:rows]:
            self._set_in(line)
        left = 0 if rows is None else max(len(lines) - rows, 0)
        if left:
            self.line(f"  … {left} more line{'s' if left > 1 else ''}", "dim")

    def line(self, text: str = "", style: str = "") -> None:
        """Print one row."""
        self.console.print(Text(clean(text), style=style))

    def quote(self, lines: Iterable[str]) -> None:
        """Print lines that somebody else wrote; one that is too long is cut, not wrapped."""
        for line in lines:
            row = f"  {line}".rstrip()
            self.line(row if len(row) <= WIDTH else f"{row[: WIDTH - 1]}…")

    @staticmethod
    def complain(text: str) -> None:
        """Print to standard error."""
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        for line in text.splitlines():
            console.print(Text(clean(line)))

    def _command(self, arguments: Iterable[str]) -> None:
        rows = ["$ tocsin"]
        for words in _together(arguments):
            if len(rows[-1]) + len(words) + 3 > WIDTH:
                rows[-1] += " \\"
                rows.append("   ")
            rows[-1] += f" {words}"
        self.line()
        for row in rows:
            self.line(row, "bold cyan")

    def _set_in(self, line: str) -> None:
        text = line.lstrip()
        indent = " " * (2 + len(line) - len(text))
        for row in _wrapped(text, indent, f"{indent}  ", LONGEST):
            self.line(row)


def _together(arguments: Iterable[str]) -> list[str]:
    """Quote each argument, and keep an option and its value in one row."""
    words: list[str] = []
    for argument in arguments:
        if words and words[-1].startswith("-") and " " not in words[-1]:
            words[-1] += f" {shlex.quote(argument)}"
        else:
            words.append(shlex.quote(argument))
    return words


def _wrapped(text: str, first: str = "", others: str = "", most: int | None = None) -> list[str]:
    rows = textwrap.TextWrapper(
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        max_lines=most,
        placeholder=" …",
        break_on_hyphens=False,
        break_long_words=False,
    )
    return rows.wrap(text) or [""]
