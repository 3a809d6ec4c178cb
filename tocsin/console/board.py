"""What the pages show of every incident, kept in memory for all readers, and read again only when the log has grown.

Every change of an incident is in the log, in the transaction that makes it. So one number, the log's size, says
whether anything is new; of what is new the entries name the incidents. Nothing here is a source of truth.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from threading import Lock
from typing import NamedTuple

import orjson
from markupsafe import Markup

from tocsin.cli.standing import Stands, read_standing
from tocsin.cli.todo import Me, Todo, tasks_of, waiting_for
from tocsin.cli.views import IncidentView, read_incident
from tocsin.console.recent import Recent
from tocsin.domain.clock import ClockSpec
from tocsin.domain.duty import Duty
from tocsin.domain.incident import OVER, Facts, Trigger
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.task import Task
from tocsin.domain.values import ClockId, IncidentId, Instant, PersonId, Value
from tocsin.noting import READ
from tocsin.ports import Transaction

HELD_FOR = timedelta(seconds=30)
"""How long what was read of an incident under a hold is good: `if lifted now` changes with the time."""
TODOS_FOR = timedelta(minutes=5)
"""How long a list of what waits for somebody is good while nothing changes; only "it cannot wait" comes with time."""
AT_ONCE = 50
"""Incidents that one request reads; the rest is read beside it."""
DETAILS = 500
"""Incidents whose pages are kept as they were read; those that nobody opens any more are forgotten."""


class Why(Value):
    """How a number came about: the duties of one clock that came about alike."""

    duties: int
    because: str
    steps: tuple[str, ...]
    citation: str
    rule: str


class Detail(NamedTuple):
    """Everything that the page of an incident shows."""

    view: IncidentView
    whys: dict[ClockId, list[Why]]
    team: frozenset[PersonId]
    read_at: datetime
    of: "Card"
    """As which it was read; a later change brings another card."""


class Card:
    """One incident as lists show it, and how it stands; it is another one after each change."""

    def __init__(self, state: IncidentState, facts: Facts, version: int, size: int) -> None:
        self.state = state
        self.version = version
        """The board's version that brought it."""
        self.size = size
        """The log's size then: what an older snapshot says beside it is not kept."""
        self.facts = facts
        self.nearest: ClockSpec | None = min(state.clocks.values(), key=lambda spec: spec.target_at, default=None)
        self.standing: Stands | None = None
        """Of an open incident: what decides what waits for whom."""
        self.later: list[Task] | None = None
        """Of an incident that is over: the tasks that outlive it."""
        self.line: tuple[tuple[str, ...], Markup] | None = None
        """How the list of Now shows it, and for which words that depend on the time and on names."""
        self.todos: dict[Me, list[Todo]] = {}

    @property
    def incident_id(self) -> IncidentId:
        """Which one."""
        return self.state.incident_id

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state.status in OVER

    @property
    def reported_at(self) -> Instant | None:
        """When it was reported."""
        reported = self.state.triggers.get(Trigger.REPORT)
        return reported.at if reported else None

    @property
    def unreleased(self) -> int:
        """Waves that wait for a release."""
        return sum(not (wave.released or wave.ended) for wave in self.state.waves.values())

    @property
    def known(self) -> bool:
        """Whether enough is read to say what waits for whom."""
        return self.later is not None if self.over else self.standing is not None


