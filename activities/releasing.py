"""Setting a wave's rows free: what must still hold when it is released, however many rows there are."""

from collections.abc import Iterator
from datetime import datetime

from activities.family import written_to
from tocsin.domain.clause import Method
from tocsin.domain.errors import Refused
from tocsin.domain.notice import Notice, NoticeState, WaveKind, step
from tocsin.domain.values import AgreementId, PersonId
from tocsin.ports import Transaction, WaveRow

PAGE = 500
"""Rows of a wave that are read together."""


def rows_of(tx: Transaction, wave: WaveRow) -> Iterator[Notice]:
    """Yield the rows of a wave by ordinal, read page by page: however many there are, few lie in memory."""
    for first in range(0, wave.rows, PAGE):
        yield from tx.ledger.notices(wave.wave_id, first=first, last=first + PAGE)


def parties_of(tx: Transaction, wave: WaveRow) -> set[AgreementId]:
    """Return the agreements of a wave's rows."""
    return {row.agreement_id for row in rows_of(tx, wave)}


def release_rows(tx: Transaction, wave: WaveRow, releaser: PersonId, at: datetime) -> None:
    """Set the first contact of each chain free, or hand the row to a person where there is none.

    Raises:
        Refused: if one of the parties is not affected, or is in another wave that was released.
    """
    parties = parties_of(tx, wave)
    _refuse_writing_to_the_unaffected(tx, wave, parties)
    if wave.kind is WaveKind.INITIAL:
        _refuse_telling_twice(tx, wave, parties)
    tx.ledger.put_wave(wave.model_copy(update={"released_at": at, "releaser": releaser}))
    first = (row for row in rows_of(tx, wave) if row.chain_position == 0)
    tx.ledger.put(row.model_copy(update={"state": step(row.state, _on_release(row))}) for row in first)


def _on_release(row: Notice) -> NoticeState:
    # Of other methods only posting is ours to do: post, phone and portals are a person's work.
    posted = row.method is Method.POSTING and row.letter_sha256
    if row.contact_id is None and not posted:
        return NoticeState.BY_HAND
    return NoticeState.RELEASED if row.letter_sha256 else NoticeState.DROPPED


def _refuse_telling_twice(tx: Transaction, wave: WaveRow, parties: set[AgreementId]) -> None:
    """Two drafts may have been made for the same parties; only one of them may leave."""
    twice = parties & written_to(tx, wave.incident_id, beside=wave.wave_id)
    if twice:
        raise Refused(
            f"{len(twice)} of the parties of wave {wave.wave_id} are in another wave that was released since it was "
            "drafted; draft again, and only the others are written to"
        )


def _refuse_writing_to_the_unaffected(tx: Transaction, wave: WaveRow, parties: set[AgreementId]) -> None:
    """Somebody may have been found unaffected since the letters were drafted."""
    if found := parties & tx.register.unaffected(wave.incident_id):
        raise Refused(
            f"{len(found)} of the parties of wave {wave.wave_id} were found not to be affected since it was drafted; "
            "draft again, and only the others are written to"
        )
