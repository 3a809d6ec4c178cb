"""Keeping an incident's evidence: its pack is written when it ends, before anything that it rests on can be deleted."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from temporalio import activity

from activities.erasures import Erasing
from tocsin.audit.entry import EntryDraft
from tocsin.domain.errors import TocsinError
from tocsin.domain.values import IncidentId, Instant, Value
from tocsin.ports import Archive, KeptPack, Store

AT_ONCE = 20
"""Packs that one sweep writes at most; the next sweep goes on."""


class ToKeep(Value):
    """Which incident's evidence to keep, at a scenario instant."""

    incident_id: IncidentId
    at: Instant


class Swept(Value):
    """How many packs were missing, and how many of them were written now."""

    missing: int
    kept: int


class Evidence:
    """The deeds around evidence packs."""

    def __init__(self, store: Store, archive: Archive, erasing: Erasing) -> None:
        self._store = store
        self._archive = archive
        self._erasing = erasing

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.keep, self.sweep]

    @activity.defn(name="evidence.keep")
    async def keep(self, order: ToKeep) -> KeptPack:
        """Write the pack of an incident and log its digest; once there is one of this state, nothing is written."""
        kept = await self._archive.keep(order.incident_id)
        await asyncio.to_thread(self._log, order, kept)
        return kept

    @activity.defn(name="evidence.sweep")
    async def sweep(self, at: Instant) -> Swept:
        """Write the packs that incidents which are over lack; one that cannot be written keeps no other one back.

        Then see to what is past its retention. It is one deed, since a sweep costs by its deeds.
        """
        missing = await asyncio.to_thread(self._archive.lacking)
        kept = 0
        for incident_id in missing[:AT_ONCE]:
            with suppress(TocsinError):  # its key was destroyed, or the disk is full: the next sweep tries again
                await self.keep(ToKeep(incident_id=incident_id, at=at))
                kept += 1
        await self._erasing.sweep(at)
        return Swept(missing=len(missing), kept=kept)

    def _log(self, order: ToKeep, kept: KeptPack) -> None:
        entry = EntryDraft(
            key=f"evidence:{kept.name}",
            at=order.at,
            kind="evidence.kept",
            incident_id=order.incident_id,
            actor="engine",
            data={"sha256": kept.sha256, "size": kept.size},
        )
        with self._store.writing() as tx:
            tx.log.append([entry])
