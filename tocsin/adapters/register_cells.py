"""The cells of the register: how each kind of value is read from its text, and written so that it reads back."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from typing import TypeVar
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email

from tocsin.domain.calendar import Calendar
from tocsin.domain.clause import Contact, Exemption, ExemptionKind, Method
from tocsin.domain.errors import Refused
from tocsin.domain.one_line import LONGEST, hidden_in
from tocsin.domain.register_text import did_you_mean, parse_word
from tocsin.domain.values import ContactId, opaque_id

Read = TypeVar("Read")

LONGEST_CELL = 100_000
"""Letters in a cell; more is a file that was pasted into one."""

CALENDAR_YEARS = (2020, 2035)
"""The years whose holidays are frozen into a clause: a fixed span, so that importing the same file changes nothing."""

_CONTACT = re.compile(r"([^<>]*)<([^<>]*)>(?:\s+confirmed\s+(\S+))?")
_ITEM = re.compile(r"(?:[^;\\]|\\.)+", re.DOTALL)


@dataclass
class Row:
    """One record: where it stands in the file, its cells by column, and what is wrong with it."""

    where: str
    """`line 2` of a CSV file, `agreement[2].clause[1]` of a TOML file; both count from 1."""
    cells: dict[str, str]
    mistakes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, where: str, cells: Iterable[tuple[str, str]]) -> "Row":
        """Return a row of cells as they stand in a file: trimmed, composed, and those that no line may hold noted."""
        row = cls(where, {})
        for column, cell in cells:
            # Composed and decomposed letters look the same and must give the same ids.
            row.cells[column] = tidy = unicodedata.normalize("NFC", cell).strip()
            if len(tidy) > LONGEST_CELL:
                row.wrong(column, f"it is longer than {LONGEST_CELL} letters; is it a file pasted into a cell?")
            elif hidden := hidden_in(tidy):
                row.wrong(column, f"{tidy!r} holds {hidden}; remove it")
        return row

    def get(self, column: str) -> str:
        """Return the cell, blank where the file lacks the column."""
        return self.cells.get(column, "")

    def wrong(self, column: str, what: object) -> None:
        """Note a mistake of this row."""
        self.mistakes.append(f"{self.where}: {column}: {what}")

    def read(self, column: str, parse: Callable[[str], Read], blank: Read) -> Read:
        """Return the parsed cell, or `blank` for a blank one; what `parse` refuses is noted, and `blank` stands in."""
        try:
            return parse(self.get(column)) if self.get(column) else blank
        except Refused as mistake:
            self.wrong(column, mistake)
            return blank


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


def contacts(row: Row, column: str, id_key: bytes) -> tuple[Contact, ...]:
    """Read `Name <address>` parts; ` confirmed 2026-01-31` after one says when somebody made sure of it."""
    found = []
    for part in filter(None, map(str.strip, row.get(column).split(";"))):
        try:
            name, address, confirmed_on = _contact(part)
        except Refused as mistake:
            row.wrong(column, mistake)
            continue
        contact_id = ContactId(opaque_id("con", id_key, row.get("agreement"), address.casefold()))
        found.append(Contact(contact_id=contact_id, name=name, email=address, confirmed_on=confirmed_on))
    return tuple(found)


def refuse_long(row: Row, columns: Iterable[str]) -> None:
    """Note every name that is no name any more."""
    for column in columns:
        if len(row.get(column)) > LONGEST:
            row.wrong(column, f"it has {len(row.get(column))} letters; shorten it to {LONGEST}")


def contacts_cell(found: Iterable[Contact]) -> str:
    """Write what `contacts` reads. Raises Refused for a name that holds what separates contacts."""
    return "; ".join(map(_contact_cell, found))


def refuse_twice(row: Row, column: str, found: Iterable[Contact]) -> None:
    """Note every contact that is there twice."""
    seen: set[ContactId] = set()
    for contact in found:
        if contact.contact_id in seen:
            row.wrong(column, f"{contact.email} is named twice for this agreement; keep one")
        seen.add(contact.contact_id)


def items(text: str) -> tuple[str, ...]:
    r"""Read a list: items between `;`, each once; `\;` is a semicolon and `\\` a backslash within an item."""
    parts = (re.sub(r"\\(.)", r"\1", part).strip() for part in _ITEM.findall(text))
    return tuple(dict.fromkeys(filter(None, parts)))


def items_cell(found: Iterable[str]) -> str:
    """Write what `items` reads."""
    return "; ".join(re.sub(r"([;\\])", r"\\\1", item) for item in found)


def exemptions(text: str) -> tuple[Exemption, ...]:
    """Read a clause's exceptions: `encrypted: the key was safe; no_risk: …`; a kind may be missing."""
    return tuple(map(_exemption, items(text)))


