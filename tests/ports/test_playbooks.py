"""Playbooks: those that ship can be worked through in time, and a bad file is refused with all its mistakes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.domain.errors import Refused
from tocsin.domain.task import TaskKind, TaskState, finish, open_playbook
from tocsin.domain.values import ActId, IncidentId
from tocsin.playbooks import GENERAL, load_playbooks

SHIPPED = ("general", "lost_device", "misdirected_mail", "ransomware", "supplier_breach", "unauthorised_access")
STEP = '[[step]]\nkey = "{key}"\nkind = "mitigation"\ntitle = "Do it"\ndue_after = "4h"\ndepends_on = [{needs}]\n'


def refused(folder: Path, text: str, name: str = "ransomware.toml") -> str:
    """Return what the playbooks are refused with when `text` is one of them."""
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(Refused) as caught:
        load_playbooks(folder)
    return str(caught.value)


def test_shipped_kinds() -> None:
    """The kinds that ship are the six we promise."""
    assert load_playbooks().kinds() == SHIPPED


@pytest.mark.parametrize("kind", SHIPPED)
def test_shipped_playbook(kind: str) -> None:
    """Each has six to ten steps of all three kinds, none due before what it waits for, all finishable in order."""
    playbook = load_playbooks().for_kind(kind)
    due = {step.key: step.due_after for step in playbook.steps}
    assert 6 <= len(playbook.steps) <= 10
    assert {TaskKind.INVESTIGATION, TaskKind.MITIGATION, TaskKind.IMPROVEMENT} == {s.kind for s in playbook.steps}
    assert all(due[need] <= step.due_after for step in playbook.steps for need in step.depends_on)
    now = datetime(2026, 3, 1, 3, tzinfo=UTC)
    tasks = open_playbook(playbook, IncidentId("inc-1"), now)
    for _ in playbook.steps:
        ready = next(task for task in tasks if task.state is TaskState.OPEN)
        tasks = finish(tasks, ready.task_id, "done", None, now, ActId("act-1"))
    assert {TaskState.DONE} == {task.state for task in tasks}


@pytest.mark.parametrize(("asked", "found"), [("Lost device", "lost_device"), ("supplier-breach", "supplier_breach")])
def test_kind_in_any_spelling(asked: str, found: str) -> None:
    """A kind is found with spaces, hyphens or underscores, in any case."""
    assert found == load_playbooks().for_kind(asked).kind


def test_unknown_kind_gets_the_general_playbook() -> None:
    """A kind without a playbook is not left without tasks."""
    assert load_playbooks().for_kind("meteorite").kind == GENERAL


def test_own_playbook_replaces_the_shipped_one(tmp_path: Path) -> None:
    """The user's file for a kind replaces ours, and one for a new kind is added."""
    for name in ("ransomware", "flood"):
        (tmp_path / f"{name}.toml").write_text('title = "Ours"\n' + STEP.format(key="only", needs=""), encoding="utf-8")
    playbooks = load_playbooks(tmp_path)
    assert [playbooks.for_kind(kind).title for kind in ("ransomware", "flood")] == ["Ours", "Ours"]
    assert timedelta(hours=4) == playbooks.for_kind("flood").steps[0].due_after


def test_absent_folder_holds_none(tmp_path: Path) -> None:
    """Where the user has no playbooks, the shipped ones stand."""
    assert load_playbooks(tmp_path / "playbooks").kinds() == SHIPPED


def test_syntax_error_has_its_line(tmp_path: Path) -> None:
    """A file that is no TOML is refused with line and column."""
    assert "ransomware.toml: it is not TOML" in refused(tmp_path, 'title = "x"\n[[step]\n')
    assert "at line 2" in refused(tmp_path, 'title = "x"\n[[step]\n')


def test_every_mistake_at_once(tmp_path: Path) -> None:
    """Mistakes of all kinds, in several files, are named in one refusal."""
    (tmp_path / "Flood 2.toml").write_text("name = 1\n", encoding="utf-8")
    message = refused(
        tmp_path,
        'title = ""\ncolour = "red"\n'
        '[[step]]\nkey = "a"\nkind = "notice"\ntitle = "x"\nowner = "auditor"\ndue_after = "2 working days"\nwhen = 1\n'
        '[[step]]\nkey = "a"\nkind = "mitigaton"\ntitle = 5\ndue_after = "soon"\ndepends_on = "a"\n'
        '[[step]]\nkind = "mitigation"\ntitle = "x"\ndue_after = "1h"\n'
        '[[step]]\nkey = "b"\nkind = "mitigation"\ntitle = "x"\ndue_after = "1h"\ndepends_on = ["containn", "b2"]\n'
        '[[step]]\nkey = "contain"\nkind = "mitigation"\ntitle = "x"\ndue_after = "1h"\n',
    )
    for expected in (
        "Flood 2.toml: the file's name is its kind; rename it to flood_2.toml",
        "Flood 2.toml: the key 'name' is unknown",
        "Flood 2.toml: there is no [[step]]",
        "ransomware.toml: `title` is missing",
        "ransomware.toml: the key 'colour' is unknown",
        "step a: the kind 'notice' is unknown",
        "step a: the owner 'auditor' is unknown",
        "step a: due_after: '2 working days' is not counted in elapsed hours",
        "step a: the key 'when' is unknown",
        "step a: the key is there already",
        "did you mean mitigation?",
        "step a: `title` is missing or not text",
        "step a: due_after: the period 'soon' is unknown",
        "step a: `depends_on` is a list of keys",
        "step number 3: `key` is missing",
        "step b: depends on 'containn', which is no step (did you mean contain?)",
        "step b: depends on 'b2', which is no step",
    ):
        assert expected in message


@pytest.mark.parametrize("needs", [("a", "a"), ("ab", "ba"), ("ab", "bc", "ca")])
def test_cycle(tmp_path: Path, needs: tuple[str, ...]) -> None:
    """Steps that wait for each other would never open, so they are refused."""
    steps = [("a", "a")] if needs == ("a", "a") else [(pair[0], pair[1]) for pair in needs]
    text = 'title = "x"\n' + "".join(STEP.format(key=key, needs=f'"{need}"') for key, need in steps)
    assert "these steps wait for each other: " in refused(tmp_path, text)
