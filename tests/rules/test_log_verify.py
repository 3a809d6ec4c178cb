"""Checking a log names the first entry that does not hold, whatever was done to it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.audit.entry import Entry, EntryDraft, leaf_hash
from tocsin.audit.tree import Frontier
from tocsin.audit.verify import StoredEntry, verify
from tocsin.domain.values import IncidentId

AT = datetime(2026, 3, 2, 1, 20, tzinfo=UTC)


def stored(number: int, *, kind: str = "act.note") -> StoredEntry:
    """Return entry `number`, as the store holds it."""
    draft = EntryDraft(
        key=f"act/{number}",
        at=AT + timedelta(minutes=number),
        kind=kind,
        incident_id=IncidentId("inc-1"),
        actor="asha",
        data={"step": number},
    )
    body = Entry(number=number, draft=draft).to_bytes()
    return StoredEntry(number=number, body=body, leaf=leaf_hash(body).hex())


def a_log(size: int) -> tuple[list[StoredEntry], Frontier]:
    """Return a log of `size` entries with its head."""
    entries = [stored(number) for number in range(size)]
    return entries, Frontier().extended(bytes.fromhex(entry.leaf) for entry in entries)


def renumbered(entry: StoredEntry, number: int) -> StoredEntry:
    """Return the entry moved to another place without touching its bytes."""
    return entry.model_copy(update={"number": number})


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 13])
def test_an_untouched_log_holds(size: int) -> None:
    """A log nobody touched holds, and the verdict gives the head's size and root."""
    entries, head = a_log(size)

    verdict = verify(entries, head)

    assert (verdict.holds, verdict.first_bad, verdict.why) == (True, None, "")
    assert (verdict.size, verdict.root) == (size, head.root())


@given(st.integers(1, 20), st.data())
def test_any_changed_byte_is_found(size: int, data: st.DataObject) -> None:
    """Whichever byte of whichever entry is changed, that entry is the one that is named."""
    entries, head = a_log(size)
    number = data.draw(st.integers(0, size - 1))
    body = bytearray(entries[number].body)
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    entries[number] = entries[number].model_copy(update={"body": bytes(body)})

    verdict = verify(entries, head)

    assert (verdict.holds, verdict.first_bad) == (False, number)
    assert str(number) in verdict.why


@given(st.integers(1, 20), st.data())
def test_a_changed_leaf_hash_is_found(size: int, data: st.DataObject) -> None:
    """An entry whose leaf hash alone was changed is named too."""
    entries, head = a_log(size)
    number = data.draw(st.integers(0, size - 1))
    entries[number] = entries[number].model_copy(update={"leaf": "00" * 32})

    assert verify(entries, head).first_bad == number


@given(st.integers(2, 20), st.data())
def test_a_removed_entry_is_found(size: int, data: st.DataObject) -> None:
    """An entry taken out of the middle is missed by its number, even when the rest was renumbered to hide it."""
    entries, head = a_log(size)
    number = data.draw(st.integers(0, size - 2))
    gap = [entry for entry in entries if entry.number != number]
    hidden = [renumbered(entry, place) for place, entry in enumerate(gap)]

    assert verify(gap, head).first_bad == number
    assert verify(hidden, head).first_bad == number


@given(st.integers(2, 20), st.data())
def test_reordered_entries_are_found(size: int, data: st.DataObject) -> None:
    """Of two entries that changed places the first place is named."""
    entries, head = a_log(size)
    first = data.draw(st.integers(0, size - 2))
    second = data.draw(st.integers(first + 1, size - 1))
    entries[first], entries[second] = renumbered(entries[second], first), renumbered(entries[first], second)

    verdict = verify(entries, head)

    assert verdict.first_bad == first
    assert f"entry {second}" in verdict.why


@given(st.integers(1, 20), st.data())
def test_a_cut_tail_is_found(size: int, data: st.DataObject) -> None:
    """A log shorter than its head says is found; the first missing entry is named."""
    entries, head = a_log(size)
    kept = data.draw(st.integers(0, size - 1))

    verdict = verify(entries[:kept], head)

    assert (verdict.holds, verdict.first_bad) == (False, kept)
    assert "tail" in verdict.why


@given(st.integers(0, 20), st.integers(1, 5))
def test_an_added_tail_is_found(size: int, more: int) -> None:
    """Entries after the head's last one are found; the first of them is named."""
    entries, head = a_log(size)
    entries += [stored(size + index) for index in range(more)]

    assert verify(entries, head).first_bad == size


def test_an_entry_put_in_is_found() -> None:
    """An entry slipped in between two others is named by its place."""
    entries, head = a_log(5)
    entries.insert(2, stored(2, kind="act.release"))

    assert verify([renumbered(e, place) for place, e in enumerate(entries)], head).first_bad in {2, 3}


@given(st.integers(1, 20), st.data())
def test_body_and_leaf_changed_together_are_found(size: int, data: st.DataObject) -> None:
    """Whoever changes an entry and its leaf hash alike is betrayed by the head: the subtree with it is named."""
    entries, head = a_log(size)
    number = data.draw(st.integers(0, size - 1))
    entries[number] = stored(number, kind="act.dismiss")

    verdict = verify(entries, head)

    assert not verdict.holds
    assert verdict.first_bad is not None
    assert verdict.first_bad <= number < verdict.first_bad + size


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"\xff\xfe", b'{"n": "0"}', b"{}", b"[" * 100_000])
def test_an_entry_that_is_none_is_found(body: bytes) -> None:
    """Bytes that are no entry at all are reported, not stumbled over, even with a leaf hash to match."""
    _, head = a_log(1)

    assert verify([StoredEntry(number=0, body=body, leaf=leaf_hash(body).hex())], head).first_bad == 0


def test_true_is_not_one() -> None:
    """A number that merely equals the place in the programming language is not that number."""
    entries, head = a_log(2)
    body = entries[1].body.replace(b'"n":1', b'"n":true')
    entries[1] = StoredEntry(number=1, body=body, leaf=leaf_hash(body).hex())

    assert verify(entries, head).first_bad is not None


def test_a_forged_head_is_found() -> None:
    """A head of another size or with another root does not fit an untouched log."""
    entries, head = a_log(6)

    assert not verify(entries, Frontier(size=6, peaks=("00" * 32, *head.peaks[1:]))).holds
    assert not verify(entries, Frontier(size=5, peaks=head.peaks)).holds
    assert not verify(entries, Frontier()).holds


@given(st.integers(1, 20), st.data())
def test_a_misshapen_head_is_found(size: int, data: st.DataObject) -> None:
    """A head with fewer or more peaks than its size has never passes, and blames no entry that is sound."""
    entries, head = a_log(size)
    fewer = head.peaks[: data.draw(st.integers(0, len(head.peaks) - 1))]
    more = (*head.peaks, "00" * 32)

    for peaks in (fewer, more):
        verdict = verify(entries, Frontier(size=size, peaks=peaks))
        assert (verdict.holds, verdict.first_bad) == (False, None)
        assert "head" in verdict.why
