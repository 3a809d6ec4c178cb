"""What an approver does with drafted letters, beside releasing them."""

from typing import Literal

from pydantic import Field

from tocsin.domain.values import Value, WaveId


class Approved(Value):
    """A wave, and the digest of its letters that were reviewed."""

    wave_id: WaveId
    digest: str


class SendBack(Value):
    """Ask whoever drafted a wave for other letters. It voids nothing: what is on paper may still be released."""

    kind: Literal["send_back"] = "send_back"
    wave_id: WaveId
    digest: str
    """Of the letters that the comment is about."""
    comment: str = Field(min_length=1)
