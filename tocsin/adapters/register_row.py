"""One line of the register's CSV file: its cells made into an agreement, and an agreement into its cells."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from typing import TypeVar
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email

from tocsin.domain.errors import Refused
from tocsin.domain.register import Agreement, Contact, Discharge, Limb, NoticeClause, OnLift
from tocsin.domain.register_text import did_you_mean, parse_language, parse_limbs, parse_word, write_limbs
from tocsin.domain.values import AgreementId, ContactId, PartyId, opaque_id

Read = TypeVar("Read")

COLUMNS = (
    "agreement",
    "party",
    "role",
    "notify",
    "discharge",
    "on_lift",
    "language",
    "time_zone",
    "services",
    "contact",
    "deputies",
    "copies",
    "phone",
    "starts_on",
    "ends_on",
)
"""All columns, in the order in which they are written. They are read in any order."""

OUR_ROLES = ("processor", "sub-processor", "controller")
"""What we may be in an agreement."""

NOTHING_PROMISED: tuple[Limb, ...] = ()
NO_SERVICES: tuple[str, ...] = ()

_CONTACT = re.compile(r"([^<>]*)<([^<>]*)>")


@dataclass
class Row:
    """One record: the physical line on which it starts, its cells by column, and what is wrong with it."""

    line: int
    cells: dict[str, str]
    mistakes: list[str] = field(default_factory=list)

    def get(self, column: str) -> str:
        """Return the cell, blank where the file lacks the column."""
        return self.cells.get(column, "")

    def wrong(self, column: str, what: object) -> None:
        """Note a mistake of this line."""
        self.mistakes.append(f"line {self.line}: {column}: {what}")

    def read(self, column: str, parse: Callable[[str], Read], blank: Read) -> Read:
        """Return the parsed cell, or `blank` for a blank one; what `parse` refuses is noted, and `blank` stands in."""
        try:
            return parse(self.get(column)) if self.get(column) else blank
        except Refused as mistake:
            self.wrong(column, mistake)
            return blank


def agreement_of(row: Row, id_key: bytes) -> Agreement | None:
    """Return the row's agreement, or None after noting in the row everything that is wrong with it."""
    for column in ("agreement", "party", "notify"):
        if not row.get(column):
            row.wrong(column, "it is blank; fill it in")
    clause = _clause(row)
    chain = _contacts(row, "contact", id_key) + _contacts(row, "deputies", id_key)
    copies = _contacts(row, "copies", id_key)
    _refuse_twice(row, chain + copies)
    starts_on, ends_on = row.read("starts_on", _date, None), row.read("ends_on", _date, None)
    if starts_on and ends_on and ends_on < starts_on:
        row.wrong("ends_on", f"{ends_on} lies before starts_on, {starts_on}; correct one of them")
    reference, party = row.get("agreement"), row.get("party")
    agreement = Agreement(
        agreement_id=AgreementId(opaque_id("agr", id_key, reference)),
        reference=reference,
        party_id=PartyId(opaque_id("pty", id_key, party.casefold())),
        party_name=party,
        our_role=row.read("role", _our_role, OUR_ROLES[0]),
        clause=clause,
        language=row.read("language", parse_language, "en"),
        time_zone=row.read("time_zone", _time_zone, "UTC"),
        services=row.read("services", _services, NO_SERVICES),
        chain=chain,
        copies=copies,
        phone=row.read("phone", _phone, None),
        starts_on=starts_on,
        ends_on=ends_on,
    )
    return None if row.mistakes else agreement


def cells_of(agreement: Agreement) -> dict[str, str]:
    """Return the cells that `agreement_of` reads back as this agreement.

    Raises:
        Refused: if a name holds a character that separates contacts.
    """
    clause = agreement.clause
    return {
        "agreement": agreement.reference,
        "party": agreement.party_name,
        "role": agreement.our_role,
        "notify": write_limbs(clause.limbs),
        "discharge": clause.discharge,
        "on_lift": clause.on_lift,
        "language": agreement.language,
        "time_zone": agreement.time_zone,
        "services": "; ".join(agreement.services),
        "contact": _contacts_cell(agreement.chain[:1]),
        "deputies": _contacts_cell(agreement.chain[1:]),
        "copies": _contacts_cell(agreement.copies),
        "phone": agreement.phone or "",
        "starts_on": agreement.starts_on.isoformat() if agreement.starts_on else "",
        "ends_on": agreement.ends_on.isoformat() if agreement.ends_on else "",
    }


