"""The secret part of a recipient's link: put in its place at sending, and nothing else of the letter changes."""

import re

import pytest

from tocsin.domain.errors import Broken
from tocsin.domain.letter import TOKEN_PLACEHOLDER, is_token, with_token


@pytest.mark.parametrize("cut", [0, 1, 20, 42])
def test_a_token_takes_its_place_without_moving_anything(cut: int) -> None:
    """Wherever a mail's line breaks within the placeholder, lengths and breaks stay as they were."""
    token = "".join(chr(ord("a") + n % 26) for n in range(43))
    broken = f"{TOKEN_PLACEHOLDER[:cut]}=\r\n{TOKEN_PLACEHOLDER[cut:]}" if cut else TOKEN_PLACEHOLDER
    prepared = f"before {broken} after, and again {TOKEN_PLACEHOLDER}.".encode()

    filled = with_token(prepared, token)

    assert len(filled) == len(prepared)
    assert filled.replace(b"=\r\n", b"") == f"before {token} after, and again {token}.".encode()
    assert [m.start() for m in re.finditer(rb"=\r\n", filled)] == [m.start() for m in re.finditer(rb"=\r\n", prepared)]


def test_the_placeholder_is_as_long_as_a_token() -> None:
    """What is reviewed has the length of what is sent."""
    assert is_token(TOKEN_PLACEHOLDER)


def test_a_token_of_another_shape_is_never_put_in() -> None:
    """What could change a letter's length or break out of its link is Broken."""
    for wrong in ("short", "x" * 44, "x" * 42 + "\n", 'x" onclick="' + "x" * 31):
        with pytest.raises(Broken):
            with_token(b"", wrong)
