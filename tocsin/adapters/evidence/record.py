"""The record of one incident, read from one transaction: what a pack, a report and an auditor's answers are made of.

What there may be thousands of is read anew each time it is asked for, page by page: letters, rows, duties and entries.
Names are kept, since everything is told by them.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.layout import DutyRecord, LedgerRow, Omission, TimelineItem
from tocsin.adapters.evidence.names import Names, Written
from tocsin.adapters.evidence.redacted import redacted_history
from tocsin.adapters.evidence.timeline import timeline
from tocsin.audit.entry import Entry
from tocsin.domain.duty import Duty
from tocsin.domain.errors import Refused
from tocsin.domain.governing import at_or_newest
from tocsin.domain.incident import Facts
from tocsin.domain.notice import Notice
from tocsin.domain.privilege import Redaction
from tocsin.domain.register import Affected, Agreement
from tocsin.domain.values import AgreementId, IncidentId, Instant
from tocsin.ports import CheckpointRow, Pin, Transaction, WaveRow

Parties = dict[AgreementId, tuple[str, str]]


class HeldWave(NamedTuple):
    """A wave with its rows by ordinal, which are read as they are asked for."""

    wave: WaveRow
    rows: Iterable[LedgerRow]


class Record:
    """Everything that the store holds of an incident but letters, attachments and the log of others."""

    def __init__(self, tx: Transaction, incident_id: IncidentId) -> None:
        """Read what is small of it. Raises Refused if there is no such incident."""
        state = tx.incidents.state(incident_id)
        if state is None:
            raise Refused(f"there is no incident {incident_id}; `tocsin list` shows those that exist")
        self._tx = tx
        self.incident_id = incident_id
        self._whole = tx.incidents.acts(incident_id)
        self._redaction = Redaction(envelope.act for envelope in self._whole)
        # What is privileged is left out here, and so of everything that is made from this.
        without = self._redaction.model
        self.state = without(state)
        self.facts = without(tx.incidents.facts(incident_id) or Facts(title="(no facts yet)"))
        self.acts = list(map(without, self._whole))
        self.waves = tx.ledger.waves(incident_id)
        self.clocks = tx.duties.clocks(incident_id)
        self.tasks = list(map(without, tx.tasks.of(incident_id)))
        self.holds = list(map(without, tx.duties.holds(incident_id)))
        self.head = tx.log.head()
        self._named: tuple[Parties, Written] | None = None

    def agreements(self) -> Iterator[Agreement]:
        """Yield the agreements that it was resolved against, by id; once all are read, the names in them are known."""
        parties, written = Parties(), Written()
        for page in self._tx.register.each_pinned(self.incident_id):
            self._learn(page, parties, written)
            yield from (pin.agreement for pin in page)
        self._named = parties, written

    @property
    def ledger(self) -> Iterator[HeldWave]:
        """The waves."""
        taken: set[str] = set()
        for wave in self.waves:
            yield HeldWave(wave, self._rows(wave, taken))

    @property
    def rows(self) -> Iterator[LedgerRow]:
        """The rows of all waves."""
        return (row for held in self.ledger for row in held.rows)

    @property
    def duties(self) -> Iterator[DutyRecord]:
        """The duties by id."""
        return map(self._duty, map(self._redaction.model, self._tx.duties.each(self.incident_id)))

    @property
    def witnessed(self) -> list[tuple[CheckpointRow, Pin]]:
        """What witnesses outside took: the first checkpoint that covers all of it, and the newest."""
        return self._tx.checkpoints.witnessed(self.last[0] + 1 if self.last else 0, self.head.size)

    @property
    def omissions(self) -> Iterator[Omission]:
        """What was left out, and by whose mark."""
        for envelope in self._whole:
            for marked in self._redaction.of(envelope.act):
                yield Omission(
                    act_id=marked.act_id,
                    entry=self.act_entries.get(str(marked.act_id)),
                    paragraph_sha256=marked.paragraph_sha256,
                    marked_by=marked.marking.by,
                    marked_at=marked.marking.at,
                    marked_in=marked.marking.act_id,
                    act_sha256=sha256(envelope.canonical()).hexdigest(),
                )

    def without_privileged(self, history: bytes) -> bytes:
        """Return a history of the engine without what is privileged in its payloads."""
        return history if not self._redaction else redacted_history(history, self._redaction)

    @property
    def entries(self) -> Iterator[Entry]:
        """The incident's entries of the log, by number."""
        bodies = (stored.body for stored in self._tx.log.entries(incident_id=self.incident_id))
        return (entry for body in bodies if (entry := layout.read_entry(body)) is not None)

    @cached_property
    def last(self) -> tuple[int, Instant] | None:
        """Number and instant of its last entry."""
        last = None
        for entry in self.entries:
            last = entry.number, entry.draft.at
        return last

    @cached_property
    def act_entries(self) -> dict[str, int]:
        """The number of each act's entry, by act id."""
        acts = (entry for entry in self.entries if entry.draft.kind.startswith("act."))
        return {str(entry.draft.data.get("act")): entry.number for entry in acts}

    @cached_property
    def names(self) -> Names:
        """What its ids are called."""
        parties, written = self._known
        told = written.agreements | {duty.agreement_id for duty in self._tx.duties.each(self.incident_id)}
        concerned = {key: names for key, names in parties.items() if key in told}
        return Names.of(self.acts, concerned, written, self.clocks, self.tasks)

    @property
    def timeline(self) -> Iterator[TimelineItem]:
        """Everything that happened, in the log's order."""
        return timeline(self.entries, self.acts, self.names, drill=self.state.drill)

    @property
    def _known(self) -> tuple[Parties, Written]:
        if self._named is None:
            for _ in self.agreements():
                pass
        assert self._named is not None
        return self._named

    def _learn(self, page: list[Affected], parties: Parties, written: Written) -> None:
        by_id = {pin.agreement.agreement_id: pin.agreement for pin in page}
        parties |= {key: (one.party_name, one.reference) for key, one in by_id.items()}
        for wave in self.waves:
            for notice in self._tx.ledger.notices(wave.wave_id, agreements=by_id):
                # The version that the letters of a wave were written under.
                agreement = at_or_newest(by_id[notice.agreement_id], wave.drafted_at)
                written.add(notice, agreement)
                # A party that was renamed is called what it was written to as.
                parties[notice.agreement_id] = (agreement.party_name, agreement.reference)

    def _rows(self, wave: WaveRow, taken: set[str]) -> Iterator[LedgerRow]:
        return (self._row(notice, taken) for notice in self._tx.ledger.each(wave.wave_id))

    def _row(self, notice: Notice, taken: set[str]) -> LedgerRow:
        party, reference, name, address = self._known[1].of(notice)
        told = layout.left(notice) or layout.spoken(notice)
        names = layout.letter_names(notice, taken) if told else (None, None)
        return LedgerRow(
            notice=notice,
            party=party,
            reference=reference,
            recipient_name=name,
            recipient_address=address,
            letter=names[0],
            as_sent=names[1] if layout.left(notice) else None,
        )

    def _duty(self, duty: Duty) -> DutyRecord:
        known = self._known[0].get(duty.agreement_id) if duty.agreement_id else None
        party, reference = known or (None, None)
        return DutyRecord(duty=duty, party=party, reference=reference)
