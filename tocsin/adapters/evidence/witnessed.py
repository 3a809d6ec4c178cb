"""What witnesses outside took of the log: the checkpoints themselves, and what was answered for them."""

import hashlib
from collections.abc import Iterable, Iterator

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.layout import Handed, as_json_list
from tocsin.ports import CheckpointRow, Pin, Transaction

_SUFFIX = {"tsa": "tsr"}
"""How `openssl ts` calls a timestamp; what others answer is text."""


def witnessed(tx: Transaction, size: int, at_most: int) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yield for each witness the first checkpoint of at least `size` entries, and the newest, with their receipts."""
    held = tx.checkpoints.witnessed(size, at_most)
    yield layout.WITNESSES, as_json_list(_handed(row, pin) for row, pin in held)
    for row in {row.head.size: row for row, _ in held}.values():
        yield _note(row), [row.note.encode()]
    for _, pin in held:
        if pin.receipt:
            yield _receipt(pin), [pin.receipt]


def _handed(row: CheckpointRow, pin: Pin) -> Handed:
    return Handed(
        witness=pin.witness,
        size=pin.size,
        at=pin.at,
        checkpoint=_note(row),
        receipt=_receipt(pin) if pin.receipt else None,
        receipt_sha256=hashlib.sha256(pin.receipt).hexdigest() if pin.receipt else None,
    )


def _note(row: CheckpointRow) -> str:
    return f"{layout.WITNESS}/{row.head.size}.checkpoint.txt"


def _receipt(pin: Pin) -> str:
    return f"{layout.WITNESS}/{pin.size}.{layout.safe_name(pin.witness)}.{_SUFFIX.get(pin.witness, 'txt')}"
