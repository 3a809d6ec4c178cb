"""What a fresh mind broke once: faults of the store, a dismissal in the middle of a wave, an act sent astray."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, DARA, House
from tocsin import wire
from tocsin.domain.act import Confirm, Dismiss, Draft, Release, Revise
from tocsin.domain.clock import ClockState
from tocsin.domain.duty import DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Trigger
from tocsin.domain.notice import NoticeState
from tocsin.domain.values import WaveId


async def test_a_lost_clock_is_started_again(server: WorkflowEnvironment, house: House) -> None:
    """A clock that somebody terminated runs again after the next act that resolves the duties, and still ends."""
    now = datetime.now(UTC)
    with server.with_time_skipping_disabled():
        incident = await house.report(now)
        clock = house.clocks(incident)["36 h from awareness"].spec
        handle = house.client.get_workflow_handle(wire.clock_workflow(incident, clock.clock_id))
        await handle.terminate("by hand")
        await house.do(incident, ASHA, Revise(facts={"summary": "A token was stolen"}), now)
        described = await house.client.get_workflow_handle(handle.id).describe()
        await house.do(incident, ASHA, Dismiss(reason="a test of the alarm"), now)
        await house.client.get_workflow_handle(handle.id).result()

    assert described.status is not None
    assert described.status.name == "RUNNING"
    assert house.clocks(incident)["36 h from awareness"].state is ClockState.ENDED


async def test_an_act_is_good_for_its_own_incident_only(server: WorkflowEnvironment, house: House) -> None:
    """An envelope upon one incident, sent to another, is refused and changes neither."""
    now = datetime.now(UTC)
    with server.with_time_skipping_disabled():
        one = await house.report(now, key="one")
        other = await house.report(now, key="other")
        astray = house.envelope(one, ASHA, Confirm(), now)
        handle = house.client.get_workflow_handle(wire.incident_workflow(other))
        with pytest.raises(Exception, match="Workflow update failed") as refused:
            await handle.execute_update(wire.ACT, astray, id=f"confirm:{uuid.uuid4()}")

    assert "was sent to" in str(refused.value.__cause__)
    assert [house.state(incident).status for incident in (one, other)] == ["reported", "reported"]


async def test_whoever_changed_the_letters_does_not_release_them(server: WorkflowEnvironment, house: House) -> None:
    """A revision by an approver makes them a drafter, too: another approver has to release the wave."""
    now = datetime.now(UTC)
    with server.with_time_skipping_disabled():
        incident = await house.report(now)
        drafted = await house.do(incident, ASHA, Draft(), now)
        await house.do(incident, DARA, Revise(facts={"summary": "Dara wrote this alone"}), now)
        wave_id = WaveId(drafted.ids["wave"])
        wave = house.state(incident).waves[wave_id]
        with pytest.raises(Refused, match="may not release"):
            await house.do(incident, DARA, Release(wave_id=wave_id, digest=wave.digest), now)

    assert wave.drafter == ASHA.person_id
    assert wave.co_drafters == (DARA.person_id,)


async def test_nothing_leaves_after_a_dismissal(server: WorkflowEnvironment, house: House) -> None:
    """Rows that a dead worker had claimed are withdrawn after a dismissal, not sent."""
    now = datetime.now(UTC)
    with server.with_time_skipping_disabled():
        incident = await house.report(now)
        drafted = await house.do(incident, ASHA, Draft(), now)
        wave_id = WaveId(drafted.ids["wave"])
        house.state(incident)
        with house.store.writing() as tx:
            rows = tx.ledger.notices(wave_id)
            first = (row for row in rows if not row.chain_position)
            tx.ledger.put(row.model_copy(update={"state": NoticeState.RELEASED}) for row in first)
            tx.ledger.put_wave(tx.ledger.wave(wave_id).model_copy(update={"released_at": now}))  # type: ignore[union-attr]
            claimed = tx.ledger.claim(wave_id, 0, 100, 100, now)
        await house.do(incident, ASHA, Dismiss(reason="a test of the alarm"), now)
        order = wire.WaveInput(incident_id=incident, wave_id=wave_id, tempo=house.tempo, rows=len(rows))
        await house.client.execute_workflow(
            wire.WAVE, order, id=wire.wave_workflow(incident, wave_id), task_queue=house.queue
        )

    with house.store.reading() as tx:
        states = {row.state for row in tx.ledger.notices(wave_id) if row.state is not NoticeState.DRAFTED}
    assert len(claimed.rows) == 3
    assert states == {NoticeState.WITHDRAWN}
    assert house.letters() == []


async def test_a_deadline_missed_unseen_still_owes_its_reason(server: WorkflowEnvironment, house: House) -> None:
    """A duty that ended late owes its reason even if nobody could be warned at the deadline itself."""
    now = datetime.now(UTC)
    with server.with_time_skipping_disabled():
        incident = await house.report(now, triggers={Trigger.AWARENESS: now - timedelta(hours=80)})
        late = house.clocks(incident)["36 h from awareness"].spec.clock_id
        drafted = await house.do(incident, ASHA, Draft(), now)
        release = Release(wave_id=WaveId(drafted.ids["wave"]), digest=drafted.ids["digest"])
        await house.do(incident, DARA, release, now)
        await house.client.get_workflow_handle(wire.clock_workflow(incident, late)).result()

    assert [duty.state for duty in house.duties(incident) if duty.late] == [DutyState.DISCHARGED]
    assert house.clocks(incident)["36 h from awareness"].late
