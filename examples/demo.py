"""One incident, from a one-line report to the proof that every controller was told, on real parts: `make demo`."""

import argparse
import os
import shlex
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import NoReturn

from checks import Checks, excerpt
from commands import Command
from counting import Count, table, watch
from stack import ROOT, Stack, free_port, fresh_home
from stage import Stage

from tocsin.domain.errors import TocsinError
from tocsin.ports import WaveRow

ASHA, DARA, NOOR = ("--as", "asha"), ("--as", "dara"), ("--as", "noor")
LATE_SERVICE = "archive"
"""The service that is found affected a while after the first."""
REVOKED = "all access tokens of the service were revoked within the hour"
"""The outcome of the mitigation task; the follow-up letters must say it."""
PHONED = "phoned +44 161 496 0116, spoke to the duty manager"
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, `kill`, and a terminal that is closed."""
EARLIER = timedelta(hours=2)
"""How long before it was found the incident happened."""
EXCERPT = 10
"""Lines of a letter that are shown."""


class Demo:
    """The story. Each method is one of its parts, in this order."""

    def __init__(self, stage: Stage, stack: Stack, register: Path) -> None:
        self._stage = stage
        self._stack = stack
        self._register = register
        self._checks = Checks(stack.home)
        self._evidence = stack.home / "taken"

    def play(self) -> None:
        """Play all of it."""
        self._begin()
        self._import_register()
        self._report()
        self._tell_everyone()
        self._tell_three_more()
        self._end()
        self._point_around()

    def _begin(self) -> None:
        self._stage.line("Tocsin: one incident, from the first line to the proof", "bold")
        self._stage.tell(
            "A real Temporal server, a real worker, a real store; mail goes into a folder. The commands below are "
            f"those you would type. Everything lies in {short(self._stack.home)}."
        )
        self._stack.start_engine()
        (self._stack.home / "people.toml").write_bytes((ROOT / "examples" / "people.toml").read_bytes())
        self._stage.tocsin("init", rows=3)
        self._stack.start_worker()

    def _import_register(self) -> None:
        self._stage.part("1. The register: whom we promised what")
        self._stage.tell(
            "Controllers whose agreements differ: 72 hours from confirmation, 24, 36 or 48 from awareness, "
            "one without a number; copies, deputies, and one with nobody to write to."
        )
        self._stage.tocsin(*ASHA, "register", "import", short(self._register))
        self._stack.wait()

    def _report(self) -> None:
        self._stage.part("2. Reported, confirmed, drafted")
        self._stage.tell(
            "Asha is on call and sees odd logins. One line is enough: every period that runs "
            "from discovery or awareness starts at once."
        )
        report = ("report", "Odd logins on the records service", "--service", "records-api")
        self._stage.tocsin(*ASHA, *report)
        self._stage.tell("Facts follow as they are found. Each revision resolves the duties again.")
        self._stage.tocsin(
            *(*ASHA, "revise", "last"),
            *("--set", "summary=A stolen token was used to read customer records"),
            *("--set", "data_categories=contact details, appointment dates"),
            *("--set", "people_affected=1840"),
            rows=1,
        )
        self._stage.tell("It is real. The periods that run from confirmation start now.")
        self._stage.tocsin(*ASHA, "confirm", "last", "--statement", "The token was stolen")
        self._stage.tell("One letter per agreement and contact, in its own bytes, to be read before it leaves:")
        self._stage.tocsin(*ASHA, "draft", "last")
        letter = self._checks.first_letter(self._checks.newest_wave())
        self._stage.tell(f"The one to {letter.to_name} begins:")
        self._stage.line()
        self._stage.quote([f"Subject: {letter.subject}", "", *letter.text.splitlines()[:EXCERPT], "…"])

    def _tell_everyone(self) -> None:
        self._stage.part("3. Released by a second person, and sent")
        self._stage.tell("Asha drafted, so Dara releases: exactly the letters with this digest.")
        self._release()
        self._checks.each_letter_lies_once()
        self._clocks()
        self._phone(
            "One agreement has nobody to write to. That did not stop the others: it became a task "
            "for a person, who phones and gives the proof."
        )

    def _tell_three_more(self) -> None:
        self._stage.part("4. Three more, found later")
        self._stage.tell("The investigation goes on, and finds that the archive was read, too.")
        self._task(ASHA, "scope", "one stolen token, used for about an hour")
        self._task(ASHA, "affected", "the customers of the archive as well")
        late = self._checks.references_of(LATE_SERVICE)
        self._stage.tell("They get duties and a wave of their own; nobody who was told is written to again.")
        told_before = self._checks.outbox()
        self._stage.tocsin(*ASHA, "affected", "add", "last", *late, rows=14)
        self._stage.tocsin(*ASHA, "draft", "last")
        self._release()
        written = self._checks.only_new_ones_were_written_to(told_before, late)
        self._stage.tell(
            f"Checked in the ledger and in the outbox: {written} new letters to {len(late)} controllers, "
            f"the {len(told_before)} from before are untouched."
        )

    def _end(self) -> None:
        self._stage.part("5. Mitigated, followed up, closed, proven")
        self._task(ASHA, "preserve", "logs and tokens of the last 90 days are copied")
        self._task(ASHA, "contain", REVOKED)
        self._task(ASHA, "root_cause", "a token in a build log that anyone could read")
        self._task(ASHA, "remedy", "build logs no longer hold secrets, checked by a test")
        self._task(DARA, "consequences", "unwanted contact is possible; no passwords were read")
        self._stage.tell("What the first letters called not yet known is known now. The promise to tell it ends so.")
        self._stage.tocsin(
            *(*ASHA, "revise", "last"),
            *("--set", "records_affected=2310"),
            *("--set", "consequences=unwanted contact is possible; no passwords were read"),
            *("--set", "cause=a token in a build log that anyone could read"),
            *("--at", f"occurrence={datetime.now(UTC) - EARLIER:%Y-%m-%dT%H:%MZ}"),
            rows=1,
        )
        self._stage.tell("A follow-up names the finished mitigation under measures taken.")
        self._stage.tocsin(*ASHA, "draft", "last", "--kind", "follow_up")
        self._release()
        letters = self._checks.follow_ups_name(REVOKED)
        self._stage.tell(f"Checked: all {len(letters)} follow-up letters say so. From the first:")
        self._stage.line()
        self._stage.quote(excerpt(letters[0], "MEASURES TAKEN"))
        self._phone("The agreement without a contact is told the news by phone, too.")
        self._stage.tell("Every duty is discharged, so every clock has ended, and the incident may close.")
        self._clocks()
        lessons = "scan build output for secrets; tokens live for an hour"
        self._stage.tocsin(*ASHA, "close", "last", "--cause", "a token in a build log", "--lessons", lessons)
        self._stage.tell("Noor audits. She takes the evidence with her and checks the log.")
        self._stage.tocsin(*NOOR, "evidence", "last", "-o", short(self._evidence))
        self._stage.tocsin(*NOOR, "log", "verify")
        self._checks.is_closed()

    def _point_around(self) -> None:
        home, files = short(self._stack.home), len(self._checks.outbox())
        self._stage.part("6. Where it all lies")
        self._stage.line()
        self._stage.line(f"  {files} letters   {home}/outbox/notices/*.eml")
        self._stage.line(f"  warnings     {home}/outbox/pages/*.eml")
        self._stage.line(f"  evidence     {short(self._evidence)}/")
        self._stage.tell("The incident is still there, Temporal's history of it included. Look around:")
        self._stage.line()
        self._stage.line(f"  export TOCSIN_HOME={shlex.quote(home)}", "bold cyan")
        self._stage.line("  make up                                     # until Ctrl-C", "bold cyan")
        self._stage.line("  .venv/bin/tocsin --as noor show last --why  # in a second terminal", "bold cyan")

    def _release(self) -> None:
        wave = self._checks.newest_wave()
        release = ("release", "last", wave.wave_id, "--digest", (wave.digest or "")[:12])
        running = self._stage.start(*DARA, *release)
        watch(self._stage, lambda: self._count(wave), lambda: self._going_on(running))
        self._stage.finish(running)

    def _count(self, wave: WaveRow) -> tuple[list[Count], bool]:
        with self._checks.reading() as tx:
            found, counts = tx.ledger.wave(wave.wave_id), tx.ledger.counts(wave.wave_id)
            clocks = [row for row in tx.duties.clocks(wave.incident_id) if row.spec.rule_id.startswith("contract:")]
        total = counts.total or self._checks.recipients(wave.wave_id)
        told = Count("recipients told", counts.told, total)
        rows = [Count(c.spec.title, c.total_duties - c.open_duties, c.total_duties) for c in clocks]
        return [told, *rows], bool(found and found.ended_at)

    def _going_on(self, command: Command) -> bool:
        self._stack.check()
        return not command.failed

    def _clocks(self) -> None:
        table(self._stage, self._checks.clocks(), datetime.now(UTC))

    def _phone(self, why: str) -> None:
        by_hand = self._checks.tasks_by_hand()
        if by_hand:
            self._stage.tell(why)
        for task in by_hand:
            outcome = ("--outcome", "told the duty manager", "--proof", PHONED)
            self._stage.tocsin(*DARA, "task", "done", "last", task.task_id, *outcome)

    def _task(self, who: tuple[str, str], key: str, outcome: str) -> None:
        self._stage.tocsin(*who, "task", "done", "last", key, "--outcome", outcome)


def short(path: Path) -> str:
    """Return a path as one would type it here."""
    return os.path.relpath(path) if path.resolve().is_relative_to(Path.cwd()) else str(path)


def main() -> int:
    """Play the demo; return 0, or say in which part what went wrong, and the fix."""
    chosen = _arguments()
    stage, again = Stage(), "play it again: make demo"
    for ends in ENDINGS:
        signal.signal(ends, _interrupt)
    try:
        _play(stage, chosen)
    except KeyboardInterrupt:
        stage.complain(f"\nInterrupted in {stage.where}.\nServer and worker are stopped; {again}")
        return 130
    except TocsinError as error:
        stage.complain(f"\nThe demo failed in {stage.where}:\n{error}\nMend that and {again}")
        return 1
    return 0


def _play(stage: Stage, chosen: argparse.Namespace) -> None:
    started_at = time.monotonic()
    aside = fresh_home(chosen.home)
    _settle_on(chosen.home, chosen.port)
    with Stack(chosen.home, chosen.port) as stack:
        Demo(stage, stack, chosen.register).play()
    before = f" The demo before this one lies in {short(aside)} now." if aside else ""
    stage.tell(f"Done in {time.monotonic() - started_at:.0f} s; server and worker are stopped.{before}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--home", type=Path, default=ROOT / "var" / "demo", help="an empty folder, or an earlier demo's"
    )
    parser.add_argument("--port", type=int, default=free_port(), help="where Temporal listens; default: a free one")
    parser.add_argument("--register", type=Path, default=ROOT / "examples" / "register.csv", help="another register")
    return parser.parse_args()


def _settle_on(home: Path, port: int) -> None:
    """Let nothing of the caller's own installation reach the demo: a real key would send real mail."""
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        del os.environ[name]
    os.environ["TOCSIN_HOME"] = str(home.resolve())
    os.environ["TOCSIN_TEMPORAL_ADDRESS"] = f"127.0.0.1:{port}"


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    for ends in ENDINGS:
        signal.signal(ends, signal.SIG_IGN)  # once is enough: a second one would leave server and worker running
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
