"""A notice that we receive: our clocks run from it, and what the other side owed us is kept beside ours."""

import pytest

from tests.workflow.story import H, Story
from tocsin.domain.act import AddAffected, DutyEnd, EndDuty, Told
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Basis, Trigger

HOSTING = """\
agreement,party,notify,services,contact,their_role,owed_by
SUB-1,Sycamore Hosting,24h from awareness,records-api,Sid <sid@sycamore.example>,sub-processor,them
"""
FROM_THEM = "owed to us: 24 h from awareness"


@pytest.fixture
def hosted(story: Story) -> Story:
    """The house, with a sub-processor in its register who must tell us."""
    story.house.register(HOSTING)
    return story


def owed(story: Story) -> Duty:
    """Return what Sycamore owes us."""
    (duty,) = story.duties_of("SUB-1").values()
    return duty


async def test_their_notice_starts_our_clocks(hosted: Story) -> None:
    """Passing on their notice discharges what they owed us, and awareness counts from when they told us."""
    told_at = hosted.now - 5 * H
    sub = hosted.house.agreement("SUB-1")
    await hosted.report(told_by=sub, triggers={Trigger.TOLD_BY: told_at, Trigger.TOLD_BY_PROCESSOR: told_at})

    awareness = hosted.state.triggers[Trigger.AWARENESS]
    assert (awareness.at, awareness.basis) == (told_at, Basis.ASSUMED)
    assert hosted.duties_of("CEDAR-1")["36 h from awareness"].deadline_at == told_at + 36 * H
    duty = owed(hosted)
    assert (duty.state, duty.ended_at, duty.late) == (DutyState.DISCHARGED, told_at, False)


async def test_their_lateness_is_theirs(hosted: Story) -> None:
    """A notice that came after their period is recorded as late, and asks us for no reason."""
    sub, told_at = hosted.house.agreement("SUB-1"), hosted.now - H
    triggers = {Trigger.TOLD_BY: told_at, Trigger.THEIR_AWARENESS: told_at - 30 * H}
    await hosted.report(told_by=sub, triggers=triggers)
    await hosted.rest()

    duty = owed(hosted)
    assert (duty.state, duty.late, duty.deadline_at) == (DutyState.DISCHARGED, True, told_at - 6 * H)
    assert hosted.state.reasons_owed == ()


async def test_a_source_that_is_silent_is_chased(hosted: Story) -> None:
    """Where it happened at a party that has not told us, a clock counts to their deadline until they do."""
    sub = hosted.house.agreement("SUB-1")
    await hosted.report(sources=(sub,))
    clock = hosted.clock(FROM_THEM)
    assert clock.open_duties == 1
    await hosted.lapse(FROM_THEM, 13 * H)
    (page,) = hosted.warnings(FROM_THEM)
    assert "ask for it now" in page.text
    await hosted.asha(Told(agreement_id=sub))
    await hosted.rest()
    assert owed(hosted).state is DutyState.DISCHARGED
    assert hosted.clock(FROM_THEM).ended_at is not None
    with pytest.raises(Refused, match="they told us already"):
        await hosted.asha(Told(agreement_id=sub))


async def test_a_source_is_not_written_to(hosted: Story) -> None:
    """What they owe us puts nobody on the list of those to be told, and ends by hand with a proof if need be."""
    sub = hosted.house.agreement("SUB-1")
    await hosted.confirmed(sources=(sub,))
    await hosted.asha(AddAffected(agreements=(hosted.house.agreement("BIRCH-1"),)))
    await hosted.draft()
    written = {row.agreement_id for row in hosted.house.notices(hosted.incident)}
    assert hosted.house.agreement("BIRCH-1") in written
    assert sub not in written
    await hosted.asha(EndDuty(duty_id=owed(hosted).duty_id, how=DutyEnd.DISCHARGED, proof="their letter of 2 March"))
    assert owed(hosted).state is DutyState.DISCHARGED
