"""Breaking the glass: only when it is needed, by a member, recallable, through the one gate, loud, and reviewed."""

import asyncio
from datetime import datetime, timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, House, person
from tests.workflow.hurry import Hurried
from tests.workflow.story import FROM_CONFIRMATION, H, Story, police
from tests.workflow.test_continuing import LIMIT, into_another_run
from tests.workflow.test_silence import FACTS, letter_to
from tocsin.adapters.evidence import check_evidence
from tocsin.adapters.temporal_histories import open_shelf
from tocsin.domain.act import Actor, AddNote, AnswerPage, Confirm, Role
from tocsin.domain.breaking_glass import BreakGlass, Recall, ReviewGlass
from tocsin.domain.duty import DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.terms import next_term
from tocsin.domain.values import WaveId

MIN = timedelta(minutes=1)
RUTH = person("Ruth", Role.APPROVER)


def on(story: Story, title: str = FROM_CONFIRMATION) -> BreakGlass:
    """Return the deed for one clock."""
    return BreakGlass(clock_id=story.clock(title).spec.clock_id, reason="nobody answers")


async def broken(story: Story) -> WaveId:
    """Let Asha break the glass."""
    return WaveId((await story.asha(on(story))).ids["wave"])


async def not_done(story: Story, actor: Actor, words: str) -> None:
    """Check that the glass is not broken, with these words: what the store knows decides it."""
    with pytest.raises(Refused, match=words):
        await story.act(actor, on(story))
    assert story.state.glass == {}


async def test_minimal_letter_leaves_after_the_window(server: WorkflowEnvironment, house: House) -> None:
    """In the last tenth it waits ten minutes, goes in the breaker's name, is paged, reviewed, and verifies."""
    story = Hurried(server, house, 300)
    await story.confirmed(66 * H, facts=FACTS)
    wave = await broken(story)
    await story.until(lambda: story.post.handed)
    await story.wave(wave).result()
    await story.rest()
    assert set(story.post.handed) == {"bea@birch.example", "cem@cedar.example", "copy@cedar.example"}
    assert "night shift" not in letter_to(story, "bea@birch.example")
    assert story.duties_of("BIRCH-1")[FROM_CONFIRMATION].state is DutyState.DISCHARGED
    (page,) = story.house.pages("The glass was broken")
    assert f"tocsin recall {story.incident} {wave}" in page.text
    (entry,) = story.house.log("wave.released_by_glass", story.incident)
    assert entry["data"]["by"] == ASHA.person_id
    assert datetime.fromisoformat(entry["at"]) >= story.state.glass[wave].sends_at

    await story.refuses(ASHA, Recall(wave_id=wave), "left already")
    await story.refuses(ASHA, ReviewGlass(wave_id=wave, text="fine"), "only an approver may")
    await story.finish_tasks()
    await story.dara(ReviewGlass(wave_id=wave, text="It was right to tell them."))
    assert story.state.glass == {}

    house = story.house
    shelf = open_shelf(house.store, house.vault, house.keyring, house.client, house.home)
    kept = await shelf.keep(story.incident)
    assert check_evidence(house.home / "evidence" / kept.name).findings == ()


async def test_recalled_in_a_later_run(story: Story) -> None:
    """Within the window anybody of the team recalls it, in a later run, too; nothing leaves."""
    await story.report(history_limit=LIMIT)
    await story.asha(Confirm(confirmed_at=story.now - 66 * H))
    wave = await broken(story)
    await story.refuses(ASHA, on(story), "broke the glass for clock .* already")
    await into_another_run(story)
    assert wave in story.state.glass
    assert not story.post.handed
    await story.asha(Recall(wave_id=wave, reason="Dara answered"))
    await story.rest()
    assert next_term(story.state) is None
    assert not story.post.handed
    assert story.state.glass == {}


async def test_not_before_it_is_needed(story: Story) -> None:
    """With time left, and a page that has only just gone out, it is refused."""
    await story.confirmed(40 * H)
    await story.until(lambda: story.warnings(FROM_CONFIRMATION))
    await not_done(story, ASHA, "last tenth of a clock")


async def test_only_when_it_is_needed(server: WorkflowEnvironment, house: House) -> None:
    """It is refused to whoever is not on the team, and after an answer to the page."""
    story = Hurried(server, house, 1800)
    await story.confirmed(40 * H)
    await story.until(lambda: story.warnings(FROM_CONFIRMATION))
    await story.passes(31 * MIN)
    await not_done(story, RUTH, "Ruth is not on the incident's team")
    await story.asha(AnswerPage())
    await not_done(story, ASHA, "last tenth of a clock")


async def test_it_is_broken_when_a_page_went_unanswered(server: WorkflowEnvironment, house: House) -> None:
    """Half an hour after a page that nobody answered it is broken; unreviewed after three days everyone is called."""
    story = Hurried(server, house, 90_000)
    await story.confirmed(40 * H)
    await story.until(lambda: story.warnings(FROM_CONFIRMATION))
    await asyncio.sleep(0.05)
    wave = await broken(story)
    await story.until(lambda: story.house.log("glass.unreviewed", story.incident))
    assert story.now >= story.state.glass[wave].review_by - 24 * H
    await story.until(lambda: story.house.pages("waits for its review"))
    await story.dara(ReviewGlass(wave_id=wave, text="late, and right"))


async def test_hold_beats_the_glass(server: WorkflowEnvironment, house: House) -> None:
    """Under a hold nobody is reached; one placed within the window voids the release, and says so."""
    story = Hurried(server, house, 100)
    await story.confirmed(66 * H)
    wave = await broken(story)
    await story.dara(police())
    await story.until(lambda: not story.state.glass)
    await story.rest()
    assert not story.post.handed
    assert [entry["data"]["wave"] for entry in story.house.log("glass.void", story.incident)] == [wave]
    assert len(story.house.pages("The broken glass sends nothing")) == 1
    await not_done(story, ASHA, "nobody on this clock")


async def test_no_window_where_the_deadline_is_near(story: Story) -> None:
    """With less than a quarter of an hour left it leaves at once; an approver who broke it does not review it."""
    await story.confirmed(72 * H - 10 * MIN)
    await story.act(RUTH, AddNote(text="I help"))
    wave = WaveId((await story.act(RUTH, on(story))).ids["wave"])
    await story.until(lambda: story.post.handed)
    await story.wave(wave).result()
    await story.rest()
    assert story.post.handed["bea@birch.example"] == 1
    await story.refuses(RUTH, ReviewGlass(wave_id=wave, text="fine"), "does not review it")
    await story.finish_tasks()
    await story.rest()
    await story.dara(ReviewGlass(wave_id=wave, text="in time"))
