"""The command line as a table: each command by the words that call it."""

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from tocsin.cli import app


def commands() -> dict[str, TyperCommand]:
    """Return every command; one of a group by both words, as in `task list`."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    found: dict[str, TyperCommand] = {}
    for name, part in root.commands.items():
        below = part.commands.items() if isinstance(part, TyperGroup) else [("", part)]
        found |= {f"{name} {last}".strip(): one for last, one in below if isinstance(one, TyperCommand)}
    return found


def options(command: TyperCommand) -> set[str]:
    """Return the options that a command takes."""
    return {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
