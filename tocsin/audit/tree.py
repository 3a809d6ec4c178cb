"""The RFC 6962 Merkle tree as a frontier: the roots of the complete subtrees, largest first.

Appending costs O(1) hashes on average and needs no stored nodes; a proof is computed from the leaves.
"""

import hashlib
from collections.abc import Iterable
from typing import Self

from tocsin.domain.values import Value


class Frontier(Value):
    """`size` leaves; `peaks[i]` is the hex root of the i-th complete subtree, one per set bit of `size`."""

    size: int = 0
    peaks: tuple[str, ...] = ()

    def extended(self, leaves: Iterable[bytes]) -> Self:
        """Return the frontier after appending leaf hashes."""
        size, peaks = self.size, [bytes.fromhex(peak) for peak in self.peaks]
        for leaf in leaves:
            node, bit = leaf, 1
            while size & bit:
                node = node_hash(peaks.pop(), node)
                bit <<= 1
            peaks.append(node)
            size += 1
        return type(self)(size=size, peaks=tuple(peak.hex() for peak in peaks))

    def root(self) -> str:
        """Return the Merkle tree hash in hex (RFC 6962, section 2.1); of no leaves it is the hash of nothing."""
        if not self.peaks:
            return hashlib.sha256(b"").hexdigest()
        node = bytes.fromhex(self.peaks[-1])
        for peak in reversed(self.peaks[:-1]):
            node = node_hash(bytes.fromhex(peak), node)
        return node.hex()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 6962, section 2.1: SHA-256 over 0x01 and both children)."""
    return hashlib.sha256(b"\x01" + left + right).digest()
