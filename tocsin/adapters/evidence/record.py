"""The record of one incident, read from one transaction: what a pack, a report and an auditor's answers are made of."""

from collections.abc import Iterable
from functools import cached_property

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.layout import DutyRecord, LedgerRow, LedgerWave, TimelineItem
from tocsin.adapters.evidence.names import Names
from tocsin.adapters.evidence.timeline import timeline
from tocsin.domain.duty import Duty
from tocsin.domain.errors import Refused
from tocsin.domain.governing import at_or_newest
from tocsin.domain.incident import Facts
from tocsin.domain.notice import Notice
from tocsin.domain.register import Agreement
from tocsin.domain.values import AgreementId, IncidentId
from tocsin.ports import Transaction, WaveRow

Parties = dict[AgreementId, tuple[str, str]]


class Record:
    """Everything that the store holds of an incident but letters, attachments and the log of others."""

    def __init__(self, tx: Transaction, incident_id: IncidentId) -> None:
        """Read it. Raises Refused if there is no such incident."""
        state = tx.incidents.state(incident_id)
        if state is None:
            raise Refused(f"there is no incident {incident_id}; `tocsin list` shows those that exist")
        self.state = state
        self.facts = tx.incidents.facts(incident_id) or Facts(title="(no facts yet)")
        self.acts = tx.incidents.acts(incident_id)
        # Agreements are the largest values of all: they are let go once the names in them are known.
        agreements = {pin.agreement.agreement_id: pin.agreement for pin in tx.register.pinned(incident_id)}
        self.ledger = _ledger(tx, incident_id, agreements)
        parties = _parties(agreements.values(), self.ledger)
        del agreements
        self.clocks = tx.duties.clocks(incident_id)
        self.tasks = tx.tasks.of(incident_id)
        self.holds = tx.duties.holds(incident_id)
        self.duties = [_duty(duty, parties) for duty in tx.duties.of(incident_id)]
        self.head = tx.log.head()
        bodies = (stored.body for stored in tx.log.entries(incident_id=incident_id))
        self.entries = [entry for body in bodies if (entry := layout.read_entry(body)) is not None]

    @cached_property
    def names(self) -> Names:
        """What its ids are called."""
        return Names.of(self.acts, self.duties, self.ledger, self.clocks, self.tasks)

    @cached_property
    def timeline(self) -> list[TimelineItem]:
        """Everything that happened, in the log's order."""
        return timeline(self.entries, self.acts, self.names)


def _parties(agreements: Iterable[Agreement], ledger: Iterable[LedgerWave]) -> Parties:
    # A party that was renamed is called what it was written to as.
    written = {row.notice.agreement_id: (row.party, row.reference) for wave in ledger for row in wave.rows}
    return {one.agreement_id: (one.party_name, one.reference) for one in agreements} | written


def _duty(duty: Duty, parties: Parties) -> DutyRecord:
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
