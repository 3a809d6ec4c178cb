"""What the README tells a newcomer to type exists."""

import re
import shlex

from tests.architecture.commands import commands, options
from tests.architecture.source import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def typed(program: str) -> list[str]:
    """Return the lines of the README's code fences from where they call a program, comments cut off."""
    fences = re.findall(r"^```[^\n]*\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    found = (re.search(rf"(?:^|\s)({program} .*)", line) for fence in fences for line in fence.splitlines())
    calls = [re.split(r"\s{2,}|\s#|\s+then\s", match[1])[0] for match in found if match]
    assert calls
    return calls


def test_tocsin_commands_exist() -> None:
    """Each `tocsin` command of the README exists, with each of its options."""
    known = commands()
    for call in typed("tocsin"):
        words = shlex.split(call)[1:]
        command = next((known[key] for key in (" ".join(words[:2]), words[0]) if key in known), None)
        assert command is not None, call
        assert {word for word in words if word.startswith("-")} <= options(command), call


def test_make_targets_exist() -> None:
    """Each `make` target of the README is one that `make help` lists."""
    assert {call.split()[1] for call in typed("make")} <= TARGETS


def test_both_commands_of_the_house_are_told() -> None:
    """The two commands that do everything stand in the README."""
    assert {"demo", "test"} <= {call.split()[1] for call in typed("make")}


def test_places_exist() -> None:
    """Each place that the README sends a reader to is there."""
    table = README.partition("## Find your way around")[2].partition("\n## ")[0]
    places = [
        place for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for place in re.findall(r"`([^`]+)`", row)
    ]
    assert len(places) > 5
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_links_lead_somewhere() -> None:
    """Each link to a file of the tree leads to one."""
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []
