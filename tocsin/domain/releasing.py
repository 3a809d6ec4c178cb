"""When letters may be released, or sent back to whoever drafted them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tocsin.domain.act import Release
from tocsin.domain.errors import Refused
from tocsin.domain.reviewing import SendBack
from tocsin.domain.values import PersonId, WaveId


class Drafted(Protocol):
    """What is asked of a wave."""

    @property
    def drafter(self) -> PersonId: ...  # noqa: D102
    @property
    def co_drafters(self) -> Sequence[PersonId]: ...  # noqa: D102
    @property
    def digest(self) -> str: ...  # noqa: D102
    @property
    def released(self) -> bool: ...  # noqa: D102


def admit_reviewed(waves: Mapping[WaveId, Drafted], deed: Release | SendBack, reviewer: PersonId) -> None:
    """Check that the letters that were read still wait, as they were read.

    Raises:
        Refused: if one of them does not; then none is released.
    """
    if isinstance(deed, SendBack):
        _admit_sending_back(waves, deed)
    else:
        _admit_release(waves, deed, reviewer)


def _admit_release(waves: Mapping[WaveId, Drafted], deed: Release, releaser: PersonId) -> None:
    if len(deed.approved) != 1 + len(deed.also):
        raise Refused("a wave is named twice in this release; name each once, with the digest that was read")
    for wave_id, digest in deed.approved.items():
        wave = _known(waves, wave_id)
        if wave.released:
            raise Refused(f"wave {wave_id} was released already; nothing was sent twice")
        if releaser in {wave.drafter, *wave.co_drafters}:
            raise Refused("whoever drafted or changed these letters may not release them; ask another approver")
        if wave.digest != digest:
            raise Refused(
                f"the letters of wave {wave_id} changed since you reviewed them; their digest is {wave.digest[:12]}, "
                f"you approved {digest[:12]}; review them again and release that digest"
            )


def _admit_sending_back(waves: Mapping[WaveId, Drafted], deed: SendBack) -> None:
    wave = _known(waves, deed.wave_id)
    if wave.released:
        raise Refused(f"wave {deed.wave_id} was released already; a correction is a wave of its own")
    if wave.digest != deed.digest:
        raise Refused(f"the letters of wave {deed.wave_id} changed since you read them; read them again")


def _known(waves: Mapping[WaveId, Drafted], wave_id: WaveId) -> Drafted:
    if wave_id not in waves:
        raise Refused(f"there is no wave {wave_id} in this incident; `tocsin show` lists its waves")
    return waves[wave_id]
