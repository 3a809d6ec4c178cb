"""SendGrid's side of the event webhook, with keys of our own; and a console that listens on loopback."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI

from tocsin.adapters.sendgrid_events import SIGNATURE, TIMESTAMP, EventVerifier
from tocsin.console.app import create_app
from tocsin.console.desk import Desk
from tocsin.domain.values import IncidentId, WaveId
from tocsin.ports import Sealer, Store


async def nothing_missing() -> list[str]:
    """Say that the console can serve."""
    return []


class SigningKey:
    """A key that signs posts as SendGrid does."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public(self) -> str:
        """The public key, as SendGrid's page shows it."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def headers(self, body: bytes, at: datetime) -> dict[str, str]:
        """Return the headers of a post that is signed at an instant."""
        timestamp = str(int(at.timestamp()))
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: timestamp}


def body_of(*events: dict[str, Any]) -> bytes:
    """Return a post's body as SendGrid writes it: a line each, and CR LF at its end."""
    return b"[" + b",\r\n".join(json.dumps(event).encode() for event in events) + b"]\r\n"


def event(kind: str, notice_id: str | None, at: datetime, **more: Any) -> dict[str, Any]:
    """Return an event of a notice."""
    said = {
        "email": "privacy-0@birch-clinic.example",
        "event": kind,
        "timestamp": int(at.timestamp()),
        "sg_event_id": f"{kind}-{notice_id}",
        "sg_message_id": f"{notice_id}-1.filter0001",
        "notice_id": notice_id,
    }
    return {name: value for name, value in (said | more).items() if value is not None}


class Nudged:
    """A door that notes which waves were to look again."""

    def __init__(self) -> None:
        self.waves: list[tuple[WaveId, int]] = []

    async def nudge(self, incident_id: IncidentId, wave_id: WaveId, rows: int, sequence: int) -> None:
        """Note it."""
        self.waves.append((wave_id, sequence))


def desk(store: Store, sealer: Sealer, *keys: str, door: Nudged | None = None, **more: Any) -> Desk:
    """Return a console's desk over a store."""

    async def engine() -> Nudged:
        return door or Nudged()

    how: dict[str, Any] = {"now": lambda: datetime.now(UTC), "monotonic": time.monotonic, "nudge_every": timedelta(0)}
    return Desk(store, sealer, EventVerifier(keys), engine, **{"sender_name": "Processor Ltd", **how, **more})


@asynccontextmanager
async def listening(at: Desk) -> AsyncIterator[str]:
    """Serve a desk on a free port; yields the URL."""
    async with serving(create_app(at, nothing_missing)) as url:
        yield url


@asynccontextmanager
async def serving(app: FastAPI, port: int = 0) -> AsyncIterator[str]:
    """Serve an application on a port, by default a free one; yields the URL."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(60):
        await _until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


async def _until(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.01)
