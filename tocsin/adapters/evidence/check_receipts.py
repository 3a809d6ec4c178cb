"""Checks of receipts: each is in the log, for the notice that it stands by, and none was taken out."""

from collections.abc import Iterator

from pydantic import ValidationError

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.layout import ReceiptRecord
from tocsin.adapters.evidence.listed import Unreadable
from tocsin.adapters.evidence.pack import Pack
from tocsin.adapters.evidence.result import Finding


def receipts_in_log(pack: Pack) -> Iterator[Finding]:
    """Compare each receipt with its entry, both ways: one that was moved to another notice has none there."""
    left = pack.entries.receipts
    for record in _records(pack):
        receipt = record.receipt
        entry = pack.entries.of_receipt(receipt.receipt_id) if receipt.receipt_id in left else None
        left.discard(receipt.receipt_id)
        if entry is None:
            what = f"receipt {receipt.receipt_id} ({receipt.kind}) is not in the log: it was added"
            yield Finding(file=layout.RECEIPTS, what=what)
            continue
        said = (
            entry.draft.kind.removeprefix("receipt."),
            entry.draft.data.get("notice"),
            entry.draft.data.get("source"),
        )
        if said != (receipt.kind, receipt.notice_id, receipt.source):
            what = f"receipt {receipt.receipt_id} stands by another notice, or says other things, than the log has"
            yield Finding(file=layout.RECEIPTS, entry=entry.number, what=what)
        if receipt.notice_id not in pack.rows:
            yield Finding(file=layout.RECEIPTS, what=f"receipt {receipt.receipt_id} is of a notice that is not here")
    for receipt_id in sorted(left):
        entry = pack.entries.of_receipt(receipt_id)
        what = f"receipt {receipt_id} is in the log and not here: it was taken out"
        yield Finding(file=layout.RECEIPTS, entry=entry.number if entry else None, what=what)


def _records(pack: Pack) -> Iterator[ReceiptRecord]:
    for number, line in enumerate(pack.lines(layout.RECEIPTS), start=1):
        try:
            yield ReceiptRecord.model_validate_json(line)
        except ValidationError as error:
            what = f"line {number} is no receipt any more: {error.errors()[0]['msg']}"
            raise Unreadable(Finding(file=layout.RECEIPTS, what=what)) from error