def read_address(text: str) -> str:
    """Return a mail address in the form in which it is sent to: lower-case domain, international domains as A-labels.

    Raises:
        Refused: if it is no address, or its local part is not ASCII, which not every channel can carry.
    """
    try:
        valid = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise Refused(
            f"{text.strip()!r} is no mail address: {error}; write for example privacy@birch.example"
        ) from None
    return valid.ascii_email or valid.normalized


def _clause(row: Row) -> NoticeClause:
    return NoticeClause(
        limbs=row.read("notify", _limbs, NOTHING_PROMISED),
        discharge=row.read("discharge", lambda text: parse_word(Discharge, text, "discharge"), Discharge.ACCEPTED),
        on_lift=row.read("on_lift", lambda text: parse_word(OnLift, text, "effect on lifting"), OnLift.DUE_IMMEDIATELY),
    )


# A register of thousands of agreements has a handful of clauses.
_limbs = lru_cache(maxsize=1024)(parse_limbs)


def _contacts(row: Row, column: str, id_key: bytes) -> tuple[Contact, ...]:
    contacts = []
    for part in filter(None, map(str.strip, row.get(column).split(";"))):
        try:
            name, address = _name_and_address(part)
        except Refused as mistake:
            row.wrong(column, mistake)
            continue
        contact_id = ContactId(opaque_id("con", id_key, row.get("agreement"), address.casefold()))
        contacts.append(Contact(contact_id=contact_id, name=name, email=address))
    return tuple(contacts)


def _name_and_address(part: str) -> tuple[str, str]:
    match = _CONTACT.fullmatch(part)
    if match is None and re.search(r"[<>\s,]", part):
        raise Refused(f"{part!r} is not `Name <address>`; several are separated by `;`")
    name, address = match.groups() if match else ("", part)
    address = read_address(address)
    return name.strip() or address, address


def _contacts_cell(contacts: Iterable[Contact]) -> str:
    return "; ".join(map(_contact_cell, contacts))


def _contact_cell(contact: Contact) -> str:
    if re.search("[<>;]", contact.name):
        raise Refused(f"the contact's name {contact.name!r} holds `<`, `>` or `;`; rename it before exporting")
    return contact.email if contact.name == contact.email else f"{contact.name} <{contact.email}>"


def _refuse_twice(row: Row, contacts: Iterable[Contact]) -> None:
    seen: set[ContactId] = set()
    for contact in contacts:
        if contact.contact_id in seen:
            row.wrong("contact", f"{contact.email} is named twice for this agreement; keep one")
        seen.add(contact.contact_id)


def _our_role(text: str) -> str:
    role = text.casefold()
    if role not in OUR_ROLES:
        known = ", ".join(OUR_ROLES)
        raise Refused(f"our role {text!r} is unknown{did_you_mean(role, OUR_ROLES)}; known: {known}")
    return role


def _time_zone(text: str) -> str:
    if text not in _zones():
        raise Refused(
            f"the time zone {text!r} is unknown{did_you_mean(text, _zones())}; write for example Europe/Berlin"
        )
    return text


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _services(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(str.strip, re.split("[;,]", text)))))


def _phone(text: str) -> str:
    if sum(character.isdigit() for character in text) < 3 or re.search(r"\dE[+-]?\d", text, re.IGNORECASE):
        raise Refused(f"{text!r} is no phone number; format the column as text and write for example +49 30 5550 123")
    return text


def _date(text: str) -> date | None:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Refused(f"{text!r} is no date; write year-month-day, as in 2026-03-31")
