"""`decide`, `severity` and an audience that is not known yet, from the command line to the evidence."""

import email
import email.policy
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk
from tests.acceptance.stack import Installation
from tests.workflow.conftest import ORG

REGISTER = """\
agreement,party,notify,services,contact
BIRCH-1,Birch Clinic,24h from awareness,records-api,Bea Birch <bea@birch.example>
CEDAR-1,Cedar Bank,24h from awareness,records-api,Cem Cedar <cem@cedar.example>
DOGWOOD-1,Dogwood School,24h from awareness,archive,Dan Dogwood <dan@dogwood.example>
"""


@pytest.fixture
def desk(installation: Installation, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The commands on an installation of a controller in Germany."""
    installation.set_up(REGISTER)
    (installation.home / "org.toml").write_text(ORG)
    return Desk(installation, capfd, monkeypatch)


def page_with(installation: Installation, words: str) -> str:
    """Wait for a page that has these words."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        for path in (installation.home / "outbox" / "pages").glob("*.eml"):
            text = email.message_from_bytes(path.read_bytes(), policy=email.policy.default).get_content()
            if words in text:
                return str(text)
        time.sleep(0.1)
    raise AssertionError(f"no page has {words!r}")


def test_whom_to_tell(desk: Desk, installation: Installation, tmp_path: Path) -> None:
    """The proposal is shown, an approver decides against it and is asked why, and register and evidence have both."""
    with installation.working():
        assert desk.tocsin("report", "A mail to the wrong person", "--service", "archive").code == 0
        answers = ["personal_data=yes", "grave_consequences=yes"]
        assert desk.tocsin("revise", "last", *[word for a in answers for word in ("--answer", a)]).code == 0
        shown = desk.tocsin("decide", "last")
        assert "authority: yes; people: yes" in shown.out
        assert "Not decided yet" in shown.out
        assert "decide whether the authority and the people are told" in desk.tocsin("next", user="dara").out
        assert desk.tocsin("decide", "last", "--authority", "no").code == 2
        assert desk.tocsin("decide", "last", "--authority", "no", "--subjects", "no").code == 1
        decided = desk.tocsin("decide", "last", "--authority", "no", "--subjects", "no", user="dara")
        assert decided.code == 0, decided.err
        assert "register only: nobody is told" in decided.out
        assert "authority: proposed yes, decided no" in decided.err
        asked = desk.tocsin("next", "--json", user="dara").json
        assert any(todo["what"].startswith("say why you decided against the proposal") for todo in asked)
        words = ["--authority", "no", "--subjects", "no", "--reason", "The recipient is our own lawyer"]
        assert desk.tocsin("decide", "last", *words, user="dara").code == 0
        assert not [t for t in desk.tocsin("next", "--json", user="dara").json if t["what"].startswith("say why you")]
        assert "against the proposal: people: proposed yes, decided no" in desk.tocsin("show", "last").out
        assert len(desk.tocsin("decide", "last", "--json").json["decisions"]) == 2
        breach = desk.tocsin("breaches", "export", "--format", "json").json["breaches"][0]
        assert breach["decision"]["because"] == "The recipient is our own lawyer"
        ended = [one for one in breach["not_told"] if one["state"] == "not_owed"]
        assert [one["because"] for one in ended] == [
            "GDPR art. 33(1), recitals 85 and 87: decided not to tell, The recipient is our own lawyer"
        ]
        explained = desk.tocsin("explain", "last", "--json").json
        assert explained["decision"]["decided"]["authority"] is False
        assert "EU-GDPR-33-1" in [one["id"] for one in explained["near_misses"]]
        evidence = desk.tocsin("evidence", "last", "-o", str(tmp_path / "evidence"), user="noor")
        assert evidence.code == 0, evidence.out + evidence.err


def test_a_score_stands_beside_it(desk: Desk, installation: Installation) -> None:
    """The score shows its computation, keeps what was given before, refuses what is on no scale, and moves no clock."""
    with installation.working():
        assert desk.tocsin("report", "A mail to the wrong person", "--service", "archive", "--people", "101").code == 0
        before = desk.tocsin("duty", "list", "last", "--json").json
        unscored = desk.tocsin("severity", "last")
        assert (unscored.code, "--context CATEGORY=SCORE" in unscored.err) == (1, True)
        wrong = desk.tocsin("severity", "last", "--context", "financial=4", "--identifier", "full_name=0.5")
        assert (wrong.code, "needs a reason" in wrong.err) == (1, True)
        given = ["--context", "financial=3", "--identifier", "full_name=0.5", "--confidentiality", "known_recipients"]
        scored = desk.tocsin("severity", "last", *given)
        assert "SE = 3 x 0.5 + 0.25 = 1.75: low" in scored.out
        assert "more than 100 individuals (101)" in scored.out
        again = desk.tocsin("severity", "last", "--malicious", "yes")
        assert "SE = 3 x 0.5 + 0.75 = 2.25: medium" in again.out
        assert desk.tocsin("severity", "last", "--json").json["score"]["band"] == "medium"
        assert desk.tocsin("explain", "last", "--json").json["severity"]["score"]["se"] == 2.25
        assert desk.tocsin("duty", "list", "last", "--json").json == before
    scales = desk.tocsin("severity", "--scales").out
    assert "4: full information enabling fraud, or a detailed social or financial profile" in scales
    assert "unknown_recipients: exposed to an unknown number of recipients: + 0.5" in scales


def test_nobody_has_said_who_is_affected(desk: Desk, installation: Installation) -> None:
    """Counts and commands stand in report, show, next and the refusal of draft; late, the choice comes first."""
    with installation.working():
        early = desk.tocsin("report", "Odd logins")
        assert "3 agreements of 3 parties may be" in early.out
        assert "--service records-api (2 agreements)" in early.out
        refused = desk.tocsin("draft", "last")
        assert (refused.code, "3 agreements may be" in refused.err) == (1, True)
        assert "--everyone" in refused.err
        assert desk.tocsin("next", "--json").json[0]["pressing"] is False
        assert "3 agreements of 3 parties may be" in desk.tocsin("show", "last").out
        aware_at = (datetime.now(UTC) - timedelta(hours=20)).isoformat()
        late = desk.tocsin("report", "Odd logins yesterday", "--aware-at", aware_at)
        assert late.code == 0, late.err
        first = desk.tocsin("next", "--json").json[0]
        assert first["pressing"] is True
        assert first["what"] == (
            "say who is affected: 3 agreements of 3 parties may be, and no letter can be drafted before"
        )
        page = page_with(installation, "affected add")
        assert "Say now who is affected: 3 agreements of 3 parties may be" in page
        assert "--everyone" in page
        assert desk.tocsin("affected", "add", "last", "--service", "records-api").code == 0
        assert desk.tocsin("draft", "last").code == 0
        assert desk.tocsin("show", "last", "--json").json["may_be_affected"] is None
