"""Canonical JSON is RFC 8785's, whichever way it is made."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.canonical import canonical

NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text()
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
OURS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(max_codepoint=127)), inner),
    max_leaves=20,
)


@given(JSON | OURS)
def test_it_is_the_reference_form(value: Any) -> None:
    """Every JSON value gets the bytes that the reference library gives it."""
    assert canonical(value) == rfc8785.dumps(value)


@given(OURS)
def test_it_reads_back(value: Any) -> None:
    """What is written reads back as the same value."""
    assert json.loads(canonical(value)) == value


def test_every_control_character() -> None:
    """Each character that JSON escapes is escaped as RFC 8785 says."""
    text = "".join(map(chr, range(0x20))) + '"\\/\x7f\u2028é€😀'
    assert canonical({"a": text}) == rfc8785.dumps({"a": text})


def test_keys_sort_by_utf16_units() -> None:
    """Keys outside ASCII sort by UTF-16 units: an emoji comes before the last private-use character."""
    value = {"\uffff": 1, "😀": 2, "é": 3, "z": 4}
    assert list(json.loads(canonical(value))) == ["z", "é", "😀", "\uffff"]


@pytest.mark.parametrize("value", [2**53, float("nan"), {"a": float("inf")}, {"a": b"x"}, object(), {1: 2}, "\ud800"])
def test_what_cannot_be_written_is_refused(value: Any) -> None:
    """Numbers without an exact double, other types and half characters are refused, not guessed."""
    with pytest.raises((ValueError, TypeError, UnicodeError)):
        canonical(value)
