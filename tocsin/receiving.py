"""Taking receipts in: kept as they came, given to their notices, and applied, all in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from tocsin.audit.entry import EntryDraft
from tocsin.domain.notice import FAILED, Notice, NoticeState
from tocsin.domain.receipt import WAITS, Receipt, ReceiptKind, after, delivered_at
from tocsin.domain.values import Instant, NoticeId, PersonId, Value
from tocsin.ports import Store, Transaction
from tocsin.steps import moved, record

RECENT = timedelta(days=7)
"""How old a notice may be for a bounce without our ids to be counted as its own, by the address alone."""

Rows = dict[NoticeId, Notice]

BY_ADDRESS = frozenset({ReceiptKind.BOUNCED, ReceiptKind.BLOCKED, ReceiptKind.DROPPED})


class Heard(Value):
    """What a channel said, before it is known whose it is."""

    receipt_id: str
    kind: ReceiptKind
    at: Instant
    source: str
    notice_id: NoticeId | None = None
    address: str | None = None
    message: str | None = None
    detail: str = ""
    raw: bytes


class Taken(Value):
    """What came of taking receipts in."""

    new: int = 0
    again: int = 0
    parked: int = 0
    moved: int = 0

    def plus(self, other: "Taken") -> "Taken":
        """Return what came of both."""
        return Taken(**{name: getattr(self, name) + getattr(other, name) for name in Taken.model_fields})


def take(store: Store, heard: Sequence[Heard], now: datetime) -> Taken:
    """Keep receipts and apply them. It returns only once that is durable, and taking them again changes nothing."""
    with store.writing() as tx:
        rows = {row.notice_id: row for row in tx.ledger.by_id({h.notice_id for h in heard if h.notice_id})}
        near = {one.receipt_id: _by_address(tx, one, now) for one in heard if one.notice_id is None}
        receipts = [_receipt(one, _whose(one, rows, near), now) for one in heard]
        new = tx.receipts.keep(list(zip(receipts, (one.raw for one in heard), strict=True)))
        changed = apply(tx, new, now, rows)
        for receipt in new:
            _question(tx, receipt, near.get(receipt.receipt_id, []), now)
    parked = sum(receipt.notice_id is None for receipt in new)
    return Taken(new=len(new), again=len(heard) - len(new), parked=parked, moved=changed)


def take_reports(store: Store, said: Sequence[tuple[Heard, Sequence[NoticeId]]], now: datetime) -> Taken:
    """Take in what anybody may have written: each is of the first of its notices that went to its very recipient.

    Nothing of it counts from before the notice left.
    """
    with store.reading() as tx:
        heard = [_named(tx, one, notices) for one, notices in said]
    return take(store, heard, now)


def assign(store: Store, receipt_id: str, notice: Notice | None, person_id: PersonId, at: datetime) -> Receipt | None:
    """Give a parked receipt to a notice, as a person decided, or (None) set it aside.

    Raises:
        Refused: if it is not parked.
    """
    with store.writing() as tx:
        mine = tx.receipts.assign(receipt_id, notice, person_id, at)
        data = {"receipt": receipt_id, "notice": notice.notice_id if notice else ""}
        incident_id = notice.incident_id if notice else None
        entry = EntryDraft(
            key=f"receipt.assigned:{receipt_id}",
            at=at,
            kind="receipt.assigned",
            incident_id=incident_id,
            actor=person_id,
            data=data,
        )
        tx.log.append([entry])
        if mine is not None:
            apply(tx, [mine], at)
        return mine


def apply(tx: Transaction, new: Sequence[Receipt], now: datetime, rows: Rows | None = None) -> int:
    """Bring the notices of new receipts to where all their receipts say; return how many took a step.

    `rows` are those that this transaction has read, and locked, already.
    """
    changed = catch_up(tx, {receipt.notice_id for receipt in new if receipt.notice_id}, now, rows or {})
    # Whether it moved its notice or not: what was said is part of the record, and evidence finds each one in the log.
    tx.log.append(map(_entry, new))
    return len(changed)


def suppress(tx: Transaction, rows: Sequence[tuple[Notice, Heard]], now: datetime) -> None:
    """Drop released notices that have not left, each with what its channel's list says of its address as a receipt."""
    said = [(_receipt(heard, row, now), heard.raw) for row, heard in rows]
    new = tx.receipts.keep(said)
    record(tx, [moved(row, NoticeState.DROPPED, now, detail=heard.detail) for row, heard in rows], now)
    tx.log.append(map(_entry, new))


