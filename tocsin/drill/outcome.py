"""How a drill stands, and what came of it, as its store and its log tell."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tocsin.adapters.hours import Hours
from tocsin.domain.clock import ClockRow
from tocsin.domain.drill_score import Answered, Called, Outcome, margin_of
from tocsin.domain.incident import OVER
from tocsin.domain.ladder import Who
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.scenario import Scenario
from tocsin.domain.values import ClockId, IncidentId
from tocsin.ports import Store, Transaction

FLOOR = timedelta(seconds=2)
"""Of the wall: how long what cannot be compressed takes, from an act to the end of what follows from it."""
_NOT_ASKED = frozenset({NoticeState.DRAFTED, NoticeState.REPLACED, NoticeState.WITHDRAWN})
_TOLD = frozenset({NoticeState.ACCEPTED, NoticeState.DELIVERED, NoticeState.ACKNOWLEDGED, NoticeState.TOLD_BY_HAND})


class Moment(NamedTuple):
    """How a drill stands."""

    hour: float
    at: datetime
    clocks: list[ClockRow]
    told: int
    recipients: int
    pages: int
    happened: list[str]


class Standing:
    """Reads one incident's standing."""

    def __init__(self, scenario: Scenario, hours: Hours, store: Store, incident_id: IncidentId) -> None:
        self._scenario = scenario
        self._hours = hours
        self._store = store
        self._incident_id = incident_id
        self.reported = False
        """As last looked at: there is an incident."""
        self.over = False
        """As last looked at: it has ended, and so has each of its clocks."""

    def moment(self, pages: int, happened: list[str]) -> Moment:
        """Return how it stands now."""
        with self._store.reading() as tx:
            state = tx.incidents.state(self._incident_id)
            clocks, notices = tx.duties.clocks(self._incident_id), self._notices(tx)
        self.reported = state is not None
        self.over = state is not None and state.status in OVER and all(row.ended_at for row in clocks)
        hour = self._hours.passed()
        return Moment(hour, self._hours.now(), clocks, _told(notices), len(notices), pages, happened)

    def outcome(self, answers: Iterable[Answered], pages: int, floors: tuple[str, ...]) -> Outcome:
        """Return what came of it."""
        now = self._hours.now()
        with self._store.reading() as tx:
            state, clocks = tx.incidents.state(self._incident_id), tx.duties.clocks(self._incident_id)
            notices, holds = self._notices(tx), tx.duties.holds(self._incident_id)
            calls = self._calls(tx, {row.spec.clock_id: row.spec.title for row in clocks})
            silent = sum(entry["data"]["rows"] for entry in self._entries(tx, "wave.released_by_silence"))
        floor = FLOOR * self._hours.tempo.speed
        return Outcome(
            title=self._scenario.title,
            began_at=self._hours.began_at,
            ended_at=now,
            status=str(state.status) if state else "never reported",
            margins=tuple(margin_of(row, now, holds, floor) for row in clocks),
            answers=tuple(sorted(answers, key=lambda one: one.needed_at)),
            calls=calls,
            told=_told(notices),
            recipients=len(notices),
            pages=pages,
            by_silence=silent,
            floors=floors,
        )

    def _notices(self, tx: Transaction) -> list[Notice]:
        return [one for one in tx.ledger.of(self._incident_id) if one.state not in _NOT_ASKED]

    def _entries(self, tx: Transaction, kind: str) -> list[dict[str, Any]]:
        entries = (json.loads(stored.body) for stored in tx.log.entries(incident_id=self._incident_id))
        return [entry for entry in entries if entry["kind"] == kind]

    def _calls(self, tx: Transaction, titles: Mapping[ClockId, str]) -> tuple[Called, ...]:
        """Return whom pages called, and when each of them did something next: both stand in the log."""
        names = {player.rung: player.name for player in self._scenario.people.values() if player.rung}
        acts = sorted((envelope.act.at, envelope.act.actor.name) for envelope in tx.incidents.acts(self._incident_id))
        found = []
        for entry in self._entries(tx, "ladder.called"):
            at, who = datetime.fromisoformat(entry["at"]), Who(entry["data"]["who"])
            name, about = names.get(who), "" if "everyone" in entry["data"] else titles.get(entry["data"]["clock"], "")
            answered = next((when for when, actor in acts if actor == name and when >= at), None)
            found.append(Called(who=name or "whoever is on call", rung=who, at=at, about=about, answered_at=answered))
        return tuple(found)


def _told(notices: list[Notice]) -> int:
    return sum(one.state in _TOLD for one in notices)
