"""A notice that a person delivers: its text is prepared, and without a proof it stays open."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.controllers import HEADER
from tests.acceptance.desk import Desk
from tests.acceptance.stack import Installation, wait_for
from tests.ports.pdf_text import text_of
from tocsin.cli.session import Session
from tocsin.domain.act import AddNote, Attach
from tocsin.domain.task import TaskKind
from tocsin.domain.values import IncidentId

REGISTER = f"""\
{HEADER}
BIRCH-1,Birch Clinic,72h from confirmation,en,records-api,Bea <bea@birch.example>,,,
FIR-1,Fir Farm,36h from awareness,en,records-api,,,,+44 20 0000 0001
"""


@pytest.fixture
def desk(
    installation: Installation, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """An installation with two controllers, one of them without a mail address, and a worker."""
    desk = Desk(installation, capfd, monkeypatch)
    desk.set_up(REGISTER)
    with desk.working():
        yield desk


def by_hand(desk: Desk) -> list[dict[str, str]]:
    """Return the open tasks that deliver a notice."""
    tasks = desk.does("task", "list", "last", "--open", "--json").json
    return [task for task in tasks if task["kind"] == TaskKind.NOTICE]


@pytest.mark.timeout(240)
def test_the_text_is_prepared(desk: Desk, tmp_path: Path) -> None:
    """The task shows whom to phone, and the letter under its own number, to be read out; a preview shows it, too."""
    pdf = tmp_path / "notice.pdf"
    desk.does("report", "records copied by an outsider", "--service", "records-api")
    drafted = desk.does("draft", "last", "--json").json["wave"]
    reviewed = desk.does("show", "last", "--letters", drafted["wave_id"], "--to", "FIR-1", "--json").json
    (released,) = [letter["text"] for letter in reviewed]
    desk.does("letter", "preview", "last", "--to", "FIR-1", "-o", str(tmp_path / "preview"))
    desk.does("release", "last", drafted["wave_id"], "--digest", drafted["digest"], user="dara")
    # What is told is what was released, whatever is found out afterwards.
    desk.does("revise", "last", "--set", "summary=Nobody has approved this sentence")
    wait_for(lambda: bool(by_hand(desk)))
    (task,) = by_hand(desk)
    number, incident = task["title"].split()[2], IncidentId(task["incident_id"])

    page = desk.does("task", "show", incident, task["task_id"], "--pdf", str(pdf)).out

    assert "to: Fir Farm" in page
    assert "phone: +44 20 0000 0001" in page
    assert f"notice: {number}" in page
    text = desk.does("task", "show", incident, task["task_id"], "--json").json["text"]
    assert number in text
    assert [line for line in text.splitlines() if line not in page] == []
    assert text == released
    assert number in text_of(pdf.read_bytes())
    desk.does("note", incident, "they asked for the logs", "--notice", number)
    desk.does("attach", incident, str(pdf), "--notice", number)
    assert "there is no notice" in desk.tocsin("note", incident, "?", "--notice", "N-0000-0000").err
    with Session("asha").store.reading() as tx:
        deeds = [envelope.act.deed for envelope in tx.incidents.acts(incident)]
    assert f"reply to notice {number}: they asked for the logs" in [d.text for d in deeds if isinstance(d, AddNote)]
    assert f"reply to {number}, notice.pdf" in [d.name for d in deeds if isinstance(d, Attach)]
    refused = desk.tocsin("task", "done", incident, task["task_id"], "--outcome", "told them")
    assert "give --proof" in refused.err
    refused = desk.tocsin("task", "done", incident, task["task_id"], "--outcome", "told", "--proof", "notice.pdf")
    assert "attach it first" in refused.err
    desk.does("attach", incident, str(pdf))
    desk.does("task", "done", incident, task["task_id"], "--outcome", "told them", "--proof", "notice.pdf")
    wait_for(lambda: not by_hand(desk))
