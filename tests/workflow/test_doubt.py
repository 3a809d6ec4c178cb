"""Letters of which nobody knows whether they left: adopted, or sent again once. And a channel that is down."""

from datetime import timedelta

from tests.workflow.story import FROM_CONFIRMATION, Story
from tocsin.domain.duty import DutyState
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.task import TaskKind
from tocsin.domain.values import WaveId
from tocsin.ports import Verdict

BEA = "bea@birch.example"


def letter_to_birch(story: Story) -> Notice:
    """Return the one row of Birch Clinic."""
    (row,) = story.house.notices(story.incident, "BIRCH-1")
    return row


async def in_doubt(story: Story, found: bool | None, *, times: int = 1) -> WaveId:
    """Release a wave in which the letter to Birch Clinic falls into doubt so often."""
    story.post.answers[BEA] = [Verdict.IN_DOUBT] * times
    story.post.found[BEA] = found
    await story.confirmed()
    return await story.release(await story.draft())


async def test_adopted(story: Story) -> None:
    """A letter that the channel shows to have taken is told, and not sent again."""
    wave = await in_doubt(story, found=True)
    await story.wave(wave).result()
    row = letter_to_birch(story)
    assert (row.state, row.attempts, row.possible_duplicate) == (NoticeState.ACCEPTED, 1, False)
    assert story.post.handed[BEA] == 1
    assert story.duties_of("BIRCH-1")[FROM_CONFIRMATION].state is DutyState.DISCHARGED


async def test_not_taken(story: Story) -> None:
    """A letter that the channel shows not to have taken is sent again, which makes no duplicate."""
    wave = await in_doubt(story, found=False)
    await story.wave(wave).result()
    row = letter_to_birch(story)
    assert (row.state, row.attempts, row.possible_duplicate) == (NoticeState.ACCEPTED, 2, False)
    assert story.post.handed[BEA] == 2


async def test_nobody_can_tell(story: Story) -> None:
    """A letter of which nobody can tell is sent again once after the grace period, as a possible duplicate."""
    wave = await in_doubt(story, found=None)
    await story.rest()
    assert letter_to_birch(story).state is NoticeState.IN_DOUBT
    assert story.duties_of("BIRCH-1")[FROM_CONFIRMATION].state is DutyState.OPEN
    await story.server.fast_forward(story.wave(wave), timedelta(minutes=4))
    assert story.post.handed[BEA] == 1
    await story.server.fast_forward(story.wave(wave), timedelta(minutes=3))
    await story.wave(wave).result()
    row = letter_to_birch(story)
    assert (row.state, row.attempts, row.possible_duplicate) == (NoticeState.ACCEPTED, 2, True)
    assert story.post.handed[BEA] == 2


async def test_in_doubt_twice(story: Story) -> None:
    """What is in doubt a second time is not sent a third time: a person decides."""
    wave = await in_doubt(story, found=None, times=9)
    await story.server.fast_forward(story.wave(wave), timedelta(minutes=20))
    await story.wave(wave).result()
    await story.rest()
    assert story.post.handed[BEA] == 2
    assert letter_to_birch(story).state is NoticeState.BY_HAND
    (task,) = [task for task in story.house.tasks(story.incident).values() if task.kind is TaskKind.NOTICE]
    await story.finish(task)
    await story.rest()
    assert not story.state.clocks


async def test_channel_down(story: Story) -> None:
    """While the channel takes nothing a person is called once; when it is back, everyone is told by itself."""
    addresses = (BEA, "cem@cedar.example", "copy@cedar.example")
    for address in addresses:
        story.post.answers[address] = [Verdict.CHANNEL_DOWN] * 3
    await story.confirmed()
    wave = await story.release(await story.draft())
    await story.rest()
    assert not story.house.letters()
    # The first answer of each look keeps the others from leaving: nine answers may need nine looks.
    await story.server.fast_forward(story.wave(wave), timedelta(minutes=10))
    await story.wave(wave).result()
    assert len(story.house.letters()) == 3
    assert len(story.house.pages("Notices cannot be sent")) == 1
    assert not any(row.possible_duplicate for row in story.house.notices(story.incident))
