"""The codec endpoint: payloads in clear for a person with a token who may see their incident, and for nobody else."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from google.protobuf.json_format import MessageToJson
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import WorkflowSerializationContext

from tests.ports.office import UI, Counter, counter
from tests.ports.story import AT, INCIDENT, state
from tocsin.adapters.codec import IncidentCodec
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.token import Scope, Token, digest_of, secret_of
from tocsin.wire import incident_workflow

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
WORDS = b'"Birch Clinic"'


async def test_who_may_read_a_history(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> None:
    """An auditor's token opens, once an hour in the log; no token, a stranger's, another page or namespace do not."""
    now = datetime.now(UTC)
    async with counter(store, vault, keyring, tmp_path, now=lambda: now) as at:
        await _ask_all(store, vault, at, now)


async def _ask_all(store: SqlStore, vault: Vault, at: Counter, now: datetime) -> None:
    office = at.office
    secrets = {"noor": secret_of("n" * 43), "mallory": secret_of("m" * 43)}
    with store.writing() as tx:
        tx.incidents.put_state(state(), AT)
        for user, secret in secrets.items():
            tx.tokens.add(
                Token(
                    token_id=f"tok-{user}",
                    digest=digest_of(secret),
                    person_id=office.person_id(user),
                    label="",
                    scopes=frozenset({Scope.DECODE}),
                    made_at=now,
                    expires_at=now + timedelta(hours=1),
                )
            )
    codec = IncidentCodec(vault, "tocsin")
    context = WorkflowSerializationContext(namespace="tocsin", workflow_id=incident_workflow(INCIDENT))
    [sealed] = await codec.with_context(context).encode([Payload(metadata={"encoding": b"json/plain"}, data=WORDS)])
    body = MessageToJson(Payloads(payloads=[sealed]))
    async with httpx.AsyncClient(base_url=at.url, timeout=60) as client:

        async def ask(user: str | None = "noor", path: str = "decode", **headers: str) -> httpx.Response:
            bearer = {"Authorization": f"Bearer {secrets[user]}"} if user else {}
            said = {
                "Origin": UI,
                "X-Namespace": "tocsin",
                **bearer,
                **{k.replace("_", "-"): v for k, v in headers.items()},
            }
            return await client.post(f"/codec/{path}", content=body, headers=said)

        opened = await ask()
        assert opened.status_code == 200
        assert opened.headers["access-control-allow-origin"] == UI
        assert json.loads(opened.text)["payloads"][0]["data"] == "IkJpcmNoIENsaW5pYyI="
        refused = {
            401: await ask(None),
            404: await ask("mallory"),
        }
        assert refused == {answer.status_code: answer for answer in refused.values()}
        for answer in (
            await ask(Origin="http://evil.example"),
            await ask(Host="evil.example"),
            await ask(X_Namespace="other"),
            await ask(path="encode"),
        ):
            assert answer.status_code == 403
            assert WORDS.decode() not in answer.text
        assert "access-control-allow-origin" not in (await ask(Origin="http://evil.example")).headers
        await ask()
    with store.reading() as tx:
        entries = [json.loads(one.body) for one in tx.log.entries(incident_id=INCIDENT)]
    assert [("incident.read", office.person_id("noor"), {"way": "history"})] == [
        (entry["kind"], entry["actor"], entry["data"]) for entry in entries
    ]
