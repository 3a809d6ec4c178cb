"""`make demo`: the whole main path from a terminal's view, and what it says when a step fails."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import create_engine_for, open_store
from tocsin.adapters.vault import Vault
from tocsin.domain.clock import ClockState
from tocsin.domain.incident import Status
from tocsin.domain.notice import NoticeState, WaveKind
from tocsin.domain.task import TaskKind, TaskState
from tocsin.ports import Transaction

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "examples" / "demo.py"
LATE = {"MSA-2024-031", "MSA-2024-036", "MSA-2024-039"}

Played = subprocess.CompletedProcess[str]


def play(home: Path, *arguments: str, **environment: str) -> Played:
    """Run the demo as `make demo` does, into a pipe."""
    return subprocess.run(
        [sys.executable, str(DEMO), "--home", str(home), *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@contextmanager
def store(home: Path) -> Iterator[Transaction]:
    """Read the store that a demo left behind."""
    url = f"sqlite:///{home / 'store.sqlite'}"
    database = create_engine_for(url)
    opened = open_store(url, Vault(database, FileKeyring.open(home / "keys")))
    try:
        with opened.reading() as tx:
            yield tx
    finally:
        opened.close()
        database.dispose()


def listens(port: int) -> bool:
    """Say whether somebody listens on a port here."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the one demo of this file is played; a blank in the path is part of the play."""
    return tmp_path_factory.mktemp("demo") / "my demo"


@pytest.fixture(scope="module")
def played(home: Path) -> Played:
    """The demo, played once; a caller's own settings must not reach it."""
    return play(home, TOCSIN_CHANNEL="sendgrid", TOCSIN_SENDGRID_API_KEY="SG.not-to-be-used", TZ="Asia/Kathmandu")


def test_it_plays_to_the_end(played: Played) -> None:
    """The demo exits 0, complains about nothing, and goes through its six numbered parts in order."""
    assert played.returncode == 0, played.stderr + played.stdout
    assert not played.stderr
    assert re.findall(r"^(\d)\. ", played.stdout, re.MULTILINE) == list("123456")


def test_it_fits_a_terminal_and_a_pipe(played: Played) -> None:
    """No row is wider than 80 columns, unless a path in it is, and no colour goes into a pipe."""
    assert not [row for row in played.stdout.splitlines() if len(row) > 80 and "my demo" not in row]
    assert "\x1b" not in played.stdout


def test_progress_and_clocks_are_shown(played: Played) -> None:
    """The count grows to all but the one without a contact; the table has UTC, local time, margin and told/total."""
    counts = [int(told) for told in re.findall(r"recipients told: (\d+) of 46", played.stdout)]
    assert counts == sorted(counts)
    assert counts[-1] == 45
    assert re.search(
        r"72 h from confirmation +\d\d \w{3} \d\d:\d\d +\w{3} \d\d:\d\d \+0545 +2 d 23 h \* +31/32", played.stdout
    )
    assert re.search(r"48 h from awareness +.* 1 d 23 h +4/4", played.stdout)


def test_everyone_was_told(played: Played, home: Path) -> None:
    """Every duty of all 40 agreements is discharged in time, by three released waves; the incident is closed."""
    with store(home) as tx:
        (state,) = tx.incidents.all()
        waves = tx.ledger.waves(state.incident_id)
        clocks = tx.duties.clocks(state.incident_id)
        told = {duty.agreement_id for duty in tx.duties.of(state.incident_id)} - {None}
    assert state.status is Status.CLOSED
    assert [wave.kind for wave in waves] == [WaveKind.INITIAL, WaveKind.INITIAL, WaveKind.FOLLOW_UP]
    assert all(wave.releaser and wave.releaser != wave.drafter and wave.ended_at for wave in waves)
    assert len(told) == 40
    assert all(row.state is ClockState.ENDED and not row.open_duties and not row.late for row in clocks)


def test_those_found_later_have_their_own_wave(played: Played, home: Path) -> None:
    """The second wave holds the three of the archive alone, and the first none of them."""
    with store(home) as tx:
        (state,) = tx.incidents.all()
        first, second, _ = tx.ledger.waves(state.incident_id)
        names = {agreement.agreement_id: agreement.reference for agreement in tx.register.agreements()}
        written = [{names[row.agreement_id] for row in tx.ledger.notices(w.wave_id)} for w in (first, second)]
    assert written[1] == LATE
    assert len(written[0]) == 37
    assert not written[0] & LATE