class Board:
    """The cards of all incidents."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._cards: dict[IncidentId, Card] = {}
        self._unread: dict[IncidentId, Card] = {}
        self._details: Recent[IncidentId, Detail] = Recent(DETAILS)
        self._size = -1
        self._order: tuple[Card, ...] | None = None
        self._waiting: dict[Me, tuple[int, datetime, list[Todo]]] = {}
        self._lock = Lock()
        self.version = 0
        """Grows with every change."""

    def refresh(self, tx: Transaction) -> int:
        """Take in what has changed since the last look; return the size of the log as this transaction sees it."""
        with self._lock:
            size = tx.log.head().size
            if size > self._size:
                changed = self._touched(tx) if self._size >= 0 else self._all(tx)
                if changed:
                    self.version += 1
                    self._order = None
                for incident_id in changed:
                    self._take(tx, incident_id, size)
                self._size = size
            return size

    def changed_since(self, version: int) -> list[IncidentId]:
        """Return the incidents that have changed since a version."""
        return [key for key, card in list(self._cards.items()) if card.version > version]

    def _all(self, tx: Transaction) -> set[IncidentId]:
        return {state.incident_id for state in tx.incidents.all()}

    def _touched(self, tx: Transaction) -> set[IncidentId]:
        bodies = (orjson.loads(stored.body) for stored in tx.log.entries(self._size))
        # That somebody looked changes nothing that is shown: a page that is opened must not have all others read again.
        changes = (body for body in bodies if body.get("kind") != READ)
        return {IncidentId(body["incident_id"]) for body in changes if body.get("incident_id")}

    def _take(self, tx: Transaction, incident_id: IncidentId, size: int) -> None:
        state = tx.incidents.state(incident_id)
        if state is not None:
            facts = tx.incidents.facts(incident_id) or Facts(title="(no facts yet)")
            self._cards[incident_id] = self._unread[incident_id] = Card(state, facts, self.version, size)

    def open(self) -> tuple[Card, ...]:
        """Return the incidents that are open, by the nearest deadline."""
        order = self._order
        if order is None:
            running = [card for card in list(self._cards.values()) if not card.over]
            order = self._order = tuple(sorted(running, key=_urgency))
        return order

    def card(self, incident_id: IncidentId) -> Card | None:
        """Return one card, or None."""
        return self._cards.get(incident_id)

    def detail(self, tx: Transaction, incident_id: IncidentId) -> Detail:
        """Return everything about an incident that exists, read again only if it has changed."""
        size = self.refresh(tx)
        card = self._cards.get(incident_id)
        if card is None:
            self._take(tx, incident_id, size)
            card = self._cards[incident_id]
        found = self._details.get(incident_id)
        if found is None or found.of is not card or (card.state.holds and self._now() - found.read_at > HELD_FOR):
            found = self._read(tx, card)
            if card.size <= size:
                self._details.put(incident_id, found)
        return found

    def _read(self, tx: Transaction, card: Card) -> Detail:
        key, now = card.incident_id, self._now()
        view = read_incident(tx, key, now, events=True)
        return Detail(view, _whys(tx.duties.of(key)), frozenset(tx.incidents.team(key)), now, card)

    def missing(self, mine: set[IncidentId] | None) -> list[Card]:
        """Return the cards of which too little is read to say what waits for whom; `mine` None: of all."""
        return [card for card in list(self._unread.values()) if mine is None or card.incident_id in mine]

    def read_more(self, tx: Transaction, cards: list[Card]) -> None:
        """Read what is missing of some cards; of one that came after this transaction's snapshot nothing."""
        size = self.refresh(tx)
        for card in (one for one in cards if one.size <= size):
            if card.over:
                card.later = [task for task in tx.tasks.of(card.incident_id) if not task.blocks_closing]
            else:
                card.standing = read_standing(tx, card.state)
            with self._lock:
                if self._unread.get(card.incident_id) is card:
                    del self._unread[card.incident_id]

    def waiting(self, me: Me, mine: set[IncidentId] | None) -> list[Todo]:
        """Return what waits for somebody in the incidents they may see, most urgent first."""
        now, kept = self._now(), self._waiting.get(me)
        if kept and kept[0] == self.version and now - kept[1] < TODOS_FOR and not self.missing(mine):
            return kept[2]
        stale = kept is None or now - kept[1] >= TODOS_FOR
        found = []
        for card in list(self._cards.values()):
            if card.known and (mine is None or card.incident_id in mine):
                if stale or me not in card.todos:
                    card.todos[me] = list(_todos(me, card, now))
                found += card.todos[me]
        found.sort(key=lambda todo: (not todo.pressing, todo.due_at is None, todo.due_at))
        if len(self._waiting) > 500:
            self._waiting.clear()
        self._waiting[me] = (self.version, now if stale or kept is None else kept[1], found)
        return found


def _todos(me: Me, card: Card, now: datetime) -> Iterator[Todo]:
    if card.over:
        yield from tasks_of(me, card.incident_id, card.later or ())
    elif card.standing is not None:
        yield from waiting_for(me, card.standing, now)


def _urgency(card: Card) -> tuple[bool, float]:
    spec = card.nearest
    return spec is None, spec.target_at.timestamp() if spec else 0.0


def _whys(duties: list[Duty]) -> dict[ClockId, list[Why]]:
    """Return how each clock's deadline came about; duties that came about alike are counted together."""
    found: dict[ClockId, list[Why]] = {}
    ordered = sorted(duties, key=lambda duty: (duty.clock_id, duty.because, duty.computation.steps))
    for (clock_id, because, steps), alike in groupby(
        ordered, key=lambda duty: (duty.clock_id, duty.because, duty.computation.steps)
    ):
        members = list(alike)
        one = members[0].computation
        why = Why(
            duties=len(members),
            because=because,
            steps=steps,
            citation=members[0].citation,
            rule=f"{one.rule_id}, version {one.rule_version}",
        )
        found.setdefault(clock_id, []).append(why)
    return found
