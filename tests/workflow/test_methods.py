"""Clauses that require several methods together: rows, tasks and proofs, one for each."""

import json
from pathlib import Path

from tests.ports.told import means_of
from tests.workflow.story import FROM_CONFIRMATION, Story, police
from tests.workflow.test_by_hand import by_hand
from tocsin.adapters.evidence import write_evidence
from tocsin.domain.act import AddAffected, Draft, TaskDone
from tocsin.domain.clause import Method
from tocsin.domain.duty import DutyState
from tocsin.domain.holding import Lift
from tocsin.domain.notice import NoticeState, WaveKind
from tocsin.domain.values import IncidentId

S = NoticeState
FIR = """\
agreement,party,notify,services,contact,deputies,copies,phone,methods
FIR-1,Fir Housing,72h from confirmation,lonely,Fay Fir <fay@fir.example>,,,,mail and post and posting
"""


async def told(story: Story) -> IncidentId:
    """Tell Fir Housing, whose clause asks for mail, registered post and the notice page."""
    story.house.register(FIR)
    await story.confirmed()
    await story.asha(AddAffected(agreements=(story.house.agreement("FIR-1"),)))
    await story.tell(Draft(agreements=(story.house.agreement("FIR-1"),)))
    await story.rest()
    return story.incident


def states(story: Story) -> dict[Method, NoticeState]:
    """Return how each method's row stands."""
    return {row.method: row.state for row in story.house.notices(story.incident, "FIR-1")}


async def test_each_method_has_its_row_its_task_and_its_proof(replayed_story: Story) -> None:
    """The mail alone ends nothing: the duty and its clock wait for the registered letter's number, and say so."""
    story = replayed_story
    await told(story)
    assert states(story) == {Method.MAIL: S.ACCEPTED, Method.POST: S.BY_HAND, Method.POSTING: S.ACCEPTED}
    duty = story.duties_of("FIR-1")[FROM_CONFIRMATION]
    assert (duty.state, duty.unproved) == (DutyState.OPEN, (Method.POST,))
    assert duty.clock_id in story.state.clocks
    (task,) = by_hand(story)
    assert "by registered post" in task.title

    await story.asha(TaskDone(task_id=task.task_id, outcome="posted", proof="RR 123 456 789 DE"))
    await story.rest()
    duty = story.duties_of("FIR-1")[FROM_CONFIRMATION]
    assert (duty.state, duty.proved_by) == (DutyState.DISCHARGED, task.notice_id)
    assert {proof.method for proof in duty.proofs} == {Method.MAIL, Method.POST, Method.POSTING}
    assert duty.clock_id not in story.state.clocks


async def test_a_later_wave_goes_by_the_ways_that_are_left(story: Story) -> None:
    """A follow-up is mailed and posted, and asks for no second registered letter; a correction goes every way again."""
    await told(story)
    follow_up = await story.tell(Draft(wave_kind=WaveKind.FOLLOW_UP))
    ways = {row.method for row in story.house.notices(story.incident, "FIR-1") if row.wave_id == follow_up}
    assert ways == {Method.MAIL, Method.POSTING}
    for task in by_hand(story):
        await story.asha(TaskDone(task_id=task.task_id, outcome="posted", proof="RR 1"))
    correction = await story.tell(Draft(wave_kind=WaveKind.CORRECTION))
    ways = {row.method for row in story.house.notices(story.incident, "FIR-1") if row.wave_id == correction}
    assert ways == {Method.MAIL, Method.POST, Method.POSTING}


async def test_nothing_is_posted_under_a_hold(story: Story) -> None:
    """A hold on one party keeps the page shut for all, since that party reads it too; lifted, it is posted."""
    house = story.house
    house.register(FIR)
    await story.confirmed()
    await story.asha(AddAffected(agreements=(house.agreement("FIR-1"),)))
    await story.dara(police(house.agreement("BIRCH-1")))
    await story.release(await story.draft(Draft(agreements=(house.agreement("FIR-1"),))))
    await story.until(lambda: states(story)[Method.MAIL] is S.ACCEPTED)
    await story.rest()
    assert states(story)[Method.POSTING] is S.RELEASED
    assert not (house.home / "posting" / "index.html").exists()
    await story.dara(Lift(hold_id=story.state.holds[0]))
    await story.until(lambda: states(story)[Method.POSTING] is S.ACCEPTED)
    assert "Fir" not in (house.home / "posting" / "index.html").read_text()


async def test_the_page_is_corrected_and_withdrawn(story: Story, tmp_path: Path) -> None:
    """What is posted stays on the page, and says above it that it was corrected, and then that it was withdrawn."""
    await told(story)
    folder = story.house.home / "posting"
    (first,) = folder.glob("?" * 20 + ".html")
    await story.tell(Draft(wave_kind=WaveKind.CORRECTION))
    assert "This notice was corrected" in first.read_text()
    await story.tell(Draft(wave_kind=WaveKind.WITHDRAWAL))
    assert "This notice was withdrawn" in first.read_text()
    feed = json.loads((folder / "feed.json").read_text())
    tags = [item["tags"] for item in feed["items"]]
    assert tags == [["withdrawal"], ["correction", "withdrawn"], ["initial", "withdrawn"]]
    for task in by_hand(story):
        await story.finish(task)
    await story.rest()
    result = write_evidence(story.house.store, means_of(story.house), story.incident, tmp_path / "evidence")
    assert result.findings == ()
