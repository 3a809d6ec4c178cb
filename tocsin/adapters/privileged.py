"""Who is shown an incident's privileged words: those who work on it; everybody else reads that they were left out."""

from tocsin.domain.act import Role
from tocsin.domain.privilege import Redaction
from tocsin.domain.rights import Action, Verdict, may
from tocsin.domain.values import IncidentId
from tocsin.ports import Transaction


def left_out_for(tx: Transaction, incident_id: IncidentId, roles: frozenset[Role], *, on_team: bool) -> Redaction:
    """Return what is left out for somebody with these roles: nothing, if they may read what is privileged."""
    if may(Action.READ_PRIVILEGED, roles, on_team=on_team) is Verdict.ALLOWED:
        return Redaction()
    return Redaction(envelope.act for envelope in tx.incidents.acts(incident_id))
