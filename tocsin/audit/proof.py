"""Inclusion and consistency proofs (RFC 6962, section 2.1): made from streamed leaf hashes, checked from a few hashes.

Making one reads the leaves once and keeps O(log n) hashes; checking one needs nothing but the proof and the roots.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from tocsin.audit.tree import Frontier, node_hash
from tocsin.domain.values import Value


class Inclusion(Value):
    """Shows that an entry is in the tree of `size` leaves; `path` holds the sibling hashes in hex, lowest first."""

    number: int
    size: int
    path: tuple[str, ...] = ()


class Consistency(Value):
    """Shows that the tree of `old` leaves is the beginning of the tree of `new` leaves; hashes in hex."""

    old: int
    new: int
    path: tuple[str, ...] = ()


class _Node:
    """The hash of the leaves from `first` on, and the paths so far of those of them that are wanted."""

    def __init__(self, digest: bytes, paths: Mapping[int, tuple[str, ...]]) -> None:
        self.digest = digest
        self.paths = paths

    def beside(self, right: "_Node") -> "_Node":
        """Return the parent of this node and the one to its right."""
        lefts = {number: (*path, right.digest.hex()) for number, path in self.paths.items()}
        rights = {number: (*path, self.digest.hex()) for number, path in right.paths.items()}
        return _Node(node_hash(self.digest, right.digest), lefts | rights)


def inclusion_proofs(leaves: Iterable[bytes], wanted: Collection[int]) -> dict[int, Inclusion]:
    """Return, by entry number, the proof of each wanted entry in the tree of all `leaves`, reading them once.

    Raises:
        ValueError: if a wanted entry is not among the leaves.
    """
    size, stack, asked = 0, list[_Node](), frozenset(wanted)
    for leaf in leaves:
        node = _Node(leaf, {size: ()} if size in asked else {})
        bit = 1
        while size & bit:
            node = stack.pop().beside(node)
            bit <<= 1
        stack.append(node)
        size += 1
    if missing := sorted(number for number in asked if not 0 <= number < size):
        raise ValueError(f"there is no entry {missing[0]} in a log of {size} entries")
    while len(stack) > 1:
        right = stack.pop()
        stack.append(stack.pop().beside(right))
    paths = stack[0].paths if stack else {}
    return {number: Inclusion(number=number, size=size, path=path) for number, path in sorted(paths.items())}


def consistency_proof(leaves: Iterable[bytes], old: int, new: int) -> Consistency:
    """Return the proof that the first `old` leaves are the beginning of the first `new`, reading them once.

    Raises:
        ValueError: if there are fewer than `new` leaves, or `old` is larger than `new`.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a log of {new} entries cannot go on from one of {old}")
    ranges = list(_consistency_ranges(old, new)) if 0 < old < new else []
    found, stream, position = dict[tuple[int, int], str](), iter(leaves), 0
    for first, last in sorted(ranges):
        tree = Frontier()
        while position < last:
            leaf = next(stream, None)
            if leaf is None:
                raise ValueError(f"a log of {position} entries cannot be shown to go on to {new}")
            tree = tree.extended([leaf]) if position >= first else tree
            position += 1
        found[first, last] = tree.root()
    return Consistency(old=old, new=new, path=tuple(found[one] for one in ranges))


def verify_inclusion(leaf: bytes, proof: Inclusion, root: str) -> bool:
    """Say whether the leaf hash is entry `number` of the tree with this root (RFC 9162, section 2.1.3.2)."""
    if not 0 <= proof.number < proof.size:
        return False
    node, index, last = leaf, proof.number, proof.size - 1
    for sibling in _hashes(proof.path):
        if last == 0:
            return False
        if index & 1 or index == last:
            node = node_hash(sibling, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and node.hex() == root


def verify_consistency(proof: Consistency, old_root: str, new_root: str) -> bool:
    """Say whether the tree with the new root begins with the tree with the old root (RFC 9162, section 2.1.4.2)."""
    if not 0 <= proof.old <= proof.new:
        return False
    if proof.old == proof.new:
        return not proof.path and old_root == new_root
    if proof.old == 0:
        return not proof.path and old_root == Frontier().root()
    path = _hashes(proof.path)
    if proof.old & (proof.old - 1) == 0:
        # The old tree is one complete subtree: its root is left out of the proof.
        path = [bytes.fromhex(old_root), *path]
    if not path:
        return False
    return _climbs(path, proof.old - 1, proof.new - 1, (old_root, new_root))


def _climbs(path: list[bytes], index: int, last: int, roots: tuple[str, str]) -> bool:
    while index & 1:
        index, last = index >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and (old.hex(), new.hex()) == roots


def _consistency_ranges(old: int, new: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of leaves whose roots make up PROOF(old, D[new]), in the order of the proof (section 2.1.2)."""
    first, last, whole, after = 0, new, True, list[tuple[int, int]]()
    while old < last - first:
        split = 1 << (last - first - 1).bit_length() - 1
        if old <= split:
            after.append((first + split, last))
            last = first + split
        else:
            after.append((first, first + split))
            first, old, whole = first + split, old - split, False
    if not whole:
        yield (first, last)
    yield from reversed(after)


def _hashes(path: Iterable[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in path]
