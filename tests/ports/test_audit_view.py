"""The auditor's view of an incident that was told: who, what, when, why, the fixed questions, a period's packs."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.ports.pdf_text import text_of
from tests.ports.story import state as a_state
from tests.ports.told import Story
from tocsin.adapters.evidence import check_evidence
from tocsin.cli import app
from tocsin.domain.incident import Facts
from tocsin.domain.values import ActId, IncidentId


def told(story: Story, *arguments: str) -> Any:
    """Run a command for its JSON."""
    ran = CliRunner(env={"TOCSIN_HOME": str(story.house.home)}).invoke(app, [*arguments, "--json"])
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def test_show_tells_what_the_pack_tells(story: Story) -> None:
    """`audit show` says the same as timeline.json, item by item, and filters by actor, kind and period."""
    # That somebody looked since the pack was made, by this very command, stands after it.
    shown = told(story, "audit", "show", story.incident)
    packed = len(json.loads((story.folder / "timeline.json").read_text()))
    whole = shown[:packed]
    assert {item["kind"] for item in shown[packed:]} == {"incident.read"}
    assert whole == json.loads((story.folder / "timeline.json").read_text())

    assert {item["who"] for item in told(story, "audit", "show", story.incident, "--actor", "dara")} == {"Dara"}
    kinds = {item["kind"] for item in told(story, "audit", "show", story.incident, "--kind", "notice")}
    assert kinds
    assert all(kind.startswith("notice.") for kind in kinds)
    middle = whole[len(whole) // 2]["at"]
    early = told(story, "audit", "show", story.incident, "--to", middle)
    late = told(story, "audit", "show", story.incident, "--from", middle)
    assert [*early, *late] == shown
    assert early
    assert late
    said = CliRunner(env={"TOCSIN_HOME": str(story.house.home)}).invoke(app, ["audit", "show", story.incident])
    assert "Dara (unverified local): released the wave" in said.stdout
    assert all(" [entry " in line for line in said.stdout.splitlines()), "what somebody wrote began a line of its own"
    assert not [item["what"] for item in shown if item["what"] == f"{item['kind']}."], "an entry without a sentence"


def test_every_question_is_answered_with_pointers_that_lead_somewhere(story: Story) -> None:
    """Each of the six questions has an answer, and each pointer names a file of the pack and what stands in it."""
    answers = told(story, "audit", "questions", story.incident)

    assert len(answers) == 6
    for answer in answers:
        assert answer["points"], answer["question"]
        for where in (where for point in answer["points"] for where in point["where"]):
            name, _, inside = where.partition(" ")
            text = (story.folder / name).read_text()
            if inside.startswith("entry "):
                assert int(inside.removeprefix("entry ")) < len(text.splitlines())
            else:
                assert inside.rpartition(".")[2] in text, where


def test_the_questions_are_answered_truly(story: Story) -> None:
    """Awareness is Asha's word, Dara released what Asha drafted, Cedar's clock was late and why, Elm was phoned."""
    aware, rules, approved, received, late, changeable = (
        " | ".join(point["what"] for point in answer["points"])
        for answer in told(story, "audit", "questions", story.incident)
    )
    assert "awareness at" in aware
    assert "stated by Asha (unverified local)" in aware
    assert "version 1" in rules
    assert approved.count("Dara (unverified local) released") == 3
    assert "drafted by Asha" in approved
    assert "Elm Logistics (ELM-1)" in received
    assert "told by hand" in received
    assert "Ella Elm was told by phone, proof: call 17" in received
    assert "dee@cedar.example" in received
    assert "The log of logins came late" in late
    assert "unverified local" in changeable
    assert "outside, tsa took the checkpoint of" in changeable
    assert "3 privileged paragraph(s) are left out, marked by Asha, Dara" in changeable


def test_the_report_can_be_read(story: Story) -> None:
    """report.pdf has the clocks with margins, decisions with reasons, a letter, deliveries, tasks and orders."""
    text = " ".join(text_of((story.folder / "report.pdf").read_bytes()).split())

    for words in ("Clocks", "Decisions and their reasons", "Delivery", "Tasks", "Orders not to tell", "Harbour Police"):
        assert words in text
    assert " late" in text
    assert "Ella Elm was told by phone" in text
    assert "dan@dogwood.example" in text
    assert story.incident in text


def test_a_period_is_sampled(story: Story, tmp_path: Path) -> None:
    """`evidence --from --to --status late` writes a pack of each late incident and the register; of no drill."""
    runner = CliRunner(env={"TOCSIN_HOME": str(story.house.home)})
    drilled, now = IncidentId("inc-rehearsed"), datetime.now(UTC)
    story.house.vault.ensure(drilled)
    with story.house.store.writing() as tx:
        tx.incidents.put_state(a_state(incident_id=drilled, reported_at=now).model_copy(update={"drill": True}), now)
        tx.incidents.put_facts(drilled, Facts(title="DRILL: files are encrypted"), now, ActId("act-drill"))
    today = now.date()
    days = ["--from", str(today - timedelta(days=1)), "--to", str(today)]
    ran = runner.invoke(app, ["evidence", *days, "--status", "late", "-o", str(tmp_path / "late"), "--json"])
    assert json.loads(ran.stdout) == {"incidents": [story.incident]}
    assert check_evidence(tmp_path / "late" / f"{story.incident}.zip").holds
    with (tmp_path / "late" / "breaches.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 3

    both = runner.invoke(app, ["evidence", *days, "-o", str(tmp_path / "all"), "--json"])
    assert len(json.loads(both.stdout)["incidents"]) == 2
    none = runner.invoke(app, ["evidence", "--to", "2020-01-01", "-o", str(tmp_path / "none")])
    assert "no incident of the kind" in str(none.exception)
    assert not (tmp_path / "none").exists()
