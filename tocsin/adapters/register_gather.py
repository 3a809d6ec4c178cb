"""Rows gathered into agreements: a contract's versions and its further clauses stand in rows of their own."""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby, pairwise

from tocsin.adapters.register_cells import key
from tocsin.adapters.register_row import OF_THE_CLAUSE, Row, agreement_of, clause_of
from tocsin.domain.clause import SECURITY_INCIDENT, NoticeClause
from tocsin.domain.errors import Refused
from tocsin.domain.register import Agreement


def gather(rows: Iterable[Row], id_key: bytes, mistakes: list[str]) -> Iterator[Agreement]:
    """Yield the agreements of rows that stand in order: those of one agreement together. Only one is held at a time.

    A row with the agreement and version of an earlier one adds a clause: its other cells are blank or say the same.
    What is wrong is added to `mistakes`; the agreement it is wrong with is left out.
    """
    first_rows: dict[str, str] = {}
    for reference, group in groupby(rows, lambda row: row.get("agreement")):
        together = list(group)
        for row in together:
            first = first_rows.setdefault(reference, row.where)
            if reference and together[0].where != first:
                row.wrong("agreement", f"{reference!r} stands in {first} already; remove one, or put them together")
        found = _contract(together, id_key)
        for row in together:
            mistakes.extend(row.mistakes)
        if found and not any(row.mistakes for row in together):
            newest, others = found[-1], tuple(found[:-1])
            yield newest.model_copy(update={"other_versions": others}) if others else newest


def _contract(rows: list[Row], id_key: bytes) -> list[Agreement]:
    """Return the contract's versions, the oldest first."""
    heads: dict[str, Row] = {}
    agreements: dict[str, Agreement | None] = {}
    clauses: dict[str, dict[str, Row]] = {}
    further: dict[str, list[NoticeClause]] = {}
    for row in rows:
        version = row.get("version")
        head = heads.setdefault(version, row)
        keys = clauses.setdefault(version, {})
        same = keys.setdefault(_clause_key(row), row)
        if head is row or not row.get("agreement"):
            agreements[version] = agreement_of(row, id_key)
        elif same is not row:
            _refuse_again(row, same, id_key)
        else:
            further.setdefault(version, []).append(_further(row, head, id_key))
    found = [(heads[version], agreement) for version, agreement in agreements.items() if agreement is not None]
    found.sort(key=lambda pair: pair[1].starts_on or date.min)
    for (_, before), (row, after) in pairwise(found):
        _compare(row, before, after)
    return [
        agreement.model_copy(update={"further_clauses": tuple(further[agreement.version])})
        if agreement.version in further
        else agreement
        for _, agreement in found
    ]


def _clause_key(row: Row) -> str:
    try:
        return key(row.get("clause")) if row.get("clause") else SECURITY_INCIDENT
    except Refused:  # the row says so itself
        return row.get("clause")


def _refuse_again(row: Row, same: Row, id_key: bytes) -> None:
    what = f"{row.get('agreement')!r} stands in {same.where} already; remove one of them, "
    row.wrong("agreement", f"{what}or give it another `clause` or `version`")
    agreement_of(row, id_key)


def _further(row: Row, head: Row, id_key: bytes) -> NoticeClause:
    for column, cell in row.cells.items():
        if column not in OF_THE_CLAUSE and cell and cell != head.get(column):
            row.wrong(column, f"{cell!r} is not what {head.where} says; a further clause leaves it blank")
    if not row.get("notify"):
        row.wrong("notify", "it is blank; fill it in")
    return clause_of(row, id_key)


def _compare(row: Row, before: Agreement, after: Agreement) -> None:
    if before.party_id != after.party_id:
        row.wrong("party", f"it is {before.party_name!r} in another version; a contract is with one party")
    if before.starts_on == after.starts_on:
        row.wrong("starts_on", "another version starts on the same day; say since when each is in force")
