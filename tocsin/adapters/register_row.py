"""One row of the register: its cells made into an agreement and a clause of it, and an agreement into its rows."""

from collections.abc import Iterator
from functools import lru_cache

from tocsin.adapters import register_cells as cells
from tocsin.adapters.register_cells import Row, read_address
from tocsin.domain.clause import (
    SECURITY_INCIDENT,
    Contact,
    Discharge,
    Exemption,
    Limb,
    Method,
    NoticeClause,
    OnLift,
    OnSilence,
    OwedBy,
    Possession,
)
from tocsin.domain.governing import versions
from tocsin.domain.register import Agreement
from tocsin.domain.register_text import parse_language, parse_limbs, parse_window, parse_word, write_limbs, write_window
from tocsin.domain.values import AgreementId, PartyId, opaque_id

__all__ = ["COLUMNS", "FURTHER_COLUMNS", "Row", "agreement_of", "clause_of", "read_address", "rows_of"]

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
"""The columns that are always written, in this order. They are read in any order."""

CLAUSE_COLUMNS = (
    "clause",
    "subject",
    "owed_by",
    "clause_data",
    "possession",
    "methods",
    "clause_language",
    "clause_time_zone",
    "calendar",
    "exceptions",
    "on_silence",
    "delivered_within",
    "clause_recipients",
    "clause_copies",
)
"""What can be said of a clause, beside `notify`, `discharge` and `on_lift`."""

FURTHER_COLUMNS = (
    "version",
    "their_role",
    "under",
    "governing_law",
    "data_held",
    "data_held_until",
    "regions",
    "location",
    "subprocessors",
    "data_categories",
    *CLAUSE_COLUMNS,
)
"""The columns that are written where an agreement uses them."""

OF_THE_CLAUSE = frozenset({"notify", "discharge", "on_lift", *CLAUSE_COLUMNS})

OUR_ROLES = ("processor", "sub-processor", "controller")
"""What we may be in an agreement."""

THEIR_ROLES = ("controller", "processor", "sub-processor")
_OPPOSITE = {"processor": "controller", "sub-processor": "processor", "controller": "processor"}

NOTHING = "nothing"
"""The `notify` cell of an agreement without a promise."""

NOBODY = "nobody"

NOTHING_PROMISED: tuple[Limb, ...] = ()
NO_ITEMS: tuple[str, ...] = ()
NO_EXEMPTIONS: tuple[Exemption, ...] = ()
BY_MAIL: tuple[Method, ...] = (Method.MAIL,)


def agreement_of(row: Row, id_key: bytes) -> Agreement | None:
    """Return the row's agreement, or None after noting in the row everything that is wrong with it."""
    for column in ("agreement", "party", "notify"):
        if not row.get(column):
            row.wrong(column, "it is blank; fill it in")
    cells.refuse_long(row, ("agreement", "party", "version", "under"))
    clause = clause_of(row, id_key)
    chain = cells.contacts(row, "contact", id_key) + cells.contacts(row, "deputies", id_key)
    copies = cells.contacts(row, "copies", id_key)
    cells.refuse_twice(row, "contact", chain + copies)
    starts_on, ends_on = row.read("starts_on", cells.day, None), row.read("ends_on", cells.day, None)
    if starts_on and ends_on and ends_on < starts_on:
        row.wrong("ends_on", f"{ends_on} lies before starts_on, {starts_on}; correct one of them")
    if row.get("under") and row.get("under") == row.get("agreement"):
        row.wrong("under", "an agreement cannot stand under itself; name its master agreement")
    reference, party = row.get("agreement"), row.get("party")
    our_role = row.read("role", cells.one_of(OUR_ROLES, "our role"), OUR_ROLES[0])
    agreement = Agreement(
        agreement_id=AgreementId(opaque_id("agr", id_key, reference)),
        reference=reference,
        party_id=PartyId(opaque_id("pty", id_key, party.casefold())),
        party_name=party,
        our_role=our_role,
        their_role=row.read("their_role", cells.one_of(THEIR_ROLES, "their role"), _OPPOSITE[our_role]),
        clause=clause,
        language=row.read("language", parse_language, "en"),
        time_zone=row.read("time_zone", cells.time_zone, "UTC"),
        services=row.read("services", cells.services, NO_ITEMS),
        chain=chain,
        copies=copies,
        phone=row.read("phone", cells.phone, None),
        starts_on=starts_on,
        ends_on=ends_on,
        version=row.get("version"),
        under=row.get("under") or None,
        governing_law=row.get("governing_law") or None,
        data_held=row.read("data_held", cells.yes_or_no, None),
        data_held_until=row.read("data_held_until", cells.day, None),
        regions=row.read("regions", cells.items, NO_ITEMS),
        location=row.get("location") or None,
        subprocessors=row.read("subprocessors", cells.items, NO_ITEMS),
        data_categories=row.read("data_categories", cells.items, NO_ITEMS),
    )
    return None if row.mistakes else agreement


