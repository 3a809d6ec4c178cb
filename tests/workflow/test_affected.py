"""Parties found affected later, and parties found not to be."""

import pytest

from tests.workflow.story import DECIDE, FROM_CONFIRMATION, H, Story
from tocsin.domain.act import AddAffected, Confirm, Draft, DutyEnd, EndDuty, Revise
from tocsin.domain.clock import ClockState
from tocsin.domain.duty import DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Facts, Trigger
from tocsin.domain.notice import WaveKind

FIVE_DAYS = "120 h from confirmation"
EVERYONE = ["bea@birch.example", "cem@cedar.example", "copy@cedar.example"]


async def test_found_later(story: Story) -> None:
    """A party found later has its own duty, clock and wave; whoever was told is not written to again."""
    await story.confirmed()
    await story.tell()
    await story.rest()
    before = [duty for reference in ("BIRCH-1", "CEDAR-1") for duty in story.duties_of(reference).values()]
    found = story.now
    await story.asha(AddAffected(agreements=(story.house.agreement("DOGWOOD-1"),), known_affected_at=found))
    duty = story.duties_of("DOGWOOD-1")[FROM_CONFIRMATION]
    assert (duty.trigger_at, duty.deadline_at) == (found, found + 72 * H)
    assert set(story.state.clocks) == {duty.clock_id}
    await story.tell()
    await story.rest()
    assert story.post.handed == dict.fromkeys([*EVERYONE, "dan@dogwood.example"], 1)
    assert not story.state.clocks
    after = [duty for reference in ("BIRCH-1", "CEDAR-1") for duty in story.duties_of(reference).values()]
    assert after == before


async def test_nobody_left(story: Story) -> None:
    """Once everyone was told there is nobody to draft a first notice to; a follow-up goes to those who were told."""
    await story.confirmed()
    await story.tell()
    with pytest.raises(Refused, match="nobody is left to write to"):
        await story.draft()
    await story.tell(Draft(wave_kind=WaveKind.FOLLOW_UP))
    assert story.post.handed == dict.fromkeys(EVERYONE, 2)


async def test_added_while_a_wave_is_sent(story: Story) -> None:
    """A party added while a wave is being sent is not in it, and is told by its own."""
    await story.confirmed()
    story.post.shut()
    wave = await story.release(await story.draft())
    await story.post.arrived(3)
    await story.asha(AddAffected(agreements=(story.house.agreement("DOGWOOD-1"),)))
    second = await story.draft()
    story.post.open()
    await story.wave(wave).result()
    assert story.post.handed == dict.fromkeys(EVERYONE, 1)
    await story.release(second)
    await story.wave(second.wave).result()
    await story.rest()
    assert story.post.handed == dict.fromkeys([*EVERYONE, "dan@dogwood.example"], 1)
    assert not story.state.clocks


async def test_unknown_audience(story: Story) -> None:
    """While nobody is named everyone has clocks and nobody can be drafted to; naming only some ends the others'."""
    await story.confirmed(facts=Facts(title="A stolen laptop"))
    assert {duty.agreement_id for duty in story.duties if duty.agreement_id} == {
        story.house.agreement(reference) for reference in ("BIRCH-1", "CEDAR-1", "DOGWOOD-1", "ELM-1")
    }
    with pytest.raises(Refused, match="it is not known who is affected"):
        await story.draft()
    await story.asha(AddAffected(agreements=(story.house.agreement("BIRCH-1"),), only=True))
    await story.rest()
    for reference in ("CEDAR-1", "DOGWOOD-1", "ELM-1"):
        assert {duty.state for duty in story.duties_of(reference).values()} == {DutyState.WITHDRAWN}
    await story.tell()
    await story.rest()
    assert story.post.handed == {"bea@birch.example": 1}
    assert {row.state for row in story.clocks()} == {ClockState.ENDED}
    assert not story.state.clocks
    assert story.clock(DECIDE).outcome == "discharged"


