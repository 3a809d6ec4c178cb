"""A stand-in for SendGrid in a process of its own: it answers as it is told, and remembers every request it took.

`python -m benchmarks.standin PORT` serves `POST /v3/mail/send` and the suppression lists. `PUT /told` changes how it
answers (a `Told` as JSON), `GET /record` returns what it took, one JSON object a line, `DELETE /record` forgets it,
`GET /asked` returns how often its lists were asked for, `GET /key` the public key under which it signs its events. It
speaks plain HTTP/1.1 over loopback, with as little work as possible: what it needs of the machine is missing to
whatever is measured beside it.
"""

import asyncio
import base64
import random
import sys
import time
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel

ANSWERS = {
    "ok": b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-Message-Id: %s\r\n\r\n",
    "sandbox": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/elsewhere\r\nContent-Length: 0\r\n\r\n",
    "bad": b'HTTP/1.1 400 Bad Request\r\nContent-Length: 38\r\n\r\n{"errors":[{"message":"bad address"}]}',
    "key": b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    "limit": b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    "limit_bare": b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n",
    "broken": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    "gateway": b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<h1>Bad</h1>\r\n\r",
    "truncated": b"HTTP/1.1 202 Accepted\r\nContent-Length: 20\r\n\r\n{",
}
TAKEN = {"ok", "late", "truncated", "gateway", "hang", "reset"}
"""After these the letter goes out, whatever its sender was told."""


class Told(BaseModel):
    """How to answer."""

    after_ms: float = 50
    late_ms: float = 2000
    shares: dict[str, float] = {}
    """Of a thousand requests, how many are answered otherwise than `ok`, by kind of answer."""
    first: dict[str, int] = {}
    """How many of the next requests are answered otherwise, by kind; these come before `shares`."""
    seed: int = 1
    events_url: str | None = None
    """Where events go, signed, in batches: `processed` and `delivered` of each letter that was taken."""
    outcome: str = "delivered"
    duplicated: bool = False
    reordered: bool = False
    forged: bool = False
    suppressed: dict[str, list[str]] = {}
    """The addresses on its suppression lists, by list; letters to them are answered as any other, and go nowhere."""
    lists: str = "ok"
    """How its lists are answered: `ok`, or a kind of answer."""


