"""Readiness: what the register lacks to tell everyone in time. Work for a person, found before the night it matters."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from tocsin.domain.clause import SECURITY_INCIDENT, Discharge, NoticeClause, OwedBy
from tocsin.domain.governing import data_held, has_ended, versions
from tocsin.domain.probing import Answer, Answers, Asked, confirmed_on, unreached
from tocsin.domain.register import Agreement, Contact
from tocsin.domain.values import AgreementId, Value


class Weight(StrEnum):
    """How much a finding matters: somebody will not be told; one absence is enough for that; good to know."""

    MISSING = "missing"
    WEAK = "weak"
    INFO = "info"


CONFIRMED_FOR = timedelta(days=366)
"""How long a contact that somebody made sure of is taken to be right: a year, leap years included."""

BY_HAND = "end its duties by hand: tocsin duty done INCIDENT DUTY --proof '…'"

ASK_AGAIN = "ask the party for an address that works"

PHONE = "phone them, then set `confirmed`, or ask for an address that is read"


class AgreementName(NamedTuple):
    """Which agreement, without all that it says."""

    agreement_id: AgreementId
    reference: str


class Finding(Value):
    """One thing about one agreement that a person should look at: what it is, and what to do about it."""

    agreement_id: AgreementId
    reference: str
    severity: Weight
    what: str
    fix: str


class Readiness:
    """Looks at agreements one by one and keeps none of them: memory grows with findings and addresses."""

    def __init__(self, on: date | None = None, answers: Answers | None = None) -> None:
        """Look as of `on`; without a day, ended agreements and old confirmations are not looked for.

        `answers` is what came of the rounds in which addresses were asked.
        """
        self._on = on
        self._answers = answers or {}
        self._findings: list[Finding] = []
        self._desks: dict[str, dict[str, tuple[AgreementName, str]]] = {}
        """By address, the parties it is a contact of; of each the agreement that came first."""

    def look(self, agreement: Agreement) -> Agreement:
        """Note what the agreement lacks, and return it."""
        self._findings.extend(_gaps(agreement, self._on, self._answers))
        named = AgreementName(agreement.agreement_id, agreement.reference)
        for contact in agreement.contacts():
            parties = self._desks.setdefault(contact.email.casefold(), {})
            parties.setdefault(agreement.party_id, (named, agreement.party_name))
        return agreement

    def findings(self) -> list[Finding]:
        """Return what was found, agreement by agreement, then the addresses that several parties share."""
        shared: dict[AgreementName, list[str]] = {}
        for address, parties in self._desks.items():
            if len(parties) > 1:
                (first, _), *others = parties.values()
                names = ", ".join(party for _, party in others)
                shared.setdefault(first, []).append(f"its contact {address} is also the contact of {names}")
        return [*self._findings, *(_shared(*found) for found in shared.items())]

    def without_mail(self, domains: Mapping[str, str]) -> list[Finding]:
        """Return a finding for each address whose domain is in `domains`, with the reason why mail does not arrive."""
        found = ((address, domains.get(address.rpartition("@")[2])) for address in self._desks)
        return [
            _finding(next(iter(self._desks[address].values()))[0], Weight.MISSING, f"{address}: {why}", ASK_AGAIN)
            for address, why in found
            if why is not None
        ]

    def domains(self) -> frozenset[str]:
        """Return the domains of all addresses seen."""
        return frozenset(address.rpartition("@")[2] for address in self._desks)


def readiness(agreements: Iterable[Agreement], on: date | None = None, answers: Answers | None = None) -> list[Finding]:
    """Return what the register lacks. See `Readiness`.

    Args:
        agreements: the register, possibly as a stream.
        on: the day on which an agreement counts as ended; without it, ended agreements are not looked for.
        answers: what came of the rounds in which addresses were asked.
    """
    looking = Readiness(on, answers)
    for agreement in agreements:
        looking.look(agreement)
    return looking.findings()


def _gaps(agreement: Agreement, on: date | None, answers: Answers) -> Iterator[Finding]:
    if not any(clause.limbs for clause in agreement.clauses):
        yield _finding(agreement, Weight.MISSING, "the clause promises nothing", "read the contract, fill in `notify`")
    if not agreement.chain:
        by_phone = f"; until then phone {agreement.phone}" if agreement.phone else ", or a phone number"
        yield _finding(agreement, Weight.MISSING, "there is nobody to write to", f"ask for a contact{by_phone}")
    elif len(agreement.chain) == 1:
        yield _finding(agreement, Weight.WEAK, "the contact has no deputy", "ask for a second address, or a phone")
    for clause in agreement.clauses:
        if clause.limbs and clause.owed_by is OwedBy.US and clause.discharge is not Discharge.ACCEPTED:
            yield _finding(agreement, Weight.WEAK, _by_hand_only(clause), BY_HAND)
        if len(clause.recipients) == 1:
            what = f"the contact of the clause {clause.key} has no deputy"
            yield _finding(agreement, Weight.WEAK, what, "ask for a second address")
    if on is not None:
        yield from _ended(agreement, on)
        yield from _unreached(agreement, answers)
        yield from _unconfirmed(agreement, on, answers)


def _by_hand_only(clause: NoticeClause) -> str:
    named = "its clause" if clause.key == SECURITY_INCIDENT else f"the clause {clause.key}"
    return f"{named} ends only once the notice is {clause.discharge}, and no receipts are taken in that would say so"


def _ended(agreement: Agreement, on: date) -> Iterator[Finding]:
    if not has_ended(agreement, on):
        return
    ended_on = max(one.ends_on for one in versions(agreement) if one.ends_on is not None)
    what = f"the agreement ended on {ended_on.isoformat()}"
    if not data_held(agreement, on):
        yield _finding(agreement, Weight.INFO, f"{what} and its data is gone", "nothing: nobody is told under it")
    elif agreement.data_held or agreement.data_held_until:
        yield _finding(agreement, Weight.WEAK, f"{what}, and its data is still held", "delete it, or correct `ends_on`")
    else:
        fix = "say in `data_held` whether we still hold their data; until then it counts"
        yield _finding(agreement, Weight.WEAK, what, fix)


def _unreached(agreement: Agreement, answers: Answers) -> Iterator[Finding]:
    """Yield what the rounds say: one silence may be a holiday; a chain whose letters all came back tells nobody."""
    failed = {c.contact_id: one for c in agreement.contacts() if (one := _failed(c, answers)) is not None}
    came_back = [c for c in agreement.chain if c.contact_id in failed and failed[c.contact_id].answer is Answer.BOUNCED]
    nobody = bool(came_back) and len(came_back) == len(agreement.chain)
    for contact in agreement.contacts():
        if (one := failed.get(contact.contact_id)) is None:
            continue
        round_ = f"the round of {one.opened_on.isoformat()}"
        if one.answer is Answer.BOUNCED:
            said = f": {one.detail}" if one.detail else ""
            weight = Weight.MISSING if nobody and contact in came_back else Weight.WEAK
            yield _finding(agreement, weight, f"{contact.email} was not reached in {round_}{said}", ASK_AGAIN)
        else:
            yield _finding(agreement, Weight.WEAK, f"{contact.email} has not confirmed in {round_}", PHONE)


def _failed(contact: Contact, answers: Answers) -> Asked | None:
    return unreached(answers.get(contact.email.casefold(), ()), contact.confirmed_on)


def _unconfirmed(agreement: Agreement, on: date, answers: Answers) -> Iterator[Finding]:
    never = 0
    for contact in agreement.contacts():
        if _failed(contact, answers) is not None:
            continue  # that is said already
        answered = confirmed_on(answers.get(contact.email.casefold(), ()))
        last = max((day for day in (contact.confirmed_on, answered) if day is not None), default=None)
        if last is None:
            never += 1
        elif on - last > CONFIRMED_FOR:
            what = f"{contact.email} was last confirmed on {last.isoformat()}"
            yield _finding(agreement, Weight.WEAK, what, "ask them: tocsin register probe; or set `confirmed`")
    if never:
        what = f"{never} contact{'s were' if never > 1 else ' was'} never confirmed"
        yield _finding(agreement, Weight.INFO, what, "ask them: tocsin register probe; or add `confirmed` and the day")


def _shared(agreement: AgreementName, uses: list[str]) -> Finding:
    return _finding(agreement, Weight.INFO, "; ".join(uses), "nothing if meant: each agreement gets its own notice")


def _finding(agreement: Agreement | AgreementName, severity: Weight, what: str, fix: str) -> Finding:
    return Finding(
        agreement_id=agreement.agreement_id, reference=agreement.reference, severity=severity, what=what, fix=fix
    )
