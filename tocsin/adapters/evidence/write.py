"""Writing an incident's evidence: gathered in one snapshot of the store, checked, sealed, signed; only then there."""

import tempfile
from pathlib import Path

from tocsin.adapters.evidence.archive import is_archive, zipped
from tocsin.adapters.evidence.check import check_gathered
from tocsin.adapters.evidence.folder import refuse_taken, whole_folder
from tocsin.adapters.evidence.gather import Means, files
from tocsin.adapters.evidence.layout import VERIFICATION
from tocsin.adapters.evidence.result import Checked
from tocsin.domain.values import IncidentId
from tocsin.ports import Store


def write_evidence(store: Store, means: Means, incident_id: IncidentId, target: Path) -> Checked:
    """Write everything about an incident to the new `target`, and return how checking it came out.

    A target that ends with .zip becomes one file, any other a folder. The same state of the store gives the same
    bytes. What does not hold is written all the same, and named: that a record was tampered with is evidence too.

    Raises:
        Refused: if the incident is unknown, there is something at `target`, or the disk refuses.
        Broken: if the incident's key was destroyed, or something sealed was altered.
    """
    if not is_archive(target):
        return _write_folder(store, means, incident_id, target)
    refuse_taken(target)
    with tempfile.TemporaryDirectory(prefix="tocsin-pack-") as scratch:
        checked = _write_folder(store, means, incident_id, Path(scratch) / "pack")
        target.parent.mkdir(parents=True, exist_ok=True)
        zipped(Path(scratch) / "pack", target)
    return checked


def _write_folder(store: Store, means: Means, incident_id: IncidentId, target: Path) -> Checked:
    with whole_folder(target) as folder:
        with store.reading() as tx:
            for name, chunks in files(tx, incident_id, means):
                folder.put(name, chunks)
        checked = check_gathered(folder.path)
        folder.put(VERIFICATION, [checked.as_text()])
        folder.seal(means.signer.sign)
    return checked
