"""Opens Temporal's payloads for people who may see their incident: the codec endpoint of its Web UI and command line.

Whoever may use this reads everything of an incident in clear, so it asks for a token of a person, made for it
(`tocsin token new --scope decode`), on loopback as well. A program sends it as `Authorization: Bearer …`. The Web UI of
an own machine cannot; there the person hands it in on `/codec`, and the browser keeps it in a cookie for these paths.
"""

import asyncio
from collections.abc import Collection
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from google.protobuf.json_format import MessageToJson, Parse, ParseError
from starlette.exceptions import HTTPException
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import PayloadCodec

from tocsin.adapters.codec import ENCODING, SCOPE
from tocsin.adapters.vault import NAMESPACE_SCOPE
from tocsin.console.gate import from_here, is_secure
from tocsin.console.limits import RateLimit
from tocsin.console.office import Office, Visitor
from tocsin.console.paper import page
from tocsin.console.problems import Denied, problem_of
from tocsin.console.webhooks import source_of
from tocsin.domain.erasure import words
from tocsin.domain.errors import TocsinError
from tocsin.domain.read import Way
from tocsin.domain.rights import Action, Verdict, may
from tocsin.domain.token import Scope
from tocsin.domain.values import IncidentId
from tocsin.settings import LOOPBACK

COOKIE = "tocsin-codec"
LONGEST = 12 * 3600
"""Seconds that a browser keeps a token; the token itself may end before."""
TOO_OFTEN = "too many requests; try again in a minute"


class CodecRoom:
    """What the endpoint works with: the office that knows people, the codec, and who may ask from where."""

    def __init__(
        self, office: Office, codec: PayloadCodec, *, namespace: str, origins: Collection[str], hosts: Collection[str]
    ) -> None:
        """Take the origins of Web UIs that may ask, and the host names under which this console is reached."""
        self.office = office
        self.codec = codec
        self.namespace = namespace
        self.origins = frozenset(origins)
        self.hosts = frozenset(hosts) | LOOPBACK
        self.by_person = RateLimit(per_minute=1200, burst=600, monotonic=office.monotonic)
        self.strangers = RateLimit(per_minute=30, burst=30, monotonic=office.monotonic)


def routes(room: CodecRoom) -> APIRouter:
    """Return the endpoint, and the page on which a token is handed in."""
    router = APIRouter()

    @router.post("/codec/decode")
    async def decode(request: Request) -> Response:
        """Return the payloads in clear."""
        try:
            _check_place(room, request)
            opened = await _opened(room, request)
        except (Denied, TocsinError, HTTPException) as error:
            found = problem_of(error)
            return _told(room, request, f"{found.detail}\n", found.status)
        return _told(room, request, MessageToJson(opened), 200, "application/json")

    @router.post("/codec/encode")
    async def encode(request: Request) -> Response:
        """Refuse: nobody starts or signals a workflow by hand with payloads that look like ours."""
        return _told(room, request, "this endpoint opens payloads and seals none; use the commands of tocsin\n", 403)

    @router.options("/codec/{verb}")
    async def preflight(request: Request, verb: str) -> Response:
        """Answer a browser that asks first: only a Web UI that we know may go on."""
        return _told(room, request, "", 204 if _knows(room, request) else 403)

    @router.get("/codec")
    async def ask() -> Response:
        """Ask a person for a token."""
        return page("codec.html", said="", wrong="", origins=sorted(room.origins))

    @router.post("/codec")
    async def keep(request: Request) -> Response:
        """Have the browser keep a token, if it is good; an empty one is forgotten."""
        if not from_here(request) or not _is_ours(room, request):
            raise Denied(403, "this did not come from a page of ours; load the page again")
        secret = str((await request.form()).get("token", "")).strip()
        return await _kept(room, request, secret)

    return router


async def _opened(room: CodecRoom, request: Request) -> Payloads:
    visitor = await _visitor(room, request)
    if request.headers.get("x-namespace") != room.namespace:
        raise Denied(403, f"only payloads of the namespace {room.namespace} are opened here; name it as X-Namespace")
    try:
        sealed = Parse(await request.body(), Payloads())
    except (ParseError, UnicodeDecodeError) as error:
        raise Denied(400, "the body is no JSON of Temporal's payloads") from error
    incidents = {_scope(payload) for payload in sealed.payloads if payload.metadata.get("encoding") == ENCODING}
    await asyncio.to_thread(_refuse_unless_seen, room, visitor, incidents)
    opened = Payloads(payloads=await room.codec.decode(sealed.payloads))
    # Only what was opened was read: a scope that somebody wrote on a payload of their own is no incident.
    for incident in sorted(incidents - {NAMESPACE_SCOPE}):
        await room.office.looks.note(visitor, IncidentId(incident), Way.HISTORY)
    return opened


