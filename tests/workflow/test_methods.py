"""Clauses that require several methods together: rows, tasks and proofs, one for each."""

from tests.workflow.story import FROM_CONFIRMATION, Story
from tests.workflow.test_by_hand import by_hand
from tocsin.domain.act import AddAffected, Draft, TaskDone
from tocsin.domain.clause import Method
from tocsin.domain.duty import DutyState
from tocsin.domain.notice import NoticeState, WaveKind
from tocsin.domain.values import IncidentId

S = NoticeState
FIR = """\
agreement,party,notify,services,contact,deputies,copies,phone,methods
FIR-1,Fir Housing,72h from confirmation,lonely,Fay Fir <fay@fir.example>,,,,mail and post
"""


async def told(story: Story) -> IncidentId:
    """Tell Fir Housing, whose clause asks for mail and registered post."""
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
    assert states(story) == {Method.MAIL: S.ACCEPTED, Method.POST: S.BY_HAND}
    duty = story.duties_of("FIR-1")[FROM_CONFIRMATION]
    assert (duty.state, duty.unproved) == (DutyState.OPEN, (Method.POST,))
    assert duty.clock_id in story.state.clocks
    (task,) = by_hand(story)
    assert "by registered post" in task.title

    await story.asha(TaskDone(task_id=task.task_id, outcome="posted", proof="RR 123 456 789 DE"))
    await story.rest()
    duty = story.duties_of("FIR-1")[FROM_CONFIRMATION]
    assert (duty.state, duty.proved_by) == (DutyState.DISCHARGED, task.notice_id)
    assert {proof.method for proof in duty.proofs} == {Method.MAIL, Method.POST}
    assert duty.clock_id not in story.state.clocks


async def test_a_later_wave_goes_by_the_ways_that_are_left(story: Story) -> None:
    """A follow-up is mailed, and asks for no second registered letter; a correction goes every way again."""
    await told(story)
    follow_up = await story.tell(Draft(wave_kind=WaveKind.FOLLOW_UP))
    ways = {row.method for row in story.house.notices(story.incident, "FIR-1") if row.wave_id == follow_up}
    assert ways == {Method.MAIL}
    for task in by_hand(story):
        await story.asha(TaskDone(task_id=task.task_id, outcome="posted", proof="RR 1"))
    correction = await story.tell(Draft(wave_kind=WaveKind.CORRECTION))
    ways = {row.method for row in story.house.notices(story.incident, "FIR-1") if row.wave_id == correction}
    assert ways == {Method.MAIL, Method.POST}
