"""Incidents in the store: projections, facts, acts, files, tasks."""

from datetime import timedelta

import pytest

from tests.ports.story import AT, HOUR, INCIDENT, OTHER_INCIDENT, facts, note, state, task
from tocsin.adapters.sql import SqlStore
from tocsin.domain.errors import Broken
from tocsin.domain.incident import Facts, Status
from tocsin.domain.values import ActId, IncidentId, TaskId
from tocsin.ports import Attachment


def test_a_state_comes_back_as_it_was(store: SqlStore) -> None:
    """The newest state is kept; an unknown incident has none."""
    with store.writing() as tx:
        tx.incidents.put_state(state(1), AT)
        tx.incidents.put_state(state(2, status=Status.CONFIRMED), AT + HOUR)

    with store.reading() as tx:
        assert tx.incidents.state(INCIDENT) == state(2, status=Status.CONFIRMED)
        assert tx.incidents.state(IncidentId("inc-unknown")) is None


def test_a_late_write_never_overwrites_a_later_one(store: SqlStore) -> None:
    """A lower sequence changes nothing, of a state as of a task."""
    with store.writing() as tx:
        tx.incidents.put_state(state(5, status=Status.CLOSED), AT)
        tx.tasks.put([task("logs", title="Newer")], 5)
        tx.incidents.put_state(state(4), AT + HOUR)
        tx.tasks.put([task("logs", title="Older"), task("keys")], 4)

    with store.reading() as tx:
        assert tx.incidents.state(INCIDENT) == state(5, status=Status.CLOSED)
        assert {"Newer", task("keys").title} == {one.title for one in tx.tasks.of(INCIDENT)}


def test_incidents_come_newest_report_first(store: SqlStore) -> None:
    """All are listed, or those that are neither closed nor dismissed; a later write does not move one."""
    older = state(incident_id=OTHER_INCIDENT, reported_at=AT - HOUR)
    ended = state(incident_id=IncidentId("inc-ended"), status=Status.CLOSED, reported_at=AT - 2 * HOUR)
    dropped = state(incident_id=IncidentId("inc-dropped"), status=Status.DISMISSED, reported_at=AT - 3 * HOUR)
    with store.writing() as tx:
        for one in (dropped, older, state(), ended):
            tx.incidents.put_state(one, AT)
        tx.incidents.put_state(older.model_copy(update={"sequence": 9}), AT + 9 * HOUR)

    with store.reading() as tx:
        listed = [one.incident_id for one in tx.incidents.all()]
        still_open = [one.incident_id for one in tx.incidents.all(open_only=True)]
    assert listed == [INCIDENT, OTHER_INCIDENT, "inc-ended", "inc-dropped"]
    assert still_open == [INCIDENT, OTHER_INCIDENT]


def test_the_newest_facts_are_the_ones_that_hold(store: SqlStore) -> None:
    """Facts are kept by version; the same act gives one version, however often it is written."""
    with store.writing() as tx:
        assert tx.incidents.facts(INCIDENT) is None
        tx.incidents.put_facts(INCIDENT, facts("First"), AT, ActId("act-1"))
        tx.incidents.put_facts(INCIDENT, facts("Second"), AT, ActId("act-2"))
        tx.incidents.put_facts(INCIDENT, facts("First again"), AT, ActId("act-1"))
        tx.incidents.put_facts(OTHER_INCIDENT, Facts(title="Laptop lost"), AT, ActId("act-1"))

    with store.reading() as tx:
        assert tx.incidents.facts(INCIDENT) == facts("Second")
        assert tx.incidents.facts(OTHER_INCIDENT) == Facts(title="Laptop lost")


def test_acts_are_kept_once_and_in_order(store: SqlStore) -> None:
    """An act is found by its id, and all acts by their incident in the order of their sequence."""
    with store.writing() as tx:
        tx.incidents.add_act(note("act-b"), 2)
        tx.incidents.add_act(note("act-a"), 3)
        tx.incidents.add_act(note("act-c"), 1)
        tx.incidents.add_act(note("act-c", "changed"), 9)

    with store.reading() as tx:
        assert tx.incidents.acts(INCIDENT) == [note("act-c"), note("act-b"), note("act-a")]
        assert tx.incidents.act(ActId("act-a")) == note("act-a")
        assert tx.incidents.act(ActId("act-z")) is None
        assert tx.incidents.acts(OTHER_INCIDENT) == []


def test_files_are_kept_once_per_incident(store: SqlStore) -> None:
    """The same digest is one file in an incident, and another in another."""
    late = Attachment(sha256="b" * 64, name="share.log", media_type="text/plain", content=b"\x00\xff", at=AT + HOUR)
    early = Attachment(sha256="a" * 64, name="warrant.pdf", media_type="application/pdf", content=b"%PDF", at=AT)
    with store.writing() as tx:
        tx.incidents.attach(INCIDENT, late)
        tx.incidents.attach(INCIDENT, early)
        tx.incidents.attach(INCIDENT, early.model_copy(update={"name": "renamed.pdf"}))
        tx.incidents.attach(OTHER_INCIDENT, early)

    with store.reading() as tx:
        assert tx.incidents.attachments(INCIDENT) == [early, late]
        assert tx.incidents.attachments(OTHER_INCIDENT) == [early]


def test_tasks_come_by_due_time(store: SqlStore) -> None:
    """Tasks are replaced by id and listed by when they are due."""
    with store.writing() as tx:
        tx.tasks.put([task("late", due=AT + 9 * HOUR), task("early"), task("middle", due=AT + 2 * HOUR)], 1)
        tx.tasks.put([task("early", due=AT + 5 * HOUR)], 2)

    with store.reading() as tx:
        assert [one.key for one in tx.tasks.of(INCIDENT)] == ["middle", "early", "late"]
        assert tx.tasks.one(TaskId("tsk-late")) == task("late", due=AT + 9 * HOUR)
        assert tx.tasks.one(TaskId("tsk-unknown")) is None


def test_instants_keep_their_microseconds_and_naive_ones_are_refused(store: SqlStore) -> None:
    """An instant is the same after the store, and a wall-clock time without a zone never gets in."""
    exact = AT + timedelta(microseconds=123_457)
    kept = Attachment(sha256="c" * 64, name="x", media_type="text/plain", content=b"", at=exact)
    with store.writing() as tx:
        tx.incidents.attach(INCIDENT, kept)
        assert tx.incidents.attachments(INCIDENT)[0].at == exact

    with pytest.raises(Broken, match="has no time zone"), store.writing() as tx:
        tx.remember("page", AT.replace(tzinfo=None))
