"""What the pages for auditors name exists: commands with their options, pages of the console, files of a pack."""

import re
import shlex

import pytest

from tests.architecture.commands import commands, options
from tests.architecture.source import ROOT
from tocsin.adapters.evidence import layout

PAGES = ("docs/controls.md", "docs/threat-model.md")
ASKED = ["A.5.24", "A.5.25", "A.5.26", "A.5.27", "A.5.28", "CC7.1", "CC7.2", "CC7.3", "CC7.4", "CC7.5", "33(5)"]


def quoted(page: str) -> list[str]:
    """Return what stands between backticks."""
    return re.findall(r"`([^`\n]+)`", (ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page: str) -> None:
    """Each `tocsin` command that is named exists, with each of its options."""
    known = commands()
    calls = [words for words in map(shlex.split, quoted(page)) if words[:1] == ["tocsin"]]
    assert len(calls) > 5
    for _, *words in calls:
        command = next((known[key] for key in (" ".join(words[:2]), words[0]) if key in known), None)
        assert command is not None, words
        assert {word for word in words if word.startswith("-")} <= options(command), words


def test_each_control_has_a_row_that_leads_somewhere() -> None:
    """Each control that auditors ask for has a row, and each names a command, and files that a pack has."""
    rows = [line.split("|")[1:-1] for line in (ROOT / PAGES[0]).read_text().splitlines() if line.startswith("| ")]
    by_name = {row[0].strip().split(" ")[0]: row for row in rows}
    assert [name for name in ASKED if name not in by_name] == []
    for name in ASKED:
        _, _, shown, files = by_name[name]
        assert "`tocsin " in shown, name
        named = set(re.findall(r"`([a-z-]+\.[a-zA-Z0-9.]+)`", files)) - {"act.report"}
        assert named <= layout.FILES, name


def test_pages_exist() -> None:
    """Each page of the console that is named is a route of it."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tocsin" / "console").rglob("*.py"))
    routes = set(re.findall(r"router\.(?:get|post)\(\s*\"([^\"]+)\"", source))
    named = [page for page in quoted(PAGES[0]) if page.startswith("/")]
    assert len(named) > 1
    assert [page for page in named if page not in routes] == []
