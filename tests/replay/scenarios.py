"""The incidents that are recorded: together they take every workflow through every turn that it can take."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from temporalio.client import Client

from tests.house import ASHA, DARA, House
from tests.house import REGISTER as FOUR
from tocsin import wire
from tocsin.adapters.headers import checked
from tocsin.domain.act import (
    Absorb,
    Actor,
    AddAffected,
    AddNote,
    Close,
    Confirm,
    Deed,
    Dismiss,
    Draft,
    Envelope,
    Handover,
    MergeInto,
    Receipt,
    Release,
    Reopen,
    Resume,
    Revise,
    Stop,
    TaskAdd,
    TaskAssign,
    TaskDone,
)
from tocsin.domain.breaking_glass import BreakGlass, Recall, ReviewGlass
from tocsin.domain.hold import HoldKind
from tocsin.domain.holding import ConfirmHold, HoldProvisionally, Lift, PlaceHold
from tocsin.domain.letter import Letter
from tocsin.domain.notice import WaveKind
from tocsin.domain.probe_deed import Probe, round_id_of
from tocsin.domain.task import TaskKind, TaskState
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import HoldId, IncidentId, WaveId
from tocsin.ports import Channel, Outcome, Verdict

UNREACHABLE = b"<cem@cedar.example>"
"""The first contact of Cedar Bank, whose address no channel takes."""
FAST = 86_400.0
"""A day of the scenario passes in a second."""
ORDER = PlaceHold(hold_kind=HoldKind.LAW_ENFORCEMENT, issuer="County police", reference="CP-1")
SAYS_SO = """\
agreement,party,notify,services,contact,on_silence
BIRCH-1,Birch Clinic,72h from confirmation,records-api,Bea <bea@birch.example>,release_minimal
"""


class Rejecting:
    """A channel that turns one address away."""

    name = "outbox"
    reports_delivery = False

    def __init__(self, inner: Channel) -> None:
        self._inner = inner

    def prepare(self, letter: Letter) -> bytes:
        """Prepare as the inner channel does."""
        return self._inner.prepare(checked(letter))

    async def send(self, prepared: bytes, at: datetime) -> Outcome:
        """Reject the one, send the others."""
        if UNREACHABLE in prepared:
            return Outcome(verdict=Verdict.REJECTED, detail="no such mailbox")
        return await self._inner.send(prepared, at)

    async def lookup(self, prepared: bytes) -> bool | None:
        """Look up in the inner channel."""
        return await self._inner.lookup(prepared)

    async def close(self) -> None:
        """Close the inner channel."""
        await self._inner.close()


class RecordingHouse(House):
    """A house in which acts are done as of now, in scenario time."""

    def __init__(self, home: Path, client: Client, tempo: Tempo, public_url: str | None = None) -> None:
        super().__init__(home, client, queue="replay")
        self.tempo = tempo
        self.public_url = public_url
        self.register(FOUR)

    def shut(self) -> None:
        """Let go of the database."""
        self.store.close()
        self.vault._engine.dispose()

    @property
    def now(self) -> datetime:
        """The scenario's instant."""
        return self.tempo.scenario(datetime.now(UTC))

    def envelope(self, incident_id: IncidentId, actor: Actor, deed: Deed, at: datetime) -> Envelope:
        """Wrap a deed for long enough at any tempo."""
        envelope = super().envelope(incident_id, actor, deed, at)
        return envelope.model_copy(update={"expires_at": at + timedelta(days=300)})

    async def act(self, incident: IncidentId, deed: Deed, actor: Actor = DARA) -> Receipt:
        """Let somebody act now."""
        return await self.do(incident, actor, deed, self.now)

    async def draft(self, incident: IncidentId, kind: WaveKind = WaveKind.INITIAL) -> Release:
        """Draft a wave; return the act that releases it."""
        ids = (await self.act(incident, Draft(wave_kind=kind), ASHA)).ids
        return Release(wave_id=WaveId(ids["wave"]), digest=ids["digest"])

    async def tell(self, incident: IncidentId, kind: WaveKind = WaveKind.INITIAL) -> None:
        """Draft and release a wave, and wait until it has ended."""
        release = await self.draft(incident, kind)
        await self.act(incident, release)
        await self.sent(incident, release.wave_id)

    async def sent(self, incident: IncidentId, wave: WaveId) -> None:
        """Wait until a wave has ended, and its incident has heard so; one that nobody released may not run yet."""
        await until(lambda: self.state(incident).waves[wave].ended)
        await self.client.get_workflow_handle(wire.wave_workflow(incident, wave)).result()

    async def finish(self, incident: IncidentId, kind: TaskKind) -> None:
        """Finish the open tasks of a kind."""
        proof = "call 17: spoke to the head of the desk" if kind is TaskKind.NOTICE else None
        for task in self.tasks(incident).values():
            if task.kind is kind and task.state is TaskState.OPEN:
                await self.act(incident, TaskDone(task_id=task.task_id, outcome="done", proof=proof))

    def runs_at(self, speed: float) -> None:
        """Let the time of what is reported from now on run so many times as fast as the wall's."""
        self.tempo = Tempo(origin=datetime.now(UTC), speed=speed)

    async def confirmed(self, key: str, ago: timedelta = timedelta()) -> IncidentId:
        """Report, and confirm as of so long ago."""
        incident = await self.report(self.now, key=key)
        await self.act(incident, Confirm(confirmed_at=self.now - ago), ASHA)
        return incident

    async def hold(self, incident: IncidentId, order: PlaceHold | HoldProvisionally, actor: Actor = DARA) -> HoldId:
        """Let somebody record an order not to tell."""
        return HoldId((await self.act(incident, order, actor)).ids["hold"])

    async def break_glass(self, incident: IncidentId) -> WaveId:
        """Let Asha have the minimal letter sent without a release."""
        clock = self.clocks(incident)["72 h from confirmation"].spec
        return WaveId((await self.act(incident, BreakGlass(clock_id=clock.clock_id, reason="alone"), ASHA)).ids["wave"])

    async def close(self, incident: IncidentId) -> None:
        """Finish task after task, until none is left, and close."""
        while any(task.state is TaskState.OPEN for task in self.tasks(incident).values()):
            for kind in TaskKind:
                await self.finish(incident, kind)
        await until(lambda: not (self.state(incident).clocks or self.state(incident).blocking_tasks))
        await self.act(incident, Close(cause="a stolen password", lessons="none may be used twice"))