def exemptions_cell(found: Iterable[Exemption]) -> str:
    """Write what `exemptions` reads."""
    return items_cell(f"{one.kind}: {one.text}" for one in found)


def methods(text: str) -> tuple[Method, ...]:
    """Read the ways to tell that are required together: `post and mail`, `post; mail`."""
    parts = filter(None, map(str.strip, re.split(r"[;,]|\band\b", text)))
    named = ("mail" if part.casefold() in {"email", "e-mail"} else part for part in parts)
    return tuple(dict.fromkeys(parse_word(Method, part, "method") for part in named))


def key(text: str) -> str:
    """Read a clause's key or subject: a few words, joined by `_`."""
    joined = re.sub(r"[\s-]+", "_", text.casefold())
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", joined):
        raise Refused(f"{text!r} is no key; write letters, digits and `_`, at most 40, as in security_incident")
    return joined


@lru_cache(maxsize=256)
def calendar(text: str) -> Calendar:
    """Read the name of a holiday calendar and freeze its days: `IN`, `DE-BY`, `US-SEC`."""
    from tocsin.adapters.holiday_calendars import holiday_calendar  # noqa: PLC0415 - a second that few registers need

    return holiday_calendar(text.upper(), *CALENDAR_YEARS)


def one_of(known: tuple[str, ...], what: str) -> Callable[[str], str]:
    """Return what reads one of the known words."""

    def parse(text: str) -> str:
        word = "-".join(text.casefold().replace("_", " ").split())
        if word not in known:
            raise Refused(f"{what} {text!r} is unknown{did_you_mean(word, known)}; known: {', '.join(known)}")
        return word

    return parse


def yes_or_no(text: str) -> bool:
    """Read `yes` or `no`."""
    if text.casefold() not in {"yes", "no"}:
        raise Refused(f"{text!r} is neither yes nor no; leave it blank where nobody knows")
    return text.casefold() == "yes"


def time_zone(text: str) -> str:
    """Read an IANA time zone."""
    if text not in _zones():
        raise Refused(
            f"the time zone {text!r} is unknown{did_you_mean(text, _zones())}; write for example Europe/Berlin"
        )
    return text


def services(text: str) -> tuple[str, ...]:
    """Read names of services between `;` or `,`."""
    return tuple(dict.fromkeys(filter(None, map(str.strip, re.split("[;,]", text)))))


def phone(text: str) -> str:
    """Read a phone number; what a spreadsheet made of one is refused."""
    if sum(character.isdigit() for character in text) < 3 or re.search(r"\dE[+-]?\d", text, re.IGNORECASE):
        raise Refused(f"{text!r} is no phone number; format the column as text and write for example +49 30 5550 123")
    return text


def day(text: str) -> date | None:
    """Read a date."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Refused(f"{text!r} is no date; write year-month-day, as in 2026-03-31")


def day_cell(found: date | None) -> str:
    """Write what `day` reads."""
    return found.isoformat() if found else ""


def _contact(part: str) -> tuple[str, str, date | None]:
    match = _CONTACT.fullmatch(part)
    if match is None and re.search(r"[<>\s,]", part):
        raise Refused(f"{part!r} is not `Name <address>`; several are separated by `;`")
    name, address, confirmed = match.groups() if match else ("", part, None)
    name, address = name.strip(), read_address(address)
    if len(name) > LONGEST:
        raise Refused(f"the name of {address} has {len(name)} letters; shorten it to {LONGEST}")
    return name or address, address, day(confirmed) if confirmed else None


def _contact_cell(contact: Contact) -> str:
    if re.search("[<>;]", contact.name):
        raise Refused(f"the contact's name {contact.name!r} holds `<`, `>` or `;`; rename it before exporting")
    confirmed = f" confirmed {contact.confirmed_on.isoformat()}" if contact.confirmed_on else ""
    if contact.name == contact.email:
        return f"<{contact.email}>{confirmed}" if confirmed else contact.email
    return f"{contact.name} <{contact.email}>{confirmed}"


def _exemption(part: str) -> Exemption:
    kind, colon, text = part.partition(":")
    if colon and kind.strip() in set(ExemptionKind):
        return Exemption(kind=ExemptionKind(kind.strip()), text=text.strip())
    return Exemption(text=part)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
