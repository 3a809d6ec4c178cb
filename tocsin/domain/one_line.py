"""What a name or a title may hold: one line of visible text, for a page, a subject line and a terminal."""

import unicodedata

LONGEST = 500
"""Letters in a title or a name; a story belongs into the summary."""

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Embeddings, overrides and isolates: they make a line read otherwise than it is written (Unicode TR 36, 3.1)."""

_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}


def hidden_in(text: str) -> str | None:
    """Return what a line must not hold, in words, or None: line breaks, control characters, text direction."""
    if text.isprintable():
        return None
    if any(unicodedata.category(character) in _UNSEEN for character in text):
        return "a line break or another control character"
    return "a character that changes the direction of text" if _BIDI.intersection(text) else None


def one_line(text: str) -> str:
    """Return the text if it is fit for a title.

    Raises:
        ValueError: if it is blank, too long, or holds what a line must not hold; with the fix.
    """
    if not text.strip():
        raise ValueError("it is blank; say in a few words what happened")
    if len(text) > LONGEST:
        raise ValueError(f"it has {len(text)} letters; shorten it to {LONGEST}, and tell the rest in the summary")
    if hidden := hidden_in(text):
        raise ValueError(f"{text!r} holds {hidden}; remove it")
    return text
