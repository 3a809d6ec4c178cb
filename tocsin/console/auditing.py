"""What an auditor reads: the timeline of an incident, the log of the installation, and whether they hold."""

import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tocsin.adapters.evidence import Checked, write_evidence
from tocsin.adapters.evidence.layout import TimelineItem
from tocsin.adapters.evidence.questions import Answer, questions
from tocsin.adapters.evidence.record import Record
from tocsin.adapters.log_answers import LogAnswers
from tocsin.audit.verify import Verdict
from tocsin.console.office import Office
from tocsin.domain.clock import ClockSpec
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.values import IncidentId, Instant, Value
from tocsin.ports import Transaction
from tocsin.wire import clock_workflow, incident_workflow, response_workflow, wave_workflow

SHOWN = 50
POINTS = 20
"""Points of an answer that the page shows; the evidence pack holds them all."""
LOOKED_AT = 20_000
"""Entries of the log that one request goes through."""


class Wanted(Value):
    """Which entries are shown: what is None or empty lets all through."""

    actor: str = ""
    """A part of the name."""
    kind: str = ""
    """`act`, `act.release`, `notice`, `clock.missed` …"""
    text: str = ""
    """A part of the sentence."""
    first: Instant | None = None
    last: Instant | None = None
    """Up to, without."""

    def takes(self, who: str, kind: str, at: datetime, what: str) -> bool:
        """Say whether something that happened is one of them."""
        by_kind = not self.kind or kind == self.kind or kind.startswith(f"{self.kind}.")
        in_time = (self.first is None or at >= self.first) and (self.last is None or at < self.last)
        said = self.actor.casefold() in who.casefold() and self.text.casefold() in what.casefold()
        return by_kind and in_time and said


class Timeline(NamedTuple):
    """A page of what happened to an incident."""

    items: tuple[TimelineItem, ...]
    next: int | None
    """How many of those that are wanted stand before the next page; None: this is the last one."""


class Entries(NamedTuple):
    """A page of the log."""

    items: tuple[dict[str, Any], ...]
    next: int | None
    """The number of the entry from which the next page goes on; None: this is the last one."""


class Standing(NamedTuple):
    """What came of verifying the log."""

    verdict: Verdict
    checkpoints: int
    at: datetime


def timeline(tx: Transaction, incident_id: IncidentId, wanted: Wanted, after: int) -> Timeline:
    """Return a page of an incident's timeline, the latest last."""
    items = (one for one in Record(tx, incident_id).timeline if wanted.takes(one.who, one.kind, one.at, one.what))
    found = tuple(islice(items, after, after + SHOWN + 1))
    return Timeline(found[:SHOWN], after + SHOWN if len(found) > SHOWN else None)


def answers(tx: Transaction, incident_id: IncidentId) -> list[Answer]:
    """Return the fixed questions, answered."""
    return questions(Record(tx, incident_id))


def entries(tx: Transaction, wanted: Wanted, names: dict[str, str], first: int) -> Entries:
    """Return a page of the whole log, by number."""
    found: list[dict[str, Any]] = []
    for number, body in _bodies(tx, first):
        if len(found) == SHOWN or number - first >= LOOKED_AT:
            return Entries(tuple(found), number)
        at, who = datetime.fromisoformat(body["at"]), names.get(body["actor"], body["actor"])
        said = orjson.dumps(body.get("data", {})).decode() + (body.get("incident_id") or "")
        if wanted.takes(who, body["kind"], at, said):
            found.append(body | {"at": at, "who": who})
    return Entries(tuple(found), None)


def _bodies(tx: Transaction, first: int) -> Iterator[tuple[int, dict[str, Any]]]:
    for stored in tx.log.entries(first):
        body = orjson.loads(stored.body)
        yield body["n"], body


def standing(office: Office) -> Standing:
    """Recompute the log's root from its entries, and compare it with every signed checkpoint."""
    found = LogAnswers(office.store, office.means.signer).verified()
    return Standing(found, found.checkpoints, office.now())


async def checked(office: Office, incident_id: IncidentId) -> Checked:
    """Write the evidence pack of an incident, check it from its files alone, and throw it away."""
    means = office.means._replace(histories=await office.histories(incident_id))

    def make() -> Checked:
        with tempfile.TemporaryDirectory(prefix="tocsin-check-") as folder:
            return write_evidence(office.store, means, incident_id, Path(folder) / "pack.zip")

    return await office.beside(make)


def workflows(state: IncidentState, clocks: Iterable[ClockSpec]) -> Iterator[tuple[str, str]]:
    """Yield the workflows of an incident, each with what it is."""
    key = state.incident_id
    yield "the incident", incident_workflow(key)
    yield "its tasks", response_workflow(key)
    for spec in clocks:
        yield f"clock: {spec.title}", clock_workflow(key, spec.clock_id)
    for wave_id, wave in state.waves.items():
        yield f"wave: {wave.kind.replace('_', ' ')}", wave_workflow(key, wave_id)
