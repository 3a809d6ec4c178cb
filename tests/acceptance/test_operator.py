"""What docs/operating.md tells an operator to type is typed, in its order, on real parts."""

import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.conftest import Install
from tests.acceptance.desk import Desk
from tests.acceptance.stack import ROOT, wait_for
from tests.acceptance.test_cli_erase import ADA
from tests.ports.story import AT, INCIDENT, facts, state
from tests.ports.test_delivery_status import dsn
from tests.ports.test_receipts import accepted
from tocsin.cli.session import Session
from tocsin.domain.incident import Status
from tocsin.domain.values import ActId

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
ELSEWHERE = {"docker", "kubectl", "helm"}
"""Tools of a machine that has an engine or a cluster; what they are given is checked in tests/deploy."""
NAMED = {
    "tocsin attach",
    "tocsin erase INCIDENT",
    "tocsin note",
    "tocsin page ack INCIDENT",
    "tocsin receipts assign",
    "tocsin receipts assign RECEIPT --to ROUND --notice NUMBER",
    "tocsin watch",
}
"""What a sentence names without all that it needs; a block, another guide or the commands' own tests type it."""


@pytest.fixture
def desk(install: Install, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A home with an incident that ended six years ago, an export of the mail provider, and a mailbox with a report."""
    installation = install(PUBLIC_URL="https://notices.processor.example")
    installation.set_up((ROOT / "examples" / "register.csv").read_text(encoding="utf-8"))
    people = (ROOT / "examples" / "people.toml").read_text(encoding="utf-8")
    (installation.home / "people.toml").write_text(people + ADA)
    monkeypatch.chdir(installation.home.parent)
    desk = Desk(installation, capfd, monkeypatch)
    work = Session("dara")
    work.vault.ensure(INCIDENT)
    with work.store.writing() as tx:
        tx.incidents.put_state(state(status=Status.CLOSED), datetime.now(UTC) - timedelta(days=2193))
        tx.incidents.put_facts(INCIDENT, facts(), AT, ActId("act-report"))
    work.close()
    for name in ("new", "cur"):
        Path("mail", name).mkdir(parents=True)
    Path("mail", "new", "1.a").write_bytes(dsn("delivered", accepted(0).notice_id))
    Path("activity.csv").write_text("msg_id,status\n")
    return desk


def fences(heading: str) -> list[str]:
    """Return the lines of the page's fences under a heading, as they stand."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section, heading
    return [line for fence in FENCE.findall(section[1]) for line in fence.splitlines()]


def test_the_page_can_be_followed(desk: Desk) -> None:
    """Each command succeeds: made current, well, a mailbox read, compared after a restore, keys changed, erased."""
    (current,) = fences("Upgrade")
    build = shlex.split(current)[-1]
    with desk.working(WORKER_DEPLOYMENT="engine", WORKER_BUILD_ID=build):
        typed(desk, current)
        wait_for(lambda: "ok   workers" in desk.tocsin("doctor").out)  # Temporal takes a moment to list who polls
        for heading in ("Install", "Reports of delivery by SMTP", "Back up, restore"):
            for line in fences(heading):
                if "reconcile" not in line:
                    typed(desk, line)
        for line in sorted(set(re.findall(r"`(tocsin [^`\n]+)`", PAGE)) - NAMED):
            typed(desk, line, user="ada")
    for line in (*[line for line in fences("Back up, restore") if "reconcile" in line], *fences("Keys")):
        typed(desk, line)
    due, asked, looked, confirmed = fences("Erase")
    assert INCIDENT in typed(desk, due)
    typed(desk, asked)
    typed(desk, looked, user="ada")
    assert "the incident's key" in typed(desk, confirmed, user="ada")
    assert len(FENCE.findall(PAGE)) == 9, "a fence of the page stands under a heading that this test does not follow"


def typed(desk: Desk, line: str, user: str = "dara") -> str:
    """Type a line as it stands, with this test's places for the page's; return what came. It must succeed."""
    for theirs, ours in (("INCIDENT", INCIDENT), ("/var/mail/incident-desk", "mail"), ("FILE", "keys.txt")):
        line = line.replace(theirs, ours)
    tool, *words = shlex.split(line)
    if tool == "tocsin":
        ran = desk.tocsin(*words, user=user)
        assert ran.code == 0, f"{line}\n{ran.out}{ran.err}"
        return ran.out
    if tool in ELSEWHERE:
        return ""
    env = desk.env | {"TEMPORAL_ADDRESS": desk.address, "TEMPORAL_NAMESPACE": desk.namespace}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    done = subprocess.run(["sh", "-c", line], check=False, env=env, input="y\n", capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout
