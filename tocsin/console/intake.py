"""Where alerts and chats become reports: PagerDuty, Alertmanager, anything with a token; Slack's and Teams' `/tocsin`.

Each is signed by its sender or bears a token that is good for `report` and nothing else. The same alert joins the same
incident. What comes by a shared secret is reported in the name of `TOCSIN_INTAKE_AS`, who is then on its team.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, SecretStr, ValidationError

from tocsin.console.desk import Desk
from tocsin.console.office import Office, Visitor
from tocsin.console.problems import Denied
from tocsin.console.webhooks import source_of
from tocsin.domain.act import Receipt, Report
from tocsin.domain.errors import Refused, TocsinError
from tocsin.domain.incident import Facts, Severity
from tocsin.domain.one_line import one_line
from tocsin.domain.rights import Action, Verdict, may
from tocsin.domain.token import Scope
from tocsin.domain.values import Value

OLDEST = timedelta(minutes=5)
"""How old a signed command may be."""
LONGEST_TITLE = 200
USAGE = "Write: /tocsin report WHAT HAPPENED. Everything else may follow later."


class Alert(Value):
    """What any alert comes down to."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    title: str
    alert: str | None = None
    """What makes it this alert: the same one joins the same incident."""
    summary: str | None = None
    severity: Severity | None = None
    services: tuple[str, ...] = ()


Read = Callable[[dict[str, Any]], Alert | None]
"""Returns what a sender's message says, or None if it reports nothing: an alert that was resolved."""


def routes(desk: Desk, office: Office) -> APIRouter:
    """Return the ways in."""
    router = APIRouter(prefix="/intake")
    chosen = office.settings

    @router.post("/pagerduty")
    async def pagerduty(request: Request) -> JSONResponse:
        """Take a signed webhook (v3) of PagerDuty; a triggered incident is a report."""
        body = await request.body()
        given = request.headers.get("x-pagerduty-signature", "").split(",")
        wanted = f"v1={_hex(chosen.pagerduty_signing_secret, body)}"
        _refuse_unless_signed(any(_same(one.strip(), wanted) for one in given), request, desk)
        return _answer(await _taken(office, await _on_behalf(office, "pagerduty"), body, _pagerduty))

    @router.post("/alertmanager")
    async def alertmanager(request: Request) -> JSONResponse:
        """Take a webhook of Prometheus' Alertmanager, with a token; a group that fires is a report."""
        return _answer(await _taken(office, await _by_token(request, office), await request.body(), _alertmanager))

    @router.post("/generic")
    async def generic(request: Request) -> JSONResponse:
        """Take `{"title", "alert", "summary", "severity", "services"}`, with a token; only the title is needed."""
        return _answer(await _taken(office, await _by_token(request, office), await request.body(), _generic))

    @router.post("/slack")
    async def slack(request: Request) -> JSONResponse:
        """Take `/tocsin report …`, signed by Slack."""
        body, sent_at = await request.body(), request.headers.get("x-slack-request-timestamp", "")
        fresh = _is_fresh(office, sent_at)
        wanted = f"v0={_hex(chosen.slack_signing_secret, b'v0:' + sent_at.encode() + b':' + body)}"
        signed = fresh and _same(request.headers.get("x-slack-signature", ""), wanted)
        _refuse_unless_signed(signed, request, desk)
        said = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        words = await _command(office, "slack", said.get("text", ""), said.get("trigger_id"))
        return JSONResponse({"response_type": "ephemeral", "text": words})

    @router.post("/teams")
    async def teams(request: Request) -> JSONResponse:
        """Take `report …` from an outgoing webhook of Teams, signed by it."""
        body, secret = await request.body(), chosen.teams_secret
        key = _from_base64(secret.get_secret_value()) if secret else b""
        wanted = b"HMAC " + base64.b64encode(hmac.new(key, body, hashlib.sha256).digest())
        signed = bool(key) and hmac.compare_digest(request.headers.get("authorization", "").encode(), wanted)
        _refuse_unless_signed(signed, request, desk)
        said = _json(body)
        words = str(said.get("text", "")).rpartition("</at>")[2].replace("&nbsp;", " ")
        return JSONResponse({"type": "message", "text": await _command(office, "teams", words, said.get("id"))})

    return router


async def _by_token(request: Request, office: Office) -> Visitor:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    found = await office.read(lambda tx: office.bearer(tx, secret.strip(), Scope.REPORT))
    if scheme.lower() != "bearer" or found is None or found.token is None:
        raise Denied(401, "send a token that is good for reporting: tocsin token new --scope report")
    token_id = found.token
    await office.write(lambda tx: tx.tokens.used(token_id, office.now()))
    return _may_report(found)