def catch_up(tx: Transaction, notice_ids: Iterable[NoticeId], now: datetime, known: Rows | None = None) -> list[Notice]:
    """Apply every receipt of these notices; one whose call is still under way is noted for later."""
    read, wanted = known or {}, sorted(set(notice_ids))
    rows = [read[key] for key in wanted if key in read]
    rows += tx.ledger.by_id(key for key in wanted if key not in read)
    by_notice: dict[NoticeId | None, list[Receipt]] = {}
    for receipt in tx.receipts.of(row.notice_id for row in rows):
        by_notice.setdefault(receipt.notice_id, []).append(receipt)
    tx.receipts.wait(row for row in rows if row.state is WAITS)
    changed = [new for row in rows if (new := _advanced(row, by_notice.get(row.notice_id, []), now)) is not None]
    record(tx, changed, now)
    tx.receipts.ask_nudge({(row.incident_id, row.wave_id) for row in changed}, now)
    return changed


def _advanced(row: Notice, receipts: list[Receipt], now: datetime) -> Notice | None:
    to = after(row.state, receipts)
    if to is row.state:
        return None
    said = _deciding(to, receipts)
    at = min(said.at, now)  # a channel's clock that runs ahead proves nothing before it happens
    change = {
        "provider_id": said.message or row.provider_id,
        "detail": said.detail or None if to in FAILED or to is NoticeState.DEFERRED else None,
        "delivered_at": delivered_at(receipts),
    }
    return moved(row, to, at, **change)


def _deciding(to: NoticeState, receipts: list[Receipt]) -> Receipt:
    """Return the receipt that the state rests on: the first delivery, or the last of anything else."""
    says = ReceiptKind.PROCESSED if to is NoticeState.ACCEPTED else ReceiptKind(to.value)
    those = [receipt for receipt in receipts if receipt.kind is says]
    first = to in {NoticeState.DELIVERED, NoticeState.ACKNOWLEDGED, NoticeState.ACCEPTED}
    return (min if first else max)(those, key=lambda receipt: (receipt.at, receipt.receipt_id))


def _named(tx: Transaction, heard: Heard, notices: Sequence[NoticeId]) -> Heard:
    for notice_id in notices:
        row, letter = tx.ledger.notice(notice_id), tx.ledger.letter(notice_id)
        if row is None or letter is None or row.claimed_at is None:
            continue
        if heard.address is None or heard.address.casefold() == letter.to_address.casefold():
            return heard.model_copy(update={"notice_id": notice_id, "at": max(heard.at, row.claimed_at)})
    return heard


def _whose(heard: Heard, rows: Rows, near: Mapping[str, Sequence[Notice]]) -> Notice | None:
    """Return the notice that is named, or the one recent notice that went to the address."""
    if heard.notice_id is not None:
        return rows.get(heard.notice_id)
    found = near[heard.receipt_id]
    return found[0] if len(found) == 1 else None


def _question(tx: Transaction, receipt: Receipt, near: Sequence[Notice], now: datetime) -> None:
    """Mark each notice that a parked failure may be of; which it is, a person says."""
    if receipt.notice_id is not None or len(near) < 2:
        return
    why = f"a failure came that may be of this notice: tocsin receipts parked ({receipt.receipt_id})"
    rows = tx.ledger.by_id(row.notice_id for row in near)
    tx.ledger.put(row.model_copy(update={"detail": why}) for row in rows)
    tx.log.append(_in_question(receipt, row, now) for row in rows)


def _in_question(receipt: Receipt, row: Notice, now: datetime) -> EntryDraft:
    return EntryDraft(
        key=f"bounce.questioned:{receipt.receipt_id}:{row.notice_id}",
        at=now,
        kind="bounce.questioned",
        incident_id=row.incident_id,
        actor="engine",
        data={"receipt": receipt.receipt_id, "notice": row.notice_id, "source": receipt.source},
    )


def _receipt(heard: Heard, row: Notice | None, now: datetime) -> Receipt:
    known = row is not None and row.state is not NoticeState.DRAFTED
    return Receipt(
        receipt_id=heard.receipt_id,
        notice_id=row.notice_id if row and known else None,
        incident_id=row.incident_id if row and known else None,
        kind=heard.kind,
        at=heard.at,
        received_at=now,
        message=heard.message,
        source=heard.source,
        detail=heard.detail,
    )


def _by_address(tx: Transaction, heard: Heard, now: datetime) -> list[Notice]:
    """Return the recent notices that went to the address; with several of them a person must say which."""
    if heard.address is None or heard.kind not in BY_ADDRESS:
        return []
    return tx.receipts.sent_to(heard.address, now - RECENT)


def _entry(receipt: Receipt) -> EntryDraft:
    return EntryDraft(
        key=f"receipt:{receipt.receipt_id}",
        at=min(receipt.at, receipt.received_at),
        kind=f"receipt.{receipt.kind}" if receipt.notice_id else "receipt.parked",
        incident_id=receipt.incident_id,
        actor="engine",
        data={"receipt": receipt.receipt_id, "notice": receipt.notice_id or "", "source": receipt.source},
    )
