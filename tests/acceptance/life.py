"""The whole life of one incident by the command line: the main path by the installed command, the rest beside it.

Everything that a person says in it is planted: words found nowhere else, so that finding one tells where it leaked.
"""

import json
from pathlib import Path
from typing import Any, Self

from typer.testing import CliRunner

from tests.acceptance.doors import through_all
from tests.acceptance.stack import Installation, Ran, Server, free_port, wait_for
from tests.architecture.commands import commands, options
from tocsin.cli import app

REGISTER = """\
agreement,party,notify,on_lift,language,time_zone,services,contact,deputies,copies,phone
QX-BIRCH-17,Birch Clinic,promptly from discovery; 72h from confirmation,,en,Europe/London,qx-records,\
Beth Quillfeather <beth@birch-clinic.example>,Ravi Quillstone <ravi@birch-clinic.example>,\
Legal Quillmark <legal@birch-clinic.example>,
QX-CEDAR-18,Cedar Bank,24h from awareness; 72h from confirmation,resume_remaining,de,Europe/Berlin,qx-records,\
Carla Quillbusch <carla@cedar-bank.example>,Jonas Quillweil <jonas@cedar-bank.example>,,
QX-DOGWOOD-19,Dogwood School,72h from confirmation,,en,Europe/London,qx-archive,\
Dinah Quillcole <dinah@dogwood-school.example>,,,
QX-ELM-20,Elm Logistics,72h from confirmation,,nl,Europe/Amsterdam,qx-records,,,,+31 20 555 0104
QX-FIR-21,Fir Bakery,48h from awareness,,en,UTC,qx-records,\
Consultant Quillhart <quillhart@advice.example>,,,
QX-GINKGO-22,Ginkgo Museum,48h from awareness,,en,UTC,qx-records,\
Consultant Quillhart <quillhart@advice.example>,,Greta Quillmoor <greta@ginkgo-museum.example>,
"""

SAID = {
    "title": "Quorbish sign-ins on the ledger host",
    "summary": "Somebody read quorbish extracts of the night shift",
    "statement": "The quorbish access log shows it",
    "note": "Phoned the quorbish helpdesk at once",
    "attached": "quorbish-traces",
    "file": "quorbish-evidence.log",
    "issuer": "Quorbish County Police",
    "order": "QB-2026-4711",
    "task": "Ask the quorbish vendor for its own logs",
    "outcome": "Rotated every quorbish credential",
    "proof": "call 17 to the quorbish reception, spoke to the head",
    "stop": "a quorbish typo in the second letter",
    "cause": "a quorbish password used twice",
    "lessons": "quorbish passwords are gone",
    "nothing": "quorbish false alarm after all",
    "reason": "450 quorbish mailbox is full",
    "chat": "Quorbish lights in the server room",
    "program": "Quorbish reads seen by the scanner",
    "typed": "Wrote the quorbish helpdesk from the page",
    "spooled": "Quorbish door found open at night",
}

BY_SERVICE = {"QX-BIRCH-17", "QX-CEDAR-18", "QX-ELM-20", "QX-FIR-21", "QX-GINKGO-22"}
LATER = "QX-DOGWOOD-19"


