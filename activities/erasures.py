"""Erasures, swept: what two persons have confirmed is destroyed on this worker too, and what falls due is asked for."""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta

from tocsin import erasing
from tocsin.domain.act import Actor
from tocsin.domain.errors import TocsinError
from tocsin.domain.ladder import Rung, Who
from tocsin.domain.values import ENGINE, IncidentId, Instant, Value
from tocsin.ports import Callers, Copies, Destroyer, Page, Store

BY_MAIL = Rung(who=Who.APPROVER, channels=("mail",))
"""Whom a due erasure is told to: nobody is woken for it."""
LOOKED_FOR = timedelta(days=30)
"""How long after an erasure each worker still looks for files of its own."""
NAMED = 20
"""Incidents that one page names at most."""

_log = logging.getLogger(__name__)


class SweptErasures(Value):
    """How many were finished or found to have left something here, and how many fell due."""

    finished: int = 0
    due: int = 0


class Erasing:
    """What the sweep of evidence does of erasing. It tells persons what is due, and erases what two have confirmed."""

    def __init__(
        self, store: Store, destroyer: Destroyer, copies: Copies, callers: Callers, kept_for: timedelta
    ) -> None:
        self._store = store
        self._destroyer = destroyer
        self._copies = copies
        self._callers = callers
        self._kept_for = kept_for

    async def sweep(self, at: Instant) -> SweptErasures:
        """Finish what was confirmed; tell once of each incident that is past its retention."""
        finished = 0
        for incident_id in await asyncio.to_thread(self._confirmed, at):
            # One that cannot be finished keeps no other back; the next sweep tries again.
            try:
                await asyncio.to_thread(self._carry_out, incident_id, at)
                finished += 1
            except TocsinError as error:
                _log.error("an erasure cannot be finished: %s", error, extra={"incident": incident_id})
        due = await asyncio.to_thread(self._news, at)
        if due:
            await self._callers.of(BY_MAIL).page(_page(due, at))
            with suppress(TocsinError):
                await asyncio.to_thread(self._remember, due, at)
        return SweptErasures(finished=finished, due=len(due))

    def _confirmed(self, at: Instant) -> list[IncidentId]:
        with self._store.reading() as tx:
            known = [one for one in tx.erasures.all() if one.sealed_off]
        return [o.incident_id for o in known if o.completed_at is None or at < o.completed_at + LOOKED_FOR]

    def _carry_out(self, incident_id: IncidentId, at: Instant) -> None:
        engine = Actor(person_id=ENGINE, name="Tocsin", roles=frozenset(), authenticated="engine")
        erasing.carry_out(self._store, self._destroyer, self._copies, incident_id, engine, at)

    def _news(self, at: Instant) -> list[IncidentId]:
        with self._store.reading() as tx:
            due = tx.erasures.due(at - self._kept_for)
            return [key for key in due if tx.erasures.of(key) is None and not tx.remembers(_key(key))]

    def _remember(self, due: list[IncidentId], at: Instant) -> None:
        with self._store.writing() as tx:
            for incident_id in due:
                tx.remember(_key(incident_id), at)


def _key(incident_id: IncidentId) -> str:
    return f"erasure.due:{incident_id}"


def _page(due: list[IncidentId], at: Instant) -> Page:
    named = ", ".join(due[:NAMED]) + (f" and {len(due) - NAMED} more" if len(due) > NAMED else "")
    return Page(
        key=f"{_key(due[0])}:{len(due)}",
        subject=f"{len(due)} incident(s) are past their retention",
        text=(
            f"{named}.\nNothing is erased by itself: one approver or admin asks, another one confirms.\n"
            "See tocsin erase --due\n"
        ),
        at=at,
    )
