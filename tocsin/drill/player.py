"""The people of a drill: each does what the script says at its hour, or once they are awake, through the one door."""

import asyncio
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from tocsin.adapters.hours import Hours
from tocsin.adapters.people import People
from tocsin.client import Engine, Underway
from tocsin.domain import scenario as play
from tocsin.domain.act import Act, AddNote, Deed, Envelope, Release, Report, TaskDone
from tocsin.domain.drill_score import Answered
from tocsin.domain.errors import Deferred, Refused
from tocsin.domain.holding import Lift
from tocsin.domain.task import TaskState
from tocsin.domain.values import ActId, IncidentId, derived_id, opaque_id
from tocsin.drill.deeds import deed_of
from tocsin.ports import Store, Transaction

LOOK = 0.1
"""Seconds of the wall between two looks at what somebody waits for."""
GOOD_FOR = timedelta(minutes=10)
"""Of the wall: how long an act may take to arrive."""

Tell = Callable[[str], None]
T = TypeVar("T")


class Cast:
    """Everybody who acts in one drill."""

    def __init__(
        self,
        scenario: play.Scenario,
        hours: Hours,
        store: Store,
        id_key: bytes,
        people: People,
        engine: Engine,
        tell: Tell,
    ) -> None:
        self._scenario = scenario
        self._hours = hours
        self._store = store
        self._id_key = id_key
        self._people = people
        self._engine = engine
        self._tell = tell
        self._source = opaque_id("src", id_key, secrets.token_hex(16))
        self._reported = asyncio.Event()
        self.incident_id = IncidentId(opaque_id("inc", id_key, self._source, "0"))
        self.answers: list[Answered] = []

    async def person(self, user: str) -> None:
        """Play one person's acts, in their order."""
        player = self._scenario.people[user]
        for turn in sorted((turn for turn in self._scenario.act if turn.who == user), key=lambda turn: turn.hour):
            await self._hours.until(turn.hour)
            awake = player.awake_at(turn.hour)
            if awake > turn.hour:
                self._tell(f"{player.name} is needed ({turn.do}) and asleep until hour {awake:g}")
            await self._hours.until(awake)
            await self.take(turn, player.name)

    async def take(self, turn: play.AnyTurn, name: str) -> None:
        """Play one act."""
        answer = Answered(who=name, what=turn.do, needed_at=self._hours.at(turn.hour))
        try:
            if not isinstance(turn, play.ReportTurn):
                await self._reported.wait()
            while deeds := await self._deeds(turn):
                # When they acted, not when the engine was done: its second is the half of an hour here.
                acted_at = answer.answered_at or self._hours.now()
                for deed in deeds:
                    await self._do(turn.who, deed)
                answer = answer.model_copy(update={"answered_at": acted_at})
                if not isinstance(turn, play.DoneTurn):
                    break
            self._tell(f"{name}: {turn.do}")
        except Refused as refused:
            answer = answer.model_copy(update={"refused": str(refused)})
            self._tell(f"{name} was refused ({turn.do}): {refused}")
        finally:
            self.answers.append(answer)

    async def _do(self, user: str, deed: Deed) -> None:
        """Send one act until an engine takes it: a person whose command fails tries again."""
        act_id = ActId(derived_id("act", secrets.token_hex(16)))
        while True:
            at = self._hours.now()
            act = Act(act_id=act_id, incident_id=self.incident_id, actor=self._people.actor(user), at=at, deed=deed)
            try:
                await self._send(Envelope(act=act, expires_at=at + GOOD_FOR * self._hours.tempo.speed))
            except Deferred as late:
                if _is_cancelled():
                    # Temporal's client takes the end of a drill for an engine that does not answer.
                    raise asyncio.CancelledError from late
                if isinstance(late, Underway):
                    return
                await asyncio.sleep(LOOK)
            else:
                return

    async def _send(self, envelope: Envelope) -> None:
        if not isinstance(envelope.act.deed, Report):
            await self._engine.act(envelope)
            return
        await self._engine.report(lambda generation, linked_to: envelope)
        self._reported.set()

    async def _deeds(self, turn: play.AnyTurn) -> list[Deed]:
        """Return what a turn comes to; what it acts upon is waited for."""
        match turn:
            case play.DoneTurn():
                return await self._tasks(turn)
            case play.ReleaseTurn():
                return [await self._found(self._release)]
            case play.LiftTurn():
                return [await self._found(lambda tx: self._lift(tx, turn.reason))]
            case play.ReasonTurn():
                return await self._found(lambda tx: self._reasons(tx, turn.text))
            case play.CloseTurn():
                await self._found(self._may_close)
        return [deed_of(turn, self._id_key, self._source)]

    async def _found(self, look: Callable[[Transaction], T | None]) -> T:
        while True:
            with self._store.reading() as tx:
                found = look(tx)
            if found is not None:
                return found
            await asyncio.sleep(LOOK)

    def _release(self, tx: Transaction) -> Release | None:
        waves = [wave for wave in tx.ledger.waves(self.incident_id) if wave.digest and not wave.released_at]
        return Release(wave_id=waves[-1].wave_id, digest=waves[-1].digest or "") if waves else None

    def _lift(self, tx: Transaction, reason: str) -> Lift | None:
        holds = [hold for hold in tx.duties.holds(self.incident_id) if hold.lifted_at is None]
        return Lift(hold_id=holds[0].hold_id, reason=reason) if holds else None

    def _reasons(self, tx: Transaction, text: str) -> list[Deed] | None:
        state = tx.incidents.state(self.incident_id)
        owed = state.reasons_owed if state is not None else ()
        return [AddNote(text=text, clock_id=clock_id) for clock_id in owed] or None

    async def _tasks(self, turn: play.DoneTurn) -> list[Deed]:
        """Return the tasks that can be finished now, once there are any; none when all are done."""
        while True:
            with self._store.reading() as tx:
                left = [task for task in tx.tasks.of(self.incident_id) if task.state is not TaskState.DONE]
            ready = [task.task_id for task in left if task.state is TaskState.OPEN]
            if ready or not left:
                return [TaskDone(task_id=task_id, outcome=turn.outcome, proof=turn.proof) for task_id in ready]
            await asyncio.sleep(LOOK)

    def _may_close(self, tx: Transaction) -> bool | None:
        """Say that it may be closed: no clock runs, no wave is under way, and the incident has heard of it."""
        state = tx.incidents.state(self.incident_id)
        waits = state is None or state.clocks or state.blocking_tasks or state.reasons_owed or state.holds
        sending = state is not None and any(wave.released and not wave.ended for wave in state.waves.values())
        return None if waits or sending else True


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
