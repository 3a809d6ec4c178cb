"""Orders not to tell: they stop what is sent, never a clock, and lifting sends the rest once."""

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, DARA, House
from tests.workflow.story import FROM_AWARENESS, FROM_CONFIRMATION, H, Story, police
from tocsin.domain.act import AddAffected, Confirm, Draft
from tocsin.domain.clock import ClockState
from tocsin.domain.duty import DutyState
from tocsin.domain.holding import Lift, PlaceHold
from tocsin.domain.notice import NoticeState
from tocsin.domain.register import OnLift
from tocsin.domain.values import HoldId

EVERYONE = ["bea@birch.example", "cem@cedar.example", "copy@cedar.example"]


async def held(story: Story, hold: PlaceHold | None = None) -> HoldId:
    """Let Dara place a hold."""
    return HoldId((await story.dara(hold or police())).ids["hold"])


async def test_hold_keeps_everything_back_and_no_clock(story: Story) -> None:
    """Under a hold a released wave sends nothing; the warnings go on; passing the deadline asks for no reason."""
    await story.confirmed()
    await held(story)
    await story.release(await story.draft())
    await story.rest()
    await story.lapse(FROM_AWARENESS, 37 * H)
    assert not story.post.handed
    assert len(story.warnings(FROM_AWARENESS)) == 4
    (overdue,) = story.overdue(FROM_AWARENESS)
    assert "1 of them are under a hold" in overdue.text
    assert "It is late" not in overdue.text
    assert not story.state.reasons_owed
    row = story.clock(FROM_AWARENESS)
    assert (row.state, row.late, row.open_duties) == (ClockState.RUNNING, False, 1)
    assert not story.house.log("clock.missed")


async def test_lifting_sends_once_what_was_held(story: Story) -> None:
    """Lifting sends the held notices at once, each once, and what passed while held is due at the lifting."""
    await story.report()
    # The order came 79 h ago, in time, and is entered only now.
    hold = HoldId((await story.act(DARA, police(), ago=79 * H)).ids["hold"])
    await story.asha(Confirm(confirmed_at=story.now - 80 * H))
    wave = await story.release(await story.draft())
    await story.rest()
    assert not story.post.handed
    assert not story.state.reasons_owed
    await story.dara(Lift(hold_id=hold))
    await story.wave(wave).result()
    await story.rest()
    assert story.post.handed == dict.fromkeys(EVERYONE, 1)
    with story.house.store.reading() as tx:
        (lifted,) = tx.duties.holds(story.incident)
    duty = story.duties_of("BIRCH-1")[FROM_CONFIRMATION]
    assert (duty.state, duty.deadline_at) == (DutyState.DISCHARGED, lifted.lifted_at)
    assert not story.state.clocks


@pytest.mark.parametrize("on_lift", OnLift)
async def test_deadline_after_lifting(story: Story, on_lift: OnLift) -> None:
    """A lifting moves the deadline as the order says; the clock that shows it runs, the one it replaces ends."""
    await story.confirmed(20 * H)
    before = story.clock(FROM_CONFIRMATION)
    hold = await held(story, police(on_lift=on_lift))
    await story.dara(Lift(hold_id=hold))
    await story.rest()
    with story.house.store.reading() as tx:
        (lifted,) = tx.duties.holds(story.incident)
    assert lifted.lifted_at is not None
    deadline = before.spec.target_at
    expected = {
        OnLift.DUE_IMMEDIATELY: deadline,
        OnLift.RESUME_REMAINING: lifted.lifted_at + (deadline - lifted.placed_at),
        OnLift.RESTART_FULL: lifted.lifted_at + 72 * H,
    }[on_lift]
    row = story.clock(FROM_CONFIRMATION)
    assert (row.spec.deadline_at, row.state) == (expected, ClockState.RUNNING)
    assert await story.runs(row)
    running = {clock.spec.clock_id for clock in story.clocks() if clock.state is ClockState.RUNNING}
    assert set(story.state.clocks) == running
    assert await story.runs(before) is (on_lift is OnLift.DUE_IMMEDIATELY)


async def test_hold_on_one_party(story: Story) -> None:
    """A hold on one party keeps back that party's notices and copies only; the others are told."""
    await story.confirmed()
    hold = await held(story, police(story.house.agreement("CEDAR-1")))
    wave = await story.release(await story.draft())
    await story.until(lambda: story.post.handed)
    await story.rest()
    assert story.post.handed == {"bea@birch.example": 1}
    assert {row.state for row in story.house.notices(story.incident, "CEDAR-1")} == {
        NoticeState.RELEASED,
        NoticeState.DRAFTED,
    }
    await story.dara(Lift(hold_id=hold))
    await story.wave(wave).result()
    assert story.post.handed == dict.fromkeys(EVERYONE, 1)


async def test_hold_covers_whoever_comes_later(story: Story) -> None:
    """A hold on everyone covers a party that is found affected after it was placed."""
    await story.confirmed()
    hold = await held(story)
    await story.asha(AddAffected(agreements=(story.house.agreement("DOGWOOD-1"),)))
    wave = await story.release(await story.draft(Draft(agreements=(story.house.agreement("DOGWOOD-1"),))))
    await story.rest()
    assert not story.post.handed
    await story.dara(Lift(hold_id=hold))
    await story.wave(wave).result()
    assert story.post.handed == {"dan@dogwood.example": 1}


async def test_two_holds(story: Story) -> None:
    """Lifting one of two holds frees only what the other does not cover."""
    await story.confirmed()
    on_all = await held(story)
    on_cedar = await held(story, police(story.house.agreement("CEDAR-1")))
    wave = await story.release(await story.draft())
    await story.dara(Lift(hold_id=on_all))
    await story.until(lambda: story.post.handed)
    await story.rest()
    assert story.post.handed == {"bea@birch.example": 1}
    await story.refuses(DARA, Lift(hold_id=on_all), "is not in force")
    await story.dara(Lift(hold_id=on_cedar))
    await story.wave(wave).result()
    assert story.post.handed == dict.fromkeys(EVERYONE, 1)


async def test_only_an_approver_holds_and_lifts(story: Story) -> None:
    """A responder may neither place a hold nor lift one."""
    await story.confirmed()
    await story.rest()
    await story.refuses(ASHA, police(), "only an approver may hold")
    hold = await held(story)
    await story.rest()
    await story.refuses(ASHA, Lift(hold_id=hold), "only an approver may lift")


async def test_hold_in_the_middle_of_a_wave(server: WorkflowEnvironment, quiet_house: House) -> None:
    """A hold placed while a wave is sent keeps back all but the group on the wire and the one claimed behind it."""
    head = "agreement,party,notify,services,contact\n"
    lines = [f"P-{n},Party {n},72h from confirmation,records-api,P <p{n}@party.example>\n" for n in range(9)]
    quiet_house.register(head + "".join(lines))
    quiet_house.in_flight = quiet_house.group = 2
    story = Story(server, quiet_house)
    async with quiet_house.working():
        await story.confirmed()
        drafted = await story.draft(Draft(agreements=tuple(quiet_house.agreement(f"P-{n}") for n in range(9))))
        story.post.shut()
        await story.release(drafted)
        await story.post.arrived(2)
        hold = await held(story)
        story.post.open()
        await story.rest()
        assert 2 <= story.post.handed.total() <= 4
        assert len(story.house.letters()) == story.post.handed.total()
        await story.dara(Lift(hold_id=hold))
        await story.wave(drafted.wave).result()
        assert set(story.post.handed.values()) == {1}
        assert len(story.house.letters()) == 9