def clause_of(row: Row, id_key: bytes) -> NoticeClause:
    """Return the row's clause; what is wrong with it is noted in the row."""
    key = row.read("clause", cells.key, SECURITY_INCIDENT)
    clause = NoticeClause(
        limbs=row.read("notify", _limbs, NOTHING_PROMISED),
        discharge=row.read("discharge", lambda text: parse_word(Discharge, text, "discharge"), Discharge.ACCEPTED),
        on_lift=row.read("on_lift", lambda text: parse_word(OnLift, text, "effect on lifting"), OnLift.DUE_IMMEDIATELY),
        on_silence=row.read(
            "on_silence", lambda text: parse_word(OnSilence, text, "effect of silence"), OnSilence.ESCALATE
        ),
        key=key,
        subject=row.read("subject", cells.key, key),
        owed_by=row.read("owed_by", lambda text: parse_word(OwedBy, text, "party that must tell"), OwedBy.US),
        data=row.read("clause_data", cells.items, NO_ITEMS),
        possession=row.read("possession", lambda text: parse_word(Possession, text, "possession"), Possession.ANY),
        methods=row.read("methods", cells.methods, BY_MAIL),
        recipients=cells.contacts(row, "clause_recipients", id_key),
        copies=_clause_copies(row, id_key),
        language=row.read("clause_language", parse_language, None),
        time_zone=row.read("clause_time_zone", cells.time_zone, None),
        calendar=row.read("calendar", cells.calendar, None),
        exceptions=row.read("exceptions", cells.exemptions, NO_EXEMPTIONS),
        delivered_within=row.read("delivered_within", parse_window, None),
    )
    cells.refuse_twice(row, "clause_recipients", (*clause.recipients, *(clause.copies or ())))
    if any(limb.working for limb in clause.limbs) and not row.get("calendar"):
        row.wrong("calendar", "it is blank, but the clause counts working days; name their calendar, as in IN or DE-BY")
    return clause


def rows_of(agreement: Agreement) -> Iterator[dict[str, str]]:
    """Yield the rows that read back as this agreement: each version, the oldest first, and its further clauses.

    Cells that are blank may be missing.

    Raises:
        Refused: if a name holds a character that separates contacts.
    """
    for version in versions(agreement):
        yield _agreement_cells(version) | _clause_cells(version.clause)
        for clause in version.further_clauses:
            yield {"agreement": version.reference, "version": version.version} | _clause_cells(clause)


def _agreement_cells(agreement: Agreement) -> dict[str, str]:
    held = {None: "", True: "yes", False: "no"}[agreement.data_held]
    return {
        "agreement": agreement.reference,
        "party": agreement.party_name,
        "role": agreement.our_role,
        "their_role": "" if agreement.their_role == _OPPOSITE[agreement.our_role] else agreement.their_role,
        "language": agreement.language,
        "time_zone": agreement.time_zone,
        "services": "; ".join(agreement.services),
        "contact": cells.contacts_cell(agreement.chain[:1]),
        "deputies": cells.contacts_cell(agreement.chain[1:]),
        "copies": cells.contacts_cell(agreement.copies),
        "phone": agreement.phone or "",
        "starts_on": cells.day_cell(agreement.starts_on),
        "ends_on": cells.day_cell(agreement.ends_on),
        "version": agreement.version,
        "under": agreement.under or "",
        "governing_law": agreement.governing_law or "",
        "data_held": held,
        "data_held_until": cells.day_cell(agreement.data_held_until),
        "regions": cells.items_cell(agreement.regions),
        "location": agreement.location or "",
        "subprocessors": cells.items_cell(agreement.subprocessors),
        "data_categories": cells.items_cell(agreement.data_categories),
    }


def _clause_cells(clause: NoticeClause) -> dict[str, str]:
    copies = NOBODY if clause.copies == () else cells.contacts_cell(clause.copies or ())
    return {
        "notify": write_limbs(clause.limbs) or NOTHING,
        "discharge": clause.discharge,
        "on_lift": clause.on_lift,
        "clause": "" if clause.key == SECURITY_INCIDENT else clause.key,
        "subject": "" if clause.subject == clause.key else clause.subject,
        "owed_by": "" if clause.owed_by is OwedBy.US else clause.owed_by,
        "clause_data": cells.items_cell(clause.data),
        "possession": "" if clause.possession is Possession.ANY else clause.possession,
        "methods": "" if clause.methods == BY_MAIL else "; ".join(clause.methods),
        "clause_language": clause.language or "",
        "clause_time_zone": clause.time_zone or "",
        "calendar": clause.calendar.calendar_id if clause.calendar else "",
        "exceptions": cells.exemptions_cell(clause.exceptions),
        "on_silence": "" if clause.on_silence is OnSilence.ESCALATE else clause.on_silence,
        "delivered_within": write_window(clause.delivered_within),
        "clause_recipients": cells.contacts_cell(clause.recipients),
        "clause_copies": copies,
    }


@lru_cache(maxsize=1024)
def _limbs(text: str) -> tuple[Limb, ...]:
    # A register of thousands of agreements has a handful of clauses.
    return () if text.casefold() == NOTHING else parse_limbs(text)


def _clause_copies(row: Row, id_key: bytes) -> tuple[Contact, ...] | None:
    if row.get("clause_copies").casefold() == NOBODY:
        return ()
    return cells.contacts(row, "clause_copies", id_key) or None