async def told(house: RecordingHouse) -> None:
    """Confirmed, revised while drafted, told, closed."""
    incident = await house.report(house.now, key="told")
    await house.act(incident, Confirm(), ASHA)
    await house.draft(incident)
    await house.act(incident, Revise(facts={"people_affected": 12}), ASHA)
    await house.act(incident, AddNote(text="seen in the night"), ASHA)
    await house.act(incident, Handover(to=DARA.person_id, to_name=DARA.name), ASHA)
    await house.tell(incident)
    await house.close(incident)


async def held(house: RecordingHouse) -> None:
    """Released under a hold, stopped and resumed, lifted, told."""
    incident = await house.report(house.now, key="held")
    await house.act(incident, Confirm(), ASHA)
    release = await house.draft(incident)
    hold = HoldId((await house.act(incident, ORDER)).ids["hold"])
    await house.act(incident, release)
    await house.act(incident, Stop(wave_id=release.wave_id, reason="a doubt"))
    await house.act(incident, Resume(wave_id=release.wave_id))
    await house.act(incident, Lift(hold_id=hold, reason="the order ended"))
    await house.sent(incident, release.wave_id)


async def late(house: RecordingHouse) -> None:
    """Warned at every mark, missed, told late, the reason given."""
    house.runs_at(FAST)
    incident = await house.confirmed("late")
    await until(lambda: len(house.state(incident).reasons_owed) == 2)
    await house.tell(incident)
    for clock_id in house.state(incident).reasons_owed:
        await house.act(incident, AddNote(text="nobody was awake", clock_id=clock_id))