def test_the_outbox_holds_each_letter_once(played: Played, home: Path) -> None:
    """There is one `.eml` per notice sent: 45, 3 and 48; the one without a contact was told by a person, twice."""
    with store(home) as tx:
        (state,) = tx.incidents.all()
        rows = tx.ledger.of(state.incident_id)
        by_hand = [task for task in tx.tasks.of(state.incident_id) if task.kind is TaskKind.NOTICE]
    sent = {row.provider_id for row in rows if row.state is NoticeState.ACCEPTED}
    assert sent == {path.name for path in (home / "outbox" / "notices").glob("*.eml")}
    assert len(sent) == 45 + 3 + 48
    assert [task.state for task in by_hand] == [TaskState.DONE] * 2
    assert all(task.proof and task.proof.startswith("phoned") for task in by_hand)


def test_the_follow_up_names_the_mitigation(played: Played, home: Path) -> None:
    """The follow-up to Birch Clinic names the finished mitigation under measures taken; the first letter does not."""
    files = [path.read_bytes() for path in (home / "outbox" / "notices").glob("*.eml")]
    letters = [message_from_bytes(content, policy=policy.default) for content in files]
    bodies = [
        " ".join(str(body.get_content()).split())
        for letter in letters
        if "birch-clinic" in letter["To"] and (body := letter.get_body(("plain",)))
    ]
    assert sorted("MEASURES TAKEN - Stop it from getting worse" in body for body in bodies) == [
        False,
        False,
        True,
        True,
    ]


def test_the_evidence_lies_beside_it(played: Played, home: Path) -> None:
    """The evidence has the timeline in words and as JSON, letters, ledger, log and verification, which holds."""
    evidence = home / "taken"
    names = {path.name for path in evidence.iterdir()}
    assert names >= {"timeline.md", "timeline.json", "notices", "ledger.json", "log.jsonl", "verification.txt"}
    assert len(list((evidence / "notices").glob("*.eml"))) == len(list((home / "outbox" / "notices").glob("*.eml")))
    assert "hold" in played.stdout
    assert re.search(r"the log holds: \d+ entries", played.stdout)


def test_it_says_how_to_go_on(played: Played, home: Path) -> None:
    """The end names the letters, the evidence and the one setting with which `make up` shows the incident again."""
    end = played.stdout.partition("6. Where it all lies")[2]
    for words in (f"{home}/outbox/notices", f"{home}/taken", f"export TOCSIN_HOME='{home}'", "make up"):
        assert words in end


def test_a_taken_port(tmp_path: Path) -> None:
    """A port that somebody listens on ends the demo with 1, saying which and what to do, without a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        played = play(tmp_path / "demo", "--port", str(port))
    assert played.returncode == 1
    assert f"the engine cannot listen on 127.0.0.1:{port}" in played.stderr
    assert "leave --port out" in played.stderr
    assert "Traceback" not in played.stderr


def test_a_broken_register(tmp_path: Path) -> None:
    """A bad line in the register ends the demo in its first part, with line and fix; nothing is left running."""
    text = (ROOT / "examples" / "register.csv").read_text("utf-8")
    broken, port = tmp_path / "broken.csv", free_port()
    broken.write_text(text.replace("72h from confirmation", "72 parsecs", 1), "utf-8")
    played = play(tmp_path / "demo", "--register", str(broken), "--port", str(port))
    assert played.returncode == 1
    assert "The demo failed in part 1. The register" in played.stderr
    assert "line 2: notify: '72 parsecs' is not `PERIOD from TRIGGER`; write for example" in played.stderr
    assert "Traceback" not in played.stderr
    assert not listens(port)


def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    """A home that no demo made is neither moved nor removed."""
    (tmp_path / "thesis.txt").write_text("years of work", "utf-8")
    played = play(tmp_path)
    assert played.returncode == 1
    assert "no demo made it" in played.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_interruption(tmp_path: Path) -> None:
    """A demo that is told to end stops its server and worker first, and the next one moves its home aside."""
    home, port = tmp_path / "demo", free_port()
    demo = subprocess.Popen(
        [sys.executable, str(DEMO), "--home", str(home), "--port", str(port)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    give_up_at = time.monotonic() + 60
    while not listens(port):
        assert time.monotonic() < give_up_at, "the engine never listened"
        assert demo.poll() is None, "the demo ended by itself"
        time.sleep(0.05)
    demo.send_signal(signal.SIGTERM)
    _, complaint = demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert "Server and worker are stopped; play it again: make demo" in complaint
    assert not listens(port)
    play(home, "--register", "/nowhere.csv")
    assert (tmp_path / "demo-before" / "temporal.sqlite").exists()
