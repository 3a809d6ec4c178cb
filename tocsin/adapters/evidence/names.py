"""What the ids of an incident are called, so that its timeline can be read."""

from collections.abc import Iterable
from typing import NamedTuple

from tocsin.adapters.evidence.layout import DutyRecord, LedgerWave
from tocsin.domain.act import Envelope, Handover
from tocsin.domain.clock import ClockRow
from tocsin.domain.task import Task

ENGINE = "engine"


class Names(NamedTuple):
    """Names by id."""

    people: dict[str, str]
    parties: dict[str, str]
    clocks: dict[str, str]
    notices: dict[str, str]
    tasks: dict[str, str]

    @classmethod
    def of(
        cls,
        acts: Iterable[Envelope],
        duties: Iterable[DutyRecord],
        ledger: Iterable[LedgerWave],
        clocks: Iterable[ClockRow],
        tasks: Iterable[Task],
    ) -> "Names":
        """Collect the names that the records in the folder give, so that whoever checks it finds the same ones."""
        people = {ENGINE: "Tocsin"}
        for act in (envelope.act for envelope in acts):
            people[act.actor.person_id] = act.actor.name
            if isinstance(act.deed, Handover):
                people.setdefault(act.deed.to, act.deed.to_name)
        rows = [row for wave in ledger for row in wave.rows]
        named = [(r.duty.agreement_id, r.party, r.reference) for r in duties if r.duty.agreement_id and r.party]
        named += [(row.notice.agreement_id, row.party, row.reference) for row in rows]
        return cls(
            people=people,
            parties={key: f"{party} ({reference})" for key, party, reference in named},
            clocks={row.spec.clock_id: row.spec.title for row in clocks},
            notices={
                row.notice.notice_id: f"{row.notice.number} to {row.recipient_name or 'nobody'}, {row.party}"
                for row in rows
            },
            tasks={task.task_id: task.title for task in tasks},
        )

    def person(self, person_id: str) -> str:
        """Return a person's name, or the id of one who never acted on this incident."""
        return self.people.get(person_id, person_id)

    def named_parties(self, agreement_ids: Iterable[str]) -> str:
        """Return the names of the parties to these agreements."""
        return ", ".join(self.parties.get(key, key) for key in agreement_ids)
