"""What goes into an evidence folder, file by file, read from one transaction."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tocsin.adapters.evidence import layout, standalone
from tocsin.adapters.evidence.layout import DutyRecord, LedgerRow, LedgerWave, LogHead, as_json
from tocsin.adapters.evidence.names import Names
from tocsin.adapters.evidence.readme import readme
from tocsin.adapters.evidence.sign import Signer, as_pem
from tocsin.adapters.evidence.timeline import markdown, timeline
from tocsin.audit.proof import inclusion_proofs
from tocsin.domain.act import Attach, Envelope
from tocsin.domain.duty import Duty
from tocsin.domain.errors import Broken, Refused
from tocsin.domain.governing import at_or_newest
from tocsin.domain.incident import Facts
from tocsin.domain.notice import Notice
from tocsin.domain.register import Agreement
from tocsin.domain.values import AgreementId, IncidentId
from tocsin.ports import Sealer, Transaction, WaveRow

Files = Iterator[tuple[str, Iterable[bytes]]]
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
    state = tx.incidents.state(incident_id)
    if state is None:
        raise Refused(f"there is no incident {incident_id}; `tocsin list` shows those that exist")
    agreements = {pin.agreement.agreement_id: pin.agreement for pin in tx.register.pinned(incident_id)}
    acts, ledger = tx.incidents.acts(incident_id), _ledger(tx, incident_id, agreements)
    clocks, tasks = tx.duties.clocks(incident_id), tx.tasks.of(incident_id)
    # A party that was renamed is called what it was written to as.
    written = {row.notice.agreement_id: (row.party, row.reference) for wave in ledger for row in wave.rows}
    parties = {key: (agreement.party_name, agreement.reference) for key, agreement in agreements.items()} | written
    duties = [_duty(duty, parties) for duty in tx.duties.of(incident_id)]
    yield layout.INCIDENT, [as_json(state)]
    yield layout.FACTS, [as_json(tx.incidents.facts(incident_id) or Facts(title="(no facts yet)"))]
    yield layout.ACTS, [as_json(acts)]
    yield layout.DUTIES, [as_json(duties)]
    yield layout.CLOCKS, [as_json(clocks)]
    yield layout.LEDGER, [as_json(ledger)]
    yield layout.TASKS, [as_json(tasks)]
    yield layout.HOLDS, [as_json(tx.duties.holds(incident_id))]
    yield layout.SALT, [means.sealer.salt(incident_id).hex().encode() + b"\n"]
    yield layout.AGREEMENTS, [as_json(agreements[key] for key in sorted(agreements))]
    yield from _law(tx, incident_id)
    yield from _letters(tx, ledger)
    yield from _attachments(tx, incident_id, acts)
    yield from _log(tx, incident_id, means.signer)
    yield from _timeline(tx, incident_id, acts, Names.of(acts, duties, ledger, clocks, tasks))
    for name in sorted(means.histories):
        yield f"{layout.HISTORY}/{layout.safe_name(name)}", [means.histories[name]]
    yield layout.KEY, [as_pem(means.signer.public)]
    yield layout.VERIFIER, [VERIFIER]
    yield layout.README, [readme(incident_id, _head(tx)).encode()]


def _duty(duty: Duty, parties: dict[AgreementId, tuple[str, str]]) -> DutyRecord:
    party, reference = parties.get(duty.agreement_id, (None, None)) if duty.agreement_id else (None, None)
    return DutyRecord(duty=duty, party=party, reference=reference)


def _ledger(
    tx: Transaction, incident_id: IncidentId, agreements: dict[AgreementId, Agreement]
) -> tuple[LedgerWave, ...]:
    taken: set[str] = set()
    return tuple(
        LedgerWave(
            wave=wave,
            rows=tuple(
                _row(notice, _at(agreements.get(notice.agreement_id), wave), taken)
                for notice in tx.ledger.notices(wave.wave_id)
            ),
        )
        for wave in tx.ledger.waves(incident_id)
    )


def _at(agreement: Agreement | None, wave: WaveRow) -> Agreement | None:
    """Return the version that the letters of a wave were written under."""
    return agreement and at_or_newest(agreement, wave.drafted_at)


def _row(notice: Notice, agreement: Agreement | None, taken: set[str]) -> LedgerRow:
    contacts = agreement.contacts() if agreement else ()
    contact = next((one for one in contacts if one.contact_id == notice.contact_id), None)
    names = layout.letter_names(notice, taken) if layout.left(notice) else (None, None)
    return LedgerRow(
        notice=notice,
        party=agreement.party_name if agreement else notice.agreement_id,
        reference=agreement.reference if agreement else notice.agreement_id,
        recipient_name=contact.name if contact else None,
        recipient_address=contact.email if contact else None,
        letter=names[0],
        as_sent=names[1],
    )


def _letters(tx: Transaction, ledger: Iterable[LedgerWave]) -> Files:
    for row in (row for wave in ledger for row in wave.rows):
        if row.letter is None or row.as_sent is None:
            continue
        letter, prepared = tx.ledger.letter(row.notice.notice_id), tx.ledger.prepared(row.notice.notice_id)
        if letter is None or prepared is None:
            raise Broken(
                f"notice {row.notice.number} was sent, but the store has no letter of it; compare it with a backup"
            )
        yield row.letter, [as_json(letter)]
        yield row.as_sent, [prepared]


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


def _log(tx: Transaction, incident_id: IncidentId, signer: Signer) -> Files:
    yield layout.LOG, (stored.body + b"\n" for stored in tx.log.entries())
    yield layout.LEAVES, (f"{stored.leaf}\n".encode() for stored in tx.log.entries())
    yield layout.HEAD, [as_json(_head(tx))]
    yield layout.CHECKPOINT, [signer.checkpoint(tx.log.head()).encode()]
    own = [stored.number for stored in tx.log.entries(incident_id=incident_id)]
    proofs = inclusion_proofs((bytes.fromhex(stored.leaf) for stored in tx.log.entries()), own)
    yield layout.PROOFS, (proof.model_dump_json().encode() + b"\n" for proof in proofs.values())


def _head(tx: Transaction) -> LogHead:
    head = tx.log.head()
    return LogHead(size=head.size, root=head.root(), peaks=head.peaks)


def _timeline(tx: Transaction, incident_id: IncidentId, acts: list[Envelope], names: Names) -> Files:
    bodies = (stored.body for stored in tx.log.entries(incident_id=incident_id))
    entries = [entry for body in bodies if (entry := layout.read_entry(body)) is not None]
    items = timeline(entries, acts, names)
    yield layout.TIMELINE, [as_json(items)]
    yield layout.TIMELINE_TEXT, markdown(incident_id, items)
