"""The command line with no engine anywhere: setting up, reading, the register, and every way of being told no."""

import re
import signal
import socket
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk
from tests.acceptance.stack import ROOT, TOCSIN, Installation, free_port
from tocsin.client import Engine
from tocsin.domain.errors import Broken

HEADER = "agreement,party,notify,contact"
BIRCH = "BIRCH-1,Birch Clinic,72h from confirmation,Bea Birch <bea@birch.example>"
CEDAR = "CEDAR-1,Cedar Bank,promptly from discovery,"


@pytest.fixture
def cli(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A home in which nothing was made yet, far from any engine."""
    return Desk(Installation(tmp_path / "home", f"127.0.0.1:{free_port()}", "tocsin"), capfd, monkeypatch)


@pytest.fixture
def ready(cli: Desk) -> Desk:
    """The same, in a home that was set up for the examples' people."""
    assert cli.tocsin("init").code == 0
    (cli.home / "people.toml").write_text((ROOT / "examples" / "people.toml").read_text())
    return cli


def a_csv(folder: Path, *lines: str) -> str:
    """Write a register and return its path."""
    file = folder / "register.csv"
    file.write_text("\n".join([HEADER, *lines]) + "\n")
    return str(file)


def test_init_twice(cli: Desk) -> None:
    """`init` makes keys, store and people for their owner only; a second run changes nothing and says so."""
    first = cli.tocsin("init")
    assert (first.code, first.err) == (0, "")
    before = {path: path.read_bytes() for path in cli.home.rglob("*") if path.is_file() and "sqlite" not in path.name}
    second = cli.tocsin("init")
    assert second.code == 0
    assert "nothing was changed" in second.out
    assert before == {path: path.read_bytes() for path in before}
    assert stat.S_IMODE(cli.home.stat().st_mode) == 0o700
    assert cli.tocsin("init", "--json").json == {"home": str(cli.home), "made": []}


@pytest.mark.parametrize("words", [["list"], ["next"], ["show", "last"], ["report", "x"], ["log", "verify"]])
def test_before_init(cli: Desk, words: list[str]) -> None:
    """Whatever needs keys says in one sentence how they are made."""
    ran = cli.tocsin(*words)
    assert ran.code == 1
    assert "tocsin init" in ran.err
    assert "Traceback" not in ran.err


def test_an_empty_installation(ready: Desk) -> None:
    """With no incident there is nothing to list or do, and the empty log holds."""
    assert "no incident yet" in ready.tocsin("list").out
    assert ready.tocsin("list", "--json").json == []
    assert "Nothing waits for Asha Rao" in ready.tocsin("next").out
    assert ready.tocsin("log", "verify").code == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["show", "last"], 1, "there is no incident yet"),
        (["show", "inc-nothing"], 1, "`tocsin list` shows those that exist"),
        (["confirm", "inc-nothing"], 1, "`tocsin list` shows those that exist"),
        (["confirm", "last", "--at", "2026-11-21T03:10"], 2, "has no time zone; add one"),
        (["report"], 2, "Missing argument"),
        (["report", "x", "--people", "-1"], 2, "greater than or equal to 0"),
        (["report", "x", "--severity", "awful"], 2, "low"),
        (["raport", "x"], 2, "Did you mean"),
        (["revise", "last"], 2, "nothing to change"),
        (["revise", "last", "--set", "people_affected=-5"], 1, "write a whole number from 0 on, or unknown"),
        (["revise", "last", "--set", "title="], 1, "title: it is blank"),
        (["report", ""], 1, "title: it is blank; say in a few words what happened"),
        (["report", "a\nb"], 1, "holds a line break or another control character; remove it"),
        (["report", "a\u202eb"], 1, "changes the direction of text; remove it"),
        (["report", "x" * 501], 1, "shorten it to 500"),
        (["handover", "last", "noor"], 1, "is auditor and can do nothing here; hand it to a responder"),
        (["confirm", "last", "--at", "0001-01-01T00:00+14:00"], 2, "correct the year"),
        (["affected", "add", "last"], 2, "--everyone"),
        (["register", "import", "/nowhere.csv"], 1, "/nowhere.csv"),
        (["report", "x", "--people", str(10**20)], 1, "is more than can be written down; write a smaller number"),
        (["report", "x", "--summary", "\udcff"], 1, "facts.summary: it holds half a character"),
        (["report", "x", "--summary", "a" * 100_001], 1, "shorten it to 100000, and attach the rest as a file"),
        (["report", "x", "--alert", "\udcff"], 1, "is no UTF-8; type it again"),
        (["register", "export", "--out", "/nowhere/register.csv"], 1, "cannot use /nowhere/register.csv: No such"),
    ],
)
def test_no_is_said_in_a_sentence(ready: Desk, words: list[str], code: int, says: str) -> None:
    """A refusal exits 1, wrong usage 2; either says what and the fix, on standard error, with no traceback."""
    ran = ready.tocsin(*words)
    assert (ran.code, ran.out) == (code, "")
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_stopped_by_hand(ready: Desk) -> None:
    """Ctrl-C while the engine does not answer ends with 130 and one line, and nothing is kept for later."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        env = ready.env | {"TOCSIN_TEMPORAL_ADDRESS": address}
        asking = subprocess.Popen(
            [TOCSIN, "--as", "asha", "report", "x"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        called, _ = silent.accept()
        asking.send_signal(signal.SIGINT)
        out, err = asking.communicate(timeout=60)
        called.close()
    assert (asking.returncode, out, err) == (130, "", "stopped; it may have been taken: tocsin list\n")
    assert ready.tocsin("spool", "drain").out == "nothing waits\n"


def test_a_broken_engine(ready: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the engine fails at an act the person hears whether anything was changed, and where to look."""

    async def fail(*_: object) -> Engine:
        raise Broken("the engine failed at this")

    monkeypatch.setattr(Engine, "connect", fail)
    ran = ready.tocsin("report", "x")
    assert ran.code == 1
    assert "Nothing was changed: do it again once that is mended; the worker's log says what to mend" in ran.err
    with closing(sqlite3.connect(ready.home / "store.sqlite")) as database:
        database.execute("DROP TABLE acts")
    ran = ready.tocsin("report", "x")
    assert "It may have been done all the same: look with `tocsin list`" in ran.err


