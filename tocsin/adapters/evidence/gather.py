"""What goes into an evidence folder, file by file, read from one transaction."""

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from tocsin.adapters.evidence import layout, standalone
from tocsin.adapters.evidence.layout import LogHead, ReceiptRecord, as_json, as_json_list, ledger_json
from tocsin.adapters.evidence.readme import readme
from tocsin.adapters.evidence.record import Record
from tocsin.adapters.evidence.report import report
from tocsin.adapters.evidence.sign import Signer, as_pem
from tocsin.adapters.evidence.timeline import markdown
from tocsin.adapters.evidence.witnessed import witnessed
from tocsin.audit.proof import inclusion_proofs
from tocsin.domain.act import Attach, Envelope
from tocsin.domain.errors import Broken
from tocsin.domain.values import IncidentId
from tocsin.ports import Sealer, Transaction

T = TypeVar("T")
Files = Iterator[tuple[str, Iterable[bytes]]]
PAGE = 500
PROVED_AT_ONCE = 5_000
VERIFIER = Path(standalone.__file__).read_bytes()
"""The verifier that goes into every pack, byte for byte."""


class Means(NamedTuple):
    """What a pack is made with, beside the store."""

    sealer: Sealer
    signer: Signer
    histories: Mapping[str, bytes] = {}
    """Temporal's own histories by name, in clear."""


def files(tx: Transaction, incident_id: IncidentId, means: Means) -> Files:
    """Yield the name and content of each file; read the content of one before asking for the next.

    Raises:
        Refused: if there is no such incident.
    """
    record = Record(tx, incident_id)
    # Agreements are large: they come and go first, and what stays of them is what everybody in them is called.
    yield layout.AGREEMENTS, as_json_list(record.agreements())
    yield layout.INCIDENT, [as_json(record.state)]
    yield layout.FACTS, [as_json(record.facts)]
    yield layout.ACTS, as_json_list(record.acts)
    yield layout.OMISSIONS, as_json_list(record.omissions)
    yield layout.DUTIES, as_json_list(record.duties)
    yield layout.CLOCKS, as_json_list(record.clocks)
    yield layout.LEDGER, ledger_json(record.ledger)
    yield layout.TASKS, as_json_list(record.tasks)
    yield layout.HOLDS, as_json_list(record.holds)
    yield layout.SALT, [means.sealer.salt(incident_id).hex().encode() + b"\n"]
    yield from _law(tx, incident_id)
    yield from _letters(tx, record)
    yield layout.RECEIPTS, _receipts(tx, record)
    yield from _attachments(tx, incident_id, record.acts)
    yield from _log(tx, record, means.signer)
    yield from witnessed(tx, record.last[0] + 1 if record.last else 0, record.head.size)
    yield layout.TIMELINE, as_json_list(record.timeline)
    yield layout.TIMELINE_TEXT, markdown(incident_id, record.timeline, drill=record.state.drill)
    yield layout.REPORT, [report(record, tx)]
    for name in sorted(means.histories):
        yield f"{layout.HISTORY}/{layout.safe_name(name)}", [record.without_privileged(means.histories[name])]
    yield layout.KEY, [as_pem(means.signer.public)]
    yield layout.VERIFIER, [VERIFIER]
    yield layout.README, [readme(incident_id, _head(record), drill=record.state.drill).encode()]


def _letters(tx: Transaction, record: Record) -> Files:
    for page in _pages(row for row in record.rows if row.letter):
        rows = {row.notice.notice_id: row for row in page}
        for notice_id, letter, prepared in tx.ledger.sent(list(rows)):
            row = rows.pop(notice_id)
            assert row.letter is not None
            yield row.letter, [as_json(letter)]
            if row.as_sent is not None:
                yield row.as_sent, [prepared]
        for row in rows.values():
            raise Broken(
                f"notice {row.notice.number} was told, but the store has no letter of it; compare it with a backup"
            )


def _receipts(tx: Transaction, record: Record) -> Iterator[bytes]:
    for page in _pages(notice.notice_id for wave in record.waves for notice in tx.ledger.each(wave.wave_id)):
        for receipt in tx.receipts.of(page):
            raw = b64encode(tx.receipts.raw(receipt.receipt_id) or b"").decode()
            yield ReceiptRecord(receipt=receipt, raw=raw).model_dump_json().encode() + b"\n"


def _pages(items: Iterable[T]) -> Iterator[list[T]]:
    stream = iter(items)
    while page := list(islice(stream, PAGE)):
        yield page


def _attachments(tx: Transaction, incident_id: IncidentId, acts: Iterable[Envelope]) -> Files:
    # A file is stored before its act; one whose act was refused is nobody's word and no part of the incident.
    named = {envelope.act.deed.sha256 for envelope in acts if isinstance(envelope.act.deed, Attach)}
    for kept in tx.incidents.attachments(incident_id):
        if kept.sha256 in named:
            yield layout.attachment_name(kept.sha256, kept.name), [kept.content]


def _law(tx: Transaction, incident_id: IncidentId) -> Files:
    """Yield the policies that the incident is pinned to, as they were kept then."""
    pin = tx.law.pinned(incident_id)
    packed = tx.law.pack(pin.law) if pin is not None else None
    if packed is not None:
        yield layout.LAW, [as_json(json.loads(zlib.decompress(packed)))]


def _log(tx: Transaction, record: Record, signer: Signer) -> Files:
    yield layout.LOG, (stored.body + b"\n" for stored in tx.log.entries())
    yield layout.LEAVES, (f"{stored.leaf}\n".encode() for stored in tx.log.entries())
    yield layout.HEAD, [as_json(_head(record))]
    yield layout.CHECKPOINT, [signer.checkpoint(record.head).encode()]
    yield layout.PROOFS, _proofs(tx, record)


def _proofs(tx: Transaction, record: Record) -> Iterator[bytes]:
    """Yield a proof for each entry, in batches: a reading of all leaves gives any number, which lie in memory then."""
    own = (entry.number for entry in record.entries)
    while batch := list(islice(own, PROVED_AT_ONCE)):
        proofs = inclusion_proofs((bytes.fromhex(stored.leaf) for stored in tx.log.entries()), batch)
        yield from (proof.model_dump_json().encode() + b"\n" for proof in proofs.values())


def _head(record: Record) -> LogHead:
    head = record.head
    return LogHead(size=head.size, root=head.root(), peaks=head.peaks)
