"""Deeds that happen once, whatever is tried again or at the same time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.ports.story import AT, entry, facts, stamp, state
from tocsin.adapters.sql import SqlStore
from tocsin.domain.errors import Broken
from tocsin.domain.values import ActId, Value
from tocsin.ports import Transaction


class Sum(Value):
    """What the deed here is asked, and what it answers."""

    number: int


def deed(tx: Transaction) -> Sum:
    """Append one entry and return the number it got."""
    head = tx.log.head()
    return Sum(number=tx.log.append([entry(f"entry {head.size}")])[0])


def test_a_repetition_returns_the_first_result_and_does_nothing(store: SqlStore) -> None:
    """The same write made twice with equal inputs happens once."""
    first = store.once(stamp(1), Sum(number=7), deed, Sum)
    again = store.once(stamp(1), Sum(number=7), deed, Sum)

    assert first == again == Sum(number=0)
    with store.reading() as tx:
        assert tx.log.head().size == 1


def test_other_inputs_for_the_same_write_are_broken(store: SqlStore) -> None:
    """A sequence number that comes back with other inputs stops everything."""
    store.once(stamp(1), Sum(number=7), deed, Sum)

    with pytest.raises(Broken, match="write 1 of tocsin/incident/inc-backupshare was made before, with other inputs"):
        store.once(stamp(1), Sum(number=8), deed, Sum)


def test_each_sequence_and_each_workflow_writes_for_itself(store: SqlStore) -> None:
    """Only workflow id and sequence together name a write."""
    results = [
        store.once(stamp(1), Sum(number=7), deed, Sum),
        store.once(stamp(2), Sum(number=7), deed, Sum),
        store.once(stamp(1, workflow_id="tocsin/wave/x"), Sum(number=7), deed, Sum),
    ]

    assert [Sum(number=0), Sum(number=1), Sum(number=2)] == results


def test_a_deed_that_fails_leaves_nothing_and_can_be_tried_again(store: SqlStore) -> None:
    """Everything a deed wrote goes with it when it raises."""

    def failing(tx: Transaction) -> Sum:
        deed(tx)
        tx.incidents.put_state(state(), AT)
        raise Broken("half-way")

    with pytest.raises(Broken, match="half-way"):
        store.once(stamp(1), Sum(number=7), failing, Sum)

    with store.reading() as tx:
        assert tx.log.head().size == 0
        assert tx.incidents.all() == []
        assert tx.last_sequence(stamp(1).workflow_id) == 0
    assert Sum(number=0) == store.once(stamp(1), Sum(number=7), deed, Sum)


def test_of_many_at_once_exactly_one_runs(store: SqlStore, second_store: SqlStore) -> None:
    """Eight threads on two openings of the store make the same write: one does, all get its answer."""
    start, ran = Barrier(8), []

    def counted(tx: Transaction) -> Sum:
        ran.append(1)
        return deed(tx)

    def attempt(number: int) -> Sum:
        start.wait()
        return (store, second_store)[number % 2].once(stamp(1), Sum(number=7), counted, Sum)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(attempt, range(8)))

    assert results == [Sum(number=0)] * 8
    assert len(ran) == 1


def test_the_last_sequence_of_a_workflow_is_known(store: SqlStore) -> None:
    """A workflow that starts again can go on counting where it ended."""
    for sequence in (1, 2, 5):
        store.once(stamp(sequence), Sum(number=7), deed, Sum)

    with store.reading() as tx:
        assert tx.last_sequence(stamp(1).workflow_id) == 5
        assert tx.last_sequence("tocsin/incident/unknown") == 0


def test_what_was_dealt_with_is_remembered(store: SqlStore) -> None:
    """The same key is new once."""
    with store.writing() as tx:
        assert tx.remember("page 1", AT)
        assert not tx.remember("page 1", AT)
    with store.writing() as tx:
        assert not tx.remember("page 1", AT)
        assert tx.remember("page 2", AT)


def test_reading_changes_nothing(store: SqlStore) -> None:
    """A reading transaction cannot write, and the next one on the same connection can."""
    with pytest.raises(Broken, match=r"read-?only"), store.reading() as tx:
        tx.incidents.put_state(state(), AT)

    with store.writing() as tx:
        tx.incidents.put_state(state(), AT)


def test_reading_sees_one_moment(store: SqlStore, second_store: SqlStore) -> None:
    """What is committed while somebody reads does not show in what they read."""
    with store.writing() as tx:
        tx.incidents.put_state(state(1), AT)
    with store.reading() as reader:
        assert len(reader.incidents.all()) == 1
        with second_store.writing() as tx:
            tx.incidents.put_state(state(2), AT)
            tx.incidents.put_facts(state().incident_id, facts(), AT, ActId("act-1"))

        assert [one.sequence for one in reader.incidents.all()] == [1]
        assert reader.incidents.facts(state().incident_id) is None


def test_writers_wait_for_each_other(store: SqlStore, second_store: SqlStore) -> None:
    """Concurrent writers in two openings all get through."""

    def write(number: int) -> None:
        with (store, second_store)[number % 2].writing() as tx:
            tx.log.append([entry(f"entry {number}")])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))

    with store.reading() as tx:
        assert tx.log.head().size == 40