def test_nobody(ready: Desk) -> None:
    """Mallory, who is nobody in people.toml, can report nothing."""
    ran = ready.tocsin("report", "x", user="mallory")
    assert ran.code == 1
    assert "'mallory' is nobody" in ran.err


def test_wrong_settings_are_named_together(ready: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown setting and a missing SendGrid key are named at once, before anything happens."""
    monkeypatch.setenv("TOCSIN_CHANEL", "sendgrid")
    monkeypatch.setenv("TOCSIN_CHANNEL", "sendgrid")
    ran = ready.tocsin("list")
    assert ran.code == 1
    assert "TOCSIN_CHANEL: no such setting" in ran.err
    assert "TOCSIN_SENDGRID_API_KEY" in ran.err


def test_a_console_where_something_listens(ready: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A console that cannot have its address says so, with the setting, and never that it listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        monkeypatch.setenv("TOCSIN_CONSOLE_ADDRESS", address)
        ran = ready.tocsin("console")
    assert (ran.code, ran.out) == (1, "")
    assert f"the console cannot listen at {address} (Address already in use" in " ".join(ran.err.split())
    assert "TOCSIN_CONSOLE_ADDRESS" in ran.err


def test_import_check_export(ready: Desk, tmp_path: Path) -> None:
    """A register is imported once, named where it cannot serve, and exported so that importing it changes nothing."""
    file = a_csv(tmp_path, BIRCH, CEDAR)
    dry = ready.tocsin("register", "import", file, "--dry-run", "--json").json
    assert (dry["imported"], dry["added"]) == (False, ["BIRCH-1", "CEDAR-1"])
    assert ready.tocsin("register", "import", file, "--json").json["added"] == ["BIRCH-1", "CEDAR-1"]
    findings = ready.tocsin("register", "check", "--json").json
    assert [found["reference"] for found in findings if found["severity"] == "missing"] == ["CEDAR-1"]
    exported = tmp_path / "exported.csv"
    assert ready.tocsin("register", "export", "--out", str(exported)).code == 0
    again = ready.tocsin("register", "import", str(exported), "--json").json
    assert (again["added"], again["changed"], again["unchanged"], again["revision"]) == ([], [], 2, 1)
    assert "1 changed" in ready.tocsin("register", "import", a_csv(tmp_path, BIRCH.replace("72h", "48h"))).out
    assert "the log holds: 2 entries" in ready.tocsin("log", "verify").out


def test_one_mistake_and_nothing_is_imported(ready: Desk, tmp_path: Path) -> None:
    """Every mistake of a file is named with its line, and not even its good lines are imported."""
    bad = [BIRCH, BIRCH, "ELM-1,Elm Logistics,soonish,no address"]
    ran = ready.tocsin("register", "import", a_csv(tmp_path, *bad))
    assert ran.code == 1
    assert "line 3" in ran.err
    assert "line 4" in ran.err
    assert ready.tocsin("register", "export", "--json").json == []


def test_an_auditor_changes_nothing(ready: Desk, tmp_path: Path) -> None:
    """Noor audits: she reads the register, and may not change it."""
    file = a_csv(tmp_path, BIRCH)
    assert ready.tocsin("register", "import", file, user="noor").code == 1
    assert ready.tocsin("register", "check", user="noor").code == 0


def test_an_unknown_reference(ready: Desk, tmp_path: Path) -> None:
    """A party that the register does not have is named with those that look like it, and nothing is reported."""
    ready.tocsin("register", "import", a_csv(tmp_path, BIRCH, CEDAR))
    ran = ready.tocsin("report", "x", "--affected", "BIRCH-2", "--affected", "CEDAR-1", "--affected", "QQ")
    assert ran.code == 1
    assert "BIRCH-2 (did you mean BIRCH-1?)" in ran.err
    assert "no QQ (`tocsin register export`" in ran.err
    assert "CEDAR-1 (" not in ran.err


def test_nothing_waits_in_an_empty_spool(ready: Desk) -> None:
    """Draining an empty spool needs no engine."""
    assert ready.tocsin("spool", "drain").out == "nothing waits\n"


def test_help_names_every_command(cli: Desk) -> None:
    """The commands of the house are all there, each with a line that says what it does."""
    shown = cli.tocsin("--help")
    assert shown.code == 0
    for name in ("report", "confirm", "draft", "release", "hold", "lift", "close", "next", "register", "task", "log"):
        assert re.search(rf"^  {name} +\w", shown.out, re.MULTILINE), name


def test_a_changed_log_is_found(ready: Desk, tmp_path: Path) -> None:
    """When an entry was changed behind our back, `log verify` exits 1 and names the first one that does not hold."""
    for period in ("72h", "48h", "36h"):
        ready.tocsin("register", "import", a_csv(tmp_path, BIRCH.replace("72h", period)))
    with closing(sqlite3.connect(ready.home / "store.sqlite")) as database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        ((body,),) = database.execute("SELECT body FROM log_entries WHERE number = 1").fetchall()
        forged = body.replace(b'"changed":1', b'"changed":2')
        database.execute("UPDATE log_entries SET body = ? WHERE number = 1", (forged,))
        database.commit()
    ran = ready.tocsin("log", "verify")
    assert ran.code == 1
    assert "does not hold from entry 1 on" in ran.err
    assert ready.tocsin("log", "verify", "--json").json["first_bad"] == 1
