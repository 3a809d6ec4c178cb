"""The typeface, FiraGO, out of the package `pymupdf-fonts` (SIL Open Font License), and what can be set in it.

It has every Latin, Greek, Cyrillic and Georgian letter in use in Europe. Scripts that are written from right to left
or whose letters join need a shaping engine that no pure Python package has; they are shown as a mark that says so.
"""

import unicodedata
from importlib import import_module
from pathlib import Path
from typing import Any

from fpdf import FPDF

FAMILY = "firago"
PLACEHOLDER = "▯"
"""Stands for a character that cannot be set."""

_STYLES = {"": "FiraGO_Regular", "B": "FiraGO_Bold"}
_UNSHAPED = ("ARABIC", "DEVANAGARI", "HEBREW", "THAI")
_SHAPING = frozenset({"GSUB", "GPOS", "GDEF"})
"""Tables of a typeface that only a shaping engine reads."""
_LEFT_TO_RIGHT_ONLY = {"R", "AL", "AN"}
_INSTEAD = str.maketrans({"\u2009": " ", "\u202f": "\u00a0", "\t": "    ", "\r": "", "\u2028": "\n", "\u2029": "\n"})


def add_typeface(pdf: FPDF, folder: Path) -> None:
    """Make the typeface known to `pdf`. Its files are written to `folder`, which must last until the output."""
    for style, name in _STYLES.items():
        path = folder / f"{name}.ttf"
        path.write_bytes(import_module(f"pymupdf_fonts.{name}").fontbuffer)
        pdf.add_font(FAMILY, style, path)
    for font in pdf.fonts.values():
        tables: Any = getattr(font, "ttfont", {})
        for unused in _SHAPING & {*tables.keys()}:
            # Nothing here shapes; reading these took half of the time of a document.
            del tables[unused]


def let_go(pdf: FPDF) -> None:
    """Close the files of the typeface."""
    for font in pdf.fonts.values():
        file: Any = getattr(font, "ttfont", None)
        if file is not None:
            file.close()


class Settable:
    """Turns any text into one that the typeface has, and counts the characters it had to replace."""

    def __init__(self, pdf: FPDF) -> None:
        # Both styles have the same characters.
        self._known: frozenset[int] = frozenset(getattr(pdf.fonts[FAMILY], "cmap", {}))
        self.replaced = 0

    def again(self, text: str) -> str:
        """Return the same for a text that stands elsewhere too: its characters are not counted twice."""
        before = self.replaced
        try:
            return self(text)
        finally:
            self.replaced = before

    def __call__(self, text: str) -> str:
        """Return the text with control characters left out and unknown ones as PLACEHOLDER."""
        composed = unicodedata.normalize("NFC", text.translate(_INSTEAD))
        return "".join(self._char(char) for char in composed if not _invisible(char))

    def _char(self, char: str) -> str:
        if char == "\n" or (ord(char) in self._known and not _needs_shaping(char)):
            return char
        self.replaced += 1
        return PLACEHOLDER


def _invisible(char: str) -> bool:
    # Format characters can reorder what is read; a facts' text is written by strangers.
    return char != "\n" and unicodedata.category(char) in {"Cc", "Cf"}


def _needs_shaping(char: str) -> bool:
    return unicodedata.bidirectional(char) in _LEFT_TO_RIGHT_ONLY or unicodedata.name(char, "").startswith(_UNSHAPED)
