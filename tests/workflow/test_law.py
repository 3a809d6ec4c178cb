"""Duties of the law in a running incident: they start, share one clock while open, and end by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, DARA, House
from tocsin.domain.act import DutyEnd, EndDuty, Revise
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Facts, Trigger
from tocsin.domain.statutory import RULE_OUT, policy_of
from tocsin.domain.values import IncidentId


def _by_policy(house: House, incident: IncidentId) -> dict[str, Duty]:
    return {str(policy_of(duty) or duty.rule_id): duty for duty in house.duties(incident)}


async def test_what_cannot_be_ruled_out_is_one_clock(server: WorkflowEnvironment, operator: House) -> None:
    """A one-line report gives one clock for all that the law may ask, not one for each duty."""
    with server.with_time_skipping_disabled():
        incident = await operator.report(datetime.now(UTC), facts=Facts(title="Odd logins"))

    internal = [duty for duty in operator.duties(incident) if duty.rule_id == RULE_OUT]
    statutory = [duty for duty in operator.duties(incident) if policy_of(duty)]
    assert len(internal) == 1
    assert internal[0].deadline_at is None
    assert statutory == []


async def test_a_report_sent_in_starts_the_next_period(server: WorkflowEnvironment, operator: House) -> None:
    """The final report runs one month from the actual submission of the notification, not from awareness."""
    now = datetime.now(UTC)
    with server.with_time_skipping_disabled():
        incident = await operator.report(now, facts=Facts(title="Odd logins"))
        await operator.do(incident, ASHA, Revise(answers={"incident.nis2_significant": True}), now)
        before = _by_policy(operator, incident)
        sent = EndDuty(duty_id=before["EU-NIS2-IN"].duty_id, how=DutyEnd.DISCHARGED, proof="BSI-2026-4711")
        await operator.do(incident, ASHA, sent, now)

    after = _by_policy(operator, incident)
    assert before["EU-NIS2-EW"].deadline_at == now + timedelta(hours=24)
    assert before["EU-NIS2-IN"].deadline_at == now + timedelta(hours=72)
    assert "EU-NIS2-FR" not in before
    assert after["EU-NIS2-IN"].state is DutyState.DISCHARGED
    assert after["EU-NIS2-IN"].proof == "BSI-2026-4711"
    assert after["EU-NIS2-FR"].trigger is Trigger.PRIOR_REPORT_SUBMITTED
    assert after["EU-NIS2-FR"].trigger_at == after["EU-NIS2-IN"].ended_at


async def test_only_an_approver_decides_that_nothing_is_owed(server: WorkflowEnvironment, operator: House) -> None:
    """Ending a duty as not owed is an approver's decision, is recorded with its reasoning, and stays."""
    now = datetime.now(UTC)
    with server.with_time_skipping_disabled():
        incident = await operator.report(now, facts=Facts(title="Odd logins"))
        await operator.do(incident, ASHA, Revise(answers={"incident.nis2_significant": True}), now)
        duty = _by_policy(operator, incident)["EU-NIS2-EW"]
        decision = EndDuty(duty_id=duty.duty_id, how=DutyEnd.NOT_OWED, proof="art. 23(3): not significant after all")
        with pytest.raises(Refused, match="only an approver"):
            await operator.do(incident, ASHA, decision, now)
        await operator.do(incident, DARA, decision, now)
        await operator.do(incident, ASHA, Revise(facts={"summary": "Nothing was taken"}), now)

    ended = _by_policy(operator, incident)["EU-NIS2-EW"]
    assert ended.state is DutyState.NOT_OWED
    assert ended.proof == "art. 23(3): not significant after all"


async def test_a_contract_is_not_discharged_by_a_word(server: WorkflowEnvironment, operator: House) -> None:
    """A contract's duty ends by its notice; waiving it needs the other party's writing, attached."""
    now = datetime.now(UTC)
    with server.with_time_skipping_disabled():
        incident = await operator.report(now)
        duty = next(duty for duty in operator.duties(incident) if duty.agreement_id is not None)
        for how, why in ((DutyEnd.DISCHARGED, "by its notice"), (DutyEnd.WAIVED, "the other party's writing")):
            with pytest.raises(Refused, match=why):
                await operator.do(incident, DARA, EndDuty(duty_id=duty.duty_id, how=how, proof="they said so"), now)

    assert next(d for d in operator.duties(incident) if d.duty_id == duty.duty_id).state is DutyState.OPEN
