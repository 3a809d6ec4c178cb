"""What letters promise: which wave opens a reminder, which one ends it, and that a reminder comes again."""

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.domain.incident import Facts
from tocsin.domain.notice import WaveKind
from tocsin.domain.promise import REMIND_EVERY, Promise, after_release, reminded
from tocsin.domain.said import ASKED, Said
from tocsin.domain.task import Task, TaskKind, TaskState
from tocsin.domain.values import IncidentId, WaveId

AT = datetime(2026, 11, 20, 22, 10, tzinfo=UTC)
INCIDENT = IncidentId("inc-1")
FIRST = Promise(wave_id=WaveId("wav-1"), kind=WaveKind.INITIAL, unknowns=("cause", "people_affected", "occurred_at"))


def first() -> tuple[Task, ...]:
    """Return the task that a first wave with unknowns opens."""
    return after_release((), FIRST, INCIDENT, AT)


def next_wave(kind: WaveKind, *unknowns: str, to_all: bool = True) -> Promise:
    """Return the wave after the first."""
    return Promise(wave_id=WaveId("wav-2"), kind=kind, unknowns=unknowns, to_all=to_all)


def test_unknowns_open_a_promise() -> None:
    """A wave that could not say everything opens one task that names the rest, with an internal target, and once."""
    (task,) = first()

    assert task.title == "tell them what was not yet known: cause, people affected, occurred"
    assert (task.kind, task.owner, task.due_at) == (TaskKind.PROMISE, "responder", AT + REMIND_EVERY)
    assert task.blocks_closing
    assert after_release((task,), FIRST, INCIDENT, AT) == ()


def test_everything_known_promises_nothing() -> None:
    """A wave that said everything opens no task."""
    assert after_release((), FIRST.model_copy(update={"unknowns": ()}), INCIDENT, AT) == ()


@pytest.mark.parametrize("kind", [WaveKind.FOLLOW_UP, WaveKind.CORRECTION, WaveKind.FINAL, WaveKind.WITHDRAWAL])
def test_supplied_facts_end_it(kind: WaveKind) -> None:
    """A later wave to all of them that leaves nothing open ends the promise."""
    (task,) = after_release(first(), next_wave(kind), INCIDENT, AT + timedelta(hours=3))

    assert (task.state, task.outcome) == (TaskState.DONE, "wave wav-2 told them")
    assert task.done_at == AT + timedelta(hours=3)


def test_follow_up_promises_what_is_left() -> None:
    """A follow-up that still does not know the cause ends the first promise and makes its own."""
    old, new = after_release(first(), next_wave(WaveKind.FOLLOW_UP, "cause"), INCIDENT, AT)

    assert old.state is TaskState.DONE
    assert (new.state, new.title) == (TaskState.OPEN, "tell them what was not yet known: cause")


def test_final_promises_nothing_further() -> None:
    """A final letter ends the promise although it could not say everything."""
    (task,) = after_release(first(), next_wave(WaveKind.FINAL, "cause"), INCIDENT, AT)

    assert task.state is TaskState.DONE


@pytest.mark.parametrize(
    "wave", [next_wave(WaveKind.CORRECTION, "cause", to_all=False), next_wave(WaveKind.INITIAL)], ids=["some", "others"]
)
def test_wave_to_others_keeps_no_promise(wave: Promise) -> None:
    """A wave to some of them, or the first one to others, leaves the promise to the rest open."""
    assert after_release(first(), wave, INCIDENT, AT) == ()


def test_reminder_comes_again() -> None:
    """After its owner was reminded of a promise the next reminder has its time; other tasks remind once."""
    (task,) = first()
    later = AT + timedelta(hours=25)

    assert reminded(task, later).due_at == later + REMIND_EVERY
    assert not reminded(task, later).reminded
    assert reminded(task.model_copy(update={"kind": TaskKind.MITIGATION}), later).reminded


def test_blank_words_and_no_measure_are_unknown() -> None:
    """What letters ask for is unknown when nobody said it, or said it with blanks; nobody affected is known."""
    blank = Said(facts=Facts(title="x", summary=" \n", people_affected=0, data_categories=()))

    assert blank.unknowns() == tuple(name for name in ASKED if name not in {"people_affected", "data_categories"})
