"""A console with an office, on loopback, over a store; and browsers that Asha, Dara, Noor and Mallory sit at."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from fastapi import FastAPI

from tests.acceptance.stack import free_port
from tests.ports.webhook import desk, nothing_missing, serving
from tocsin.adapters.access import invite
from tocsin.adapters.codec import IncidentCodec
from tocsin.adapters.evidence import Means
from tocsin.adapters.evidence.sign import LogSigner
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.vault import Vault
from tocsin.client import EnvelopeFor
from tocsin.console.app import create_app
from tocsin.console.codec import CodecRoom
from tocsin.console.office import WITH_PASSWORD, ActDoor, Office, PeopleFile
from tocsin.domain.act import Actor, Envelope, Receipt, Role
from tocsin.domain.values import IncidentId, PersonId
from tocsin.ports import Sealer, Store
from tocsin.settings import Settings

PEOPLE = """\
[people.asha]
name = "Asha Rao"
email = "asha@processor.example"
roles = ["responder"]

[people.dara]
name = "Dara Okafor"
email = "dara@processor.example"
roles = ["approver"]

[people.noor]
name = "Noor Haddad"
email = "noor@processor.example"
roles = ["auditor"]

[people.ada]
name = "Ada Min"
email = "ada@processor.example"
roles = ["admin"]

[people.mallory]
name = "Mallory"
email = "mallory@processor.example"
roles = ["responder"]
"""
PASSWORD = "seven quiet owls at noon"
INSTALLER = Actor(person_id=PersonId("per-installer"), name="Installer", roles=frozenset({Role.ADMIN}))

UI = "http://127.0.0.1:8233"
"""Where a Web UI of Temporal may ask the codec endpoint from."""


class Noted:
    """A door to no engine: it keeps the envelopes that it is given, and takes each."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def act(self, envelope: Envelope) -> Receipt:
        """Keep it."""
        self.envelopes.append(envelope)
        return Receipt(incident_id=envelope.act.incident_id, act_id=envelope.act.act_id, status="confirmed")

    async def report(self, envelope_for: EnvelopeFor) -> Receipt:
        """Keep it."""
        return await self.act(envelope_for(0, None))


class Counter:
    """A console that listens, and those who come to it."""

    def __init__(self, url: str, app: FastAPI, office: Office, door: Noted, codec: CodecRoom | None = None) -> None:
        self.url = url
        self.app = app
        self.office = office
        self.door = door
        self.codec = codec
        self._browsers: list[httpx.AsyncClient] = []

    def browser(self) -> httpx.AsyncClient:
        """Return a browser in which nobody is signed in."""
        # A machine that is busy with other tests may take a while, and how long is no matter of these tests.
        self._browsers.append(httpx.AsyncClient(base_url=self.url, timeout=60))
        return self._browsers[-1]

    async def signed_in(self, user: str) -> httpx.AsyncClient:
        """Return the browser of somebody who is signed in; it sends the token of its forms along."""
        browser = self.browser()
        invite(self.office.store, self.office.people().person(user), INSTALLER, self.office.now())
        with self.office.store.reading() as tx:
            account = tx.accounts.one(self.office.person_id(user))
        assert account is not None
        secret = self.office.open_session(account, WITH_PASSWORD)
        browser.cookies.set("tocsin", secret, domain="127.0.0.1")
        browser.headers["X-CSRF-Token"] = self.office.csrf(secret)
        return browser

    async def close(self) -> None:
        """Close the browsers."""
        for browser in self._browsers:
            await browser.aclose()


def csrf_of(page: str) -> str:
    """Return the token that the forms of a page hold."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page
    return found[1]


@asynccontextmanager
async def counter(
    store: Store,
    sealer: Sealer,
    keyring: FileKeyring,
    folder: Path,
    *,
    engine: Callable[[], Awaitable[ActDoor]] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    settings: Settings | None = None,
) -> AsyncIterator[Counter]:
    """Serve a console with an office; `engine` is what acts go to, by default a door that only keeps them."""
    people, door = folder / "people.toml", Noted()
    people.write_text(PEOPLE)

    async def noted() -> ActDoor:
        return door

    port = free_port()
    base = settings or Settings(home=folder)
    chosen = base.model_copy(update={"console_address": f"127.0.0.1:{port}"})

    async def no_histories(_: IncidentId) -> dict[str, bytes]:
        return {}

    office = Office(
        store,
        sealer,
        PeopleFile(people, keyring.id_key()),
        keyring.door_private(),
        keyring.id_key(),
        engine or noted,
        home=folder,
        settings=chosen,
        means=Means(sealer, LogSigner(keyring)),
        histories=no_histories,
        now=now,
        monotonic=time.monotonic,
    )
    codec = IncidentCodec(sealer, "tocsin") if isinstance(sealer, Vault) else None
    room = CodecRoom(office, codec, namespace="tocsin", origins=[UI], hosts=[]) if codec else None
    app = create_app(desk(store, sealer), nothing_missing, office, room)
    async with serving(app, port) as url:
        at = Counter(url, app, office, door, room)
        yield at
        await at.close()
