"""Incidents that belong together: whom one of them told is told in the others, too."""

from collections.abc import Iterable

from tocsin.domain.duty import ELSEWHERE, Duty, DutyState
from tocsin.domain.notice import WRITTEN_TO, ContactRole, Notice
from tocsin.domain.proving import proved
from tocsin.domain.values import AgreementId, IncidentId, WaveId
from tocsin.ports import Transaction


class Family:
    """The notices of an incident's relatives, read once for a transaction."""

    def __init__(self, tx: Transaction, relatives: Iterable[IncidentId]) -> None:
        rows = [row for incident_id in relatives for row in tx.ledger.of(incident_id)]
        self._rows: dict[AgreementId, list[Notice]] = {}
        for row in rows:
            if row.role is ContactRole.CHAIN and row.settled_at is not None:
                self._rows.setdefault(row.agreement_id, []).append(row)

    def proved(self, duty: Duty) -> Duty:
        """Return a duty of ours as the first notice of a relative that carries its proof ended it, or as it is."""
        if duty.agreement_id is None or duty.owed_to_us or duty.state is not DutyState.OPEN:
            return duty
        alone = duty.model_copy(update={"proofs": ()})
        ended = proved(alone, self._rows.get(duty.agreement_id, ()), duty.trigger_at)
        if ended.state is DutyState.OPEN:
            return duty
        row = next(row for row in self._rows[duty.agreement_id] if row.notice_id == ended.proved_by)
        # Its evidence lies with the other incident: this one names it there, and rests on no row of its own.
        elsewhere = {"proof": f"{ended.proof}{ELSEWHERE}{row.incident_id}", "proved_by": None, "proofs": ()}
        return ended.model_copy(update=elsewhere)


def written_to(tx: Transaction, incident_id: IncidentId, beside: WaveId | None = None) -> set[AgreementId]:
    """Return under which agreements somebody was told, or is about to be, in an incident or a relative of it.

    Only waves that were released count; `beside` leaves one of them out.
    """
    state = tx.incidents.state(incident_id)
    relatives = state.relatives if state is not None else ()
    found = (tx.ledger.parties(one, WRITTEN_TO, beside) for one in (incident_id, *relatives))
    return {agreement_id for some in found for agreement_id in some}
