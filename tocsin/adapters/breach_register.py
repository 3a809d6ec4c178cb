"""The register of breaches read from the store, and written as CSV for a spreadsheet or as JSON."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from pydantic_core import to_jsonable_python

from tocsin.domain.breach_register import (
    NO_DECISION,
    Breach,
    Decided,
    Late,
    NotTold,
    Party,
    Records,
    Told,
    WhomDecided,
    breach,
    reported_between,
)
from tocsin.domain.incident import Facts
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.privilege import Redaction
from tocsin.domain.values import AgreementId
from tocsin.ports import Transaction

FORMAT = "tocsin.breaches/1"
UNKNOWN = "not yet known"

LISTED = 25
"""How many recipients a cell names; a spreadsheet's cell is not made for fifty thousand. JSON has them all."""

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r")


def read_breaches(tx: Transaction, first: datetime | None = None, before: datetime | None = None) -> list[Breach]:
    """Return the entries by report, oldest first: all, or those reported from `first` on and earlier than `before`."""
    entries = (breach(_records(tx, state)) for state in reversed(tx.incidents.all()) if not state.drill)
    return [entry for entry in entries if reported_between(entry, first, before)]


def as_json(entries: Iterable[Breach], made_at: datetime) -> bytes:
    """Return the register as JSON with stable keys."""
    plain = {"format": FORMAT, "made_at": made_at, "breaches": list(entries)}
    return (json.dumps(to_jsonable_python(plain), indent=2, ensure_ascii=False) + "\n").encode()


def as_csv(entries: Iterable[Breach]) -> bytes:
    """Return the register as CSV: UTF-8 with the mark by which spreadsheets know it, a line for each incident.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front. Nobody reads this file back.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    writer.writerows([_harmless(cell) for cell in _cells(entry)] for entry in entries)
    return out.getvalue().encode("utf-8-sig")


def _records(tx: Transaction, state: IncidentState) -> Records:
    incident_id, acts = state.incident_id, tx.incidents.acts(state.incident_id)
    without = Redaction(one.act for one in acts).model
    return Records(
        state=without(state),
        facts=without(tx.incidents.facts(incident_id) or Facts(title="(no facts yet)")),
        acts=tuple(map(without, acts)),
        duties=tuple(map(without, tx.duties.of(incident_id))),
        clocks=tuple(tx.duties.clocks(incident_id)),
        notices=tuple(tx.ledger.of(incident_id)),
        tasks=tuple(map(without, tx.tasks.of(incident_id))),
        holds=tuple(map(without, tx.duties.holds(incident_id))),
        parties=_parties(tx, state),
    )


def _parties(tx: Transaction, state: IncidentState) -> dict[AgreementId, Party]:
    pins = (pin.agreement for pin in tx.register.pinned(state.incident_id))
    return {one.agreement_id: Party(name=one.party_name, reference=one.reference) for one in pins}


COLUMNS = (
    "incident",
    "status",
    "title",
    "kind",
    "severity",
    "reported_at",
    "occurred_at",
    "discovered_at",
    "aware_at",
    "confirmed_at",
    "what_happened",
    "data_categories",
    "people_affected",
    "records_affected",
    "cause",
    "effects",
    "remedial_action",
    "lessons",
    "decision",
    "history",
    "told",
    "nobody_told_because",
    "not_told",
    "late",
    "holds",
)


def _cells(entry: Breach) -> Iterator[str]:
    yield from (entry.incident_id, entry.status, entry.title, entry.kind, entry.severity or UNKNOWN)
    moments = (entry.reported_at, entry.occurred_at, entry.discovered_at, entry.aware_at, entry.confirmed_at)
    yield from (_instant(at) or UNKNOWN for at in moments)
    yield entry.what_happened or UNKNOWN
    yield UNKNOWN if entry.data_categories is None else ", ".join(entry.data_categories)
    yield from (UNKNOWN if n is None else str(n) for n in (entry.people_affected, entry.records_affected))
    yield from (entry.cause or UNKNOWN, entry.effects or UNKNOWN)
    yield "; ".join(entry.remedial_action) or "none recorded yet"
    yield entry.lessons or ""
    yield _whom_decided(entry.decision) if entry.decision else NO_DECISION
    yield "\n".join(map(_decided, entry.history))
    yield _listed([_told(one) for one in entry.told])
    yield entry.nobody_told_because or ""
    yield _listed([_not_told(one) for one in entry.not_told])
    yield "\n".join(map(_late, entry.late))
    yield "\n".join(
        f"{hold.kind}: {hold.issuer}, {hold.reference}, {_instant(hold.since)} to {_instant(hold.until) or 'now'}"
        for hold in entry.holds
    )


def _decided(one: Decided) -> str:
    return f"{_instant(one.at)} {one.what} by {one.by}" + (f": {one.because}" if one.because else "")


def _whom_decided(one: WhomDecided) -> str:
    contrary = "".join(f"\nagainst the proposal: {part}" for part in one.against_proposal)
    return _decided(one) + contrary


def _told(one: Told) -> str:
    whom = f"{one.whom} ({one.reference})" if one.reference else one.whom
    number = f", notice {one.number}" if one.number else ""
    marks = (", copy" if one.copy_only else "") + (", late" if one.late else "")
    return f"{_instant(one.at) or 'no time recorded'} {whom}{number}: {one.state}, {one.how}{marks}"


def _not_told(one: NotTold) -> str:
    whom = f"{one.whom} ({one.reference})" if one.reference else one.whom
    due = f", due {_instant(one.deadline_at)}" if one.deadline_at else ""
    return f"{whom}, {one.duty}{due}: {one.state.value.replace('_', ' ')}, {one.because}"


def _late(one: Late) -> str:
    return f"{one.duty}, due {_instant(one.deadline_at)}: {one.reason or 'no reason given yet'}"


def _listed(lines: Sequence[str]) -> str:
    if len(lines) <= LISTED:
        return "\n".join(lines)
    return "\n".join([*lines[:LISTED], f"and {len(lines) - LISTED:,} more; the JSON form has them all"])


def _instant(at: datetime | None) -> str:
    return f"{at:%Y-%m-%dT%H:%MZ}" if at is not None else ""


def _harmless(cell: str) -> str:
    # Any line of a cell may be split off by whoever edits it, but only its first character makes it a formula.
    return f"'{cell}" if cell.lstrip(" \n\u00a0\ufeff").startswith(_FORMULA) else cell
