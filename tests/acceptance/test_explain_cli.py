"""`explain` and `policy` on the command line: files, incidents, mistakes, the wording of the time that is left."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from freezegun import freeze_time

from tests.acceptance.desk import Desk
from tests.acceptance.stack import ROOT, Installation, free_port
from tocsin.cli.session import Session
from tocsin.domain.incident import Answer, Basis, Facts, Trigger, TriggerFact
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.values import ActId, IncidentId

FOUNDING = ROOT / "examples" / "founding"

CONTROLLER = """
title = "a mail to the wrong person"
[org]
roles = ["controller"]
establishments = ["DE"]
serves = ["DE"]
kinds = []
nis2 = "none"
[triggers]
awareness = 2026-11-21T07:30:00Z
[incident]
personal_data = true
risk_unlikely = false
"""


@pytest.fixture
def cli(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A home for the examples' people, far from any engine."""
    desk = Desk(Installation(tmp_path / "home", f"127.0.0.1:{free_port()}", "tocsin"), capfd, monkeypatch)
    assert desk.tocsin("init").code == 0
    (desk.home / "people.toml").write_text((ROOT / "examples" / "people.toml").read_text())
    return desk


def facts(folder: Path, text: str) -> str:
    """Write a facts file and return its path."""
    path = folder / "facts.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def an_incident(answers: dict[str, Answer] | None = None) -> IncidentId:
    """Put an incident into the store, reported by the one line that is its title."""
    work = Session("asha")
    incident_id, at = IncidentId("inc-explained"), datetime(2026, 11, 21, 7, 30, tzinfo=UTC)
    assumed = TriggerFact(at=at, basis=Basis.ASSUMED)
    triggers = {Trigger.REPORT: TriggerFact(at=at), Trigger.DISCOVERY: assumed, Trigger.AWARENESS: assumed}
    work.vault.ensure(incident_id)
    with work.store.writing() as tx:
        tx.incidents.put_state(IncidentState(incident_id=incident_id, triggers=triggers, sequence=1), at)
        tx.incidents.put_facts(incident_id, Facts(title="exports at night", answers=answers or {}), at, ActId("act-1"))
    work.close()
    return incident_id


@freeze_time("2026-11-23T07:30:00Z", ignore=["_pytest"])
def test_the_wording_of_time_left(cli: Desk, tmp_path: Path) -> None:
    """On the third morning one day is left, in Berlin's time and in UTC; nothing in the file says what time it is."""
    out = cli.tocsin("explain", facts(tmp_path, CONTROLLER)).out
    assert "1 d left: by Tue 24 Nov 08:30 Europe/Berlin (2026-11-24T07:30Z)" in out
    assert "without undue delay, at the latest 72 hours from awareness" in out


@freeze_time("2026-11-24T10:10:00Z", ignore=["_pytest"])
def test_the_wording_of_too_late(cli: Desk, tmp_path: Path) -> None:
    """What is overdue says for how long, and stays at the top."""
    out = cli.tocsin("explain", facts(tmp_path, CONTROLLER)).out
    assert "2 h 40 min overdue: by Tue 24 Nov 08:30 Europe/Berlin" in out


def test_every_mistake_of_a_facts_file(cli: Desk, tmp_path: Path) -> None:
    """Unknown names, instants without a zone, wrong types and files that are not there are named together."""
    text = """
        at = 2026-11-21T07:30:00
        titel = "x"
        organisation = "nowhere.toml"
        affected = ["MSA-1"]
        [triggers]
        awarness = 2026-11-21T07:30:00Z
        discovery = 2026-11-21
        prior_report_submitted = 2026-11-21T07:30:00Z
        [submitted]
        EU-NIS2-INN = 2026-11-21T07:30:00Z
        [incident]
        personal_data = "yes"
        places = ["UK"]
        residents = { US-CA = "many" }
        [org]
        rolls = ["controller"]
        [contents]
        natur = "x"
    """
    ran = cli.tocsin("explain", facts(tmp_path, text))
    assert (ran.code, ran.out) == (1, "")
    for what in (
        "at is 2026-11-21 07:30:00, but it must be an instant with a zone",
        "'titel' is unknown (did you mean title?)",
        "there is no",
        "there is no register",
        "triggers.awarness",
        "triggers.discovery is 2026-11-21, but",
        "which report?",
        "did you mean EU-NIS2-IN?",
        "incident.personal_data is 'yes', but it must be true or false",
        "write GB",
        "incident.residents.US-CA is 'many'",
        "org.there is no fact 'rolls'",
        "contents.natur",
    ):
        assert what in ran.err
    assert "Traceback" not in ran.err


def test_no_subject(cli: Desk) -> None:
    """Without anything to explain it is wrong usage, and an unknown incident is refused with the fix."""
    assert cli.tocsin("explain").code == 2
    unknown = cli.tocsin("explain", "inc-nothing")
    assert (unknown.code, "`tocsin list`" in unknown.err) == (1, True)


