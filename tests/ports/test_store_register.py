"""The register in the store: published versions, and what is pinned of them."""

from collections.abc import Iterator

import pytest

from tests.ports.story import AT, HOUR, INCIDENT, OTHER_INCIDENT, agreement, agreement_id
from tocsin.adapters.sql import SqlStore
from tocsin.domain.errors import Broken
from tocsin.domain.register import Affected, Agreement
from tocsin.domain.values import AgreementId


def test_each_change_is_a_revision(store: SqlStore) -> None:
    """Publishing adds what is new or differs; publishing the same again changes nothing."""
    with store.writing() as tx:
        assert tx.register.revision() == 0
        assert tx.register.publish([], AT) == 0
        assert tx.register.publish([agreement(1), agreement(2)], AT) == 1
        assert tx.register.publish([agreement(2), agreement(1)], AT + HOUR) == 1
        assert tx.register.publish([agreement(1), agreement(2, language="fr"), agreement(3)], AT + HOUR) == 2

    with store.reading() as tx:
        assert tx.register.revision() == 2
        assert list(tx.register.agreements()) == [agreement(1), agreement(2, language="fr"), agreement(3)]


def test_an_older_revision_can_still_be_read(store: SqlStore) -> None:
    """A published version is never changed: the register is readable as it was."""
    with store.writing() as tx:
        tx.register.publish([agreement(1), agreement(2)], AT)
        tx.register.publish([agreement(2, language="fr"), agreement(3)], AT)

    with store.reading() as tx:
        assert list(tx.register.agreements(1)) == [agreement(1), agreement(2)]
        assert list(tx.register.agreements(0)) == []
        assert tx.register.agreement(agreement_id(2), 1) == agreement(2)
        assert tx.register.agreement(agreement_id(2)) == agreement(2, language="fr")
        assert tx.register.agreement(agreement_id(3), 1) is None
        assert tx.register.agreement(AgreementId("agr-unknown")) is None


def test_a_large_register_streams_in_and_out(store: SqlStore) -> None:
    """More agreements than one page are published from a generator and read back, each once."""

    def many() -> Iterator[Agreement]:
        return (agreement(number) for number in range(1_200))

    with store.writing() as tx:
        assert tx.register.publish(many(), AT) == 1
        assert tx.register.publish(many(), AT) == 1

    with store.reading() as tx:
        assert all(read == made for read, made in zip(tx.register.agreements(), many(), strict=True))


def test_the_same_agreement_twice_in_one_publication_is_broken(store: SqlStore) -> None:
    """Two contents for one agreement in one revision contradict each other, and nothing is published."""
    with pytest.raises(Broken, match="contradicts"), store.writing() as tx:
        tx.register.publish([agreement(1), agreement(1, language="fr")], AT)

    with store.reading() as tx:
        assert tx.register.revision() == 0


def test_a_pin_keeps_its_version(store: SqlStore) -> None:
    """A pinned agreement stays as it was when pinned; what else is known of it may change."""
    with store.writing() as tx:
        tx.register.publish([agreement(1), agreement(2)], AT)
        tx.register.pin(INCIDENT, [Affected(agreement=agreement(number), revision=1) for number in (2, 1)])
        tx.register.publish([agreement(1, language="fr")], AT)
        newer = Affected(
            agreement=agreement(1, language="fr"), revision=2, known_affected_at=AT, confirmed=False, excluded=True
        )
        tx.register.pin(INCIDENT, [newer])
        tx.register.pin(OTHER_INCIDENT, [newer])

    with store.reading() as tx:
        kept = Affected(agreement=agreement(1), revision=1, known_affected_at=AT, confirmed=False, excluded=True)
        assert tx.register.pinned(INCIDENT) == [kept, Affected(agreement=agreement(2), revision=1)]
        assert tx.register.pinned(OTHER_INCIDENT) == [newer]
        assert tx.register.pinned(INCIDENT, [agreement_id(2), agreement_id(9)]) == [
            Affected(agreement=agreement(2), revision=1)
        ]
        assert tx.register.pinned(INCIDENT, []) == []
        assert tx.register.affected(INCIDENT) == {agreement_id(2)}
        assert tx.register.unaffected(INCIDENT) == {agreement_id(1)}


def test_what_was_never_published_cannot_be_pinned(store: SqlStore) -> None:
    """A pin names a version that the register has."""
    with store.writing() as tx:
        tx.register.publish([agreement(1)], AT)
        tx.register.publish([agreement(2)], AT)

    with pytest.raises(Broken, match="agr-00002 is not in the register at the pinned revision"), store.writing() as tx:
        tx.register.pin(INCIDENT, [Affected(agreement=agreement(number), revision=1) for number in (1, 2)])

    with store.reading() as tx:
        assert tx.register.pinned(INCIDENT) == []
