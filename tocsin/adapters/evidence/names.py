"""What the ids of an incident are called, so that its timeline can be read."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tocsin.adapters.evidence.layout import LedgerRow
from tocsin.domain.act import Envelope, Handover
from tocsin.domain.clock import ClockRow
from tocsin.domain.notice import Notice
from tocsin.domain.register import Agreement
from tocsin.domain.task import Task
from tocsin.domain.values import AgreementId, NoticeId

ENGINE = "engine"
_Line = tuple[str, str, str, str | None, str | None]
"""Number, party, reference, recipient and address."""


class Written:
    """To whom each notice was written: a few words of each, since there may be very many."""

    def __init__(self) -> None:
        self._lines: dict[NoticeId, _Line] = {}
        self.agreements: set[AgreementId] = set()

    def add(self, notice: Notice, agreement: Agreement) -> None:
        """Keep what a notice under this version of its agreement says."""
        contact = next((one for one in agreement.contacts() if one.contact_id == notice.contact_id), None)
        to = (contact.name, contact.email) if contact else (None, None)
        self._keep(notice, agreement.party_name, agreement.reference, to)

    def add_row(self, row: LedgerRow) -> None:
        """Keep what a row says."""
        self._keep(row.notice, row.party, row.reference, (row.recipient_name, row.recipient_address))

    def of(self, notice: Notice) -> tuple[str, str, str | None, str | None]:
        """Return party, reference, recipient and address of a notice; ids, where nothing is known."""
        line = self._lines.get(notice.notice_id)
        return line[1:] if line else (notice.agreement_id, notice.agreement_id, None, None)

    def words(self, notice_id: str) -> str:
        """Return a notice's number with its recipient and party, or the id of one that is not known."""
        line = self._lines.get(NoticeId(notice_id))
        return f"{line[0]} to {line[3] or 'nobody'}, {line[1]}" if line else notice_id

    def _keep(self, notice: Notice, party: str, reference: str, to: tuple[str | None, str | None]) -> None:
        self._lines[notice.notice_id] = (notice.number, party, reference, *to)
        self.agreements.add(notice.agreement_id)


class Names(NamedTuple):
    """Names by id."""

    people: dict[str, str]
    parties: dict[str, str]
    clocks: dict[str, str]
    written: Written
    tasks: dict[str, str]

    @classmethod
    def of(
        cls,
        acts: Iterable[Envelope],
        parties: Mapping[AgreementId, tuple[str, str]],
        written: Written,
        clocks: Iterable[ClockRow],
        tasks: Iterable[Task],
    ) -> "Names":
        """Collect the names that the records in the folder give, so that whoever checks it finds the same ones.

        `parties` are those that something is owed or was written to; what is called by its id has no name.
        """
        people = {ENGINE: "Tocsin"}
        for act in (envelope.act for envelope in acts):
            people[act.actor.person_id] = act.actor.name
            if isinstance(act.deed, Handover):
                people.setdefault(act.deed.to, act.deed.to_name)
        return cls(
            people=people,
            parties={key: f"{party} ({reference})" for key, (party, reference) in parties.items() if party != key},
            clocks={row.spec.clock_id: row.spec.title for row in clocks},
            written=written,
            tasks={task.task_id: task.title for task in tasks},
        )

    def person(self, person_id: str) -> str:
        """Return a person's name, or the id of one who never acted on this incident."""
        return self.people.get(person_id, person_id)

    def named_parties(self, agreement_ids: Iterable[str]) -> str:
        """Return the names of the parties to these agreements."""
        return ", ".join(self.parties.get(key, key) for key in agreement_ids)
