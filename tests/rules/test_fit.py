"""What an act may hold: the log can write it, and somebody can read it to its end."""

import re

import pytest

from tocsin.domain.canonical import EXACT
from tocsin.domain.fit import LONGEST, misfit


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"facts": {"summary": "\udcff"}}, "facts.summary: it holds half a character"),
        ({"answers": {"\ud800": True}}, "answers: it holds half a character"),
        ({"measures": ("ok", "x" * (LONGEST + 1))}, r"measures\[1\]: it has 100001 letters; shorten it to 100000"),
        ({"answers": {"how_many": EXACT + 1}}, "answers.how_many: the number is too large"),
        ({"n": -EXACT - 1}, "n: the number is too large"),
    ],
)
def test_what_no_act_may_hold(fields: dict[str, object], says: str) -> None:
    """The first thing that the log cannot write is named by its place, with the fix."""
    assert re.match(says, misfit(fields) or "")


def test_what_an_act_may_hold() -> None:
    """Emoji, the longest text, the largest number, nothing, and answers are taken."""
    assert misfit({"a": "😀" * LONGEST, "n": EXACT, "none": None, "yes": True, "list": ["x", 1]}) is None
