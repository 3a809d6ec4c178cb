"""Keeping the packs of incidents that are over: one folder, one file for each time that one came to an end."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from tocsin.adapters.evidence.gather import Means
from tocsin.adapters.evidence.write import write_evidence
from tocsin.domain.errors import Refused
from tocsin.domain.incident import OVER
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.values import IncidentId
from tocsin.ports import KeptPack, Store
from tocsin.wire import clock_workflow, wave_workflow

Histories = Callable[[IncidentId, Iterable[str]], Awaitable[dict[str, bytes]]]
"""Gives the histories of an incident, whose workflows the store knows by these ids."""

_NAME = re.compile(r"(?P<incident>.+)-(?P<sequence>\d+)\.zip")


class PackShelf:
    """Fulfils `ports.Archive` on a folder that only its owner reads."""

    def __init__(self, store: Store, means: Means, histories: Histories, folder: Path) -> None:
        self._store = store
        self._means = means
        self._histories = histories
        self._folder = folder

    async def keep(self, incident_id: IncidentId) -> KeptPack:
        """Write the incident's pack as it stands, unless there is one of this state already.

        Raises:
            Refused: if there is no such incident, or the disk refuses.
            Deferred: if the engine does not give its histories.
            Broken: if the incident's key was destroyed.
        """
        state = await asyncio.to_thread(self._state, incident_id)
        target = self._folder / f"{incident_id}-{state.sequence}.zip"
        if not target.exists():
            known = await asyncio.to_thread(workflow_ids, self._store, incident_id)
            histories = await self._histories(incident_id, known)
            await asyncio.to_thread(self._write, incident_id, target, histories)
        return await asyncio.to_thread(_described, target)

    def lacking(self) -> list[IncidentId]:
        """Return the incidents that are over and have no pack; one that was erased never gets another."""
        kept = {match["incident"] for path in self._folder.glob("*.zip") if (match := _NAME.fullmatch(path.name))}
        with self._store.reading() as tx:
            gone = tx.erasures.sealed_off()
            over = [state.incident_id for state in tx.incidents.all() if state.status in OVER]
        over = [incident_id for incident_id in over if incident_id not in gone]
        return [incident_id for incident_id in over if incident_id not in kept]

    def _state(self, incident_id: IncidentId) -> IncidentState:
        with self._store.reading() as tx:
            state = tx.incidents.state(incident_id)
        if state is None:
            raise Refused(f"there is no incident {incident_id}; `tocsin list` shows those that exist")
        return state

    def _write(self, incident_id: IncidentId, target: Path, histories: dict[str, bytes]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            write_evidence(self._store, self._means._replace(histories=histories), incident_id, target)
        except Refused:
            if not target.exists():  # another worker was quicker: it is there
                raise


def workflow_ids(store: Store, incident_id: IncidentId) -> list[str]:
    """Return the workflows of an incident's clocks and waves."""
    with store.reading() as tx:
        clocks = [clock_workflow(incident_id, row.spec.clock_id) for row in tx.duties.clocks(incident_id)]
        waves = [wave.wave_id for wave in tx.ledger.waves(incident_id) if wave.released_at is not None]
    return clocks + [wave_workflow(incident_id, wave_id) for wave_id in waves]


def _described(target: Path) -> KeptPack:
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return KeptPack(name=target.name, sha256=digest, size=target.stat().st_size)
