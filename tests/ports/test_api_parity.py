"""Everything that the command line does, the API does, or it is said here why not; and the commands ask the API."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.architecture.commands import commands
from tests.ports.office import Counter, counter
from tests.ports.story import AT, INCIDENT, agreement, entry, facts, note, state
from tests.workflow.test_afar import Afar
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.notary import LogNotary
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.privilege import MARK
from tocsin.domain.register import Affected
from tocsin.domain.values import ActId
from tocsin.ports import CheckpointRow

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)

ONE = "/incidents/{incident_id}"
ACTS = {
    "affected add": "affected_add",
    "break-glass": "break_glass",
    "close": "close",
    "confirm": "confirm",
    "decide": "decide",
    "dismiss": "dismiss",
    "draft": "draft",
    "duty done": "duty_end",
    "duty waive": "duty_end",
    "duty not-owed": "duty_end",
    "handover": "handover",
    "hold": "hold",
    "hold-confirm": "hold_confirm",
    "lift": "lift",
    "merge": "absorb",
    "note": "note",
    "page ack": "page_ack",
    "privilege mark": "privilege",
    "privilege lift": "lift_privilege",
    "recall": "recall",
    "recompute": "recompute",
    "release": "release",
    "reopen": "reopen",
    "resume": "resume",
    "review-glass": "glass_review",
    "revise": "revise",
    "stop": "stop",
    "send-back": "send_back",
    "severity": "assess",
    "task add": "task_add",
    "task assign": "task_assign",
    "task done": "task_done",
    "told": "told",
}
"""Commands that are one act."""
OVER = {
    **{command: f"POST {ONE}/acts/{act}" for command, act in ACTS.items()},
    "access invite": "POST /access/{user}/invitation",
    "access list": "GET /access",
    "access review": "POST /access/review",
    "attach": f"POST {ONE}/attachments",
    "audit questions": f"GET {ONE}/questions",
    "audit show": f"GET {ONE}/timeline",
    "authority report": f"GET {ONE}/reports/{{policy_id}}",
    "breaches export": "GET /breaches",
    "channel close": "POST /channels/{name}/close",
    "channel list": "GET /channels",
    "channel open": "POST /channels/{name}/open",
    "duty list": f"GET {ONE}/duties",
    "erase": f"POST {ONE}/erasure",
    "evidence": f"GET {ONE}/evidence",
    "explain": f"GET {ONE}/explanation",
    "letter preview": f"GET {ONE}/letter-preview",
    "list": "GET /incidents",
    "log check": "GET /log/comparison",
    "log checkpoint": "GET /log/checkpoint",
    "log prove": "GET /log/{number}/proof",
    "log verify": "GET /log/verification",
    "next": "GET /next",
    "page ladder": "GET /ladder",
    "policy check": "GET /policies/check",
    "policy list": "GET /policies",
    "policy show": "GET /policies",
    "privilege list": f"GET {ONE}/acts",
    "receipts assign": "POST /receipts/{receipt_id}/assign",
    "receipts list": f"GET {ONE}/notices/{{notice_id}}/receipts",
    "receipts parked": "GET /receipts/parked",
    "receipts raw": "GET /receipts/{receipt_id}/raw",
    "register check": "GET /register/findings",
    "register export": "GET /register",
    "register import": "POST /register",
    "register probe": "POST /register/rounds",
    "register subprocessors": "GET /register/subprocessors",
    "report": "POST /incidents",
    "show": f"GET {ONE}",
    "split": "POST /incidents",
    "task list": f"GET {ONE}/tasks",
    "task show": f"GET {ONE}/notices/{{notice_id}}/letter",
    "token list": "GET /me/tokens",
    "token new": "POST /me/tokens",
    "token revoke": "DELETE /me/tokens/{token_id}",
}
"""By which operation each is done over the API."""
HERE = {
    **dict.fromkeys(("console", "engine", "watch"), "it is a process of that machine"),
    **dict.fromkeys(("init", "migrate", "doctor"), "it sets up or examines that machine"),
    **dict.fromkeys(("keys export", "keys list", "keys rotate"), "keys never leave their installation"),
    **dict.fromkeys(("receipts dsn", "spool drain"), "it reads files of that machine"),
    **dict.fromkeys(("login", "logout", "version"), "it is about the command line itself"),
    "reconcile": "it asks SendGrid with the installation's key",
    "drill": "it runs an installation of its own",
    "verify": "it checks a file, and trusts no installation",
}
"""What is done on the installation's machine alone, and why."""


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console with an incident, privileged in part, and a log of three entries, the first two of them signed."""
    secret = f"{MARK} Counsel Quillfeather doubts it."
    words = f"Logins from two countries.\n\n{secret}"
    with store.writing() as tx:
        tx.register.publish([agreement(0)], AT)
        tx.incidents.put_state(state(), AT)
        tx.incidents.put_facts(INCIDENT, facts().model_copy(update={"summary": words}), AT, ActId("act-report"))
        tx.incidents.add_act(note("act-note", secret), 1)
        tx.register.pin(INCIDENT, [Affected(agreement=agreement(0), revision=1)])
        tx.log.append([entry("first"), entry("second")])
        head = tx.log.head()
        tx.checkpoints.add(CheckpointRow(head=head, at=AT, note=LogNotary.of(keyring).sign(head)))
        tx.log.append([entry("third")])
    async with counter(store, vault, keyring, tmp_path, now=lambda: datetime.now(UTC)) as it:
        yield it


@pytest.fixture
async def afar(
    at: Counter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Afar:
    """A command line elsewhere, with a token of an approver and one of somebody on no team."""
    found = Afar(at, monkeypatch, capsys, tmp_path)
    await found.give("dara", "read", "act")
    await found.give("mallory", "read", "act")
    return found


async def test_each_command_has_its_route_or_a_reason(at: Counter) -> None:
    """A new command fails here until it is said by which operation of the API it is done, or why by none."""
    document = (await at.browser().get("/api/v1/openapi.json")).json()["paths"]
    known = {f"{verb.upper()} {path.removeprefix('/api/v1')}" for path, verbs in document.items() for verb in verbs}
    assert OVER.keys() | HERE.keys() == commands().keys()
    assert not OVER.keys() & HERE.keys()
    assert set(OVER.values()) <= known


async def test_the_log_is_asked_from_afar(at: Counter, afar: Afar, tmp_path: Path) -> None:
    """Verified, compared with what was kept elsewhere, and an entry proved, over HTTP; a stranger may not."""
    assert "as 1 signed checkpoints say" in await afar.does("dara", "log", "verify")
    newest = await afar.json("dara", "log", "checkpoint")
    assert (newest["size"], newest["fingerprint"]) == (2, at.office.means.signer.fingerprint)
    kept = tmp_path / "kept"
    kept.write_text(newest["note"])
    assert "began as this checkpoint of 2 entries says" in await afar.does("dara", "log", "check", kept)
    proved = await afar.json("dara", "log", "prove", 1)
    assert (proved["proof"]["size"], json.loads(proved["entry"])["n"]) == (2, 1)
    assert "2 comes later" in await afar.does("dara", "log", "prove", 2, code=1)
    kept.write_text(newest["note"].replace("\n2\n", "\n3\n"))
    assert "not signed" in await afar.does("dara", "log", "check", kept, code=1)
    assert "may not read_log" in await afar.does("mallory", "log", "prove", 1, code=1)


async def test_law_and_ladder_are_asked_from_afar(at: Counter, afar: Afar, tmp_path: Path) -> None:
    """The installation's own policies are counted there, a folder's here; a mistake is named; the ladder is shown."""
    assert (await afar.json("dara", "policy", "check"))["in_force"] > 50
    assert "everyone is called" in await afar.does("mallory", "page", "ladder")
    own = at.office.home / "policies"
    own.mkdir()
    (own / "wrong.toml").write_text("[policy]\nid = 1\n")
    assert "wrong.toml" in await afar.does("dara", "policy", "check", code=1)
    (tmp_path / "mine").mkdir()
    assert "No mistake" in await afar.does("dara", "policy", "check", tmp_path / "mine")


async def test_a_letter_is_seen_from_afar(at: Counter, afar: Afar, tmp_path: Path) -> None:
    """It is as the installation would write it, of an incident or of facts, and says nothing that is privileged."""
    out = tmp_path / "letters"
    made = await afar.json("dara", "letter", "preview", INCIDENT, "--out", out)
    assert made["notice_number"] == "N-0000-0000"
    text = _page(made["files"])
    assert "Logins from two countries" in text
    assert "Quillfeather" not in text
    (tmp_path / "facts.toml").write_text('title = "A laptop was lost"\nsummary = "On a train."\n')
    asked = ("letter", "preview", tmp_path / "facts.toml", "--out", out, "--language", "de", "--to")
    reference = agreement(0).reference
    made = await afar.json("dara", *asked, reference)
    assert made["language"] == "de"
    assert "On a train." in _page(made["files"])
    assert "the register has no NOBODY" in await afar.does("dara", *asked, "NOBODY", code=1)
    assert "no incident" in await afar.does("mallory", "letter", "preview", INCIDENT, "--out", out, code=1)


def _page(files: list[str]) -> str:
    """Return what a letter's files say, but for the picture."""
    return "".join(Path(file).read_text() for file in files if not file.endswith(".png"))
