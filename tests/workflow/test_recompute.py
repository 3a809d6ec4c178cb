"""Newer law, holidays and agreements: nothing moves by itself, and a person's word moves all of it at once."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, House
from tests.workflow.conftest import ORG
from tests.workflow.test_watching import swept
from tocsin.adapters.law import PolicyLaw
from tocsin.adapters.organisation import load_organisation
from tocsin.adapters.recomputed import Recomputed, recomputed
from tocsin.domain.act import Revise
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Facts
from tocsin.domain.law_pin import LawPin
from tocsin.domain.repinning import Recompute
from tocsin.domain.values import IncidentId
from tocsin.policies import load_policies

H = timedelta(hours=1)
SHORTER = """\
agreement,party,notify,services,contact
CEDAR-1,Cedar Bank,24h from awareness; 72h from confirmation,records-api,Cem Cedar <cem@cedar.example>
"""


@pytest.fixture
async def house(server: WorkflowEnvironment, tmp_path: Path) -> AsyncIterator[House]:
    """A house whose organisation is an essential entity in Germany; nobody works yet."""
    home = tmp_path / "operator"
    home.mkdir()
    (home / "org.toml").write_text(ORG)
    house = House(home, server.client)
    house.register()
    yield house
    house.store.close()


def later_law(home: Path) -> PolicyLaw:
    """Return the law of some later day, on which the early warning is due within 12 hours."""
    pack = load_policies()
    policies = [
        policy.model_copy(update={"period": policy.period.model_copy(update={"n": 12}), "version": "later"})
        if policy.id == "EU-NIS2-EW" and policy.period
        else policy
        for policy in pack.policies
    ]
    changed = pack.model_copy(update={"policies": tuple(policies)})
    return PolicyLaw(changed, load_organisation(home / "org.toml", pack.facts), calendars="holidays 9.9")


def early_warning(house: House, incident: IncidentId) -> datetime | None:
    """Return by when the early warning is due."""
    return next(d.deadline_at for d in house.duties(incident) if d.rule_id == "policy:EU-NIS2-EW")


def cedar(house: House, incident: IncidentId) -> dict[str, datetime | None]:
    """Return what is owed to Cedar Bank, and by when."""
    mine = house.agreement("CEDAR-1")
    return {duty.title: duty.deadline_at for duty in house.duties(incident) if duty.agreement_id == mine}


def difference(house: House, incident: IncidentId, law: PolicyLaw) -> Recomputed:
    """Return what `tocsin recompute` shows."""
    with house.store.reading() as tx:
        return recomputed(tx, law, incident, datetime.now(UTC))


async def reported(house: House, now: datetime) -> IncidentId:
    """Report an incident that is significant under NIS 2."""
    incident = await house.report(now, facts=Facts(title="Odd logins"))
    await house.do(incident, ASHA, Revise(answers={"incident.nis2_significant": True}), now)
    return incident


async def test_nothing_moves_by_itself(server: WorkflowEnvironment, house: House) -> None:
    """A worker with newer law, and a register imported anew, leave running deadlines alone, revisions included."""
    now = datetime.now(UTC)
    with server.with_time_skipping_disabled():
        async with house.working(max_cached_workflows=0):
            incident = await reported(house, now)
        before = cedar(house, incident)
        house.register(SHORTER)
        house.law = later_law(house.home)
        async with house.working(max_cached_workflows=0):
            await house.do(incident, ASHA, Revise(facts={"summary": "A token was stolen"}), now)

    assert early_warning(house, incident) == now + 24 * H
    assert cedar(house, incident) == before


async def test_difference_and_word(server: WorkflowEnvironment, house: House) -> None:
    """The difference shows each duty with both computations and changes nothing; accepted, it moves the clocks."""
    now, law = datetime.now(UTC), later_law(house.home)
    with server.with_time_skipping_disabled():
        async with house.working(max_cached_workflows=0):
            incident = await reported(house, now)
        house.register(SHORTER)
        house.law = law
        found = difference(house, incident, law)
        moved = {change.title.partition(" (")[0]: change for change in found.changes}
        assert found.is_newer
        assert found.outdated_agreements == 1
        warning = next(change for change in found.changes if change.would_be_at == now + 12 * H)
        assert (warning.change, warning.was_at) == ("moved", now + 24 * H)
        assert warning.was != warning.would_be
        assert moved["24 h from awareness"].change == "added"
        assert moved["36 h from awareness"].change == "withdrawn"
        assert early_warning(house, incident) == now + 24 * H

        deed = Recompute(law=found.today.law, calendars=found.today.calendars, revision=found.revision)
        async with house.working(max_cached_workflows=0):
            await house.do(incident, ASHA, deed, now)
    assert early_warning(house, incident) == now + 12 * H
    assert cedar(house, incident)["24 h from awareness"] == now + 24 * H
    assert difference(house, incident, law).changes == ()
    (entry,) = house.log("act.recompute")
    assert entry["actor"] == ASHA.person_id
    assert house.log("duties.resolved")[-1]["data"]["law"] == found.today.law


async def test_law_that_no_worker_has(server: WorkflowEnvironment, house: House) -> None:
    """What the workers have not loaded cannot be accepted; nor can a register that has changed since."""
    now = datetime.now(UTC)
    with server.with_time_skipping_disabled():
        async with house.working(max_cached_workflows=0):
            incident = await reported(house, now)
            with pytest.raises(Refused, match="no worker has brought the law"):
                await house.do(incident, ASHA, Recompute(law="f" * 64, calendars="holidays 9.9", revision=1), now)
            today = difference(house, incident, PolicyLaw.load(house.home)).today
            with pytest.raises(Refused, match="the register has changed"):
                await house.do(incident, ASHA, Recompute(**today.model_dump(), revision=7), now)


async def test_sweep_says_so_once(server: WorkflowEnvironment, house: House) -> None:
    """The sweep calls a person once for newer inputs, and again only for still newer ones."""
    with server.with_time_skipping_disabled():
        async with house.working():
            await reported(house, datetime.now(UTC))
            await swept(house)
            assert house.pages("Newer law") == []
            house.register(SHORTER)
            await swept(house)
            await swept(house)
    assert len(house.pages("Newer law")) == 1


def test_kept_calendar_is_used(house: House) -> None:
    """Under another version of the holidays a pinned incident counts by the days that were kept."""
    old = PolicyLaw.load(house.home)
    new = later_law(house.home)
    pin = LawPin(law=old.current.law, calendars=old.current.calendars)
    with house.store.writing() as tx:
        first = old.calendars_of(tx.law, pin)("EU-DE", 2026, 2027)
        emptied = first.model_copy(update={"holidays": {}})
        new._build = lambda *_: emptied
        assert new.calendars_of(tx.law, pin)("EU-DE", 2026, 2027) == first
        assert new.calendars_of(tx.law, new.current)("EU-DE", 2026, 2027) == emptied
