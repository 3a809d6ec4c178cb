"""Comparing the log with what was committed to: its own signed checkpoints, and those that witnesses hold."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from tocsin.audit.entry import leaf_hash
from tocsin.audit.tree import Frontier
from tocsin.audit.verify import Verdict, verify_along
from tocsin.domain.errors import Refused
from tocsin.ports import CheckpointRow, Notary, Transaction

SLICE = 100_000
"""Entries of the older log that one sweep recomputes; sweep after sweep they go round the whole log."""

TURN = timedelta(minutes=5)
"""How long each slice has its turn."""


def signed(tx: Transaction, notary: Notary, at: datetime, known: Frontier | None = None) -> Verdict:
    """Append a checkpoint of the log as it is now, unless it does not go on from the one before.

    `known` is a head that was compared already, in a transaction before this one.
    """
    verdict = goes_on(tx, notary, known)
    newest, head = tx.checkpoints.newest(), tx.log.head()
    if verdict.holds and head.size > (newest.head.size if newest else 0):
        tx.checkpoints.add(CheckpointRow(at=at, head=head, note=notary.sign(head)))
    return verdict


def goes_on(tx: Transaction, notary: Notary, known: Frontier | None = None) -> Verdict:
    """Recompute what came since the newest checkpoint: the log must go on from it, and give its own head."""
    newest = tx.checkpoints.newest()
    if newest is not None and (why := _unlike_its_note(newest, notary)):
        return _not_signed(newest, why)
    start = known or (newest.head if newest else Frontier())
    return verify_along(tx.log.entries(start.size), [start, tx.log.head()])


def sliced(tx: Transaction, notary: Notary, at: datetime, size: int = SLICE) -> Verdict:
    """Recompute the slice of the log whose turn it is, from checkpoint to checkpoint, signatures included."""
    newest = tx.checkpoints.newest()
    if newest is None:
        return Verdict(holds=True, size=0, root=Frontier().root())
    turns = max(1, -(-newest.head.size // size))
    first = size * (int(at.timestamp() // TURN.total_seconds()) % turns)
    before = tx.checkpoints.newest(at_most=first)
    start = before.head if before else Frontier()
    rows = [*([before] if before else []), *_through(tx.checkpoints.after(start.size), first + size)]
    for row in rows:
        if why := _unlike_its_note(row, notary):
            return _not_signed(row, why)
    heads = [row.head for row in rows]
    return verify_along(tx.log.entries(start.size), heads if before else [start, *heads])


def located(tx: Transaction, notary: Notary, at: datetime) -> Verdict | None:
    """Recompute the whole log from checkpoint to checkpoint, to name the first entry of what does not go on."""
    newest = tx.checkpoints.newest()
    verdict = sliced(tx, notary, at, size=newest.head.size) if newest else None
    return verdict if verdict is not None and not verdict.holds else None


def against_note(tx: Transaction, notary: Notary, note: str) -> Verdict:
    """Compare the log with a checkpoint kept elsewhere: the log must have begun as that says.

    Raises:
        Refused: if the note is none of this log's.
    """
    kept, head = notary.check(note), tx.log.head()
    if kept.size > head.size:
        why = f"the log has {head.size} entries, it had {kept.size} before: its tail was cut, or an old copy put back"
        return Verdict(holds=False, size=head.size, root=head.root(), first_bad=head.size, why=why)
    before = tx.checkpoints.newest(at_most=kept.size)
    start = before.head if before else Frontier()
    later = islice(tx.log.entries(start.size), kept.size - start.size)
    tree = start.extended(leaf_hash(stored.body) for stored in later)
    if (tree.size, tree.root()) == (kept.size, kept.root):
        return Verdict(holds=True, size=tree.size, root=tree.root())
    # As far as the store's own checkpoints say; whoever forked the log with its key may have made those anew.
    agreed = before.head.size if before and before.head.size < kept.size else 0
    why = f"its first {kept.size} entries are not those that were committed to: the log was forked or rewritten"
    return Verdict(holds=False, size=tree.size, root=tree.root(), first_bad=agreed, why=why)


def _through(rows: Iterable[CheckpointRow], size: int) -> Iterator[CheckpointRow]:
    """Yield the rows up to the first of at least `size` entries."""
    for row in rows:
        yield row
        if row.head.size >= size:
            return


def _unlike_its_note(row: CheckpointRow, notary: Notary) -> str:
    try:
        noted = notary.check(row.note)
    except Refused as error:
        return str(error)
    if (noted.size, noted.root) != (row.head.size, row.head.root()):
        return f"the checkpoint of {row.head.size} entries stands beside a head that it was not made of"
    return ""


def _not_signed(row: CheckpointRow, why: str) -> Verdict:
    return Verdict(holds=False, size=row.head.size, root=row.head.root(), why=why)
