"""`tocsin drill`: the scenarios that ship, played on real processes, and what each of them comes to."""

import asyncio
import json
import os
import signal
import subprocess
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.acceptance.stack import TOCSIN, Server, free_port
from tocsin.domain.drill_score import Outcome
from tocsin.drill.direction import Drill, Played
from tocsin.drill.scenario_file import read_scenario, shipped
from tocsin.drill.stage import PROMPT_SERVER, Stage

SPEED, AT_ONCE = 2160.0, 2
"""72 hours in two minutes, two scenarios at a time: a busy machine must not decide what comes of them."""


class Ended(NamedTuple):
    """What is asserted of a scenario."""

    status: str
    told: int
    recipients: int
    margins: dict[str, tuple[int, int]]
    """By clock the hours that were left, at least and at most; with less than nothing it was late."""
    missed: tuple[str, ...] = ()
    """How the lessons begin that must be told."""


OUTCOMES = {
    # Dara wakes at 8, when mail fails: both notices end with a person, who delivers them at 40.
    "ransomware": Ended("closed", 2, 2, {"48 h from awareness": (2, 9), "72 h from confirmation": (28, 35)}, ("48 h",)),
    # Cedar Bank hears by silence two hours before its deadline, Birch Clinic when Dara wakes at 61.
    "credential_stuffing": Ended(
        "closed", 2, 2, {"48 h from awareness": (-2, 3), "72 h from awareness": (7, 12)}, ("48 h",)
    ),
    "misdirected_mail": Ended("closed", 1, 1, {"24 h from awareness": (13, 19)}),
    # Asha sleeps until 12; the worker was dead from 5 to 9.
    "stolen_laptop": Ended("dismissed", 0, 0, {"36 h from awareness": (14, 25)}),
    # Dara sleeps until 18, and mail works again at 19.
    "subprocessor_breach": Ended("closed", 2, 2, {"36 h from awareness": (10, 18), "72 h from confirmation": (50, 61)}),
    # The hold beats silence at 46; everybody is told once it is lifted at 60.
    "law_enforcement_hold": Ended("closed", 2, 2, {"72 h from confirmation": (6, 15)}, ("48 h",)),
}


def test_drills_from_outside(tmp_path: Path) -> None:
    """The two shortest, side by side, by the command: score, everybody's minutes, a pack marked DRILL that verifies."""
    home = tmp_path / "drill"
    other = _begun("stolen_laptop", tmp_path / "laptop", "--json")
    shown = _ended(_begun("misdirected_mail", home))
    out = " ".join(shown.split())
    for words in (
        "DRILL: 100 of 100",
        "Dara Okafor release 06:00 h 06:0",
        "told 1 of 1",
        "a second is 1 h 12 min here",
    ):
        assert words in out, shown
    told = json.loads(_ended(other))
    outcome = Outcome.model_validate({name: told[name] for name in Outcome.model_fields})
    compare("stolen_laptop", Played(outcome, [], Path(told["pack"]), told["pack_holds"], told["happened"]))

    pack = home / "DRILL-evidence.zip"
    verified = subprocess.run([TOCSIN, "verify", str(pack)], check=False, capture_output=True, text=True, timeout=60)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    with zipfile.ZipFile(pack) as zipped:
        names = {name.rpartition("/")[2]: name for name in zipped.namelist()}
        assert zipped.read(names["README.txt"]).startswith(b"DRILL")
        assert b"DRILL" in zipped.read(names["timeline.md"]).splitlines()[0]
    # Nothing of them goes on, and nothing was written outside of their folders.
    assert {path.name for path in tmp_path.iterdir()} == {"drill", "laptop"}
    homes = (home, tmp_path / "laptop")
    assert not [pid for pid in Path("/proc").glob("[0-9]*") if any(_belongs_to(pid, one) for one in homes)]


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_what_each_scenario_comes_to(tmp_path: Path) -> None:
    """All six on one server: each ends as it must, with these margins, and its pack holds."""
    options = [word for key, value in PROMPT_SERVER.items() for word in ("--dynamic-config-value", f"{key}={value}")]
    server = Server(tmp_path / "server", free_port(), *options)
    server.start()
    gate = asyncio.Semaphore(AT_ONCE)
    try:
        played = await asyncio.gather(*(play(name, tmp_path, server, gate) for name in shipped()))
    finally:
        server.stop()
    for name, one in zip(shipped(), played, strict=True):
        compare(name, one)


async def play(name: str, folder: Path, server: Server, gate: asyncio.Semaphore) -> Played:
    """Play a scenario on a server that runs already."""
    async with gate:
        stage = Stage(folder / name, server.address)
        return await Drill(read_scenario(name), stage, SPEED, lambda _: None).play()


def compare(name: str, played: Played) -> None:
    """Hold what came of a scenario against what must."""
    outcome, wanted = played.outcome, OUTCOMES[name]
    assert played.holds, name
    assert (outcome.status, outcome.told, outcome.recipients) == (wanted.status, wanted.told, wanted.recipients), name
    assert [margin for margin in outcome.margins if margin.missed] == [], name
    for title, (least, most) in wanted.margins.items():
        left = [one.left.total_seconds() / 3600 for one in outcome.margins if one.title == title and one.left]
        assert len(left) == 1, (name, title, left)
        assert least <= left[0] <= most, (name, title, left)
    said = outcome.missed()
    assert [words for words in wanted.missed if not any(one.startswith(words) for one in said)] == [], (name, said)
    assert all(one.answered_at is not None for one in outcome.answers), (name, outcome.answers)


def _begun(name: str, home: Path, *words: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    command = [TOCSIN, "drill", name, "--home", str(home), *words]
    return subprocess.Popen(
        command, cwd=home.parent, env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _ended(drill: subprocess.Popen[str]) -> str:
    """Return what a drill printed, once it has ended well."""
    try:
        out, err = drill.communicate(timeout=110)
    except subprocess.TimeoutExpired:
        drill.send_signal(signal.SIGINT)
        raise
    assert drill.returncode == 0, out + err
    return out


def _belongs_to(process: Path, home: Path) -> bool:
    try:
        return f"TOCSIN_HOME={home}".encode() in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
