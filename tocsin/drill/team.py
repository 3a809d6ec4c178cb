"""A drill that people play at their desks: the script reports, and says who is needed when; what they do is watched."""

import asyncio
from collections.abc import Callable

from tocsin.adapters.hours import Hours
from tocsin.domain.act import Act
from tocsin.domain.drill_score import Answered
from tocsin.domain.scenario import AnyTurn, ReportTurn, Scenario
from tocsin.drill.player import LOOK, Cast
from tocsin.ports import Store

KINDS = {"affected": "affected_add", "answer": "page_ack", "tasks": "task_done", "reason": "note"}
"""Where an act goes by another name than the script's."""


class Team:
    """Stands for everybody in the script; nothing but the report is done for them."""

    def __init__(self, scenario: Scenario, cast: Cast, hours: Hours, store: Store, tell: Callable[[str], None]) -> None:
        self._scenario = scenario
        self._cast = cast
        self._hours = hours
        self._store = store
        self._tell = tell

    async def person(self, user: str) -> None:
        """Report at the script's hour, and watch for whatever else the script would have somebody do."""
        await asyncio.gather(*(self._turn(turn) for turn in self._scenario.act if turn.who == user))

    async def _turn(self, turn: AnyTurn) -> None:
        name = self._scenario.people[turn.who].name
        await self._hours.until(turn.hour)
        if isinstance(turn, ReportTurn):
            await self._cast.take(turn, name)
            return
        answer = Answered(who=name, what=turn.do, needed_at=self._hours.at(turn.hour))
        self._tell(f"now it is time: {name}, {turn.do}")
        try:
            act = await self._done(KINDS.get(turn.do, turn.do))
            answer = answer.model_copy(update={"who": act.actor.name, "answered_at": act.at})
            self._tell(f"{act.actor.name}: {turn.do}")
        finally:
            self._cast.answers.append(answer)

    async def _done(self, kind: str) -> Act:
        """Return the first act of a kind, once there is one."""
        while True:
            with self._store.reading() as tx:
                acts = [envelope.act for envelope in tx.incidents.acts(self._cast.incident_id)]
            for act in acts:
                if act.deed.kind == kind:
                    return act
            await asyncio.sleep(LOOK)
