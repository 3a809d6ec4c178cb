"""The README and the guides for responders and approvers: what they say to type is typed, on real parts."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.desk import Desk
from tests.acceptance.stack import ROOT, Installation, wait_for

DOCS = ROOT / "docs"
REGISTER = (ROOT / "examples" / "register.csv").read_text(encoding="utf-8")


def commands_of(page: str) -> list[list[str]]:
    """Return the commands of a page's fences, without what stands behind `#`."""
    text = (DOCS / page).read_text(encoding="utf-8")
    fences = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [shlex.split(line, comments=True) for fence in fences for line in fence.splitlines()]


@pytest.fixture
def desk(installation: Installation, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The commands, typed in an empty folder."""
    installation.set_up(REGISTER)
    monkeypatch.chdir(installation.home.parent)
    return Desk(installation, capfd, monkeypatch)


def test_the_guides_can_be_followed(desk: Desk, tmp_path: Path) -> None:
    """The README's, a responder's, an approver's commands succeed as they stand; letters leave, the pack verifies."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    with desk.working():
        ours = [words for words in commands_of("../README.md") if words[0] == "tocsin"]
        assert [desk.tocsin(*words).code for _, *words in ours] == [0, 0, 0, 0]
        follow(desk, "responder.md", "asha")
        desk.does("draft", "last", user="asha")
        follow(desk, "approver.md", "dara")
        wait_for(lambda: len(desk.letters()) >= 40, within=60)
    assert (tmp_path / "pack.zip").exists()


def follow(desk: Desk, page: str, user: str) -> None:
    """Type a page's commands as somebody, each word in capitals replaced by what the incident has for it."""
    lines = commands_of(page)
    assert len(lines) > 9
    for tool, *words in lines:
        assert tool == "tocsin"
        known = MEANS if set(words) & MEANS.keys() else {}
        shown = json.loads(desk.does("show", "last", "--json", user=user).out) if known else {}
        ran = desk.tocsin(*[known[word](shown) if word in known else word for word in words], user=user)
        too_late = words[0] in {"stop", "resume"} and "not being sent" in ran.err  # all had left before it was typed
        assert ran.code == 0 or too_late, f"{words}: {ran.err}"


def _wave(shown: dict[str, Any]) -> dict[str, Any]:
    newest: dict[str, Any] = shown["waves"][-1]["wave"]
    return newest


MEANS: dict[str, Callable[[dict[str, Any]], str]] = {
    "WAVE": lambda shown: _wave(shown)["wave_id"],
    "DIGEST": lambda shown: _wave(shown)["digest"],
    "HOLD": lambda shown: shown["holds"][-1]["hold_id"],
}
