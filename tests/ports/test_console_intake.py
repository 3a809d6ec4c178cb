"""Alerts and chats over real HTTP: whose word is taken, what becomes of it, and that the same alert is one incident."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.ports.office import Counter, counter
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.act import Report
from tocsin.domain.incident import Severity
from tocsin.settings import Settings

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
KEY = "a shared secret"
TEAMS = base64.b64encode(b"another secret").decode()
TRIGGERED = {
    "event": {
        "event_type": "incident.triggered",
        "data": {"id": "PD1", "title": "Odd\nlogins", "urgency": "high", "service": {"summary": "records-api"}},
    }
}
FIRING = {
    "status": "firing",
    "groupKey": '{}:{alertname="OddLogins"}',
    "commonLabels": {"alertname": "OddLogins", "severity": "critical"},
    "commonAnnotations": {"summary": "Odd logins"},
}


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console that shares secrets with PagerDuty, Slack and Teams, and reports theirs as Asha."""
    chosen = Settings(
        home=tmp_path,
        intake_as="asha",
        pagerduty_signing_secret=SecretStr(KEY),
        slack_signing_secret=SecretStr(KEY),
        teams_secret=SecretStr(TEAMS),
    )
    async with counter(store, vault, keyring, tmp_path, settings=chosen) as it:
        yield it


def mac(content: bytes, key: bytes = KEY.encode()) -> bytes:
    """Return a signature."""
    return hmac.new(key, content, hashlib.sha256).digest()


def reported(at: Counter) -> list[tuple[Report, str]]:
    """Return what was reported, and on whose word."""
    acts = [envelope.act for envelope in at.door.envelopes]
    return [(act.deed, act.actor.authenticated) for act in acts if isinstance(act.deed, Report)]


async def test_pagerduty_reports_by_its_signature(at: Counter) -> None:
    """A triggered incident is a report in Asha's name; forged, it is refused; resolved, it is none."""
    browser, body = at.browser(), json.dumps(TRIGGERED).encode()
    good = {"X-PagerDuty-Signature": f"v1={'0' * 64}, v1={mac(body).hex()}"}
    answers = [await browser.post("/intake/pagerduty", content=body, headers=good) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    (first, how), (second, _) = reported(at)
    assert (first.facts.title, first.facts.severity, how) == ("Odd logins", Severity.HIGH, "pagerduty signature")
    assert first.source_key == second.source_key
    for headers in ({}, {"X-PagerDuty-Signature": f"v1={mac(body + b' ').hex()}"}, {"X-PagerDuty-Signature": "v1="}):
        assert (await browser.post("/intake/pagerduty", content=body, headers=headers)).status_code == 403
    over = json.dumps({"event": {"event_type": "incident.resolved"}}).encode()
    signed = {"X-PagerDuty-Signature": f"v1={mac(over).hex()}"}
    assert (await browser.post("/intake/pagerduty", content=over, headers=signed)).json() == {"taken": False}
    assert len(reported(at)) == 2


async def test_alerts_report_by_a_token_for_it(at: Counter) -> None:
    """Alertmanager and anything else need a token that is good for reporting; it is good for nothing else."""
    asha, program = await at.signed_in("asha"), at.browser()
    tokens = [(await asha.post("/api/v1/me/tokens", json={"scopes": [scope]})).json() for scope in ("report", "read")]
    generic: dict[str, Any] = {"title": "Odd logins", "alert": "a-1", "services": ["records-api"], "more": 1}
    for token, status in zip(tokens, (202, 401), strict=True):
        program.headers["Authorization"] = f"Bearer {token['token']}"
        assert (await program.post("/intake/alertmanager", json=FIRING)).status_code == status
        assert (await program.post("/intake/generic", json=generic)).status_code == status
    program.headers["Authorization"] = f"Bearer {tokens[0]['token']}"
    assert (await program.post("/intake/alertmanager", json={**FIRING, "status": "resolved"})).json()["taken"] is False
    assert (await program.post("/intake/generic", json={"alert": "no title"})).status_code == 422
    assert (await program.post("/intake/generic", content=b"[1]")).status_code == 400
    assert (await program.post("/intake/generic", content=b"x" * 300_000)).status_code == 413
    assert (await program.get("/api/v1/incidents")).status_code == 401
    (alert, how), (other, _) = reported(at)
    assert (alert.facts.severity, how) == (Severity.CRITICAL, f"token {tokens[0]['token_id']}")
    assert (other.facts.services, other.source_key) == (("records-api",), at.office.source_key("generic/a-1"))


async def test_slack_reports_by_its_signature(at: Counter) -> None:
    """`/tocsin report …` is answered with the incident; forged or old it is refused, and anything else explained."""
    now = int(datetime.now(UTC).timestamp())

    async def typed(text: str, sent_at: int = now, key: bytes = KEY.encode()) -> Any:
        body = f"command=%2Ftocsin&text={text}&trigger_id=t1".encode()
        signature = f"v0={mac(f'v0:{sent_at}:'.encode() + body, key).hex()}"
        headers = {"X-Slack-Request-Timestamp": str(sent_at), "X-Slack-Signature": signature}
        return await at.browser().post("/intake/slack", content=body, headers=headers)

    assert "Incident inc-" in (await typed("report+Odd+logins")).json()["text"]
    assert "Write: /tocsin report" in (await typed("help")).json()["text"]
    assert (await typed("report+x", sent_at=now - 400)).status_code == 403
    assert (await typed("report+x", key=b"forged")).status_code == 403
    assert [report.facts.title for report, _ in reported(at)] == ["Odd logins"]


async def test_teams_reports_by_its_signature(at: Counter) -> None:
    """The words after the mention are the command, signed with Teams' key; another key's are refused."""
    body = json.dumps({"text": "<at>Tocsin</at>&nbsp;report Odd logins", "id": "1"}).encode()
    for key, status in {b"another secret": 200, b"forged": 403}.items():
        headers = {"Authorization": f"HMAC {base64.b64encode(mac(body, key)).decode()}"}
        assert (await at.browser().post("/intake/teams", content=body, headers=headers)).status_code == status
    assert [(report.facts.title, how) for report, how in reported(at)] == [("Odd logins", "teams signature")]


async def test_without_a_secret_nothing_is_taken(at: Counter) -> None:
    """A console that shares no secret believes no signature, not even one under an empty key."""
    bare = at.office.settings
    for name in ("pagerduty_signing_secret", "slack_signing_secret", "teams_secret"):
        assert getattr(bare, name) is not None
    object.__setattr__(bare, "pagerduty_signing_secret", None)
    body = json.dumps(TRIGGERED).encode()
    for signature in (f"v1={mac(body, b'').hex()}", "v1="):
        headers = {"X-PagerDuty-Signature": signature}
        assert (await at.browser().post("/intake/pagerduty", content=body, headers=headers)).status_code == 403
    assert reported(at) == []
