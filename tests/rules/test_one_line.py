"""Titles and names: one line of visible text, in an incident's facts and in the register alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tocsin.adapters.register_csv import read_register
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Facts
from tocsin.domain.one_line import LONGEST, one_line

DIRECTIONS = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
CONTROLS = ["\n", "\r", "\t", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize(
    "title", ["Odd logins", "Zürich: 資料外洩", "דליפת מידע", "leak 🧑\u200d💻", "a\u200eb", "x" * LONGEST]
)
def test_titles(title: str) -> None:
    """Any script, joined signs and the marks that right-to-left text needs are fit for a title, as they are."""
    assert Facts(title=title).title == title


@pytest.mark.parametrize(
    ("title", "fix"),
    [
        ("", "say in a few words what happened"),
        (" \u2003", "say in a few words what happened"),
        ("x" * (LONGEST + 1), "shorten it to 500"),
        *((f"a{sign}b", "a line break or another control character; remove it") for sign in CONTROLS),
        *((f"a{sign}b", "changes the direction of text; remove it") for sign in DIRECTIONS),
    ],
)
def test_what_is_no_title(title: str, fix: str) -> None:
    """A title that is blank, endless, more than a line, or reads otherwise than it is written is refused."""
    with pytest.raises(ValidationError, match=fix):
        Facts(title=title)


@pytest.mark.parametrize(("field", "number"), [("people_affected", -5), ("records_affected", -1)])
def test_no_fewer_than_none(field: str, number: int) -> None:
    """Nobody can be affected, but not fewer."""
    assert Facts.model_validate({"title": "x", field: 0})
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Facts.model_validate({"title": "x", field: number})


@given(st.text())
def test_one_line_is_kept_or_refused(text: str) -> None:
    """Whatever is let through is the text itself, and is one line."""
    try:
        kept = one_line(text)
    except ValueError:
        return
    assert kept == text
    assert len(kept.splitlines()) == 1


@pytest.mark.parametrize(
    ("party", "contact", "fix"),
    [
        ("Birch\u202eClinic", "b@birch.example", "line 2: party: .* changes the direction of text; remove it"),
        ("B" * 501, "b@birch.example", "line 2: party: it has 501 letters; shorten it to 500"),
        ("Birch Clinic", "Bea\u2066 <b@birch.example>", "line 2: contact: .* changes the direction"),
        ("Birch Clinic", f"{'B' * 501} <b@birch.example>", "line 2: contact: the name of b@birch.example has 501"),
    ],
)
def test_names_of_the_register(party: str, contact: str, fix: str) -> None:
    """Names in the register keep to the same rule, and a mistake is named with its line."""
    text = f"agreement,party,notify,contact\nBIRCH-1,{party},72h from confirmation,{contact}\n"
    with pytest.raises(Refused, match=fix):
        read_register(text.encode(), b"k" * 32)
