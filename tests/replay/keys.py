"""The key material beside recorded histories: enough to open their payloads, and nothing else.

Test keys: they were made for the recording, and never sealed anything but what lies beside them.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, select
from temporalio.converter import DataConverter

from tocsin.adapters.codec import data_converter
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql.engine import Transactions, create_engine_for
from tocsin.adapters.sql.tables import incident_keys, later_keys
from tocsin.adapters.vault import Vault

FILE = "test-keys.json"
SECRETS = ("masters.json", "namespace.json")
"""The files of a keyring that open payloads; acts, ids and the spool have keys of their own, and none is kept here."""


def write_keys(folder: Path, home: Path, namespace: str) -> None:
    """Write down what opens the histories that were made in a home."""
    engine = create_engine_for(f"sqlite:///{home / 'store.sqlite'}")
    with Transactions(engine).reading() as connection:
        rows = connection.execute(select(incident_keys)).all()
    engine.dispose()
    kept = {
        "namespace": namespace,
        "keyring": {name: json.loads((home / "keys" / name).read_text()) for name in SECRETS},
        "incidents": {row.incident_id: [row.key_id, b64encode(row.wrapped).decode()] for row in rows},
    }
    (folder / FILE).write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


@contextmanager
def opened(folder: Path, home: Path) -> Iterator[DataConverter]:
    """Give the converter that opens the histories of `folder`; `home` is an empty place for its keyring and store."""
    kept = json.loads((folder / FILE).read_text())
    FileKeyring.create(home / "keys")
    for name in SECRETS:
        (home / "keys" / name).write_text(json.dumps(kept["keyring"][name]))
    engine = create_engine_for(f"sqlite:///{home / 'store.sqlite'}")
    with Transactions(engine).writing() as connection:
        incident_keys.create(connection)
        later_keys.create(connection)
        for incident_id, (key_id, wrapped) in kept["incidents"].items():
            row = {"incident_id": incident_id, "key_id": key_id, "wrapped": b64decode(wrapped)}
            connection.execute(insert(incident_keys), row | {"created_at": datetime.now(UTC)})
    yield data_converter(Vault(engine, FileKeyring.open(home / "keys")), kept["namespace"])
    engine.dispose()
