"""The codec endpoint: payloads in clear for a person with a token who may see their incident, and for nobody else."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from google.protobuf.json_format import MessageToJson
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import WorkflowSerializationContext

from tests.ports.office import UI, Counter, counter
from tests.ports.story import AT, INCIDENT, OTHER_INCIDENT, note, state
from tocsin.adapters.codec import IncidentCodec
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.console.limits import RateLimit
from tocsin.domain.erasure import Erasure
from tocsin.domain.token import Scope, Token, digest_of, secret_of
from tocsin.domain.values import IncidentId
from tocsin.wire import incident_workflow

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
WORDS = b'"Birch Clinic"'
SHOWN = "IkJpcmNoIENsaW5pYyI="
USERS = ("noor", "asha", "mallory")


class Window:
    """A console with two incidents of which Asha is on the team of the first, a clock, and a token for each person."""

    def __init__(self, at: Counter, vault: Vault, later: list[timedelta]) -> None:
        self.at = at
        self.client = httpx.AsyncClient(base_url=at.url, timeout=60)
        self.secrets = {user: secret_of(user[0] * 43) for user in USERS}
        self._codec = IncidentCodec(vault, "tocsin")
        self._later = later

    def later(self, span: timedelta) -> None:
        """Let time pass."""
        self._later.append(span)

    def furnish(self, scope: Scope = Scope.DECODE) -> None:
        """Write the incidents, the team and the tokens."""
        office = self.at.office
        with office.store.writing() as tx:
            for incident_id in (INCIDENT, OTHER_INCIDENT):
                tx.incidents.put_state(state(incident_id=incident_id), AT)
            tx.incidents.join(INCIDENT, [office.person_id("asha")], AT)
            for user in USERS:
                made = {"token_id": f"tok-{user}", "digest": digest_of(self.secrets[user]), "label": "", "made_at": AT}
                until = {"scopes": {scope}, "expires_at": office.now() + timedelta(hours=3)}
                tx.tokens.add(Token.model_validate(made | until | {"person_id": office.person_id(user)}))

    async def sealed(self, incidents: Sequence[IncidentId] = (INCIDENT,)) -> str:
        """Return what Temporal stores of these incidents, as its Web UI sends it."""
        found = []
        for incident_id in incidents:
            context = WorkflowSerializationContext(namespace="tocsin", workflow_id=incident_workflow(incident_id))
            plain = Payload(metadata={"encoding": b"json/plain"}, data=WORDS)
            found += await self._codec.with_context(context).encode([plain])
        return MessageToJson(Payloads(payloads=found))

    async def ask(
        self, user: str | None = "noor", *incidents: IncidentId, verb: str = "decode", **headers: str | None
    ) -> httpx.Response:
        """Ask as the Web UI does, with a token if `user` names somebody; a header that is None is left out."""
        said = {
            "Origin": UI,
            "X-Namespace": "tocsin",
            "Authorization": f"Bearer {self.secrets[user]}" if user else None,
        }
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in said.items() if value is not None}
        body = await self.sealed(incidents or (INCIDENT,))
        return await self.client.post(f"/codec/{verb}", content=body, headers=sent)

    def read(self) -> list[tuple[str, str]]:
        """Return, from the log, who looked at which incident."""
        with self.at.office.store.reading() as tx:
            entries = [json.loads(one.body) for one in tx.log.entries()]
        names = {self.at.office.person_id(user): user for user in USERS}
        looks = [entry for entry in entries if entry["kind"] == "incident.read"]
        assert all(entry["data"] == {"way": "history"} for entry in looks)
        return [(names[entry["actor"]], entry["incident_id"]) for entry in looks]


@pytest.fixture
async def window(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Window]:
    """A console that opens payloads."""
    began, later = datetime.now(UTC).replace(minute=5), list[timedelta]()
    async with counter(store, vault, keyring, tmp_path, now=lambda: began + sum(later, timedelta())) as at:
        found = Window(at, vault, later)
        found.furnish()
        yield found
        await found.client.aclose()


async def test_who_may_read_a_history(window: Window) -> None:
    """An auditor opens every incident, somebody on its team theirs alone, a stranger and whoever has no token none."""
    opened = await window.ask()
    assert opened.status_code == 200
    assert opened.headers["access-control-allow-origin"] == UI
    assert json.loads(opened.text)["payloads"][0]["data"] == SHOWN
    assert (await window.ask("noor", INCIDENT, OTHER_INCIDENT)).status_code == 200
    assert (await window.ask("asha")).status_code == 200
    refused = {
        404: [
            await window.ask("asha", OTHER_INCIDENT),
            await window.ask("asha", INCIDENT, OTHER_INCIDENT),
            await window.ask("mallory"),
        ],
        401: [await window.ask(None), await window.ask(None, Authorization="Bearer tocsin_wrong")],
        403: [
            await window.ask(verb="encode"),
            await window.ask(X_Namespace="other"),
            await window.ask(X_Namespace=None),
        ],
    }
    for status, answers in refused.items():
        for answer in answers:
            assert answer.status_code == status
            assert SHOWN not in answer.text
    assert window.read() == [("noor", INCIDENT), ("noor", OTHER_INCIDENT), ("asha", INCIDENT)]


async def test_a_look_is_one_entry_an_hour(window: Window) -> None:
    """However often a person reads an incident within an hour, the log says it once; in the next hour again."""
    for _ in range(3):
        await window.ask()
    assert window.read() == [("noor", INCIDENT)]
    window.later(timedelta(hours=1))
    await window.ask()
    assert window.read() == [("noor", INCIDENT)] * 2


async def test_from_where_it_may_be_asked(window: Window) -> None:
    """Another site's page and another name for this host get nothing and no leave to read it; a program may ask."""
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
        answer = await window.ask(**headers)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
        assert SHOWN not in answer.text
    assert (await window.ask(Origin=None)).status_code == 200
    ours, theirs = [
        await window.client.options("/codec/decode", headers={"Origin": origin})
        for origin in (UI, "http://evil.example")
    ]
    assert (ours.status_code, ours.headers["access-control-allow-origin"]) == (204, UI)
    assert (theirs.status_code, "access-control-allow-origin" in theirs.headers) == (403, False)


