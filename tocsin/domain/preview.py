"""A letter before anybody gets it: what is asked for, and what it would be."""

from tocsin.domain.incident import Facts
from tocsin.domain.letter import Letter
from tocsin.domain.notice import WaveKind
from tocsin.domain.values import Value


class WantedLetter(Value):
    """Which letter."""

    kind: WaveKind = WaveKind.INITIAL
    language: str | None = None
    """Default: the agreement's."""
    to: str | None = None
    """Your reference of the agreement, or the party's name; default: the first who is affected."""
    facts: Facts | None = None
    """Instead of an incident's."""


class Previewed(Value):
    """It, as it would leave, and by which reference the register has whom it is for."""

    letter: Letter
    reference: str
