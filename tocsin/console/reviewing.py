"""What a reviewer is shown of a wave: one letter of each kind that it holds, and every recipient, a page at a time.

Everything is read from what is stored: the words on the page are the words that leave. English beside a letter is
made again from what the wave said, and says so where it cannot be sure to be the same.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from difflib import ndiff
from functools import cache
from threading import Lock
from typing import NamedTuple

from tocsin.adapters.letters import ENGLISH, JinjaLetters
from tocsin.domain.clause import Method
from tocsin.domain.governing import at_or_newest
from tocsin.domain.letter import TOKEN_PLACEHOLDER, Letter, LetterFacts, PeriodOwed, Rendered
from tocsin.domain.notice import SENT, ContactRole, Notice
from tocsin.domain.register import Agreement, Contact
from tocsin.domain.said import Said
from tocsin.domain.values import AgreementId, DutyId, NoticeId, Value, WaveId
from tocsin.ports import Transaction, WaveRow
from tocsin.settings import Settings

PAGE = 500
"""Rows that are read together."""
FIRST = "first contact"
REMEMBERED = 64
"""Waves of which the groups are kept; they are counted again when the letters change."""


class Group(Value):
    """The letters of a wave that differ in nothing but the names in them."""

    language: str
    role: str
    """Who gets it: the first contact, a deputy who is written to only if the first fails, a copy, the notice page."""
    promises: tuple[str, ...]
    """What they answer: the titles of the duties."""
    letters: int
    sample: NoticeId


class Recipient(NamedTuple):
    """One row of the wave, with whom it is for."""

    row: Notice
    agreement: Agreement | None
    contact: Contact | None
    role: str


class Line(NamedTuple):
    """A line of a letter beside the one before it: kept, new or gone."""

    kind: str
    words: str


class Shown(NamedTuple):
    """One letter as a reviewer reads it."""

    recipient: Recipient
    letter: Letter
    intact: bool
    """Whether its bytes still have the digest that its row holds, to which the release is bound."""
    prepared: int
    """Bytes that the channel is given."""
    english: Rendered | None
    """None for a letter that is in English already."""
    exact: bool
    """Whether making it again in its own language gave the stored words: then the English says the same."""
    before: Letter | None
    """What this very contact was told last."""
    changes: tuple[Line, ...]


class Reviewing:
    """Reads waves for review."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._groups: OrderedDict[tuple[WaveId, str | None], tuple[Group, ...]] = OrderedDict()
        self._lock = Lock()

    def groups(self, tx: Transaction, wave: WaveRow) -> tuple[Group, ...]:
        """Return the kinds of letters that a wave holds, the largest first; counted once for each digest."""
        key = (wave.wave_id, wave.digest)
        with self._lock:
            known = self._groups.get(key)
        if known is None:
            known = tuple(_grouped(tx, wave))
            with self._lock:
                self._groups[key] = known
                while len(self._groups) > REMEMBERED:
                    self._groups.popitem(last=False)
        return known

    def recipients(self, tx: Transaction, wave: WaveRow, first: int, count: int) -> list[Recipient]:
        """Return the rows of a wave from an ordinal on."""
        rows = tx.ledger.notices(wave.wave_id, first=first, last=first + count)
        parties = agreements_of(tx, wave, rows)
        return [recipient(row, parties.get(row.agreement_id)) for row in rows]

    def shown(self, tx: Transaction, wave: WaveRow, notice_id: NoticeId) -> Shown | None:
        """Return one letter of a wave with everything that stands beside it; None where there is none."""
        row, letter = tx.ledger.notice(notice_id), tx.ledger.letter(notice_id)
        if row is None or letter is None or row.wave_id != wave.wave_id:
            return None
        found = recipient(row, agreements_of(tx, wave, [row]).get(row.agreement_id))
        before = _before(tx, wave, row)
        told = tx.ledger.letter(before.notice_id) if before else None
        english, exact = self._in_english(tx, wave, found, letter, before)
        return Shown(
            recipient=found,
            letter=letter,
            intact=letter.fingerprint() == row.letter_sha256,
            prepared=len(tx.ledger.prepared(notice_id) or b""),
            english=english,
            exact=exact,
            before=told,
            changes=tuple(differing(told.text, letter.text)) if told else (),
        )

    def _in_english(
        self, tx: Transaction, wave: WaveRow, found: Recipient, letter: Letter, before: Notice | None
    ) -> tuple[Rendered | None, bool]:
        said = tx.ledger.said(wave.wave_id)
        if letter.language.partition("-")[0] == ENGLISH or said is None or found.agreement is None:
            return None, False
        facts = self._facts(tx, wave, found, said, before)
        renderer = _renderer()
        again = renderer.render(facts.model_copy(update={"language": letter.language}))
        english = renderer.render(facts.model_copy(update={"language": ENGLISH}))
        return english, (again.text, again.html) == (letter.text, letter.html)

    def _facts(
        self, tx: Transaction, wave: WaveRow, found: Recipient, said: Said, before: Notice | None
    ) -> LetterFacts:
        """Return what a letter was made from, from what the wave kept of it."""
        row, agreement, sender = found.row, found.agreement, self._settings
        assert agreement is not None
        return LetterFacts(
            wave_kind=wave.kind,
            language=agreement.language,
            time_zone=agreement.time_zone,
            sender_name=sender.sender_name,
            party_name=agreement.party_name,
            contact_name=found.contact.name if found.contact else "",
            agreement_reference=agreement.reference,
            notice_number=row.number,
            previous_number=before.number if before else None,
            facts=said.facts,
            measures_taken=said.measures,
            occurred_at=said.occurred_at,
            discovered_at=said.discovered_at,
            confirmed_at=said.confirmed_at,
            drafted_at=wave.drafted_at,
            periods=_periods(tx, row),
            contact_point=said.facts.contact_point or sender.reply_to or sender.sender_address,
            by_deputy=row.role is ContactRole.CHAIN and row.chain_position > 0,
            is_copy=row.role is ContactRole.COPY,
            is_minimal=wave.drafter == "engine",
            before=tx.ledger.said(before.wave_id) if before else None,
            acknowledge_url=f"{sender.public_url}/a/{TOKEN_PLACEHOLDER}" if row.linked else None,
            verify_url=f"{sender.public_url}/n/{row.number}" if sender.public_url else None,
        )


