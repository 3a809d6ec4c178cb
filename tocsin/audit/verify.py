"""Checking a log: recompute every leaf and the root, and name the first entry that does not hold."""

import json
from collections.abc import Iterable, Sequence

from tocsin.audit.entry import leaf_hash
from tocsin.audit.tree import Frontier
from tocsin.domain.values import Value


class StoredEntry(Value):
    """An entry as the store holds it: its number by position, its bytes, and the leaf hash written beside it."""

    number: int
    body: bytes
    leaf: str


class Verdict(Value):
    """What checking found. `first_bad` is the number of the first entry that does not hold, None if all do."""

    holds: bool
    size: int
    root: str
    first_bad: int | None = None
    why: str = ""


def verify(entries: Iterable[StoredEntry], head: Frontier) -> Verdict:
    """Recompute the tree from the entries' bytes and compare it with the head kept beside them."""
    tree = Frontier()
    for expected, stored in enumerate(entries):
        why = _fault(expected, stored)
        if why:
            return Verdict(holds=False, size=tree.size, root=tree.root(), first_bad=expected, why=why)
        tree = tree.extended([leaf_hash(stored.body)])
        first_bad = _unlike(tree, head)
        if first_bad is not None:
            why = f"the entries from {first_bad} on do not give the hash that the head was built on"
            return Verdict(holds=False, size=tree.size, root=tree.root(), first_bad=first_bad, why=why)
    if tree.size != head.size:
        why = f"the log has {tree.size} entries, its head says {head.size}: the tail was cut or added to"
        return Verdict(holds=False, size=tree.size, root=tree.root(), first_bad=min(tree.size, head.size), why=why)
    if tree.peaks != head.peaks:
        # Every peak that the head has was compared on the way: the head itself lacks some, or has too many.
        why = f"no entry is at fault but the head is: {len(head.peaks)} peaks cannot belong to {head.size} entries"
        return Verdict(holds=False, size=tree.size, root=tree.root(), why=why)
    return Verdict(holds=True, size=tree.size, root=tree.root())


def verify_along(entries: Iterable[StoredEntry], marks: Sequence[Frontier]) -> Verdict:
    """Recompute the tree from the first mark on, which is taken as it is, and compare it with each mark after it.

    `entries` begin with the one after the first mark, and none past the last mark is read.
    """
    tree, ahead = marks[0], list(marks[1:])
    stream = iter(entries)
    while ahead:
        if ahead[0].size < tree.size:
            why = f"the log has {ahead[0].size} entries, it had {tree.size} before: its tail was cut"
            return Verdict(holds=False, size=tree.size, root=tree.root(), first_bad=ahead[0].size, why=why)
        if tree.size == ahead[0].size and tree.peaks != ahead[0].peaks:
            why = f"the first {tree.size} entries are not those that were committed to: the log was forked or rewritten"
            return Verdict(holds=False, size=tree.size, root=tree.root(), first_bad=marks[0].size, why=why)
        if tree.size == ahead[0].size:
            ahead.pop(0)
            continue
        stored = next(stream, None)
        if stored is None:
            why = f"the log has {tree.size} entries, it had {ahead[0].size} before: its tail was cut"
            return Verdict(holds=False, size=tree.size, root=tree.root(), first_bad=tree.size, why=why)
        if why := _fault(tree.size, stored):
            return Verdict(holds=False, size=tree.size, root=tree.root(), first_bad=tree.size, why=why)
        tree = tree.extended([leaf_hash(stored.body)])
        first_bad = _unlike(tree, ahead[0])
        if first_bad is not None:
            first_bad = max(first_bad, marks[0].size)
            why = f"the entries from {first_bad} on are not those that were committed to: the log was rewritten"
            return Verdict(holds=False, size=tree.size, root=tree.root(), first_bad=first_bad, why=why)
    return Verdict(holds=True, size=tree.size, root=tree.root())


def _fault(expected: int, stored: StoredEntry) -> str:
    if stored.number != expected:
        return f"entry {expected} is missing; entry {stored.number} stands in its place"
    try:
        inside = json.loads(stored.body).get("n")
    except (ValueError, AttributeError, RecursionError):
        return f"entry {expected} is not JSON any more"
    if inside != expected:
        return f"entry {expected} was moved: its own bytes say that it is entry {inside}"
    if leaf_hash(stored.body).hex() != stored.leaf:
        return f"entry {expected} was changed: its bytes do not give the leaf hash written beside it"
    return ""


def _unlike(tree: Frontier, head: Frontier) -> int | None:
    """Return the first entry of the subtree that differs from the head's, once that subtree is complete."""
    start = 0
    for index, (bit, peak) in enumerate(zip(_bits(head.size), head.peaks, strict=False)):
        width = 1 << bit
        if start + width == tree.size and tree.peaks[index] != peak:
            return start
        start += width
    return None


def _bits(size: int) -> list[int]:
    return [bit for bit in reversed(range(size.bit_length())) if size >> bit & 1]
