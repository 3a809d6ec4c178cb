"""What docs/operating.md tells an operator to type, set and open exists."""

import re
import shlex

from tests.architecture.commands import commands, options
from tests.architecture.source import ROOT
from tocsin.settings import Settings

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", PAGE) + [
    line for fence in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL) for line in fence.splitlines()
]


def test_commands_exist() -> None:
    """Each `tocsin` command of the page exists, with each of its options; each `make` target is one."""
    known, calls = commands(), [shlex.split(line)[1:] for line in CODE if line.startswith("tocsin ")]
    assert len(calls) > 8
    for words in calls:
        command = next((known[key] for key in (" ".join(words[:2]), words[0]) if key in known), None)
        assert command is not None, words
        assert {word for word in words if word.startswith("--")} <= options(command), words
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {line.split()[1] for line in CODE if line.startswith("make ")} <= targets


def test_settings_exist() -> None:
    """Each TOCSIN_ name of the page is a setting."""
    names = {name.removesuffix("_FILE") for name in re.findall(r"TOCSIN_[A-Z_]+", PAGE)}
    assert len(names) > 8
    assert names <= {f"TOCSIN_{name.upper()}" for name in Settings.model_fields}


def test_files_exist() -> None:
    """Each place in deploy/ and each link of the page is there, and each value that it names is in the chart."""
    places = {word.strip(",") for line in CODE for word in line.split() if word.startswith("deploy/")}
    assert len(places) > 4
    assert [place for place in places if not (ROOT / place).exists()] == []
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", PAGE) if "://" not in link]
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_every_alarm_is_told() -> None:
    """Each alarm that `tocsin watch` can raise stands in the table by its subject."""
    source = (ROOT / "tocsin" / "domain" / "watching.py").read_text(encoding="utf-8")
    subjects = re.findall(r'subject=f?"([^"{:]+)', source)
    assert len(subjects) > 6
    assert [subject for subject in subjects if subject.strip() not in PAGE] == []
