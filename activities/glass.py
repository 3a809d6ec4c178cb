"""Breaking the glass: who may, when it is needed, and whom the minimal letter then tells."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from activities.family import written_to
from tocsin.domain.act import Act, AnswerPage
from tocsin.domain.breaking_glass import UNANSWERED_FOR, BreakGlass, in_last_tenth
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.values import AgreementId, ClockId, IncidentId
from tocsin.ports import Transaction


def reached(tx: Transaction, incident_id: IncidentId, clock_id: ClockId) -> set[AgreementId]:
    """Return whom a broken glass tells: affected, owed to on this clock, not written to, and under no hold."""
    affected, written = tx.register.affected(incident_id), written_to(tx, incident_id)
    holds = tx.duties.holds(incident_id)
    duties = tx.duties.of(incident_id, clock_id=clock_id, open_only=True)
    owed = {duty.agreement_id for duty in duties if _is_ours(duty) and duty.agreement_id is not None}
    return {one for one in owed & affected - written if not any(hold.covers(one) for hold in holds)}


def refuse_unless_needed(tx: Transaction, act: Act, deed: BreakGlass, now: datetime) -> None:
    """Raise Refused unless a member of the incident breaks the glass when it is needed, for somebody."""
    incident_id = act.incident_id
    if act.actor.person_id not in tx.incidents.team(incident_id):
        raise Refused(f"{act.actor.name} is not on the incident's team; whoever acted upon it, or was handed it, is")
    row = tx.duties.clock(deed.clock_id)
    if row is None or not (in_last_tenth(row.spec, now) or _unanswered(tx, incident_id, deed.clock_id, now)):
        minutes = round(UNANSWERED_FOR.total_seconds() / 60)
        raise Refused(
            f"the glass is broken in the last tenth of a clock, or when its page went unanswered for {minutes} min; "
            f"until then call an approver: tocsin show {incident_id}"
        )
    if not reached(tx, incident_id, deed.clock_id):
        raise Refused("there is nobody on this clock whom a letter could tell: told, held, or known to be unaffected")


def _unanswered(tx: Transaction, incident_id: IncidentId, clock_id: ClockId, now: datetime) -> bool:
    """Say whether somebody was called about a clock long enough ago, and nobody has answered since."""
    bodies = (json.loads(stored.body) for stored in tx.log.entries(incident_id=incident_id))
    calls = [entry["at"] for entry in bodies if _is_call(entry, clock_id)]
    acts = (envelope.act for envelope in tx.incidents.acts(incident_id))
    answers = [act.at for act in acts if isinstance(act.deed, AnswerPage) and act.deed.clock_id in {None, clock_id}]
    last = max(map(datetime.fromisoformat, calls), default=None)
    return last is not None and last + UNANSWERED_FOR <= now and max(answers, default=last) <= last


def _is_call(entry: Mapping[str, Any], clock_id: ClockId) -> bool:
    return bool(entry["kind"] == "ladder.called" and entry["data"].get("clock") == clock_id)


def _is_ours(duty: Duty) -> bool:
    return duty.state is DutyState.OPEN and not duty.owed_to_us