async def _on_behalf(office: Office, how: str) -> Visitor:
    """Return in whose name a shared secret reports."""
    user = office.settings.intake_as
    if user is None:
        raise Denied(503, "nobody is named to report what comes in: set TOCSIN_INTAKE_AS to a name in people.toml")
    return _may_report(await office.read(lambda tx: office.by_name(tx, user, f"{how} signature")))


def _may_report(visitor: Visitor) -> Visitor:
    if may(Action.REPORT, visitor.roles) is not Verdict.ALLOWED:
        raise Denied(403, f"{visitor.actor.name} may not report")
    return visitor


async def _taken(office: Office, visitor: Visitor, body: bytes, read: Read) -> Receipt | None:
    found = read(_json(body))
    return await _reported(office, visitor, found) if found is not None else None


async def _reported(office: Office, visitor: Visitor, alert: Alert) -> Receipt:
    facts = Facts(
        title=one_line(" ".join(alert.title.split())[:LONGEST_TITLE]) or "an alert without a title",
        summary=alert.summary,
        severity=alert.severity,
        services=alert.services,
    )
    return await office.report(visitor, Report(facts=facts, source_key=office.source_key(alert.alert)))


async def _command(office: Office, how: str, text: str, repeated: Any) -> str:
    """Do what was typed in a chat, and return what to answer there: it is never an error page."""
    verb, _, title = text.strip().partition(" ")
    if verb.casefold() != "report" or not title.strip():
        return USAGE
    try:
        visitor = await _on_behalf(office, how)
        # A chat sends a command again that was not answered in time: the same one is the same report.
        alert = Alert(title=title, alert=f"{how}/{repeated}" if repeated else None)
        receipt = await _reported(office, visitor, alert)
    except (TocsinError, Denied) as error:
        return f"It was not taken: {error}"
    link = f"{office.settings.console_at}/incidents/{receipt.incident_id}"
    return "\n".join([f"Incident {receipt.incident_id} is {receipt.status}.", *receipt.lines, link])


def _answer(receipt: Receipt | None) -> JSONResponse:
    if receipt is None:
        return JSONResponse({"taken": False})
    return JSONResponse({"taken": True, "incident_id": receipt.incident_id, "already": receipt.already}, 202)


def _pagerduty(said: dict[str, Any]) -> Alert | None:
    event = _part(said, "event")
    data = _part(event, "data")
    if event.get("event_type") != "incident.triggered":
        return None
    severity = Severity.HIGH if data.get("urgency") == "high" else None
    title, service = str(data.get("title") or "an incident at PagerDuty"), _part(data, "service").get("summary")
    about = f"{service}: {data.get('html_url', '')}" if service else None
    return Alert(title=title, alert=f"pagerduty/{data.get('id')}", summary=about, severity=severity)


def _alertmanager(said: dict[str, Any]) -> Alert | None:
    if said.get("status") != "firing":
        return None
    labels, words = _part(said, "commonLabels"), _part(said, "commonAnnotations")
    title = str(words.get("summary") or labels.get("alertname") or "an alert")
    severity = {"critical": Severity.CRITICAL, "warning": Severity.MEDIUM}.get(str(labels.get("severity")))
    summary = str(words["description"]) if "description" in words else None
    return Alert(title=title, alert=f"alertmanager/{said.get('groupKey')}", summary=summary, severity=severity)


def _generic(said: dict[str, Any]) -> Alert:
    try:
        found = Alert.model_validate(said)
    except ValidationError as error:
        raise Denied(422, f"send at least a title: {error.errors()[0]['msg']}") from error
    return found.model_copy(update={"alert": f"generic/{found.alert}" if found.alert else None})


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Denied(400, "this is no JSON") from error
    if not isinstance(found, dict):
        raise Denied(400, "send one JSON object")
    return found


def _part(said: dict[str, Any], name: str) -> dict[str, Any]:
    found = said.get(name)
    return found if isinstance(found, dict) else {}


def _is_fresh(office: Office, sent_at: str) -> bool:
    known = sent_at.isascii() and sent_at.isdigit() and len(sent_at) < 12
    return known and abs(office.now().timestamp() - int(sent_at)) < OLDEST.total_seconds()


def _hex(secret: SecretStr | None, content: bytes) -> str:
    key = secret.get_secret_value().encode() if secret else b""
    return hmac.new(key, content, hashlib.sha256).hexdigest() if key else ""


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Refused("TOCSIN_TEAMS_SECRET is not what Teams showed: it is base64") from error


def _same(given: str, wanted: str) -> bool:
    # A signature under no key ends with its "=" and is nobody's.
    return not wanted.endswith("=") and hmac.compare_digest(given.encode(), wanted.encode())


def _refuse_unless_signed(signed: bool, request: Request, desk: Desk) -> None:
    if not signed:
        desk.refusals.count(source_of(request), int(desk.now().timestamp()) // 60)
        raise Denied(403, "not signed by a secret of ours")