async def test_only_some_after_everyone(story: Story) -> None:
    """Whoever a report named too many is left out again: their duties end, and only the others are drafted to."""
    await story.confirmed(everyone=True)
    await story.asha(AddAffected(agreements=(story.house.agreement("BIRCH-1"),), only=True))
    await story.rest()
    for reference in ("CEDAR-1", "DOGWOOD-1", "ELM-1"):
        assert {duty.state for duty in story.duties_of(reference).values()} == {DutyState.WITHDRAWN}
    await story.tell()
    await story.rest()
    assert story.post.handed == {"bea@birch.example": 1}
    assert not story.state.clocks


async def test_whoever_was_told_is_not_left_out(story: Story) -> None:
    """Nobody is made unaffected silently who was told: it is refused by name, and nothing changes."""
    await story.confirmed()
    await story.tell()
    await story.rest()
    before = (story.state, story.duties)
    with pytest.raises(Refused, match="were told already") as refused:
        await story.asha(AddAffected(agreements=(story.house.agreement("BIRCH-1"),), only=True))
    assert story.house.agreement("CEDAR-1") in str(refused.value)
    assert story.house.agreement("BIRCH-1") not in str(refused.value)
    await story.rest()
    assert (story.state, story.duties) == before


async def test_a_draft_to_the_unaffected_is_not_released(story: Story) -> None:
    """Letters that were drafted to somebody who was found unaffected since do not go out."""
    await story.confirmed()
    before = await story.draft()
    await story.asha(AddAffected(agreements=(story.house.agreement("BIRCH-1"),), only=True))
    with pytest.raises(Refused, match="found not to be affected since it was drafted"):
        await story.release(before)
    await story.tell()
    assert story.post.handed == {"bea@birch.example": 1}


async def test_many_are_counted_truly(story: Story) -> None:
    """However many duties come, move and end, the answer counts all of them."""
    lines = (f"FIR-{n},Fir {n},120h from confirmation,firs,f{n}@fir.example\n" for n in range(120))
    story.house.register("agreement,party,notify,services,contact\n" + "".join(lines))
    await story.report(facts=Facts(title="Odd logins on the firs", services=("firs",)))
    confirmed = await story.asha(Confirm())
    revised = await story.asha(Revise(triggers={Trigger.CONFIRMATION: story.now - H}))
    only = await story.asha(AddAffected(agreements=(story.house.agreement("FIR-0"),), only=True))
    news = [receipt.lines[0].partition(": ")[2] for receipt in (confirmed, revised, only)]
    assert news == ["120 new, 0 moved, 1 ended", "0 new, 120 moved, 0 ended", "0 new, 0 moved, 119 ended"]


async def test_a_confirmation_that_no_receipt_brings(story: Story) -> None:
    """A clause that asks for the party's confirmation stays open when the notice left, and ends by its proof."""
    story.house.register(
        "agreement,party,notify,discharge,services,contact\n"
        "FIR-1,Fir Farm,120h from confirmation,acknowledged,firs,fay@fir.example\n"
    )
    await story.confirmed(facts=Facts(title="Odd logins on the firs", services=("firs",)))
    await story.tell()
    await story.rest()
    duty = story.duties_of("FIR-1")[FIVE_DAYS]
    assert duty.state is DutyState.OPEN
    await story.asha(EndDuty(duty_id=duty.duty_id, how=DutyEnd.DISCHARGED, proof="their mail of today"))
    await story.rest()
    ended = story.duties_of("FIR-1")[FIVE_DAYS]
    assert (ended.state, ended.proof) == (DutyState.DISCHARGED, "their mail of today")
    assert not story.state.clocks


async def test_unknown_agreement(story: Story) -> None:
    """An agreement that the register lacks is refused, and changes nothing."""
    await story.confirmed()
    await story.rest()
    before = story.state
    with pytest.raises(Refused, match="the register has no agreement agr-none"):
        await story.asha(AddAffected.model_validate({"agreements": ["agr-none"]}))
    await story.rest()
    assert story.state == before
