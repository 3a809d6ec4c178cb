"""Inclusion and consistency proofs: RFC 6962's published ones, and the law that every one holds and no other does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.test_log_tree import INPUTS, ROOTS, naive_root
from tocsin.audit.entry import leaf_hash
from tocsin.audit.proof import (
    Consistency,
    Inclusion,
    consistency_proof,
    inclusion_proofs,
    verify_consistency,
    verify_inclusion,
)
from tocsin.audit.tree import Frontier

LEAVES = [leaf_hash(content) for content in INPUTS]
A, B, C = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)
D, E, F = (
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
)
G = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
sizes = st.integers(1, 90)


def tree(size: int) -> list[bytes]:
    """Return so many leaf hashes, no two alike."""
    return [leaf_hash(str(number).encode()) for number in range(size)]


def root(leaves: list[bytes]) -> str:
    """Return the root of the RFC's recursive definition."""
    return naive_root(leaves).hex()


def flipped(text: str, bit: int) -> str:
    """Return a hash in hex with one bit changed."""
    held = bytearray.fromhex(text)
    held[bit // 8] ^= 1 << bit % 8
    return held.hex()


@pytest.mark.parametrize(
    ("number", "size", "path"),
    [(0, 1, ()), (0, 8, (A, B, C)), (5, 8, (D, E, F)), (2, 3, (ROOTS[1],)), (1, 5, (ROOTS[0], B, D))],
)
def test_the_published_inclusion_proofs(number: int, size: int, path: tuple[str, ...]) -> None:
    """The proofs are those of the reference implementation's own test, and they hold."""
    proof = inclusion_proofs(LEAVES[:size], [number])[number]

    assert proof == Inclusion(number=number, size=size, path=path)
    assert verify_inclusion(LEAVES[number], proof, ROOTS[size - 1])


@pytest.mark.parametrize(
    ("old", "new", "path"), [(1, 1, ()), (1, 8, (A, B, C)), (6, 8, (G, E, F)), (2, 5, (B, D)), (2, 8, (B, C))]
)
def test_the_published_consistency_proofs(old: int, new: int, path: tuple[str, ...]) -> None:
    """The proofs are those of the reference implementation's own test, and they hold."""
    proof = consistency_proof(LEAVES, old, new)

    assert proof == Consistency(old=old, new=new, path=path)
    assert verify_consistency(proof, ROOTS[old - 1], ROOTS[new - 1])


@given(sizes, st.data())
def test_every_entry_is_proved_and_no_other(size: int, data: st.DataObject) -> None:
    """Each entry's proof holds; with another leaf, another place, another root or one bit changed it does not."""
    leaves, number = tree(size), data.draw(st.integers(0, size - 1))
    proof, head = inclusion_proofs(leaves, [number])[number], root(leaves)
    bit = data.draw(st.integers(0, 255))

    assert verify_inclusion(leaves[number], proof, head)
    assert not verify_inclusion(bytes.fromhex(flipped(leaves[number].hex(), bit)), proof, head)
    assert not verify_inclusion(leaves[number], proof, flipped(head, bit))
    if size > 1:
        elsewhere = (number + data.draw(st.integers(1, size - 1))) % size
        assert not verify_inclusion(leaves[number], proof.model_copy(update={"number": elsewhere}), head)
        step = data.draw(st.integers(0, len(proof.path) - 1))
        path = tuple(flipped(one, bit) if at == step else one for at, one in enumerate(proof.path))
        assert not verify_inclusion(leaves[number], proof.model_copy(update={"path": path}), head)


@given(sizes, sizes, st.data())
def test_every_prefix_is_consistent_and_nothing_else(one: int, other: int, data: st.DataObject) -> None:
    """Every prefix pair's proof holds; with one bit of a root or of the path changed it does not."""
    old, new = sorted((one, other))
    leaves = tree(new)
    proof, roots = consistency_proof(iter(leaves), old, new), (root(leaves[:old]), root(leaves))
    bit = data.draw(st.integers(0, 255))

    assert verify_consistency(proof, *roots)
    assert not verify_consistency(proof, flipped(roots[0], bit), roots[1])
    assert not verify_consistency(proof, roots[0], flipped(roots[1], bit))
    for step in range(len(proof.path)):
        path = tuple(flipped(held, bit) if at == step else held for at, held in enumerate(proof.path))
        assert not verify_consistency(proof.model_copy(update={"path": path}), *roots)
    assert not verify_consistency(proof.model_copy(update={"path": (*proof.path, roots[0])}), *roots)
    assert not proof.path or not verify_consistency(proof.model_copy(update={"path": proof.path[:-1]}), *roots)


@given(st.integers(2, 60), st.data())
def test_a_rewritten_past_is_not_consistent(new: int, data: st.DataObject) -> None:
    """A log whose past was rewritten gives no proof that it goes on from what it was."""
    old = data.draw(st.integers(1, new - 1))
    leaves = tree(new)
    before = root(leaves[:old])
    leaves[data.draw(st.integers(0, old - 1))] = leaf_hash(b"another past")

    assert not verify_consistency(consistency_proof(leaves, old, new), before, root(leaves))


def test_many_proofs_in_one_reading() -> None:
    """The proofs of many entries come from one pass over a stream."""
    leaves = tree(1_000)
    wanted = range(0, 1_000, 7)

    proofs = inclusion_proofs(iter(leaves), wanted)

    assert list(proofs) == list(wanted)
    head = Frontier().extended(leaves).root()
    assert all(verify_inclusion(leaves[number], proof, head) for number, proof in proofs.items())


def test_the_empty_log_is_the_beginning_of_every_log() -> None:
    """From nothing, every log goes on; the proof is empty."""
    proof = consistency_proof(LEAVES, 0, 8)

    assert proof.path == ()
    assert verify_consistency(proof, Frontier().root(), ROOTS[7])
    assert not verify_consistency(proof, ROOTS[0], ROOTS[7])


def test_what_cannot_be_proved_is_said() -> None:
    """An entry that is not there, a log that is too short and a log that shrinks are refused, not proved."""
    with pytest.raises(ValueError, match="no entry 8"):
        inclusion_proofs(LEAVES, [8])
    with pytest.raises(ValueError, match="cannot go on from"):
        consistency_proof(LEAVES, 5, 3)
    with pytest.raises(ValueError, match="8 entries"):
        consistency_proof(LEAVES, 3, 9)
    assert not verify_inclusion(LEAVES[0], Inclusion(number=3, size=2), ROOTS[1])
    assert not verify_consistency(Consistency(old=3, new=2), ROOTS[2], ROOTS[1])
