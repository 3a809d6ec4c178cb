"""`tocsin erase`: two persons at the command line, and what every other command then says of the incident."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk
from tests.acceptance.stack import ROOT, Installation, free_port
from tests.ports.story import AT, INCIDENT, facts, state
from tocsin.cli.session import Session
from tocsin.domain.incident import Status
from tocsin.domain.values import ActId

ADA = """
[people.ada]
name = "Ada Min"
email = "ada.min@processor.example"
roles = ["admin"]
"""
LONG_AGO = timedelta(days=2193)


@pytest.fixture
def desk(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A home far from any engine, with an incident that ended six years ago, and its pack."""
    desk = Desk(Installation(tmp_path / "home", f"127.0.0.1:{free_port()}", "tocsin"), capfd, monkeypatch)
    assert desk.tocsin("init").code == 0
    people = (ROOT / "examples" / "people.toml").read_text()
    (desk.home / "people.toml").write_text(people + ADA)
    work = Session("dara")
    work.vault.ensure(INCIDENT)
    with work.store.writing() as tx:
        tx.incidents.put_state(state(status=Status.CLOSED), datetime.now(UTC) - LONG_AGO)
        tx.incidents.put_facts(INCIDENT, facts(), AT, ActId("act-report"))
    work.close()
    (desk.home / "evidence").mkdir()
    (desk.home / "evidence" / f"{INCIDENT}-1.zip").write_bytes(b"Birch Clinic")
    return desk


def test_two_persons_erase_an_incident(desk: Desk) -> None:
    """It is listed as due, asked for, shown to the second person with every copy, then it is gone; the log holds."""
    assert f"{INCIDENT}  due since" in desk.tocsin("erase", "--due", user="noor").out
    assert "an approver, an admin or an auditor may" in desk.tocsin("erase", "--due", user="asha").err
    assert "past its retention (1 in all): ask that it be erased" in desk.tocsin("next", user="dara").out
    assert "Nothing waits" in desk.tocsin("next", user="asha").out
    assert "say why" in desk.tocsin("erase", "last", user="dara").err
    assert "only an approver or an admin" in desk.tocsin("erase", "last", "--reason", "old", user="asha").err
    asked = desk.tocsin("erase", "last", "--reason", "six years are over", user="dara")
    assert f"1 evidence packs written when it ended: {desk.home / 'evidence'}" in asked.out
    assert f"tocsin erase {INCIDENT} --confirm" in asked.out
    assert f"confirm: tocsin erase {INCIDENT} --confirm" in desk.tocsin("erase", "--due", user="ada").out
    assert "Dara Okafor asks that it be erased" in desk.tocsin("next", user="ada").out
    alone = desk.tocsin("erase", "last", "--confirm", user="dara")
    assert (alone.code, "another approver or admin must confirm" in alone.err) == (1, True)
    assert "Backup share" in desk.tocsin("show", "last", user="dara").out

    done = desk.tocsin("erase", "last", "--confirm", user="ada")
    assert done.code == 0, done.err
    assert "asked for by Dara Okafor" in done.out
    assert "1 the incident's key: the store" in done.out
    assert list((desk.home / "evidence").iterdir()) == []
    assert desk.tocsin("log", "verify", user="noor").code == 0


def test_an_erased_incident_says_so(desk: Desk) -> None:
    """Showing it tells who erased it and when; whatever would read or change it is refused with the same words."""
    desk.tocsin("erase", "last", "--reason", "six years are over", user="dara")
    desk.tocsin("erase", "last", "--confirm", user="ada")

    for words in (("show", "last"), ("erase", "last")):
        shown = desk.tocsin(*words, user="dara")
        assert (shown.code, "was erased on" in shown.out, "confirmed by Ada Min" in shown.out) == (0, True, True)
    assert "(erased)" in desk.tocsin("list").out
    target = str(desk.home / "pack.zip")
    for command in (("evidence", "last", "-o", target), ("explain", "last"), ("audit", "show", "last")):
        refused = desk.tocsin(*command, user="dara")
        assert (refused.code, "was erased on" in refused.err) == (1, True), command
    assert "was erased on" in desk.tocsin("reopen", "last", "--reason", "a reply came", user="dara").err
    assert "No incident is due" in desk.tocsin("erase", "--due", user="dara").out


def test_nothing_is_erased_before_its_day(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the period runs the refusal says until when the incident is kept, and by which setting."""
    monkeypatch.setenv("TOCSIN_RETENTION_INCIDENT_DAYS", "2200")
    refused = desk.tocsin("erase", "last", "--reason", "too early", user="dara")
    assert refused.code == 1
    assert "it is kept until 20" in refused.err
    assert "2200 days after its last change (TOCSIN_RETENTION_INCIDENT_DAYS)" in refused.err
    assert "there is no incident" in desk.tocsin("erase", "inc-nowhere", "--reason", "x", user="dara").err
