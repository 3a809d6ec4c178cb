"""One incident by the command line, from `init` to closed, and what it left behind."""

import re

from tests.acceptance.life import Life, commands_with_json

OF_A_LIFE = {
    *("init", "register import", "register check", "register export", "spool drain", "log verify"),
    *("report", "list", "next", "show", "confirm", "revise", "dismiss", "close", "reopen", "handover"),
    *("affected add", "draft", "release", "stop", "resume", "hold", "lift", "note", "attach"),
    *("page ack", "page ladder"),
    *("task list", "task add", "task assign", "task done", "evidence", "verify"),
}


def test_report_answers_with_clocks(life: Life) -> None:
    """A report is answered with the clocks that run now, the next thing to do, and how to see it."""
    out = life.said["report"].out
    assert "48 h from awareness" in out
    assert "72 h from confirmation" not in out
    assert re.search(r"by \d{4}-\d\d-\d\dT\d\d:\d\dZ.* left", out)
    assert f"tocsin task done {life.incident}" in out
    assert f"tocsin show {life.incident}" in out


def test_held_wave_is_shown(life: Life) -> None:
    """While an order not to tell is in force, the incident shows what it holds back, and the deadline all the same."""
    out = life.said["held"].out
    assert "1 under a hold; if lifted now" in out
    assert "told 0 of 1" in out


def test_shown_to_the_end(life: Life) -> None:
    """At the end the incident is closed, everybody is told, every task is done, and each deadline is explained."""
    out = life.said["show"].out
    assert out.startswith(f"{life.incident}  closed")
    assert "initial: told 7 of 7, ended" in out
    assert "initial: told 1 of 1, ended" in out
    assert "follow up: told 8 of 8, ended" in out
    assert re.search(r"Tasks: (\d\d) of \1 done", out)
    assert "72h elapsed = " in out


def test_log_holds(life: Life) -> None:
    """The log verifies once the incident is closed."""
    assert re.fullmatch(
        r"the log holds: \d+ entries, root [0-9a-f]{64}, as \d+ signed checkpoints say\n", life.said["verify"].out
    )


def test_nothing_on_standard_error(life: Life) -> None:
    """A command that succeeds says nothing on standard error."""
    assert {name: ran.err for name, ran in life.said.items() if ran.err} == {}


def test_lines_fit_a_pipe(life: Life) -> None:
    """In a pipe there are no colours, boxes or control characters."""
    assert [name for name, ran in life.said.items() if re.search(r"[\x00-\x09\x0b-\x1f\u2500-\u257f]", ran.out)] == []


def test_commands_speak_json(life: Life) -> None:
    """Each command of an incident's life takes `--json`, and what it printed in the story parsed."""
    assert commands_with_json() >= OF_A_LIFE
    assert life.tried >= OF_A_LIFE
