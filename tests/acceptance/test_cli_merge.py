"""`merge` and `split` from the command line, and the evidence of both incidents."""

from pathlib import Path

import pytest

from tests.acceptance.controllers import many
from tests.acceptance.desk import Desk
from tests.acceptance.stack import Installation, wait_for


@pytest.fixture
def desk(installation: Installation, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The commands on an installation with three controllers."""
    installation.set_up(many(3))
    return Desk(installation, capfd, monkeypatch)


def done(desk: Desk, *words: str, user: str = "asha") -> str:
    """Run a command that must succeed; return what it printed."""
    ran = desk.tocsin(*words, user=user)
    assert ran.code == 0, ran.out + ran.err
    return ran.out


def told_all(desk: Desk, incident: str) -> None:
    """Confirm, draft, release, and wait until everybody was told."""
    done(desk, "confirm", incident)
    wave = desk.tocsin("draft", incident, "--json").json["receipt"]["ids"]
    done(desk, "release", incident, wave["wave"], "--digest", wave["digest"], user="dara")
    wait_for(lambda: bool(desk.tocsin("show", incident, "--json").json["waves"][0]["wave"]["ended_at"]))


def test_merged_then_split(desk: Desk, installation: Installation, tmp_path: Path) -> None:
    """Two reports become one and a part is split off; each keeps evidence that holds, and nobody is told twice."""
    with installation.working():
        first = desk.tocsin("report", "Odd logins", "--everyone", "--json").json["receipt"]["incident_id"]
        told_all(desk, first)
        second = desk.tocsin("report", "Stolen token", "--everyone", "--json").json["receipt"]["incident_id"]
        out = done(desk, "merge", first, "--into", second, "--reason", "the same token")
        assert f"it goes on as a part of incident {second}" in out
        assert "already" in done(desk, "merge", first, "--into", second)
        shown = done(desk, "show", second)
        assert f"counts the notices of: {first}" in shown
        assert desk.tocsin("draft", second).code == 1, "everybody was told"
        assert "go on there" in desk.tocsin("confirm", first).err
        part = done(desk, "split", second, "--title", "The archive alone", "--to", "AGR-001")
        assert "is confirmed" in part
        assert len(installation.letters()) == 3
        for name, incident in (("first", first), ("second", second), ("part", "last")):
            done(desk, "evidence", incident, "-o", str(tmp_path / name), user="noor")
