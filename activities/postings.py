"""Letters for the notice page: the same words for every party, under the number of the first row in its language."""

from collections.abc import Iterable, Mapping, Sequence

from tocsin.domain.clause import Method
from tocsin.domain.governing import at_or_newest
from tocsin.domain.letter import Letter, LetterFacts, Rendered, letter_of, page_of
from tocsin.domain.notice import SENT, Notice, NoticeState
from tocsin.domain.said import Said
from tocsin.domain.values import AgreementId, WaveId
from tocsin.ports import Transaction, WaveRow

PIECE = 500
"""Rows that are read at a time."""

Said_ = Mapping[WaveId, Said | None]


class Postings:
    """Under which number each wave stands on the page, read once for the rows of a range."""

    def __init__(self, tx: Transaction, waves: Sequence[WaveRow], said: Said_) -> None:
        """Take the waves in the order of their release, this one last."""
        self._tx = tx
        self._languages: dict[AgreementId, str] = {}
        self._earlier, self._wave, self._said = waves[:-1], waves[-1], said
        self._numbers: dict[str, str] = {}
        self._before: dict[str, tuple[str, Said | None]] = {}

    def read(self, rows: Iterable[Notice]) -> None:
        """Read what the postings among these rows need."""
        posted = [row for row in rows if row.method is Method.POSTING]
        self._learn(posted)
        for language in {self._language(row) for row in posted}:
            self._numbers[language] = self._first(language, self._wave.wave_id) or ""
            for wave in self._earlier:
                if (number := self._first(language, wave.wave_id, SENT)) is not None:
                    self._before[language] = number, self._said.get(wave.wave_id)

    def facts(self, row: Notice, facts: LetterFacts) -> LetterFacts:
        """Return the facts of a letter without anything that tells one party from another."""
        language = self._language(row)
        number = self._numbers[language]
        previous, before = self._before.get(language, (None, None))
        verify_url = facts.verify_url.replace(row.number, number) if facts.verify_url else None
        nobody = {"party_name": "", "contact_name": "", "agreement_reference": "", "periods": (), "time_zone": "UTC"}
        said = {"notice_number": number, "previous_number": previous, "before": before, "verify_url": verify_url}
        return facts.model_copy(update={**nobody, **said, "public": True})

    def _language(self, row: Notice) -> str:
        return self._languages[row.agreement_id]

    def _learn(self, rows: Iterable[Notice]) -> None:
        """Read the languages of these rows' agreements: the first row in a language may be anybody's."""
        missing = {row.agreement_id for row in rows} - self._languages.keys()
        for pin in self._tx.register.pinned(self._wave.incident_id, missing):
            agreement = at_or_newest(pin.agreement, self._wave.drafted_at)
            self._languages[agreement.agreement_id] = agreement.language

    def _first(self, language: str, wave_id: WaveId, states: Iterable[NoticeState] | None = None) -> str | None:
        # Read in pieces: of a large wave every row may be one, and the first is wanted.
        for first in range(0, self._rows_of(wave_id), PIECE):
            piece = self._tx.ledger.notices(wave_id, first=first, last=first + PIECE, states=states)
            posted = [row for row in piece if row.method is Method.POSTING]
            self._learn(posted)
            for row in posted:
                if self._languages.get(row.agreement_id) == language:
                    return row.number
        return None

    def _rows_of(self, wave_id: WaveId) -> int:
        return next(wave.rows for wave in (*self._earlier, self._wave) if wave.wave_id == wave_id)


def public_letter(row: Notice, wave: WaveRow, words: Rendered, sender: tuple[str, str]) -> Letter:
    """Return the letter of a row as it goes on the page of its incident."""
    letter = letter_of(row, words, sender, None, ("", page_of(wave.incident_id)))
    return letter.model_copy(update={"posted_as": wave.kind})