class Desk:
    """What all connections share."""

    def __init__(self) -> None:
        self.told = Told()
        self.record: list[dict[str, Any]] = []
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.in_flight = 0
        self.asked = 0
        self._chance = random.Random(1)  # noqa: S311 - faults, not keys
        self._events: list[dict[str, Any]] = []
        self._flushing: asyncio.Task[None] | None = None

    def tell(self, told: Told) -> None:
        """Answer like this from now on."""
        self.told = told
        self._chance = random.Random(told.seed)  # noqa: S311 - faults, not keys

    def choose(self) -> str:
        """Return the kind of the next answer."""
        for kind, left in self.told.first.items():
            if left > 0:
                self.told.first[kind] = left - 1
                return kind
        draw = self._chance.random() * 1000
        for kind, share in self.told.shares.items():
            draw -= share
            if draw < 0:
                return kind
        return "ok"

    def took(self, body: bytes, kind: str) -> str:
        """Note a request; return the id under which it is answered."""
        letter = orjson.loads(body)
        to = letter["personalizations"][0]
        one = {
            "notice_id": to.get("custom_args", {}).get("notice_id", ""),
            "message_id": letter.get("headers", {}).get("Message-ID", ""),
            "to": to["to"][0]["email"],
            "kind": kind,
            "taken": kind in TAKEN and not self._is_suppressed(to["to"][0]["email"]),
            "at": time.time(),
        }
        self.record.append(one)
        provider_id = f"standin-{len(self.record)}"
        if self.told.events_url and one["taken"]:
            self._announce(one, provider_id)
        return provider_id

    def _is_suppressed(self, address: str) -> bool:
        return any(address in listed for listed in self.told.suppressed.values())

    def _announce(self, one: dict[str, Any], provider_id: str) -> None:
        happened = ["processed", self.told.outcome]
        for event in reversed(happened) if self.told.reordered else happened:
            said = {
                "email": one["to"],
                "timestamp": int(one["at"]),
                "event": event,
                "sg_event_id": f"{provider_id}-{event}",
                "sg_message_id": f"{provider_id}.filter0001",
                "smtp-id": one["message_id"],
                "notice_id": one["notice_id"],
            }
            self._events += [said] * (2 if self.told.duplicated else 1)
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        """Send events as SendGrid does: in batches, signed, again and again until they are taken."""
        async with aiohttp.ClientSession() as session:
            while self._events:
                await asyncio.sleep(0.2)
                batch = self._events[:500]
                if self.told.forged:
                    await self._post(session, batch, signed_by=ec.generate_private_key(ec.SECP256R1()))
                if await self._post(session, batch, signed_by=self.key):
                    del self._events[: len(batch)]

    async def _post(
        self, session: aiohttp.ClientSession, batch: list[dict[str, Any]], signed_by: ec.EllipticCurvePrivateKey
    ) -> bool:
        body, stamp = orjson.dumps(batch) + b"\r\n", str(int(time.time()))
        signature = signed_by.sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        headers = {
            "Content-Type": "application/json",
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
        }
        try:
            async with session.post(self.told.events_url or "", data=body, headers=headers) as answer:
                return answer.status < 300
        except aiohttp.ClientError:
            return False

    def list_of(self, target: str) -> bytes:
        """Return a page of a suppression list."""
        parts = urlsplit(target)
        name, query = parts.path.rpartition("/")[2], parse_qs(parts.query)
        first, limit = (int(query.get(key, [least])[0]) for key, least in (("offset", "0"), ("limit", "500")))
        listed = self.told.suppressed.get(name, [])[first : first + min(limit, 500)]
        return orjson.dumps([{"created": 1_767_225_600, "email": one, "reason": "no such mailbox"} for one in listed])

    def answer_to(self, method: str, path: str, body: bytes) -> bytes:
        """Return the answer to whoever tells it what to do, or asks what it took."""
        if method == "PUT":
            self.tell(Told.model_validate_json(body))
        elif method == "DELETE":
            self.record.clear()
        elif path == "/record":
            return b"".join(orjson.dumps(one) + b"\n" for one in self.record)
        elif path == "/asked":
            return str(self.asked).encode()
        elif path.startswith("/v3/suppression/"):
            return self.list_of(path)
        elif path == "/key":
            public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return base64.b64encode(public)
        return b""


class Connection(asyncio.Protocol):
    """One connection: requests one after the other, as clients of HTTP/1.1 send them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Serve a request as soon as it is whole."""
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        self._serve(method, path, rest[:length])

    def _serve(self, method: str, path: str, body: bytes) -> None:
        if path.startswith("/v3/suppression/"):
            self._desk.asked += 1
            if self._desk.told.lists != "ok":
                self._answer(self._desk.told.lists, "")
                return
        if path != "/v3/mail/send":
            answer = self._desk.answer_to(method, path, body)
            self._write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
            return
        kind = self._desk.choose()
        provider_id = self._desk.took(body, kind)
        told = self._desk.told
        after = (told.late_ms if kind == "late" else told.after_ms) / 1000
        if kind == "hang":
            return
        if after:
            asyncio.get_running_loop().call_later(after, self._answer, kind, provider_id)
        else:
            self._answer(kind, provider_id)

    def _answer(self, kind: str, provider_id: str) -> None:
        if kind == "reset":
            if self._transport is not None:
                self._transport.abort()
            return
        answer = ANSWERS.get(kind, ANSWERS["ok"])
        self._write(answer % provider_id.encode() if b"%s" in answer else answer)
        if kind == "truncated" and self._transport is not None:
            self._transport.close()

    def _write(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)


async def main(port: int) -> None:
    """Serve until the process is ended."""
    desk = Desk()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(desk), "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1])))
