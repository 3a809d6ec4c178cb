"""Writing an incident's evidence: gathered in one snapshot of the store, checked, sealed, and only then there."""

from pathlib import Path

from tocsin.adapters.evidence.check import check_gathered
from tocsin.adapters.evidence.folder import whole_folder
from tocsin.adapters.evidence.gather import files
from tocsin.adapters.evidence.layout import VERIFICATION
from tocsin.adapters.evidence.result import Checked
from tocsin.domain.values import IncidentId
from tocsin.ports import Sealer, Store


def write_evidence(store: Store, sealer: Sealer, incident_id: IncidentId, target: Path) -> Checked:
    """Write everything about an incident to the new folder `target`, and return how checking it came out.

    The same state of the store gives the same bytes. What does not hold is written all the same, and named: that a
    record was tampered with is evidence too.

    Raises:
        Refused: if the incident is unknown, `target` is not empty, or the disk refuses.
        Broken: if the incident's key was destroyed, or something sealed was altered.
    """
    with whole_folder(target) as folder:
        with store.reading() as tx:
            for name, chunks in files(tx, incident_id, sealer):
                folder.put(name, chunks)
        checked = check_gathered(folder.path)
        folder.put(VERIFICATION, [checked.as_text()])
        folder.seal()
    return checked
