"""By which ways a wave goes beside the mail: what the clauses ask for, and what has gone by them before."""

from collections.abc import Sequence

from activities.addressed import Owed
from tocsin.domain.clause import Method
from tocsin.domain.notice import SENT, NoticeState, WaveKind
from tocsin.domain.values import AgreementId, IncidentId
from tocsin.ports import Transaction

_UNDER_WAY = frozenset({NoticeState.RELEASED, NoticeState.CLAIMED, NoticeState.IN_DOUBT, NoticeState.BY_HAND})
_TAKES_BACK = frozenset({WaveKind.CORRECTION, WaveKind.WITHDRAWAL})

Told = dict[AgreementId, set[Method]]


class Ways:
    """What went by other methods than mail in an incident, read once for a transaction."""

    def __init__(self, tx: Transaction, incident_id: IncidentId) -> None:
        self._told: Told = {}
        self._under_way: Told = {}
        for row in tx.ledger.of(incident_id, beside_mail=True):
            if row.state in SENT:
                self._told.setdefault(row.agreement_id, set()).add(row.method)
            elif row.state in _UNDER_WAY:
                self._under_way.setdefault(row.agreement_id, set()).add(row.method)

    def further(self, agreement_id: AgreementId, kind: WaveKind, duties: Sequence[Owed]) -> list[Method]:
        """Return the methods beside mail by which a wave goes to a party.

        The first wave goes by whatever the clauses of its open duties ask for; a later one by what is not proved or
        under way yet, and on the notice page where an earlier one is. What was wrong is corrected, or taken back, by
        every way by which it was told.
        """
        told, under_way = self._told.get(agreement_id, set()), self._under_way.get(agreement_id, set())
        wanted = {method for duty in duties for method in duty.unproved} - under_way
        wanted |= told if kind in _TAKES_BACK else told & {Method.POSTING}
        return [method for method in Method if method in wanted - {Method.MAIL}]
