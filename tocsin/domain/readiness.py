"""Readiness: what the register lacks to tell everyone in time. Work for a person, found before the night it matters."""

from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from itertools import chain

from tocsin.domain.register import Agreement
from tocsin.domain.values import AgreementId, Value


class Weight(StrEnum):
    """How much a finding matters: somebody will not be told; one absence is enough for that; good to know."""

    MISSING = "missing"
    WEAK = "weak"
    INFO = "info"


class Finding(Value):
    """One thing about one agreement that a person should look at: what it is, and what to do about it."""

    agreement_id: AgreementId
    reference: str
    severity: Weight
    what: str
    fix: str


def readiness(agreements: Iterable[Agreement], on: date | None = None) -> list[Finding]:
    """Return what the register lacks, agreement by agreement, then addresses that several parties share.

    Reads `agreements` once and keeps none of them: time and memory grow with what is found and with the addresses.

    Args:
        agreements: the register, possibly as a stream.
        on: the day on which an agreement counts as ended; without it, ended agreements are not looked for.
    """
    findings: list[Finding] = []
    desks: dict[str, dict[str, Agreement]] = {}
    for agreement in agreements:
        findings.extend(_gaps(agreement, on))
        for contact in chain(agreement.chain, agreement.copies):
            desks.setdefault(contact.email.casefold(), {}).setdefault(agreement.party_id, agreement)
    findings.extend(_shared(list(parties.values())) for parties in desks.values() if len(parties) > 1)
    return findings


def _gaps(agreement: Agreement, on: date | None) -> Iterator[Finding]:
    if not agreement.clause.limbs:
        yield _finding(agreement, Weight.MISSING, "the clause promises nothing", "read the contract, fill in `notify`")
    if not agreement.chain:
        by_phone = f"; until then phone {agreement.phone}" if agreement.phone else ", or a phone number"
        yield _finding(agreement, Weight.MISSING, "there is nobody to write to", f"ask for a contact{by_phone}")
    elif len(agreement.chain) == 1:
        yield _finding(agreement, Weight.WEAK, "the contact has no deputy", "ask for a second address, or a phone")
    if on is not None and agreement.ends_on is not None and agreement.ends_on < on:
        what = f"the agreement ended on {agreement.ends_on.isoformat()}"
        yield _finding(
            agreement, Weight.WEAK, what, "correct `ends_on`, or remove the line if nothing is owed any more"
        )


def _shared(agreements: list[Agreement]) -> Finding:
    names = ", ".join(agreement.party_name for agreement in agreements[1:])
    what = f"its contact is also the contact of {names}"
    return _finding(agreements[0], Weight.INFO, what, "nothing if meant: each agreement gets its own notice")


def _finding(agreement: Agreement, severity: Weight, what: str, fix: str) -> Finding:
    return Finding(
        agreement_id=agreement.agreement_id, reference=agreement.reference, severity=severity, what=what, fix=fix
    )
