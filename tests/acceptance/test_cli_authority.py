"""`authority report` and `breaches export` on an installation without an engine: they read what the store holds."""

import csv
import io
import json
import stat
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk
from tests.acceptance.stack import ROOT, Installation, free_port
from tests.ports.story import AT, INCIDENT, OTHER_INCIDENT, state
from tocsin.cli.session import Session
from tocsin.domain.incident import Facts, Status, Trigger, TriggerFact
from tocsin.domain.values import ActId

TITLE = "=HYPERLINK(1), said Mallory"


@pytest.fixture
def desk(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A home with two incidents: one that is open, and one that was dismissed before it."""
    made = Desk(Installation(tmp_path / "home", f"127.0.0.1:{free_port()}", "tocsin"), capfd, monkeypatch)
    assert made.tocsin("init").code == 0
    (made.home / "people.toml").write_text((ROOT / "examples" / "people.toml").read_text())
    work = Session("asha")
    for incident_id in (INCIDENT, OTHER_INCIDENT):
        work.vault.ensure(incident_id)
    triggers = {Trigger.REPORT: TriggerFact(at=AT), Trigger.AWARENESS: TriggerFact(at=AT)}
    older = state(incident_id=OTHER_INCIDENT, status=Status.DISMISSED, reported_at=AT.replace(year=2025))
    with work.store.writing() as tx:
        tx.incidents.put_state(state().model_copy(update={"triggers": triggers}), AT)
        tx.incidents.put_facts(
            INCIDENT, Facts(title=TITLE, summary="She said so\x1b[2J", people_affected=12), AT, ActId("act-1")
        )
        tx.incidents.put_state(older, AT)
    work.close()
    return made


def test_a_report_on_the_terminal(desk: Desk) -> None:
    """The report is text by default; what strangers wrote cannot move the cursor."""
    ran = desk.tocsin("authority", "report", INCIDENT, "eu-gdpr-33-1")
    assert (ran.code, ran.err) == (0, "")
    assert "It is late. Send it now" in ran.out
    assert "[ ] If later than 72 hours after awareness: the reasons for the delay (missing)" in ran.out
    assert "said Mallory" in ran.out
    assert "\x1b" not in ran.out


def test_contents_that_a_person_supplies(desk: Desk) -> None:
    """`--set` answers a content for this report; with nothing missing it is ready."""
    words = ["--format", "json", "--set", "reasons_for_delay=An order", "--set", "consequences=unknown"]
    report = desk.tocsin("authority", "report", "last", "EU-GDPR-33-1", *words).json
    items = {item["key"]: item for item in report["items"]}
    assert (report["ready"], report["late"]) == (True, True)
    assert items["reasons_for_delay"]["value"] == "An order"
    assert items["consequences"]["state"] == "not yet known"


def test_a_pdf_in_a_file(desk: Desk, tmp_path: Path) -> None:
    """A PDF goes to a file that only its owner reads, and the command says what is still missing."""
    file = tmp_path / "report.pdf"
    file.write_text("older")
    file.chmod(0o644)
    ran = desk.tocsin("authority", "report", "last", "EU-GDPR-33-1", "--format", "pdf", "-o", str(file))
    assert ran.code == 0
    assert f"1 content(s) still missing) to {file}" in ran.out
    assert file.read_bytes().startswith(b"%PDF-")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_who_we_are(desk: Desk) -> None:
    """The organisation's own name stands in the report once its profile has it."""
    (desk.home / "org.toml").write_text(
        'name = "Procesor Ž s.r.o."\ntime_zone = "Europe/Prague"\nlead_authority = "CZ"\n'
    )
    ran = desk.tocsin("authority", "report", "last", "EU-GDPR-33-1")
    assert "From:       Procesor Ž s.r.o." in ran.out
    assert "Europe/Prague" in ran.out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["authority", "report", "last", "EU-GDPR-33-9"], 1, "did you mean"),
        (["authority", "report", "last", "EU-GDPR-33-5"], 1, "tocsin breaches export"),
        (["authority", "report", "last", "EU-GDPR-33-1", "--set", "natur=x"], 1, "did you mean nature?"),
        (["authority", "report", "last", "EU-GDPR-33-1", "--set", "nature"], 2, "KEY=TEXT"),
        (["authority", "report", "inc-nothing", "EU-GDPR-33-1"], 1, "`tocsin list` shows those that exist"),
        (["authority", "report", "last", "EU-GDPR-33-1", "-o", "/nowhere/x"], 1, "/nowhere/x"),
        (["breaches", "export", "--from", "yesterday"], 2, "write it like 2026-11-21"),
        (["breaches", "export", "--from", "2026-11-22", "--to", "2026-11-21"], 2, "swap them"),
    ],
)
def test_no_is_said_in_a_sentence(desk: Desk, words: list[str], code: int, says: str) -> None:
    """A refusal says what and the fix, on standard error, with no traceback."""
    ran = desk.tocsin(*words)
    assert (ran.code, ran.out) == (code, "")
    assert says in " ".join(ran.err.split())
    assert "Traceback" not in ran.err


def test_the_register_as_csv(desk: Desk) -> None:
    """Both incidents are there, the dismissed one included, and no cell is a formula."""
    ran = desk.tocsin("breaches", "export", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.out.removeprefix("\ufeff"), newline="")))
    assert [row["incident"] for row in rows] == [OTHER_INCIDENT, INCIDENT]
    assert rows[0]["nobody_told_because"] == "dismissed"
    assert rows[1]["title"].startswith("'=HYPERLINK(1)")


def test_the_register_of_a_period(desk: Desk) -> None:
    """Both days count; the days are those of UTC."""
    day = f"{AT:%Y-%m-%d}"
    within = desk.tocsin("breaches", "export", "--format", "json", "--from", day, "--to", day).json
    assert [entry["incident_id"] for entry in within["breaches"]] == [INCIDENT]
    before = desk.tocsin("breaches", "export", "--format", "json", "--to", "2025-12-31").json
    assert [entry["incident_id"] for entry in before["breaches"]] == [OTHER_INCIDENT]


def test_the_register_in_a_file(desk: Desk, tmp_path: Path) -> None:
    """A file of the register is its owner's alone, and the command says how much is in it."""
    file = tmp_path / "breaches.json"
    ran = desk.tocsin("breaches", "export", "--format", "json", "--output", str(file))
    assert ran.out == f"wrote 2 breach(es) to {file}\n"
    assert len(json.loads(file.read_text())["breaches"]) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
