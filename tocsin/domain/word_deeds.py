"""What people do with words: they note, and say which of them only the team reads."""

from typing import Literal

from pydantic import Field

from tocsin.domain.errors import Refused
from tocsin.domain.values import ClockId, Value


class AddNote(Value):
    """Add a note; with `clock_id` it is the reason why that clock was missed."""

    kind: Literal["note"] = "note"
    text: str
    clock_id: ClockId | None = None


class Privilege(Value):
    """Mark paragraphs of what was written before as privileged, by their SHA-256; see `domain.privilege`."""

    kind: Literal["privilege"] = "privilege"
    paragraphs: tuple[str, ...] = Field(min_length=1)
    reason: str = ""


class LiftPrivilege(Value):
    """Take that mark, or the one that was written with them, from paragraphs again."""

    kind: Literal["lift_privilege"] = "lift_privilege"
    paragraphs: tuple[str, ...] = Field(min_length=1)
    reason: str


WordDeed = AddNote | Privilege | LiftPrivilege
ABOUT_WORDS = {"note", "attach", "privilege", "lift_privilege"}
"""The acts that add or mark words, and may come when everything else is over."""


def refuse_wordless(deed: object) -> None:
    """Refuse a note that says nothing: as the reason why a deadline passed it would settle what nobody explained.

    Checked before it is sent, and not by the incident: histories from before it was may hold such notes.

    Raises:
        Refused: if the deed is a note of blanks only.
    """
    if isinstance(deed, AddNote) and not deed.text.strip():
        raise Refused("the note is empty; write what you saw, did or decided")
