"""The log's arithmetic against the published vectors of RFC 6962, and against the RFC's own recursive definition."""

import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.audit.entry import Entry, EntryDraft, leaf_hash, salted_digest
from tocsin.audit.tree import Frontier, node_hash
from tocsin.domain.values import IncidentId

AT = datetime(2026, 3, 2, 1, 20, tzinfo=UTC)

# The inputs and roots of the reference implementation's own test (certificate-transparency, merkle_tree_test).
INPUTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive_root(leaves: list[bytes]) -> bytes:
    """Return MTH as RFC 6962, section 2.1, writes it: split at the largest power of two below n."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


def draft(**change: object) -> EntryDraft:
    """Return an entry about Asha's report."""
    fields = {"key": "act/1", "at": AT, "kind": "act.report", "incident_id": IncidentId("inc-1"), "actor": "asha"}
    return EntryDraft.model_validate({**fields, **change})


def test_the_root_of_no_leaves_is_the_hash_of_nothing() -> None:
    """The empty tree has the root that RFC 6962 gives it."""
    assert Frontier().root() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots(size: int) -> None:
    """Each prefix of the eight well-known inputs has the published root."""
    tree = Frontier().extended(leaf_hash(content) for content in INPUTS[:size])

    assert tree.root() == ROOTS[size - 1]
    assert tree.size == size


def test_the_published_leaf_hash() -> None:
    """A leaf is hashed behind 0x00, so that no inner node can pass for a leaf."""
    assert leaf_hash(b"").hex() == ROOTS[0]
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=70), st.data())
def test_the_frontier_is_the_recursive_tree(leaves: list[bytes], data: st.DataObject) -> None:
    """Extending a frontier, in however many steps, gives the root of the RFC's recursive definition."""
    cut = data.draw(st.integers(0, len(leaves)))

    tree = Frontier().extended(leaves[:cut]).extended(leaves[cut:])

    assert tree.root() == naive_root(leaves).hex()
    assert (tree.size, len(tree.peaks)) == (len(leaves), len(leaves).bit_count())


def test_a_frontier_survives_the_store() -> None:
    """A head read back from JSON goes on exactly where it was."""
    tree = Frontier().extended(leaf_hash(content) for content in INPUTS[:5])

    again = Frontier.model_validate_json(tree.model_dump_json())

    assert again.extended(leaf_hash(content) for content in INPUTS[5:]).root() == ROOTS[7]


def test_an_entry_is_canonical_json() -> None:
    """An entry's bytes are RFC 8785: sorted names, no blanks, UTF-8, absent fields left out, its number inside."""
    entry = Entry(number=7, draft=draft(data={"b": 1, "a": "é"}))

    assert entry.to_bytes().decode() == (
        '{"actor":"asha","at":"2026-03-02T01:20:00Z","data":{"a":"é","b":1},"incident_id":"inc-1",'
        '"key":"act/1","kind":"act.report","n":7,"v":1}'
    )


def test_the_order_of_data_does_not_matter() -> None:
    """The same facts in another order are the same bytes, so a retry cannot make another leaf."""
    one = Entry(number=0, draft=draft(data={"rows": 3, "wave": "wav-1"}))
    two = Entry(number=0, draft=draft(data={"wave": "wav-1", "rows": 3}))

    assert one.to_bytes() == two.to_bytes()


def test_another_zone_is_the_same_instant() -> None:
    """An instant is written in UTC whatever zone it came in."""
    at = datetime.fromisoformat("2026-03-02T02:20:00+01:00")

    assert json.loads(Entry(number=0, draft=draft(at=at)).to_bytes())["at"] == "2026-03-02T01:20:00Z"


def test_a_salted_digest_needs_its_salt() -> None:
    """Without the salt nobody can try out which content a digest stands for; salt and content never run together."""
    digest = salted_digest(b"salt", b"asha@birch-clinic.example")

    assert digest == salted_digest(b"salt", b"asha@birch-clinic.example")
    assert digest != salted_digest(b"tlas", b"asha@birch-clinic.example")
    assert salted_digest(b"ab", b"c") != salted_digest(b"a", b"bc")
