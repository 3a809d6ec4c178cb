"""A notice that we receive, from the command line: whom it concerns, what it starts, what it ends, and its evidence."""

from pathlib import Path

import pytest

from tests.acceptance.desk import Desk
from tests.acceptance.stack import Installation

REGISTER = """\
agreement,party,notify,services,contact,their_role,owed_by,subprocessors
BIRCH-1,Birch Clinic,24h from awareness,records-api,Bea Birch <bea@birch.example>,,,Sycamore Hosting
CEDAR-1,Cedar Bank,24h from awareness,records-api,Cem Cedar <cem@cedar.example>,,,Teak Storage
SUB-1,Sycamore Hosting,24h from awareness,records-api,Sid <sid@sycamore.example>,sub-processor,them,
SUB-2,Teak Storage,12h from discovery,archive,Tea <tea@teak.example>,sub-processor,them,
"""


@pytest.fixture
def desk(installation: Installation, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The commands on an installation with two sub-processors."""
    installation.set_up(REGISTER)
    return Desk(installation, capfd, monkeypatch)


def test_passing_on_a_notice(desk: Desk, installation: Installation, tmp_path: Path) -> None:
    """`report --from` concerns those behind the party, starts from when we were told, and files the notice."""
    notice = tmp_path / "their-notice.txt"
    notice.write_text("We had a breach.")
    with installation.working():
        words = ["report", "Breach at our host", "--from", "sycamore hosting", "--told-at", "2026-11-20T08:00Z"]
        ran = desk.tocsin(*words, "--their-awareness-at", "2026-11-18T08:00Z", "--notice", str(notice))
        assert ran.code == 0, ran.err
        assert "Affected: 1 of 4 agreements" in ran.err
        shown = desk.tocsin("show", "last", "--json").json
        assert shown["attachments"] == ["their-notice.txt"]
        assert shown["triggers"]["awareness"] == {"at": "2026-11-20T08:00:00Z", "basis": "assumed"}
        duties = desk.tocsin("duty", "list", "last", "--all", "--json").json
        ours = [duty for duty in duties if duty["title"] == "24 h from awareness"]
        theirs = [duty for duty in duties if duty["title"].startswith("owed to us")]
        assert [duty["deadline_at"] for duty in ours] == ["2026-11-21T08:00:00Z"]
        assert [(duty["state"], duty["late"]) for duty in theirs] == [("discharged", True)]
        explained = desk.does("explain", "last", "--json").json["duties"]
        to_us = [duty for duty in explained if duty["to"] == "us, by Sycamore Hosting"]
        assert [(duty["deadline_at"], duty["trigger"]) for duty in to_us] == [
            ("2026-11-19T08:00:00Z", "their_awareness")
        ]
        evidence = desk.tocsin("evidence", "last", "-o", str(tmp_path / "evidence"), user="noor")
        assert evidence.code == 0, evidence.out + evidence.err
        assert "passing on the notice of" in (tmp_path / "evidence" / "timeline.md").read_text()


def test_a_party_that_has_not_told_us(desk: Desk, installation: Installation) -> None:
    """`report --source` gives a clock to chase them, which `told` ends; an unknown party is refused with its likes."""
    with installation.working():
        assert desk.tocsin("report", "Seen in the news", "--source", "SUB-2").code == 0
        titles = [clock["spec"]["title"] for clock in desk.tocsin("show", "last", "--json").json["clocks"]]
        assert "owed to us: 12 h from discovery" in titles
        told = desk.tocsin("told", "last", "Teak Storage")
        assert told.code == 0, told.err
        assert "1 ended" in told.out
        assert desk.tocsin("told", "last", "SUB-2").code == 1
        refused = desk.tocsin("told", "last", "Sycamor Hosting")
        assert (refused.code, "did you mean Sycamore Hosting" in refused.err) == (1, True)
    wrong = desk.tocsin("report", "x", "--told-at", "2026-11-20T08:00Z")
    assert (wrong.code, "give --from PARTY as well" in wrong.err.replace("\n", " ")) == (2, True)