async def dismissed(house: RecordingHouse) -> None:
    """Dismissed, taken up again, dismissed for good."""
    incident = await house.report(house.now, key="dismissed")
    await house.act(incident, Dismiss(reason="a test of ours"), ASHA)
    await house.act(incident, Reopen(reason="it was none"), ASHA)
    await house.act(incident, Dismiss(reason="it was one after all"), ASHA)


async def by_hand(house: RecordingHouse) -> None:
    """One address is turned away and its deputy is told; one party has no address and a person tells it."""
    house.channel = Rejecting(house.channel)
    incident = await house.report(house.now, key="by hand", everyone=True)
    await house.act(incident, Confirm(), ASHA)
    await house.tell(incident)
    await until(lambda: any(task.kind is TaskKind.NOTICE for task in house.tasks(incident).values()))
    await house.finish(incident, TaskKind.NOTICE)


async def follow_up(house: RecordingHouse) -> None:
    """One more is found affected and told; a mitigation is finished, and told of in a follow-up."""
    incident = await house.report(house.now, key="follow up")
    await house.act(incident, Confirm(), ASHA)
    await house.tell(incident)
    await house.act(incident, AddAffected(agreements=(house.agreement("DOGWOOD-1"),)), ASHA)
    await house.tell(incident)
    added = TaskAdd(title="Ask the vendor", task_kind=TaskKind.MITIGATION, owner="asha", due_in=timedelta(hours=4))
    task = (await house.act(incident, added, ASHA)).ids["task"]
    await house.act(incident, TaskAssign(task_id=task, owner="dara"), ASHA)
    await house.finish(incident, TaskKind.MITIGATION)
    await house.tell(incident, WaveKind.FOLLOW_UP)


async def continued(house: RecordingHouse) -> None:
    """Everything continues as new, the clocks with duties open, the wave under a hold; then all is told."""
    incident = await house.report(house.now, key="continued", history_limit=40)
    await house.act(incident, Confirm(), ASHA)
    release = await house.draft(incident)
    order = PlaceHold(hold_kind=HoldKind.LAW, issuer="an act", reference="s. 1")
    hold = HoldId((await house.act(incident, order)).ids["hold"])
    await house.act(incident, release)
    for _ in range(4):
        await house.act(incident, Stop(wave_id=release.wave_id, reason="a doubt"))
        await house.act(incident, Resume(wave_id=release.wave_id))
    await house.finish(incident, TaskKind.MITIGATION)
    await house.finish(incident, TaskKind.INVESTIGATION)
    # The tasks continue as new when nobody is acting: at the next reminder.
    soon = TaskAdd(title="Write it up", task_kind=TaskKind.IMPROVEMENT, owner="dara", due_in=timedelta(seconds=1))
    task = (await house.act(incident, soon)).ids["task"]
    await until(lambda: any(one.reminded for one in house.tasks(incident).values() if one.task_id == task))
    await house.act(incident, Lift(hold_id=hold, reason="repealed"))
    await house.sent(incident, release.wave_id)


async def swept(house: RecordingHouse) -> None:
    """A clock was terminated, and the sweep finds it."""
    incident = await house.report(house.now, key="swept")
    clock_id = next(iter(house.state(incident).clocks))
    await house.client.get_workflow_handle(wire.clock_workflow(incident, clock_id)).terminate()
    sweep = wire.SweepInput(tempo=house.tempo)
    await house.client.execute_workflow(wire.SWEEP, sweep, id=wire.SWEEP_SCHEDULE, task_queue=house.queue)


async def asked(house: RecordingHouse) -> None:
    """A round of the register: opened, sent, and silent when it closes."""
    house.runs_at(FAST)
    deed = Probe(answer_by=house.now.date() + timedelta(days=3))
    round_id = round_id_of(house.keyring.id_key(), house.now.date(), deed.agreements)
    await house.act(round_id, deed)
    await house.client.get_workflow_handle(wire.incident_workflow(round_id)).result()