def agreements_of(tx: Transaction, wave: WaveRow, rows: Sequence[Notice]) -> dict[AgreementId, Agreement]:
    """Return the agreements of some rows, in the versions that the wave was drafted by."""
    pins = tx.register.pinned(wave.incident_id, {row.agreement_id for row in rows}) if rows else []
    return {pin.agreement.agreement_id: at_or_newest(pin.agreement, wave.drafted_at) for pin in pins}


def recipient(row: Notice, agreement: Agreement | None) -> Recipient:
    """Return a row with whom it is for."""
    contacts = agreement.contacts() if agreement else ()
    contact = next((one for one in contacts if one.contact_id == row.contact_id), None)
    return Recipient(row, agreement, contact, role_of(row))


def role_of(row: Notice) -> str:
    """Return, in words, why a row's contact is written to."""
    if row.method is not Method.MAIL:
        return row.method.words
    if row.contact_id is None:
        return "nobody to write to: told by hand"
    if row.role is ContactRole.COPY:
        return "copy"
    return f"deputy {row.chain_position}, if those before fail" if row.chain_position else FIRST


def differing(before: str, now: str) -> Iterator[Line]:
    """Yield the lines of two letters beside each other."""
    kinds = {"+ ": "new", "- ": "gone", "  ": "kept"}
    for line in ndiff(before.splitlines(), now.splitlines()):
        if (kind := kinds.get(line[:2])) is not None:
            yield Line(kind, line[2:])


@cache
def _renderer() -> JinjaLetters:
    return JinjaLetters()


def _grouped(tx: Transaction, wave: WaveRow) -> list[Group]:
    found: dict[tuple[str, str, tuple[str, ...]], tuple[int, NoticeId]] = {}
    for first in range(0, wave.rows, PAGE):
        rows = [row for row in tx.ledger.notices(wave.wave_id, first=first, last=first + PAGE) if row.letter_sha256]
        parties = agreements_of(tx, wave, rows)
        titles = _titles(tx, rows)
        for row in rows:
            agreement = parties.get(row.agreement_id)
            promises = tuple(sorted({titles[key] for key in row.duty_ids if key in titles}))
            key = (agreement.language if agreement else "", role_of(row), promises)
            count, sample = found.get(key, (0, row.notice_id))
            found[key] = (count + 1, sample)
    groups = [
        Group(language=language, role=role, promises=promises, letters=count, sample=sample)
        for (language, role, promises), (count, sample) in found.items()
    ]
    # First those that leave in any case, and of them the most.
    return sorted(groups, key=lambda one: (one.role != FIRST, -one.letters, one.language, one.role))


def _titles(tx: Transaction, rows: Sequence[Notice]) -> dict[DutyId, str]:
    return {duty.duty_id: duty.title for duty in tx.duties.by_id({key for row in rows for key in row.duty_ids})}


def _periods(tx: Transaction, row: Notice) -> tuple[PeriodOwed, ...]:
    duties = {duty.duty_id: duty for duty in tx.duties.by_id(row.duty_ids)}
    return tuple(
        PeriodOwed(
            title=duty.title, trigger=duty.trigger.words, trigger_at=duty.trigger_at, deadline_at=duty.deadline_at
        )
        for duty in (duties[key] for key in row.duty_ids if key in duties)
    )


def _before(tx: Transaction, wave: WaveRow, row: Notice) -> Notice | None:
    """Return the last notice before to this very contact, in the same way."""
    released = [one for one in tx.ledger.waves(wave.incident_id) if one.released_at and one.wave_id != wave.wave_id]
    if wave.released_at is not None:
        released = [one for one in released if one.released_at and one.released_at < wave.released_at]
    for one in sorted(released, key=lambda each: (each.released_at, each.wave_id), reverse=True):
        for found in tx.ledger.notices(one.wave_id, states=SENT, agreements=[row.agreement_id]):
            if (found.contact_id, found.method) == (row.contact_id, row.method):
                return found
    return None
