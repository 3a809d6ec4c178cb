"""Whom GDPR articles 33 and 34 want told: a person decides beside the proposal, may decide again, and all is kept."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, DARA, House
from tests.ports.told import means_of
from tocsin.adapters.evidence import check_evidence, write_evidence
from tocsin.domain.act import Assess, Decide, Revise
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.explain_decision import proposal_of
from tocsin.domain.gdpr_decision import Proposal
from tocsin.domain.incident import Facts
from tocsin.domain.severity import Context, Identification, SeverityInputs
from tocsin.domain.severity_scales import Category, Identifier
from tocsin.domain.statutory import policy_of
from tocsin.domain.values import IncidentId

KNOWN = {"incident.personal_data": True, "incident.sensitive_data": True}


@pytest.fixture
async def incident(server: WorkflowEnvironment, operator: House) -> IncidentId:
    """Personal data of a controller in Germany is affected."""
    with server.with_time_skipping_disabled():
        made = await operator.report(datetime.now(UTC), facts=Facts(title="Odd logins"))
        await operator.do(made, ASHA, Revise(answers=KNOWN), datetime.now(UTC))
    return made


def proposed(house: House, incident: IncidentId) -> Proposal:
    """Return what the facts speak for now."""
    with house.store.reading() as tx:
        facts = tx.incidents.facts(incident)
    assert facts is not None
    return proposal_of(facts)


def decision(house: House, incident: IncidentId, authority: bool, subjects: bool, reason: str = "") -> Decide:
    """Return a decision on what is proposed now."""
    return Decide(authority=authority, subjects=subjects, reason=reason, proposal=proposed(house, incident))


def duties(house: House, incident: IncidentId) -> dict[str, Duty]:
    """Return the duties of the law by policy."""
    return {str(policy_of(duty)): duty for duty in house.duties(incident) if policy_of(duty)}


def holds(house: House, incident: IncidentId, folder: Path) -> bool:
    """Write the evidence as it stands, and say whether it holds."""
    write_evidence(house.store, means_of(house), incident, folder)
    checked = check_evidence(folder)
    assert [finding.what for check in checked.checks for finding in check.findings] == []
    return checked.holds


async def test_a_no_ends_the_duty_and_a_yes_takes_it_up_again(
    server: WorkflowEnvironment, operator: House, incident: IncidentId, tmp_path: Path
) -> None:
    """A "no" ends the duty as not owed with its citation; decided otherwise it is owed again, at the same deadline."""
    before = duties(operator, incident)["EU-GDPR-33-1"]
    with server.with_time_skipping_disabled():
        no = decision(operator, incident, authority=False, subjects=False, reason="The key is safe")
        await operator.do(incident, DARA, no, datetime.now(UTC))
        refused = duties(operator, incident)
        assert holds(operator, incident, tmp_path / "no")
        yes = decision(operator, incident, authority=True, subjects=True)
        await operator.do(incident, DARA, yes, datetime.now(UTC))
    after = duties(operator, incident)
    ended = refused["EU-GDPR-33-1"]
    assert ended.state is DutyState.NOT_OWED
    assert (ended.proof or "").startswith("GDPR art. 33(1), recitals 85 and 87: decided not to tell, in act act-")
    assert "EU-GDPR-34-1" not in refused
    assert after["EU-GDPR-33-1"].state is after["EU-GDPR-34-1"].state is DutyState.OPEN
    assert after["EU-GDPR-33-1"].deadline_at == before.deadline_at
    assert "decision.subjects is yes" in after["EU-GDPR-34-1"].because
    assert operator.state(incident).decision is not None
    with operator.store.reading() as tx:
        kept = [one.act.deed for one in tx.incidents.acts(incident) if isinstance(one.act.deed, Decide)]
    assert kept == [no, yes]
    assert holds(operator, incident, tmp_path / "yes")
    assert "register only: nobody is told (proposed: authority cannot be ruled out, people cannot be ruled out" in (
        (tmp_path / "yes" / "timeline.md").read_text()
    )


async def test_who_decides_and_on_what(server: WorkflowEnvironment, operator: House, incident: IncidentId) -> None:
    """An approver decides, on the facts as they stand, and never for the people alone; no reason is no obstacle."""
    old = decision(operator, incident, authority=False, subjects=False)
    now = datetime.now(UTC)
    with server.with_time_skipping_disabled():
        with pytest.raises(Refused, match="only an approver may decide"):
            await operator.do(incident, ASHA, old, now)
        with pytest.raises(Refused, match="a high risk is a risk"):
            await operator.do(incident, DARA, old.model_copy(update={"subjects": True}), now)
        await operator.do(incident, ASHA, Revise(answers={"incident.grave_consequences": True}), now)
        with pytest.raises(Refused, match="the facts changed since the proposal was made"):
            await operator.do(incident, DARA, old, now)
        await operator.do(incident, DARA, decision(operator, incident, authority=False, subjects=False), now)
    assert duties(operator, incident)["EU-GDPR-33-1"].state is DutyState.NOT_OWED


async def test_the_score_moves_nothing(
    server: WorkflowEnvironment, operator: House, incident: IncidentId, tmp_path: Path
) -> None:
    """The lowest score there is leaves every duty and clock as it was; its inputs are kept with the facts."""
    before, running = operator.duties(incident), operator.clocks(incident)
    lowest = SeverityInputs(
        contexts=(Context(category=Category.SIMPLE, score=1),),
        identifications=(Identification(identifier=Identifier.CODE, ease=0.25),),
        unintelligible=True,
    )
    with server.with_time_skipping_disabled():
        await operator.do(incident, ASHA, Assess(inputs=lowest), datetime.now(UTC))
    assert operator.duties(incident) == before
    assert operator.clocks(incident) == running
    with operator.store.reading() as tx:
        facts = tx.incidents.facts(incident)
    assert facts is not None
    assert facts.enisa == lowest
    assert holds(operator, incident, tmp_path / "evidence")
