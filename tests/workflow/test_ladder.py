"""The ladder on real clocks: each rung in its time, until somebody answers; a failing pager is passed over at once."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.pages import Pages, Warn
from tests.house import DARA, NOOR, House
from tests.workflow.story import FROM_AWARENESS, FROM_CONFIRMATION, H, Story
from tocsin import wire
from tocsin.adapters.callers import LadderCallers
from tocsin.adapters.temporal_runs import TemporalRuns
from tocsin.domain.act import AnswerPage
from tocsin.domain.clock import Mark
from tocsin.domain.errors import Deferred
from tocsin.domain.incident import Facts, Severity
from tocsin.domain.ladder import Climb, Ladder, Rung, Who
from tocsin.domain.values import ClockId
from tocsin.ports import Page, PageAnswer, Stamp

MIN = timedelta(minutes=1)
LADDER = Ladder(
    rungs=tuple(Rung(who=who, channels=(str(who), "spare")) for who in Who),
    climbs=(
        Climb(after={Who.OWNER: 0 * MIN, Who.DEPUTY: 30 * MIN, Who.APPROVER: 60 * MIN}),
        Climb(severity=("critical",), after={Who.OWNER: 0 * MIN, Who.DEPUTY: 5 * MIN}),
    ),
)


class Bell:
    """A pager in memory: what it took, and what it was told of it."""

    keeps_open = True

    def __init__(self) -> None:
        self.took: dict[str, Page] = {}
        self.told: list[tuple[str, PageAnswer]] = []
        self.down = False

    async def page(self, page: Page) -> None:
        """Take it, once for its key, unless it is down."""
        if self.down:
            raise Deferred("the bell is down")
        self.took.setdefault(page.key, page)

    async def answer(self, about: str, answer: PageAnswer) -> None:
        """Note it."""
        self.told.append((about, answer))


class Bells:
    """One for each rung, and a spare one."""

    def __init__(self, house: House) -> None:
        self.of = {name: Bell() for name in (*Who, "spare")}
        house.pagers.update(self.of)
        house.ladder = LADDER

    def rung(self, title: str) -> dict[str, int]:
        """Return how many pages about a clock each took; those that took none are left out."""
        found = {who: sum(title in page.subject for page in bell.took.values()) for who, bell in self.of.items()}
        return {str(who): count for who, count in found.items() if count}


@pytest.fixture
async def rung(server: WorkflowEnvironment, quiet_house: House) -> AsyncIterator[tuple[Story, Bells]]:
    """A story in a house with a ladder."""
    bells = Bells(quiet_house)
    async with quiet_house.working():
        yield Story(server, quiet_house), bells


async def test_unanswered_page_climbs(rung: tuple[Story, Bells]) -> None:
    """A warning that nobody answers calls one rung after the other in its time, and says how long it waited."""
    story, bells = rung
    await story.confirmed()
    await story.lapse(FROM_CONFIRMATION, 36 * H + MIN)
    assert bells.rung(FROM_CONFIRMATION) == {"owner": 1}
    await story.lapse(FROM_CONFIRMATION, 30 * MIN)
    assert bells.rung(FROM_CONFIRMATION) == {"owner": 1, "deputy": 1}
    await story.lapse(FROM_CONFIRMATION, 10 * H)
    assert bells.rung(FROM_CONFIRMATION) == {"owner": 1, "deputy": 1, "approver": 1}
    last = next(iter(bells.of[Who.APPROVER].took.values()))
    assert "You are called as the approver. Nobody has answered for 60 min." in last.text
    assert f"tocsin page ack {story.incident} --clock {story.clock(FROM_CONFIRMATION).spec.clock_id}" in last.text
    called = [entry["data"]["who"] for entry in story.house.log("ladder.called", story.incident)]
    assert called == ["owner", "deputy", "approver"]


async def test_a_warning_is_one_deed(rung: tuple[Story, Bells]) -> None:
    """Counting, calling and recording are one activity; tried again nothing is twice, and what moved is not missed."""
    story, bells = rung
    await story.confirmed()
    await story.lapse(FROM_CONFIRMATION, 36 * H + MIN)
    row = story.clock(FROM_CONFIRMATION)
    assert row.sent == (Mark.HALF,)
    run = story.clock_run(row)
    asked = [event.activity_task_scheduled_event_attributes for event in (await run.fetch_history()).events]
    assert [one.activity_type.name for one in asked if one.activity_id] == ["duties.count", "pages.warn"]

    info = await run.describe()
    at = row.spec.mark_at(Mark.THREE_QUARTERS)
    stamp = Stamp(workflow_id=info.id, run_id=info.run_id or "", sequence=99, at=at, incident_id=story.incident)
    callers = LadderCallers(LADDER, {str(who): bell for who, bell in bells.of.items()})
    again = Pages(story.house.store, callers, TemporalRuns(story.house.client))
    order = Warn(spec=row.spec, mark=Mark.THREE_QUARTERS, at=at, stamp=stamp)
    first, second = await again.warn(order), await again.warn(order)
    assert first.marked
    assert first == second
    assert story.clock(FROM_CONFIRMATION).sent == (Mark.HALF, Mark.THREE_QUARTERS)
    marks = [entry["data"]["mark"] for entry in story.house.log("clock.warned", story.incident)]
    assert marks == [Mark.HALF, Mark.THREE_QUARTERS]
    assert bells.rung(FROM_CONFIRMATION) == {"owner": 2}

    earlier = row.spec.model_copy(update=dict.fromkeys(("deadline_at", "target_at"), row.spec.target_at - H))
    moved = Warn(spec=earlier, mark=Mark.DUE, at=earlier.target_at, stamp=stamp.model_copy(update={"sequence": 100}))
    third = await again.warn(moved)
    assert (third.marked, third.missed) == (True, False), "a deadline that has moved was not missed"
    assert not story.clock(FROM_CONFIRMATION).late
    assert story.house.log("clock.missed", story.incident) == []


async def test_answer_stops_the_rung_and_not_the_clock(rung: tuple[Story, Bells]) -> None:
    """Answered, a warning calls nobody further; the next one calls from the first rung again."""
    story, bells = rung
    await story.confirmed()
    await story.lapse(FROM_CONFIRMATION, 36 * H + MIN)
    clock_id = story.clock(FROM_CONFIRMATION).spec.clock_id
    lines = (await story.act(DARA, AnswerPage(clock_id=clock_id))).lines
    assert lines == ("answered: nobody else is called about it before its next warning; the clock runs on",)
    await story.lapse(FROM_CONFIRMATION, 10 * H)
    assert bells.rung(FROM_CONFIRMATION) == {"owner": 1}
    (page,) = bells.of[Who.OWNER].took.values()
    assert bells.of[Who.OWNER].told == [(page.about, PageAnswer.ACKNOWLEDGED)]
    await story.lapse(FROM_CONFIRMATION, 8 * H + 40 * MIN)
    assert bells.rung(FROM_CONFIRMATION) == {"owner": 2, "deputy": 1}
    acts = story.house.log("act.page_ack", story.incident)
    assert [entry["actor"] for entry in acts] == [DARA.person_id]


async def test_everyone_in_the_last_tenth(rung: tuple[Story, Bells]) -> None:
    """In the last tenth of a clock everyone is called at once while something is unreleased; nobody more once it is."""
    story, bells = rung
    await story.confirmed()
    await story.lapse(FROM_AWARENESS, 33 * H)
    assert bells.rung(FROM_AWARENESS) == {"owner": 3, "deputy": 3, "approver": 3, "executive": 1}
    await story.tell()
    await story.rest()
    opened = {page.about for page in bells.of[Who.OWNER].took.values() if FROM_AWARENESS in page.subject}
    resolved = {about for about, answer in bells.of[Who.OWNER].told if answer is PageAnswer.RESOLVED}
    assert len(opened) == 3
    assert opened <= resolved


async def test_failing_pager_calls_the_next_at_once(rung: tuple[Story, Bells]) -> None:
    """A channel that fails is passed over, and named; a rung of which every channel fails is passed over as well."""
    story, bells = rung
    bells.of[Who.OWNER].down = True
    await story.confirmed(40 * H)
    await story.rest()
    assert bells.rung(FROM_CONFIRMATION) == {"spare": 1}
    bells.of["spare"].down = True
    await story.lapse(FROM_CONFIRMATION, 14 * H + MIN)
    assert bells.rung(FROM_CONFIRMATION) == {"spare": 1, "deputy": 2, "approver": 1}
    told = [page.text for page in bells.of["spare"].took.values() if FROM_CONFIRMATION in page.subject]
    assert "Before this: the bell is down." in told[0]


async def test_severity_chooses_the_pace(rung: tuple[Story, Bells]) -> None:
    """A critical incident calls the deputy after five minutes, and no approver."""
    story, bells = rung
    facts = Facts(title="Odd logins", services=("records-api",), severity=Severity.CRITICAL)
    await story.confirmed(facts=facts)
    await story.lapse(FROM_CONFIRMATION, 36 * H + 6 * MIN)
    assert bells.rung(FROM_CONFIRMATION) == {"owner": 1, "deputy": 1}
    await story.lapse(FROM_CONFIRMATION, 10 * H)
    assert bells.rung(FROM_CONFIRMATION) == {"owner": 1, "deputy": 1}


async def test_answers_that_are_refused(rung: tuple[Story, Bells]) -> None:
    """An auditor answers no page, and a clock that does not run has none to answer."""
    story, _ = rung
    await story.confirmed()
    await story.refuses(NOOR, AnswerPage(), "an auditor reads and changes nothing")
    await story.refuses(DARA, AnswerPage(clock_id=ClockId("clk-gone")), "clock clk-gone does not run")


async def test_lost_clock_goes_on_climbing(rung: tuple[Story, Bells]) -> None:
    """A clock that was terminated between two rungs calls the next one in its time once it runs again."""
    story, bells = rung
    await story.confirmed(36 * H + 10 * MIN)
    await story.rest()
    lost = story.clock_run(story.clock(FROM_CONFIRMATION))
    await lost.terminate("by hand")
    await story.run().signal(wire.PART_LOST, wire.PartLost(workflow_id=lost.id))
    await story.rest()
    await story.lapse(FROM_CONFIRMATION, 45 * MIN)
    assert bells.rung(FROM_CONFIRMATION) == {"owner": 1, "deputy": 1}


async def test_link_to_the_console(rung: tuple[Story, Bells]) -> None:
    """A page's link leads to its incident in the console, and there is none without a console."""
    story, bells = rung
    callers = LadderCallers(LADDER, bells.of, "https://desk.example")
    assert callers.link(story.incident) == f"https://desk.example/incidents/{story.incident}"
    assert LadderCallers(LADDER, bells.of).link(story.incident) == ""
