"""A year in one test: thirty incidents with holds, revisions, waves, late additions and merges, each with its end."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.house import House
from tests.workflow.conftest import a_house
from tests.workflow.machine import RUTH, Kind, Machine, Step, compare_whole
from tests.workflow.test_merge import absorb
from tocsin.audit.verify import verify
from tocsin.domain.act import AddNote, Confirm, Draft, MergeInto, Release, Resume
from tocsin.domain.clock import ClockState
from tocsin.domain.duty import DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.holding import Lift
from tocsin.domain.ladder import Ladder, Rung, Who
from tocsin.domain.notice import NoticeState, WaveKind
from tocsin.domain.values import IncidentId
from tocsin.ports import Page, PageAnswer, WaveRow

INCIDENTS, STEPS, AT_ONCE, SEED = 30, 14, 6, 20261127
DAY = 24
YEAR = 365 * DAY


class Counting:
    """A pager that counts how often each page is handed to it."""

    keeps_open = False

    def __init__(self) -> None:
        self.handed: Counter[str] = Counter()

    async def page(self, page: Page) -> None:
        """Count it."""
        self.handed[page.key] += 1

    async def answer(self, about: str, answer: PageAnswer) -> None:
        """Do nothing."""


class Life(Machine):
    """One incident from its report to its end. The year passes for its clocks; people act while it does."""

    hours = 0

    async def begin(self, day: int, steps: list[Step]) -> None:
        """Report on a day of the year, and do each step."""
        await self.story.report()
        await self._pass(day * DAY)
        for step in steps:
            if step.kind is Kind.HOURS:
                await self._pass(1 + step.number * 3)
            else:
                await self._act(step)
        await self.story.rest()

    async def _pass(self, hours: int) -> None:
        self.hours += hours
        if hours:
            await super()._pass(hours)

    async def end(self) -> None:
        """Bring it to its end: everything lifted, everyone told, every task done, every reason given."""
        story = self.story
        if self.model.over or story.state.merged_into:
            return
        for hold in story.state.holds:
            await story.act(RUTH, Lift(hold_id=hold))
        for wave_id, wave in story.state.waves.items():
            if wave.stopped and not wave.ended:
                await story.asha(Resume(wave_id=wave_id))
        await self._letters_left()
        if story.state.status == "reported":
            await story.asha(Confirm())
        for kind in (WaveKind.INITIAL, WaveKind.FOLLOW_UP):
            await self._tell(kind)
        await story.rest()
        await story.finish_tasks()
        await story.until(lambda: not story.state.clocks)
        for clock_id in dict.fromkeys(story.state.reasons_owed):
            await story.asha(AddNote(text="found late", clock_id=clock_id))
        await story.rest()
        await story.close()
        await asyncio.wait_for(story.run().result(), 60)

    async def _tell(self, kind: WaveKind) -> None:
        try:
            drafted = await self.story.draft(Draft(wave_kind=kind))
        except Refused:
            return  # nobody is left for it
        await self.story.act(RUTH, Release(wave_id=drafted.wave, digest=drafted.digest))
        await self._letters_left()

    async def _letters_left(self) -> None:
        for wave_id, wave in self.story.state.waves.items():
            if wave.released and not wave.ended:
                await asyncio.wait_for(self.story.wave(wave_id).result(), 120)
        await self.story.rest()


def steps_of(source: Random) -> list[Step]:
    """Return what happens to one incident: more hours than acts of any one kind."""
    often = [Kind.HOURS, Kind.HOURS, Kind.DRAFT, Kind.DRAFT, Kind.RELEASE, Kind.RELEASE, Kind.CONFIRM, Kind.LIFT]
    kinds = [*Kind, *often] if source.random() < 0.2 else [kind for kind in (*Kind, *often) if kind is not Kind.DISMISS]
    return [Step(source.choice(kinds), source.randint(0, 40)) for _ in range(STEPS)]


async def merge(source: Life, target: Life) -> bool:
    """Merge one incident into another, if the rules let it."""
    try:
        await target.story.asha(absorb(source.story.house, source.story))
        await source.story.asha(MergeInto(target=target.story.incident))
    except Refused:
        return False
    await source.story.rest()
    await target.story.rest()
    return True


def held(log: list[dict[str, object]], house: House, incident: IncidentId) -> Iterator[str]:
    """Yield each notice that the log shows as taken while a hold over everything was in force."""
    with house.store.reading() as tx:
        acts = {envelope.act.act_id: envelope.act for envelope in tx.incidents.acts(incident)}
    in_force = 0
    for entry in log:
        data = entry["data"]
        assert isinstance(data, dict)
        act = acts.get(data.get("act", ""))
        in_force += {"hold": 1, "lift": -1}.get(act.deed.kind, 0) if act else 0
        if entry["kind"] == "notice.accepted" and in_force:
            yield str(data["notice"])


@pytest.mark.soak
@pytest.mark.timeout(3000)
async def test_a_year(server: WorkflowEnvironment, furnished: Path, tmp_path: Path) -> None:
    """At the end of a year each duty has one end, each warning went out once, and no notice passed a hold."""
    source, bell, gate = Random(SEED), Counting(), asyncio.Semaphore(AT_ONCE)
    async with a_house(server, furnished, tmp_path / "home") as house:
        house.pagers["bell"] = bell
        house.ladder = Ladder(rungs=(Rung(who=Who.OWNER, channels=("bell",)),))
        async with house.working():
            lives = [Life(server, house) for _ in range(INCIDENTS)]

            async def lived(life: Life, day: int, steps: list[Step]) -> None:
                async with gate:
                    await life.begin(day, steps)

            plans = [(365 * number // INCIDENTS, steps_of(source)) for number in range(INCIDENTS)]
            await asyncio.gather(*(lived(life, *plan) for life, plan in zip(lives, plans, strict=True)))
            pairs = [(lives[n], lives[n + 1]) for n in range(0, INCIDENTS, 3)]
            merged = [await merge(*pair) for pair in pairs]

            async def ended(life: Life) -> None:
                async with gate:
                    await life.end()

            # A merged one's parties are told by the other: those of a pair end one after the other.
            await asyncio.gather(*map(ended, lives))
            check(house, lives, bell)
    done = sum((life.done for life in lives), start=Counter[Kind]())
    kept = {str(life.story.state.status) for life in lives}
    print(json.dumps({"acts": done, "merged": sum(merged), "ends": sorted(kept), "warnings": bell.handed.total()}))
    assert sum(merged) >= 1
    assert max(life.hours for life in lives) >= YEAR * 9 // 10


def check(house: House, lives: list[Life], bell: Counting) -> None:
    """Check every invariant."""
    assert [key for key, count in bell.handed.items() if count > 1] == [], "each warning once"
    for life in lives:
        story = life.story
        assert story.state.status in {"closed", "dismissed", "merged"}, story.incident
        assert [duty.title for duty in story.duties if duty.state is DutyState.OPEN] == []
        assert [row.spec.title for row in story.clocks() if row.state is not ClockState.ENDED] == []
        assert list(held(house.log(incident_id=story.incident), house, story.incident)) == []
        initial = {w.wave_id for w in waves(house, story.incident) if w.kind is WaveKind.INITIAL}
        rows = [row for row in house.notices(story.incident) if row.wave_id in initial and row.contact_id]
        told = Counter((r.agreement_id, r.contact_id) for r in rows if r.state is NoticeState.ACCEPTED)
        assert [who for who, count in told.items() if count > 1] == [], "nobody is told first twice"
        assert story.sequences() == sorted(set(story.sequences()))
    compare_whole(house)
    with house.store.reading() as tx:
        verdict = verify(tx.log.entries(), tx.log.head())
    assert verdict.holds, verdict.why


def waves(house: House, incident: IncidentId) -> list[WaveRow]:
    """Return the waves of an incident."""
    with house.store.reading() as tx:
        return list(tx.ledger.waves(incident))
