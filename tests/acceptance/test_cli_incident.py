"""One incident from the command line, on the real engine: what each command answers, refuses and shows."""

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from tests.acceptance.controllers import HEADER
from tests.acceptance.desk import Desk
from tests.acceptance.stack import TOCSIN, Installation, wait_for
from tocsin.adapters.keyring import FileKeyring
from tocsin.client import Engine
from tocsin.domain.act import Envelope, Receipt
from tocsin.domain.errors import Broken
from tocsin.domain.values import IncidentId, opaque_id
from tocsin.wire import incident_workflow

REGISTER = f"""\
{HEADER}
BIRCH-1,Birch Clinic,promptly from discovery; 72h from confirmation,en,records-api,Bea <bea@birch.example>,,,
CEDAR-1,Cedar Bank,36h from awareness,en,records-api,Cem <cem@cedar.example>,,Copy <copy@cedar.example>,
DOGWOOD-1,Dogwood School,72h from confirmation,en,archive,Dan <dan@dogwood.example>,,,
ELM-1,Elm Logistics,72h from confirmation,en,records-api,,,,+44 20 0000 0000
"""


@pytest.fixture
def desk(
    installation: Installation, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """An installation with four controllers and a worker."""
    desk = Desk(installation, capfd, monkeypatch)
    desk.set_up(REGISTER)
    with desk.working():
        yield desk


def report(desk: Desk, *more: str) -> Any:
    """Report an incident at the records API; return the answer."""
    return desk.does("report", "records copied by an outsider", "--service", "records-api", *more, "--json").json


def draft(desk: Desk) -> tuple[str, str]:
    """Draft the letters; return the wave's id and digest."""
    drafted = desk.does("draft", "last", "--json").json
    return drafted["wave"]["wave_id"], drafted["wave"]["digest"]


def shown(desk: Desk) -> Any:
    """Return what `show` says of the newest incident."""
    return desk.does("show", "last", "--json").json


def clocks(view: Any) -> dict[str, Any]:
    """Return its running clocks by title."""
    return {clock["spec"]["title"]: clock for clock in view["clocks"] if clock["state"] == "running"}


@pytest.mark.timeout(240)
def test_from_report_to_told(desk: Desk) -> None:
    """A one-line report starts clocks; two people confirm, draft and release; everyone with an address is told."""
    answer = desk.does("report", "records copied by an outsider", "--service", "records-api").out
    assert "Clocks that run now:" in answer
    assert "36 h from awareness" in answer
    assert "1 d 11 h left" in answer
    assert "our target" in answer, "promptly has no date"
    assert "See it: tocsin show inc-" in answer
    assert "Next for you:" in answer
    assert "72 h from confirmation" in desk.does("confirm", "last").out

    wave, digest = draft(desk)
    review = desk.does("show", "last", "--letters", wave, user="dara").out
    assert "To: Bea <bea@birch.example>" in review
    assert "1 recipient(s) have no contact" in review
    waiting = desk.does("next", user="dara").out
    assert f"tocsin release {shown(desk)['incident_id']} {wave} --digest {digest[:12]}" in waiting

    own = desk.tocsin("release", "last", wave, "--digest", digest)
    assert (own.code, own.err) == (1, "only an approver may release; Asha Rao is responder\n")
    other = desk.tocsin("release", "last", wave, "--digest", "0" * 64, user="dara")
    assert other.code == 1
    assert "changed since you reviewed them" in other.err
    assert "is released" in desk.does("release", "last", wave[4:10], "--digest", digest[:12], user="dara").out

    wait_for(lambda: shown(desk)["waves"][0]["wave"]["ended_at"] is not None)
    view = shown(desk)
    assert sorted(path.stem.split("@")[0] for path in desk.letters()) == sorted(set(told(desk, wave)))
    assert [(look["reference"], look["state"]) for look in view["notices_to_look_at"]] == [("ELM-1", "by_hand")]
    assert (clocks(view)["72 h from confirmation"]["told"], clocks(view)["72 h from confirmation"]["total"]) == (1, 2)
    assert "Deliver notice" in desk.does("next", user="dara").out

    page = desk.does("show", "last", "--why").out
    assert "ELM-1 Elm Logistics" in page
    assert "told 3 of 4" in page
    assert "72h elapsed" in page
    assert "released by Dara Okafor" in page
    assert "act.release, Dara Okafor" in page
    assert all("\x1b" not in line for line in page.splitlines()), "no colour in a pipe"
    assert "the log holds" in desk.does("log", "verify", user="noor").out


def told(desk: Desk, wave: str) -> list[str]:
    """Return the message ids, without their domain, of the letters of a wave that go by mail."""
    letters = desk.does("show", "last", "--letters", wave, "--json").json
    return [letter["message_id"].strip("<>").split("@")[0] for letter in letters if letter["to_address"]]


@pytest.mark.timeout(240)
def test_the_same_alert(desk: Desk) -> None:
    """The same alert joins its incident; after that has ended it opens a new one, linked to it."""
    first = report(desk, "--alert", "SIEM-1")["receipt"]
    again = report(desk, "--alert", "SIEM-1")["receipt"]
    assert (again["incident_id"], again["already"]) == (first["incident_id"], True)
    assert report(desk, "--alert", "SIEM-2")["receipt"]["incident_id"] != first["incident_id"]
    desk.does("dismiss", first["incident_id"], "--reason", "a test of ours")
    late = desk.tocsin("confirm", first["incident_id"])
    assert late.code == 1
    assert f"tocsin reopen {first['incident_id']}" in late.err
    assert "noted" in desk.does("note", first["incident_id"], "seen again").out
    third = report(desk, "--alert", "SIEM-1")["receipt"]
    assert third["incident_id"] != first["incident_id"]
    view = desk.does("show", third["incident_id"], "--json").json
    assert view["linked_to"] == first["incident_id"]
    desk.does("reopen", first["incident_id"], "--reason", "it was one")
    assert len(desk.does("list", "--open", "--json").json) == 3


@pytest.mark.timeout(240)
def test_what_is_refused_and_what_is_shown(desk: Desk, tmp_path: Path) -> None:
    """The engine's refusals reach the person in a sentence; facts, holds, tasks and files reach the page."""
    incident = report(desk, "--people", "120")["receipt"]["incident_id"]
    desk.does("confirm", incident)
    assert "confirmed already" in desk.tocsin("confirm", incident).err
    future = desk.tocsin("revise", incident, "--at", "awareness=2999-01-01T00:00Z")
    assert (future.code, "lies in the future" in future.err) == (1, True)
    before = clocks(shown(desk))["36 h from awareness"]["spec"]["deadline_at"]
    desk.does("revise", incident, "--set", "people_affected=130", "--at", "awareness=2026-01-02T03:04Z")
    view = shown(desk)
    assert view["facts"]["people_affected"] == 130
    assert before > clocks(view)["36 h from awareness"]["spec"]["deadline_at"] == "2026-01-03T15:04:00Z"

    order = ["--kind", "law", "--issuer", "District Court", "--reference", "X 1"]
    assert desk.tocsin("hold", incident, *order, user="noor").code == 1, "Noor reads and changes nothing"
    desk.does("hold", incident, *order, "--to", "BIRCH-1", user="dara")
    view = shown(desk)
    assert clocks(view)["72 h from confirmation"]["held"] == 1
    assert "District Court" in desk.does("show", incident).out
    desk.does("lift", incident, view["holds"][0]["hold_id"], user="dara")
    assert "1 agreement(s), lifted" in desk.does("show", incident).out

    file = tmp_path / "finding.txt"
    file.write_text("what the forensic lab wrote")
    desk.does("attach", incident, str(file))
    assert shown(desk)["attachments"] == ["finding.txt"]
    assert desk.tocsin("attach", incident, str(file), user="noor").code == 1

    desk.does("task", "add", incident, "ask the hoster", "--owner", "asha", "--due", "2h")
    assert "ask the hoster" in desk.does("next").out
    task = next(task for task in desk.does("task", "list", incident, "--json").json if task["owner"] == "asha")
    desk.does("task", "done", incident, task["task_id"], "--outcome", "they know nothing")
    assert "done already" in desk.tocsin("task", "done", incident, task["task_id"], "--outcome", "again").err
    assert "no task nothing" in desk.tocsin("task", "done", incident, "nothing", "--outcome", "x").err

    desk.does("handover", incident, "dara")
    assert "owner: Dara Okafor" in desk.does("show", incident).out
    closing = desk.tocsin("close", incident, "--cause", "a token", "--lessons", "rotate")
    assert (closing.code, "cannot be closed yet" in closing.err) == (1, True)
    assert desk.tocsin("note", incident, "hello", user="noor").code == 1


@pytest.mark.timeout(240)
def test_found_affected_later(desk: Desk) -> None:
    """A controller that is found affected later gets its own duties, and only it is drafted to."""
    report(desk)
    desk.does("confirm", "last")
    wave, digest = draft(desk)
    desk.does("release", "last", wave, "--digest", digest, user="dara")
    wait_for(lambda: shown(desk)["waves"][0]["wave"]["ended_at"] is not None)
    desk.does("affected", "add", "last", "DOGWOOD-1")
    assert "draft the letters to 1 who must be told" in desk.does("next").out
    later, _ = draft(desk)
    letters = desk.does("show", "last", "--letters", later, "--json").json
    assert [letter["to_address"] for letter in letters] == ["dan@dogwood.example"]


@pytest.mark.timeout(240)
def test_only_some_are_affected(desk: Desk) -> None:
    """Leaving out whoever was told is refused, and named as we name them; the others can be left out."""
    desk.does("report", "records copied by an outsider", "--everyone")
    desk.does("confirm", "last")
    drafted = desk.does("draft", "last", "--to", "BIRCH-1", "--json").json["wave"]
    desk.does("release", "last", drafted["wave_id"], "--digest", drafted["digest"], user="dara")
    wait_for(lambda: shown(desk)["waves"][0]["wave"]["ended_at"] is not None)
    refused = desk.tocsin("affected", "add", "last", "CEDAR-1", "--only")
    assert refused.code == 1
    assert "were told already, or are in a wave that was released: BIRCH-1; name them too" in refused.err
    only = desk.does("affected", "add", "last", "BIRCH-1", "CEDAR-1", "--only").out
    assert "2 ended" in only, "those of DOGWOOD-1 and ELM-1"
    assert shown(desk)["to_draft"] == 1


@pytest.mark.timeout(240)
def test_nothing_waits_after_a_dismissal(desk: Desk, tmp_path: Path) -> None:
    """Of a dismissed incident only the told are counted as told, and nothing of it waits for anybody."""
    file = tmp_path / "more.csv"
    file.write_text(f"{HEADER}\nFIR-1,Fir Farm,36h from awareness,en,records-api,,,,+44 20 0000 0001\n")
    desk.does("register", "import", str(file))
    incident = report(desk)["receipt"]["incident_id"]
    wave, digest = draft(desk)
    desk.does("release", incident, wave, "--digest", digest, user="dara")
    wait_for(lambda: bool(shown(desk)["notices_to_look_at"]))
    wait_for(lambda: any(task["kind"] == "notice" for task in shown(desk)["tasks"]))
    desk.does("affected", "add", incident, "ELM-1", "DOGWOOD-1")
    desk.does("task", "add", incident, "rotate keys every month", "--kind", "improvement", "--owner", "responder")
    desk.does("dismiss", incident, "--reason", "a test of ours")
    wait_for(lambda: not clocks(shown(desk)))
    view = shown(desk)
    ended = next(clock for clock in view["clocks"] if clock["spec"]["title"] == "36 h from awareness")
    assert (ended["outcome"], ended["told"], ended["total"]) == ("discharged and not_owed", 1, 2)
    assert (view["notices_to_look_at"], view["to_draft"]) == ([], 0)
    assert {task["kind"] for task in view["tasks"]} == {"improvement"}
    page = desk.does("show", incident).out
    assert f"from {ended['spec']['trigger_at'][:16]}Z, {ended['spec']['clock_id']}" in page
    assert "need a look" not in page
    for user in ("asha", "dara"):
        assert "Deliver notice" not in desk.does("next", user=user).out
    tasks = desk.does("task", "list", incident).out
    assert "ended with the incident, which is dismissed" in tasks
    assert "rotate keys" in desk.does("task", "list", incident, "--open").out
    assert "Deliver notice" not in desk.does("task", "list", incident, "--open").out


@pytest.mark.timeout(240)
def test_a_draft_of_a_dismissed_incident(desk: Desk) -> None:
    """A draft that waited for release when its report was dismissed waits no longer."""
    incident = report(desk)["receipt"]["incident_id"]
    draft(desk)
    assert "waits for release" in desk.does("show", incident).out
    desk.does("dismiss", incident, "--reason", "a test of ours")
    page = desk.does("show", incident).out
    assert "waits for release" not in page
    assert "tocsin release" not in page
    assert desk.does("next", user="dara").out == "Nothing waits for Dara Okafor.\n"


@pytest.mark.timeout(240)
def test_the_engine_fails_after_it_took_an_act(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an act that stands although the engine failed, the person hears that it is not to be done again."""
    incident = report(desk)["receipt"]["incident_id"]
    really = Engine.act

    async def fail(engine: Engine, envelope: Envelope) -> Receipt:
        await really(engine, envelope)
        raise Broken("the engine failed at this")

    monkeypatch.setattr(Engine, "act", fail)
    ran = desk.tocsin("confirm", incident)
    assert ran.code == 1
    assert f"It is recorded, so do not do it again; what follows from it may be missing: tocsin show {incident}" in (
        ran.err
    )


@pytest.mark.timeout(240)
def test_stopped_while_no_worker_answers(installation: Installation) -> None:
    """Ctrl-C while the engine waits for a worker is one line and 130: no page, no report kept for later."""
    installation.set_up(REGISTER)
    with installation.working():
        pass
    key = FileKeyring.open(installation.home / "keys").id_key()
    workflow = incident_workflow(IncidentId(opaque_id("inc", key, opaque_id("src", key, "SIEM-1"), "0")))
    asking = subprocess.Popen(
        [TOCSIN, "--as", "asha", "report", "x", "--alert", "SIEM-1"],
        env=installation.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: asyncio.run(_exists(installation, workflow)))
    asking.send_signal(signal.SIGINT)
    out, err = asking.communicate(timeout=60)
    assert (asking.returncode, out, err) == (130, "", "stopped; it may have been taken: tocsin list\n")
    assert installation.does("spool", "drain").out == "nothing waits\n"


async def _exists(installation: Installation, workflow: str) -> bool:
    client = await Client.connect(installation.address, namespace=installation.namespace)
    try:
        return bool(await client.get_workflow_handle(workflow).describe())
    except RPCError:
        return False