class Life:
    """Plays the story in a folder of its own, and keeps what each command said."""

    def __init__(self, folder: Path, address: str) -> None:
        self.installation = Installation(folder / "home", address, "whole-life")
        self.temporal = folder / "temporal"
        """Where the server kept its file and what it printed; it has stopped."""
        self.evidence = folder / "evidence"
        self.incident = ""
        """The incident's id, once it is reported."""
        self.said: dict[str, Ran] = {}
        self.answered: dict[str, int] = {}
        """What each of the other doors answered."""
        self.tried: set[str] = set()
        """The commands that were run with `--json` and printed it."""

    @classmethod
    def played(cls, folder: Path) -> Self:
        """Return the story of a folder: play it if that has not been done, else take it as it was played."""
        record = folder / "played.json"
        if record.exists():
            return cls._recalled(folder, json.loads(record.read_text()))
        server = Server(folder / "temporal", free_port())
        server.start()
        life = cls(folder, server.address)
        try:
            life.play()
        finally:
            life.installation.stop()
            server.stop()
        kept = {"address": server.address, "incident": life.incident, "said": life.said, "tried": sorted(life.tried)}
        kept["answered"] = life.answered
        record.write_text(json.dumps(kept))
        return life

    @classmethod
    def _recalled(cls, folder: Path, kept: dict[str, Any]) -> Self:
        life = cls(folder, kept["address"])
        life.incident, life.tried = kept["incident"], set(kept["tried"])
        life.answered = kept["answered"]
        life.said = {name: Ran(*said) for name, said in kept["said"].items()}
        return life

    def play(self) -> None:
        """Play it from `init` to a closed incident."""
        self._prepare()
        with self.installation.working():
            self._report()
            self._first_wave()
            self._found_later()
            self._work()
            self._follow_up()
            self._close()
            self._the_other_one()
            self.answered = through_all(self.installation, self.incident, SAID)

    def run(self, name: str, *words: str, user: str = "asha") -> Ran:
        """Run the installed command in a process of its own, and keep what it said under `name`."""
        self.said[name] = self.installation.does(*words, user=user)
        return self.said[name]

    def json(self, *words: str, user: str = "asha") -> Any:
        """Run a command in this process, with `--json`, and read it."""
        ran = quickly(self.installation, *words, "--json", user=user)
        self.tried.add(_command(words))
        return ran.json

    def _prepare(self) -> None:
        self.run("init", "init")
        people = Path(__file__).parents[2] / "examples" / "people.toml"
        (self.installation.home / "people.toml").write_text(people.read_text())
        file = self.installation.home / "register.csv"
        file.write_text(REGISTER)
        self.run("import", "register", "import", str(file))
        self.json("init")
        assert not self.json("register", "import", str(file))["added"]
        self.json("register", "check")
        assert len(self.json("register", "export")) == 6

    def _report(self) -> None:
        words = ("--service", "qx-records", "--summary", SAID["summary"], "--people", "87", "--alert", "siem-1")
        self.run("report", "report", SAID["title"], *words)
        self.run("list", "list", "--json")
        again = self.json("report", SAID["title"], *words)["receipt"]
        assert again["already"], "the same alert opened another incident"
        self.incident = again["incident_id"]
        assert [self.incident] == [listed["incident_id"] for listed in self.json("list")]
        self.run("next", "next")
        assert self.json("next")
        self.json("confirm", "last", "--statement", SAID["statement"])
        self.json("revise", "last", "--set", "data_categories=names,diagnoses", "--set", "measures=accounts locked")

    def _first_wave(self) -> None:
        self.json("page", "ack", "last")
        self.json("page", "ladder")
        wave = self._draft()
        self.json("show", "last", "--letters", wave["wave_id"])
        self.run("release", "release", "last", wave["wave_id"], "--digest", wave["digest"][:12], user="dara")
        self._until_ended(wave["wave_id"])

    def _found_later(self) -> None:
        """One more is affected; a hold, and a stop, keep the second wave back for a while."""
        self.json("affected", "add", "last", LATER)
        wave = self._draft()
        order = ("--kind", "law_enforcement", "--issuer", SAID["issuer"], "--reference", SAID["order"])
        held = self.json("hold", "last", *order, user="dara")["ids"]["hold"]
        self.json("release", "last", wave["wave_id"], "--digest", wave["digest"], user="dara")
        self.json("stop", "last", wave["wave_id"], "--reason", SAID["stop"])
        self.json("resume", "last", wave["wave_id"])
        self.said["held"] = self.installation.does("show", "last")
        self.json("lift", "last", held, user="dara")
        self._until_ended(wave["wave_id"])

    def _work(self) -> None:
        file = self.installation.home / SAID["file"]
        file.write_text(SAID["attached"])
        self.json("attach", "last", str(file))
        file.unlink()
        self.json("note", "last", SAID["note"])
        self.json("handover", "last", "dara")
        added = self.json("task", "add", "last", SAID["task"])["ids"]["task"]
        self.json("task", "assign", "last", added, "dara")
        self.run("task done", "task", "done", "last", "contain", "--outcome", SAID["outcome"])
        self._finish_tasks()

    def _finish_tasks(self) -> None:
        # Finishing one opens those that waited for it.
        while tasks := self._open_tasks():
            for task in tasks:
                proof = ("--proof", SAID["proof"]) if task["kind"] == "notice" else ()
                words = ("last", task["task_id"], "--outcome", SAID["outcome"], *proof)
                self.json("task", "done", *words, user="dara")

    def _open_tasks(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self.json("task", "list", "last", "--open")
        return [task for task in tasks if task["state"] == "open"]

    def _follow_up(self) -> None:
        wave = self._draft("--kind", "follow_up")
        self.json("release", "last", wave["wave_id"], "--digest", wave["digest"], user="dara")
        self._until_ended(wave["wave_id"])
        # Whoever has no contact is told by hand again.
        wait_for(lambda: bool(self._open_tasks()))
        self._finish_tasks()

    def _close(self) -> None:
        wait_for(lambda: not self._running_clocks())
        words = ("last", "--cause", SAID["cause"], "--lessons", SAID["lessons"])
        self.run("close", "close", *words, user="dara")
        self.json("reopen", "last", "--reason", SAID["note"])
        self.json("close", *words)
        self.run("verify", "log", "verify")
        self.json("log", "verify")
        self.run("show", "show", "last", "--why")
        self.json("evidence", "last", "--output", str(self.evidence))
        self.json("verify", str(self.evidence))

    def _the_other_one(self) -> None:
        """A report that comes to nothing."""
        other = self.json("report", SAID["nothing"])["receipt"]["incident_id"]
        self.json("dismiss", other, "--reason", SAID["nothing"])
        self.json("spool", "drain")

    def _draft(self, *words: str) -> Any:
        return self.json("draft", "last", *words)["wave"]

    def _until_ended(self, wave_id: str) -> None:
        def over() -> bool:
            waves = [seen["wave"] for seen in self.json("show", "last")["waves"]]
            return any(wave["wave_id"] == wave_id and wave["ended_at"] for wave in waves)

        wait_for(over)

    def _running_clocks(self) -> list[str]:
        view = self.json("show", "last")
        return [clock["spec"]["title"] for clock in view["clocks"] if clock["state"] == "running"]


def commands_with_json() -> set[str]:
    """Return the names of all commands that have `--json`."""
    return {name for name, command in commands().items() if "--json" in options(command)}


def _command(words: tuple[str, ...]) -> str:
    return words[0] if words[0] in commands() else " ".join(words[:2])


def quickly(installation: Installation, *words: str, user: str = "asha") -> Ran:
    """Run a command in this process: the same code, without the start of another Python."""
    done = CliRunner().invoke(app, ["--as", user, *words], env=installation.env, catch_exceptions=False)
    assert done.exit_code == 0, f"tocsin {' '.join(words)}: exit {done.exit_code}\n{done.output}"
    return Ran(done.exit_code, done.stdout, done.stderr)