def test_the_schema_describes_the_example(cli: Desk) -> None:
    """The printed schema is JSON, names every table of the founding case's file, and allows nothing else."""
    schema = cli.tocsin("explain", "--schema").json
    assert schema["additionalProperties"] is False
    assert {"incident", "org", "triggers", "submitted", "affected", "register"} <= set(schema["properties"])
    assert schema["properties"]["incident"]["properties"]["personal_data"]["type"] == "boolean"
    assert "EU-NIS2-IN" in schema["properties"]["submitted"]["properties"]


def test_one_line_and_one_decision(cli: Desk) -> None:
    """A one-line report of an organisation that nobody described gives one deadline to decide, with questions."""
    an_incident()
    shown = cli.tocsin("explain", "last")
    assert shown.code == 0
    assert shown.out.count("one thing to decide") == 1
    assert "Nothing is known to be due." in shown.out
    assert "1. " in shown.out
    assert f"answer the questions in {cli.home / 'org.toml'}" in shown.out
    found = cli.tocsin("explain", "inc-explained", "--json").json
    assert found["subject"] == "inc-explained: exports at night"
    assert found["decide"]["duties"] > 100


def test_answers_and_profile_count(cli: Desk) -> None:
    """With the profile filled in and the questions answered, the duty stands with its deadline."""
    shutil.copy(FOUNDING / "org.toml", cli.home / "org.toml")
    an_incident({"incident.cert_in_type": True, "incident.places": ("IN",), "incident.malicious": "perhaps"})
    found = cli.tocsin("explain", "last", "--json").json
    reports = {duty["id"]: duty for duty in found["duties"]}
    assert reports["IN-CERT-6H"]["deadline_at"] == "2026-11-21T13:30:00Z"
    assert reports["IN-CERT-6H"]["trigger_basis"] == "assumed"
    assert "CN-CIR-CII" not in reports
    assert [remark for remark in found["remarks"] if "incident.malicious" in remark]


def test_a_profile_with_a_mistake_is_not_guessed_at(cli: Desk) -> None:
    """A mistake in org.toml stops the explanation: it must not count as not knowing."""
    (cli.home / "org.toml").write_text('roles = ["controler"]\n')
    an_incident()
    ran = cli.tocsin("explain", "last")
    assert (ran.code, "did you mean controller?" in ran.err) == (1, True)


def test_all_shows_the_rest(cli: Desk) -> None:
    """`--all` adds what is out of scope and what starts no clock, each with the reason."""
    out = cli.tocsin("explain", str(FOUNDING / "facts.toml"), "--all").out
    assert "Out of scope" in out
    assert "IN-DPDP-BRD-2: not in force" in out
    assert "Out of scope" not in cli.tocsin("explain", str(FOUNDING / "facts.toml")).out


def test_policy_list(cli: Desk) -> None:
    """The list has what is law today; with `--all` also the rest, with the reason why it starts no clock."""
    law = cli.tocsin("policy", "list", "--json").json
    everything = cli.tocsin("policy", "list", "--all", "--json").json
    assert {row["active"] for row in law} == {True}
    assert {row["id"] for row in law} < {row["id"] for row in everything}
    assert all(row["inactive_because"] for row in everything if not row["active"])
    out = cli.tocsin("policy", "list").out
    assert "EU-GDPR-33-1: Notify the supervisory authority" in out
    assert "check with counsel" in out


def test_policy_show(cli: Desk) -> None:
    """A policy is shown with its conditions and how each field is known; a slip is met with the right id."""
    out = cli.tocsin("policy", "show", "eu-gdpr-33-1").out
    assert "72 hours from: awareness" in out
    assert "unless incident.risk_unlikely is yes" in out
    assert "period TEXT" in out
    assert len(cli.tocsin("policy", "show", "UK-PECR-5A", "--json").json) == 2
    wrong = cli.tocsin("policy", "show", "EU-GDRP-33-1")
    assert (wrong.code, "did you mean EU-GDPR-33-1" in wrong.err) == (1, True)


def test_policy_check(cli: Desk, tmp_path: Path) -> None:
    """A good pack is counted; a bad one is refused with all its mistakes, and explains nothing."""
    counts = cli.tocsin("policy", "check", "--json").json
    assert counts["policies"] > counts["in_force"] > counts["counsel_check"] > 0
    assert "No mistake" in cli.tocsin("policy", "check").out
    own = cli.home / "policies"
    own.mkdir()
    (own / "own.toml").write_text('instrument = "x"\nsources = ["y"]\n[[policy]]\nid = "a"\n[[policy]]\ntitel = 3\n')
    for command in (["policy", "check"], ["policy", "check", str(own)], ["policy", "list"], ["explain", "last"]):
        ran = cli.tocsin(*command)
        assert ran.code == 1
        assert "policies/own.toml: a: " in ran.err
        assert "policies/own.toml: policy number 2: " in ran.err
    assert cli.tocsin("policy", "check", str(tmp_path / "nowhere")).code == 1


def test_json_has_no_other_words(cli: Desk) -> None:
    """With `--json` standard output is JSON and nothing else."""
    for words in (["explain", str(FOUNDING / "facts.toml")], ["policy", "list"], ["policy", "check"]):
        json.loads(cli.tocsin(*words, "--json").out)