async def glass(house: RecordingHouse) -> None:
    """The glass is broken: recalled, void under a hold, sent and reviewed; in another incident reviewed too late."""
    house.runs_at(600)
    incident = await house.confirmed("glass", timedelta(hours=66))
    await house.act(incident, Recall(wave_id=await house.break_glass(incident), reason="Dara answered"), ASHA)
    await house.break_glass(incident)
    hold = await house.hold(incident, ORDER)
    await until(lambda: bool(house.log("glass.void", incident)))
    await house.act(incident, Lift(hold_id=hold, reason="the order ended"))
    wave = await house.break_glass(incident)
    await until(lambda: house.state(incident).glass[wave].sent)
    await house.sent(incident, wave)
    await house.act(incident, ReviewGlass(wave_id=wave, text="it was right"))

    house.runs_at(FAST)
    incident = await house.confirmed("glass, too late", timedelta(hours=66))
    wave = await house.break_glass(incident)
    await until(lambda: bool(house.log("glass.unreviewed", incident)))
    await house.act(incident, ReviewGlass(wave_id=wave, text="late, and right"))


async def provisional(house: RecordingHouse) -> None:
    """A responder holds: an approver confirms it and lifts it; another order lapses, and what it held back leaves."""
    house.runs_at(4_800)
    incident = await house.confirmed("provisional")
    by_phone = HoldProvisionally(hold_kind=HoldKind.LAW_ENFORCEMENT, issuer="County police", reference="by phone")
    hold = await house.hold(incident, by_phone, ASHA)
    await house.act(incident, ConfirmHold(hold_id=hold))
    await house.act(incident, Lift(hold_id=hold, reason="the order ended"))
    await house.hold(incident, by_phone, ASHA)
    release = await house.draft(incident)
    await house.act(incident, release)
    await until(lambda: bool(house.log("hold.lapsed", incident)))
    await house.sent(incident, release.wave_id)


async def silent(house: RecordingHouse) -> None:
    """Nobody releases: a minimal letter leaves by silence, and the draft that waits is written anew without it."""
    house.register(SAYS_SO)
    house.runs_at(FAST)
    incident = await house.confirmed("silent")
    await house.draft(incident)
    await until(lambda: bool(house.log("wave.released_by_silence", incident)))
    (entry,) = house.log("wave.released_by_silence", incident)
    await house.sent(incident, WaveId(entry["data"]["wave"]))


async def merged(house: RecordingHouse) -> None:
    """Two reports of the same: the one that was told goes on as a part of the other."""
    part = await house.confirmed("a part", timedelta(hours=2))
    await house.tell(part)
    whole = await house.report(house.now, key="the whole")
    state = house.state(part)
    absorb = Absorb(source=part, triggers=state.triggers, audience_known=state.audience_known)
    await house.act(whole, absorb, ASHA)
    await house.act(part, MergeInto(target=whole), ASHA)


Scenario = Callable[[RecordingHouse], Awaitable[None]]
SCENARIOS: tuple[Scenario, ...] = (
    *(told, held, late, dismissed, by_hand, follow_up, continued, swept, asked),
    *(glass, provisional, silent, merged),
)
TELLING: dict[str, frozenset[str]] = {
    glass.__name__: frozenset({"incident"}),
    provisional.__name__: frozenset({"incident", "wave"}),
    silent.__name__: frozenset({"incident", "clock"}),
    merged.__name__: frozenset({"incident", "response"}),
}
"""The workflows that take a turn of their own in a scenario; of the others nothing is kept. Not named: all of them."""


async def until(fact: Callable[[], bool], within: float = 60.0) -> None:
    """Wait until a fact holds."""
    give_up_at = time.monotonic() + within
    while not fact():
        assert time.monotonic() < give_up_at, "it did not come to hold"
        await asyncio.sleep(0.02)