async def test_a_token_must_be_good_for_it(window: Window) -> None:
    """A token of another scope, one that has ended and one that was revoked open nothing."""
    office = window.at.office
    with office.store.writing() as tx:
        tx.tokens.revoke("tok-asha", office.now())
        secret = secret_of("r" * 43)
        reading = {"token_id": "tok-r", "digest": digest_of(secret), "person_id": office.person_id("noor"), "label": ""}
        life = {"scopes": {Scope.READ}, "made_at": AT, "expires_at": office.now() + timedelta(hours=1)}
        tx.tokens.add(Token.model_validate(reading | life))
    assert (await window.ask("asha")).status_code == 401
    assert (await window.ask(None, Authorization=f"Bearer {secret}")).status_code == 401
    window.later(timedelta(hours=3))
    assert (await window.ask("noor")).status_code == 401
    assert window.read() == []


async def test_it_may_not_be_asked_too_often(window: Window) -> None:
    """Whoever has no token is told to wait after thirty requests, and a person after as many as their limit."""
    statuses = [(await window.ask(None)).status_code for _ in range(32)]
    assert statuses[:30] == [401] * 30
    assert statuses[-1] == 429
    room = window.at.codec
    assert room is not None
    room.by_person = RateLimit(per_minute=1, burst=2, monotonic=lambda: 0.0)
    assert [(await window.ask()).status_code for _ in range(3)] == [200, 200, 429]
    assert (await window.ask("asha")).status_code == 200, "one person's limit is not another's"


async def test_a_browser_keeps_a_token(window: Window) -> None:
    """On the page a good token becomes a cookie for these paths that no script reads, and the Web UI is answered."""
    client, form = window.client, {"token": window.secrets["noor"]}
    assert 'name="token"' in (await client.get("/codec")).text
    assert (await client.post("/codec", data={"token": "tocsin_wrong"})).status_code == 403
    forged = await client.post("/codec", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert (forged.status_code, "set-cookie" in forged.headers) == (403, False)
    elsewhere = await client.post("/codec", data=form, headers={"Host": "evil.example"})
    assert (elsewhere.status_code, "set-cookie" in elsewhere.headers) == (403, False)
    kept = await client.post("/codec", data=form)
    cookie = kept.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/codec", "Max-Age=43200"))
    assert window.secrets["noor"] not in kept.text
    assert (await window.ask(None)).status_code == 200
    assert (await window.ask(None, Origin=None)).status_code == 403, "a page that does not say where it is from"
    assert "Forgotten" in (await client.post("/codec", data={"token": ""})).text
    assert (await window.ask(None)).status_code == 401


async def test_an_erased_incident_is_not_opened(window: Window) -> None:
    """Of an incident that is erased the endpoint says so, and opens nothing."""
    erasure = Erasure(incident_id=INCIDENT, asked=note("act-1"), confirmed=note("act-2"), completed_at=AT)
    with window.at.office.store.writing() as tx:
        tx.erasures.put(erasure)
    answer = await window.ask()
    assert (answer.status_code, "was erased on" in answer.text) == (410, True)
    assert (await window.ask("mallory")).status_code == 404
