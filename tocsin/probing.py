"""Rounds of the register, read: what came of asking each contact, and what that says of a register today."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from tocsin.domain.governing import at_or_newest
from tocsin.domain.notice import Notice
from tocsin.domain.probing import Answer, Answers, Asked, Recipient, Round, answer_of, asked_of, by_contact, recipients
from tocsin.domain.register import Contact
from tocsin.domain.values import AgreementId, IncidentId, Instant, NoticeId, Value
from tocsin.ports import Transaction

LOOKS_BACK = timedelta(days=3 * 366)
"""How old a round may be to say anything of a contact today."""


class Seen(Value):
    """A round in a list."""

    round: Round
    answers: dict[Answer, int]
    """How many addresses there are of each."""


class Line(Value):
    """One contact of one party in a round. Contacts that share an address share its one letter and its answer."""

    agreement_id: AgreementId
    reference: str
    party: str
    contact: str
    """The contact's name."""
    address: str
    answer: Answer
    at: Instant | None = None
    """Since when it stands so, as the ledger has it."""
    detail: str = ""
    """What the channel said, or what a person should know of the letter."""
    number: str
    """The number in the letter."""
    notice_id: NoticeId


class Sheet(Value):
    """A round with each contact's answer, by party."""

    round: Round
    lines: tuple[Line, ...]


def seen(tx: Transaction, now: datetime) -> list[Seen]:
    """Return the rounds, newest first."""
    return [_seen(tx, one, now) for one in tx.probes.all()]


def sheet(tx: Transaction, round_id: IncidentId, now: datetime) -> Sheet | None:
    """Return what came of one round, contact by contact, or None if there is no such round."""
    found = tx.probes.one(round_id)
    if found is None:
        return None
    lines = sorted(_lines(tx, found, now), key=lambda one: (one.party.casefold(), one.reference, one.address))
    return Sheet(round=found, lines=tuple(lines))


def answers(tx: Transaction, now: datetime) -> Answers:
    """Return what came of asking each address, for reckoning readiness."""
    found: dict[str, list[Asked]] = {}
    for one in tx.probes.all():
        if now - one.opened_at > LOOKS_BACK:
            break
        for asked, row in _rows(tx, one):
            found.setdefault(asked.contact.email.casefold(), []).append(asked_of(row, one, now))
    return found


def asked_on(line: Line, round_: Round) -> Asked:
    """Return the same of one address from a line of a round's sheet, for who has no more than that."""
    confirmed = line.at.date() if line.answer is Answer.CONFIRMED and line.at else None
    said = {"round_id": round_.round_id, "opened_on": round_.opened_on, "answer": line.answer, "detail": line.detail}
    return Asked.model_validate({**said, "confirmed_on": confirmed})


def standing(tx: Transaction, now: datetime) -> tuple[object, ...]:
    """Return what is the same for as long as `answers` is; cheap to ask for at every look."""
    rounds = [one for one in tx.probes.all() if now - one.opened_at <= LOOKS_BACK]
    return tuple((one.round_id, now >= one.ends_at, *_counted(tx, one, now)) for one in rounds)


def _counted(tx: Transaction, round_: Round, now: datetime) -> list[tuple[str, int]]:
    return sorted((str(state), count) for state, count in tx.ledger.counts(round_.wave_id).by_state.items())


def _seen(tx: Transaction, round_: Round, now: datetime) -> Seen:
    counted = Counter(answer_of(row, round_, now) for row in tx.ledger.each(round_.wave_id))
    return Seen(round=round_, answers=dict(sorted(counted.items())))


def _rows(tx: Transaction, round_: Round) -> Iterator[tuple[Recipient, Notice]]:
    """Yield each address of a round with its row."""
    rows = by_contact(tx.ledger.each(round_.wave_id))
    pins = tx.register.pinned(round_.round_id)
    for one in recipients((pin.agreement for pin in pins), round_.opened_at):
        row = rows.get((one.agreement_id, one.contact.contact_id))
        if row is not None:
            yield one, row


def _lines(tx: Transaction, round_: Round, now: datetime) -> Iterator[Line]:
    by_address = {one.contact.email.casefold(): row for one, row in _rows(tx, round_)}
    for pin in tx.register.pinned(round_.round_id):
        agreement = at_or_newest(pin.agreement, round_.opened_at)
        for contact in agreement.contacts():
            row = by_address.get(contact.email.casefold())
            if row is not None:
                who = {"reference": agreement.reference, "party": agreement.party_name}
                yield _line(row, round_, contact, {"agreement_id": agreement.agreement_id, **who}, now)


def _line(row: Notice, round_: Round, contact: Contact, whose: dict[str, str], now: datetime) -> Line:
    asked = asked_of(row, round_, now)
    return Line.model_validate(
        {
            **whose,
            "contact": contact.name,
            "address": contact.email,
            "answer": asked.answer,
            "at": row.settled_at,
            "detail": "" if asked.answer is Answer.CONFIRMED else row.detail or "",
            "number": row.number,
            "notice_id": row.notice_id,
        }
    )
