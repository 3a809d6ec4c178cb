"""The waves after the first: they know what was not yet known, say what is new, and a person is reminded of it."""

from datetime import timedelta

from tests.house import Paged
from tests.workflow.story import H, Story
from tocsin.domain.act import Draft, Revise
from tocsin.domain.incident import Trigger
from tocsin.domain.letter import Letter
from tocsin.domain.notice import WaveKind
from tocsin.domain.task import Task, TaskKind, TaskState
from tocsin.domain.values import WaveId
from tocsin.ports import WaveRow

FOLLOW_UP, FINAL = Draft(wave_kind=WaveKind.FOLLOW_UP), Draft(wave_kind=WaveKind.FINAL)


def promises(story: Story) -> list[Task]:
    """Return the promises that are not kept yet."""
    tasks = story.house.tasks(story.incident).values()
    return [task for task in tasks if task.kind is TaskKind.PROMISE and task.state is not TaskState.DONE]


def reminders(story: Story) -> list[Paged]:
    """Return the pages about promises."""
    return [page for page in story.house.pages("Task due") if "a promise of our letters" in page.text]


def wave(story: Story, wave_id: WaveId) -> WaveRow:
    """Return a wave as the store holds it."""
    with story.house.store.reading() as tx:
        found = tx.ledger.wave(wave_id)
    assert found is not None
    return found


def letter(story: Story, wave_id: WaveId) -> Letter:
    """Return the first letter of a wave."""
    with story.house.store.reading() as tx:
        found = tx.ledger.letter(tx.ledger.notices(wave_id)[0].notice_id)
    assert found is not None
    return found


async def test_follow_up_knows_what_was_unknown(story: Story) -> None:
    """A follow-up says what is new since the notice before, refers to the whole thread, and keeps the promise."""
    await story.confirmed()
    first = await story.tell()
    assert "people_affected" in wave(story, first).unknowns
    await story.until(lambda: promises(story))
    await story.asha(Revise(facts={"people_affected": 1204}))
    second = await story.tell(FOLLOW_UP)
    third = await story.tell(FOLLOW_UP)

    one, two, three = (letter(story, wave_id) for wave_id in (first, second, third))

    assert f"WHAT IS NEW SINCE NOTICE {one.notice_number}" in two.text
    assert "how many people are concerned: 1,204" in two.text
    assert "WHAT IS NEW" not in three.text
    assert "people_affected" not in wave(story, second).unknowns
    assert (two.in_reply_to, two.thread) == (one.message_id, one.message_id)
    assert (three.in_reply_to, three.thread) == (two.message_id, f"{one.message_id} {two.message_id}")


async def test_reminder_pages_until_the_rest_is_told(story: Story) -> None:
    """What was promised pages its owner a day later and each day after, and no more once a final letter went out."""
    await story.confirmed()
    await story.tell()
    await story.until(lambda: promises(story))
    assert reminders(story) == []
    for day in (1, 2):
        await story.server.fast_forward(story.response(), timedelta(hours=24, minutes=1))
        await story.rest()
        assert len(reminders(story)) == day

    await story.tell(FINAL)
    await story.until(lambda: not promises(story))
    await story.server.fast_forward(story.response(), 72 * H)
    await story.rest()

    assert len(reminders(story)) == 2


async def test_supplied_facts_end_the_reminder(story: Story) -> None:
    """Once a follow-up could say everything, nothing is promised any more and nothing stands in the way of closing."""
    await story.confirmed()
    await story.tell()
    await story.until(lambda: promises(story))
    known = {"summary": "s", "data_categories": ("names",), "people_affected": 1, "records_affected": 1,
             "consequences": "c", "cause": "c", "measures": ("m",)}  # fmt: skip
    occurred = {Trigger.OCCURRENCE: story.now - H}
    await story.asha(Revise(facts=known, triggers=occurred))

    told = await story.tell(FOLLOW_UP)

    await story.until(lambda: not promises(story))
    assert wave(story, told).unknowns == ()


async def test_correction_for_some_leaves_the_promise_to_the_rest(story: Story) -> None:
    """A correction to one party says to it what was wrong, and leaves what was promised to the others open."""
    await story.confirmed()
    await story.asha(Revise(facts={"people_affected": 900}))
    await story.tell()
    await story.until(lambda: promises(story))
    before = promises(story)
    await story.asha(Revise(facts={"people_affected": 1204}))
    with story.house.store.reading() as tx:
        party = tx.ledger.of(story.incident)[0].agreement_id

    wave_id = await story.tell(Draft(wave_kind=WaveKind.CORRECTION, agreements=(party,)))

    await story.rest()
    assert "how many people are concerned: we wrote: 900; now: 1,204" in letter(story, wave_id).text
    assert promises(story) == before
