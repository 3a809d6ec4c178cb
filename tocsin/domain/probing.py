"""Rounds in which contacts are asked whether notices reach them: whom to ask, who may, and what an answer is.

A round is a case of its own: its rows lie in the ledger under its own id and key, and it is no incident.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from tocsin.domain.act import Act, Role
from tocsin.domain.clause import Contact
from tocsin.domain.errors import Refused
from tocsin.domain.governing import at_or_newest, data_held, has_ended
from tocsin.domain.notice import FAILED, SENT, Notice, NoticeState, notice_number
from tocsin.domain.probe_deed import Probe
from tocsin.domain.register import Agreement
from tocsin.domain.values import AgreementId, ContactId, IncidentId, Instant, NoticeId, PersonId, Value, WaveId

USUAL = timedelta(days=14)
"""How long contacts have to answer when nobody says."""
LONGEST = timedelta(days=92)
"""How long they have at most: an answer that may come in a year says nothing of today."""


class Round(Value):
    """One round, as the store holds it. It names nobody who was asked."""

    round_id: IncidentId
    wave_id: WaveId
    opened_at: Instant
    opened_by: PersonId
    answer_by: date
    letters: int
    """How many addresses were written to, each once."""
    closed_at: Instant | None = None

    @property
    def opened_on(self) -> date:
        """The day by which people call it, in UTC."""
        return self.opened_at.date()

    @property
    def ends_at(self) -> datetime:
        """The instant from which a missing answer is silence: the end of its last day, in UTC."""
        return datetime.combine(self.answer_by + timedelta(days=1), time(), UTC)


class Answer(StrEnum):
    """What came of asking one contact."""

    SENDING = "sending"
    SENT = "sent"
    CONFIRMED = "confirmed"
    BOUNCED = "bounced"
    """It came back, or the channel would not carry it there."""
    SILENT = "silent"
    """The day of answers has passed without one."""

    @property
    def words(self) -> str:
        """The answer as people read it."""
        return _WORDS[self]


_WORDS = {
    Answer.SENDING: "not sent",
    Answer.SENT: "waiting for an answer",
    Answer.CONFIRMED: "confirmed",
    Answer.BOUNCED: "not reached",
    Answer.SILENT: "silent",
}


class Asked(Value):
    """What came of asking one address in one round."""

    round_id: IncidentId
    opened_on: date
    answer: Answer
    confirmed_on: date | None = None
    detail: str = ""
    """What the channel said of a letter that did not arrive."""


class Recipient(Value):
    """One address, written to once in a round, whoever names it."""

    agreement_id: AgreementId
    contact: Contact
    parties: tuple[str, ...]
    """The names of everyone whose contact it is."""
    language: str
    time_zone: str


def answer_of(row: Notice, round_: Round, now: datetime) -> Answer:
    """Return what came of a letter of a round. A confirmation counts however late, and whatever bounced before."""
    if row.state is NoticeState.ACKNOWLEDGED:
        return Answer.CONFIRMED
    if row.state in FAILED | {NoticeState.REPLACED}:
        return Answer.BOUNCED
    if row.state not in SENT:
        # What never left is our own failure: no contact was silent about it.
        return Answer.SENDING
    return Answer.SILENT if now >= round_.ends_at else Answer.SENT


def asked_of(row: Notice, round_: Round, now: datetime) -> Asked:
    """Return what came of asking the address of a row."""
    answer = answer_of(row, round_, now)
    confirmed = row.settled_at.date() if answer is Answer.CONFIRMED and row.settled_at else None
    detail = (row.detail or "") if answer is Answer.BOUNCED else ""
    return Asked(
        round_id=round_.round_id,
        opened_on=round_.opened_on,
        answer=answer,
        confirmed_on=confirmed,
        detail=detail,
    )


Answers = Mapping[str, Sequence[Asked]]
"""By address, in small letters, what came of asking it: the newest round first."""


def confirmed_on(answers: Sequence[Asked]) -> date | None:
    """Return when an address was last confirmed in a round, or None."""
    return max((one.confirmed_on for one in answers if one.confirmed_on is not None), default=None)


def unreached(answers: Sequence[Asked], by_hand: date | None) -> Asked | None:
    """Return the round that an address did not answer, or None if it is in order.

    The newest round that says anything counts: one that still waits says nothing. `by_hand` is the day on which a
    person made sure of the contact, as the register has it: on the round's day or later, it settles the matter.
    """
    decided = (one for one in answers if one.answer in {Answer.CONFIRMED, Answer.BOUNCED, Answer.SILENT})
    newest = next(decided, None)
    if newest is None or newest.answer is Answer.CONFIRMED:
        return None
    return None if by_hand is not None and by_hand >= newest.opened_on else newest


def recipients(agreements: Iterable[Agreement], at: datetime) -> list[Recipient]:
    """Return every address of these agreements once, by the reference that names it first.

    Under an agreement that has ended, and whose data is gone, nobody is told of anything: nobody is asked either.
    """
    found: dict[str, Recipient] = {}
    for agreement in sorted(agreements, key=lambda one: one.reference):
        if has_ended(agreement, at.date()) and not data_held(agreement, at.date()):
            continue
        version = at_or_newest(agreement, at)
        for contact in version.contacts():
            first = found.get(contact.email.casefold())
            if first is None:
                found[contact.email.casefold()] = _recipient(version, contact)
            elif version.party_name not in first.parties:
                named = {"parties": (*first.parties, version.party_name)}
                found[contact.email.casefold()] = first.model_copy(update=named)
    return list(found.values())


def _recipient(agreement: Agreement, contact: Contact) -> Recipient:
    return Recipient(
        agreement_id=agreement.agreement_id,
        contact=contact,
        parties=(agreement.party_name,),
        language=agreement.language,
        time_zone=agreement.time_zone,
    )


def by_contact(rows: Iterable[Notice]) -> dict[tuple[AgreementId, ContactId | None], Notice]:
    """Return the rows of a round by whom each is to."""
    return {(row.agreement_id, row.contact_id): row for row in rows}


def probe_number(notice_id: NoticeId) -> str:
    """Return the number printed in a letter of a round: `P-7Q2F-M3KD`, so that nobody takes it for a notice's."""
    return "P" + notice_number(notice_id)[1:]


def admit_round(act: Act, now: datetime, *, drill: bool = False) -> Probe:
    """Return the deed of an act that may open a round. Raises Refused with what is wrong and the fix."""
    deed = act.deed
    if drill:
        raise Refused("a drill writes to nobody outside; open a round in the installation itself")
    if not isinstance(deed, Probe):
        raise Refused(f"{act.incident_id} is a round of the register; nobody can {deed.kind} it")
    if not act.actor.roles & {Role.APPROVER, Role.ADMIN}:
        raise Refused(f"only an approver or an admin may open a round; {act.actor.described}")
    today = now.date()
    if not today < deed.answer_by <= today + LONGEST:
        last = (today + LONGEST).isoformat()
        wrong = f"answers by {deed.answer_by.isoformat()}"
        raise Refused(f"{wrong}: give a day after today, {today.isoformat()}, and not after {last}")
    return deed
