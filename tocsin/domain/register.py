"""The register: which organisations we promised what, and whom to write to."""

from collections.abc import Collection
from datetime import date
from itertools import chain as chained

from tocsin.domain.clause import (
    SECURITY_INCIDENT,
    Contact,
    Discharge,
    Exemption,
    ExemptionKind,
    Limb,
    Method,
    NoticeClause,
    OnLift,
    OnSilence,
    OwedBy,
    Possession,
)
from tocsin.domain.values import AgreementId, Instant, PartyId, Value

__all__ = [
    "SECURITY_INCIDENT",
    "Affected",
    "Agreement",
    "Contact",
    "Discharge",
    "Exemption",
    "ExemptionKind",
    "Limb",
    "Method",
    "NoticeClause",
    "OnLift",
    "OnSilence",
    "OwedBy",
    "Possession",
]

SUB_PROCESSOR = "sub-processor"


class Agreement(Value):
    """One version of a contract with one party, and the others beside it. `reference` is the user's own key for it."""

    agreement_id: AgreementId
    reference: str
    party_id: PartyId
    party_name: str
    our_role: str = "processor"
    clause: NoticeClause
    language: str = "en"
    time_zone: str = "UTC"
    services: tuple[str, ...] = ()
    chain: tuple[Contact, ...] = ()
    """The primary contact, then the numbered deputies, in the order in which they are tried."""
    copies: tuple[Contact, ...] = ()
    phone: str | None = None
    starts_on: date | None = None
    """First day on which this version is in force, in `time_zone`; None: it always was."""
    ends_on: date | None = None
    """Last day on which this version is in force; None: no end is known."""
    version: str = ""
    """Tells the versions of one contract apart."""
    their_role: str = "controller"
    further_clauses: tuple[NoticeClause, ...] = ()
    under: str | None = None
    """The reference of the master agreement that this order stands under."""
    governing_law: str | None = None
    data_held: bool | None = None
    """After the end: is their data still held? None: nobody has said, so it must be assumed."""
    data_held_until: date | None = None
    regions: tuple[str, ...] = ()
    location: str | None = None
    """Where a sub-processor processes."""
    subprocessors: tuple[str, ...] = ()
    """Names or references of the sub-processors that this party's data passes through."""
    data_categories: tuple[str, ...] = ()
    other_versions: tuple["Agreement", ...] = ()
    """The contract's other versions by `starts_on`; this one is the newest. They have none of their own."""

    @property
    def clauses(self) -> tuple[NoticeClause, ...]:
        """Every notice clause of this version."""
        return (self.clause, *self.further_clauses)

    @property
    def is_subprocessing(self) -> bool:
        """Whether the other party is a sub-processor of ours."""
        return self.their_role == SUB_PROCESSOR

    def addressees(self, keys: Collection[str]) -> tuple[tuple[Contact, ...], tuple[Contact, ...]]:
        """Return chain and copies for a notice that answers the clauses with these keys.

        The first of them gives the chain. Whoever only another one names gets a copy, so that nobody is left out.
        """
        asked = [clause for clause in self.clauses if clause.key in keys] or [self.clause]
        first, *others = (clause.recipients or self.chain for clause in asked)
        copies = [self.copies if clause.copies is None else clause.copies for clause in asked]
        named = {contact.contact_id for contact in first}
        more = {c.contact_id: c for c in chained(*others, *copies) if c.contact_id not in named}
        return first, tuple(more.values())

    def contacts(self) -> tuple[Contact, ...]:
        """Return everybody whom this version names, each once."""
        own = (contact for clause in self.clauses for contact in (*clause.recipients, *(clause.copies or ())))
        return tuple({c.contact_id: c for c in chained(self.chain, self.copies, own)}.values())


class Affected(Value):
    """A pinned agreement of an incident: the version that governs, and since when its party is known to be affected."""

    agreement: Agreement
    revision: int
    """The register's revision that the agreement was pinned from."""
    known_affected_at: Instant | None = None
    """None for those named in the report: their clocks run from the incident's own triggers."""
    confirmed: bool = True
    """False while the audience is not known yet and the party is only one that may be touched."""
    excluded: bool = False
    """True once a person has said that the party is not affected after all."""