async def _visitor(room: CodecRoom, request: Request) -> Visitor:
    secret, by_cookie = _secret(request)
    if by_cookie and request.headers.get("origin") is None:
        raise Denied(403, "a browser's token counts for a page that says where it is from only")
    visitor = await asyncio.to_thread(_bearer, room, secret) if secret else None
    if visitor is None or visitor.token is None:
        if not room.strangers.allows(source_of(request)):
            raise Denied(429, TOO_OFTEN)
        raise Denied(401, "hand in a token: tocsin token new --scope decode; open /codec here, or send it as Bearer")
    if not room.by_person.allows(visitor.person_id):
        raise Denied(429, TOO_OFTEN)
    await asyncio.to_thread(room.office.token_used, visitor.token)
    return visitor


def _bearer(room: CodecRoom, secret: str) -> Visitor | None:
    with room.office.store.reading() as tx:
        return room.office.bearer(tx, secret, Scope.DECODE)


def _secret(request: Request) -> tuple[str, bool]:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip(), False
    return request.cookies.get(COOKIE, ""), True


def _refuse_unless_seen(room: CodecRoom, visitor: Visitor, scopes: set[str]) -> None:
    with room.office.store.reading() as tx:
        for scope in scopes:
            if scope == NAMESPACE_SCOPE:
                allowed = may(Action.READ_LOG, visitor.roles)
            else:
                team = tx.incidents.team(IncidentId(scope))
                allowed = may(Action.SEE, visitor.roles, on_team=visitor.person_id in team)
            if allowed is not Verdict.ALLOWED:
                raise Denied(404, "there is no such incident, or it is not for you to see")
            erasure = tx.erasures.of(IncidentId(scope))
            if erasure is not None and erasure.sealed_off:
                raise Denied(410, words(erasure))


def _check_place(room: CodecRoom, request: Request) -> None:
    """Refuse a page of somebody else, and a name that somebody else has pointed at us."""
    if not _is_ours(room, request):
        raise Denied(403, "this console is not reached under this name; see TOCSIN_CONSOLE_URL")
    origin = request.headers.get("origin")
    if origin is not None and origin not in room.origins:
        raise Denied(403, "no page from there may ask; see TOCSIN_UI_ORIGINS")


def _is_ours(room: CodecRoom, request: Request) -> bool:
    return (urlsplit(f"//{request.headers.get('host', '')}").hostname or "") in room.hosts


def _knows(room: CodecRoom, request: Request) -> bool:
    return request.headers.get("origin") in room.origins and _is_ours(room, request)


def _scope(payload: Payload) -> str:
    return payload.metadata.get(SCOPE, b"").decode(errors="replace")


async def _kept(room: CodecRoom, request: Request, secret: str) -> Response:
    origins = sorted(room.origins)
    if not secret:
        response = page("codec.html", said="Forgotten: histories show as ciphertext.", wrong="", origins=origins)
        response.delete_cookie(COOKIE, path="/codec", secure=is_secure(request), httponly=True, samesite="strict")
        return response
    if not room.strangers.allows(source_of(request)):
        raise Denied(429, TOO_OFTEN, headers={"Retry-After": "60"})
    if await asyncio.to_thread(_bearer, room, secret) is None:
        wrong = "This token is not good for reading histories: tocsin token new --scope decode"
        return page("codec.html", status=403, said="", wrong=wrong, origins=origins)
    response = page("codec.html", said="Kept in this browser for twelve hours at most.", wrong="", origins=origins)
    response.set_cookie(
        COOKIE, secret, LONGEST, path="/codec", secure=is_secure(request), httponly=True, samesite="strict"
    )
    return response


def _told(room: CodecRoom, request: Request, text: str, status: int, media_type: str = "text/plain") -> Response:
    headers = {"Vary": "Origin"}
    if _knows(room, request):
        headers |= {
            "Access-Control-Allow-Origin": request.headers["origin"],
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Content-Type, X-Namespace, Authorization, Authorization-Extras",
            "Access-Control-Max-Age": "600",
        }
    return Response(text, status, headers, media_type)
