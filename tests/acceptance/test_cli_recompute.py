"""`recompute` from the command line: a register imported anew, looked at, and accepted."""

import pytest

from tests.acceptance.controllers import one
from tests.acceptance.desk import Desk
from tests.acceptance.stack import Installation


def test_a_shorter_agreement(
    installation: Installation, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shorter period is shown with both computations and moves the clock once it is accepted, not before."""
    installation.set_up(one("48h from awareness"))
    desk = Desk(installation, capfd, monkeypatch)
    with installation.working():
        desk.does("report", "Odd logins", "--everyone")
        assert "give the same duties and deadlines" in desk.does("recompute", "last").out
        file = desk.home / "shorter.csv"
        file.write_text(one("24h from awareness"))
        desk.does("register", "import", str(file))
        titles = {clock["spec"]["title"] for clock in desk.does("show", "last", "--json").json["clocks"]}
        assert "48 h from awareness" in titles
        shown = desk.does("recompute", "last").out
        assert "agreements with a newer version: 1" in shown
        assert "added: 24 h from awareness" in shown
        assert "+ 24h elapsed" in shown
        found = desk.does("recompute", "last", "--json").json
        assert {change["change"] for change in found["changes"]} == {"added", "withdrawn"}
        assert "1 new, 0 moved, 1 ended" in desk.does("recompute", "last", "--accept", "--reason", "amended").out
        evidence = desk.does("evidence", "last", "-o", str(desk.home / "evidence"), user="noor")
        assert "FAILS" not in evidence.out
