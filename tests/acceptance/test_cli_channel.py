"""Channels from the command line: seen, closed and opened by a person who may."""

import json
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk
from tests.acceptance.stack import ROOT, Installation, free_port
from tocsin.cli.session import Session


@pytest.fixture
def desk(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A home far from any engine."""
    desk = Desk(Installation(tmp_path / "home", f"127.0.0.1:{free_port()}", "tocsin"), capfd, monkeypatch)
    assert desk.tocsin("init").code == 0
    (desk.home / "people.toml").write_text((ROOT / "examples" / "people.toml").read_text())
    return desk


def test_an_approver_closes_and_opens(desk: Desk) -> None:
    """The list shows the reason for as long as it is closed, and the log who did both."""
    assert desk.tocsin("channel", "list").out.strip() == "outbox: takes letters"

    assert desk.tocsin("--as", "dara", "channel", "close", "outbox", "--why", "the disk is full").code == 0
    assert "closed by a person since" in desk.tocsin("channel", "list").out
    assert desk.tocsin("channel", "list", "--json").json[0]["reason"] == "the disk is full"

    assert desk.tocsin("--as", "dara", "channel", "open", "outbox").code == 0
    assert desk.tocsin("channel", "list").out.strip() == "outbox: takes letters"
    with Session("dara").store.reading() as tx:
        entries = [json.loads(entry.body) for entry in tx.log.entries()]
    assert [entry["kind"] for entry in entries] == ["channel.stopped", "channel.opened"]
    assert all(entry["actor"].startswith("per-") for entry in entries)


def test_others_may_not(desk: Desk) -> None:
    """Who reports or audits closes nothing, and is told who may."""
    refused = desk.tocsin("--as", "asha", "channel", "close", "outbox", "--why", "no")

    assert refused.code == 1
    assert "an approver may" in refused.err
    assert desk.tocsin("channel", "list").out.strip() == "outbox: takes letters"
