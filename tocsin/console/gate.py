"""Who may come in where: each route for our own people names an action, and its guard holds it to the table.

A guard is a dependency. It finds out who asks, by cookie or by token, whether they may (`tocsin/domain/rights.py`),
and gives the route a `Pass`. A test walks all routes: one without a guard, which is not listed as public, fails it.
"""

import asyncio
import hmac
from dataclasses import dataclass, replace

from fastapi import Request, Response

from tocsin.console.office import Office, Visitor
from tocsin.console.problems import Denied, hidden
from tocsin.domain.account import SESSION_LASTS, SignedIn
from tocsin.domain.act import Role
from tocsin.domain.erasure import words
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.rights import OF_INCIDENT, Action, Verdict, may
from tocsin.domain.token import Scope
from tocsin.domain.values import ActId, IncidentId
from tocsin.ports import Transaction
from tocsin.settings import LOOPBACK

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"


@dataclass(frozen=True)
class Pass:
    """What a route knows of whoever came in."""

    visitor: Visitor
    csrf: str = ""
    """What each form must hold, in a field named `csrf`; empty for a program with a token."""
    state: IncidentState | None = None
    """The incident of the route's path, which they may see."""
    on_team: bool = False
    erased: str = ""
    """That the incident was erased, by whom and when; empty: it was not."""
    beside: bool = False
    """Whether a page's own script asks, to bring it up to date: what is shown once is not for it."""
    act_id: ActId | None = None
    """The id that an act must have, so that the same request sent again is the same act; None: any."""

    @property
    def etag(self) -> str:
        """The incident as it stands, for `If-Match`."""
        return f'"{self.incident.sequence}"'

    @property
    def incident(self) -> IncidentState:
        """The incident of a route that has one in its path."""
        assert self.state is not None
        return self.state

    @property
    def roles(self) -> frozenset[Role]:
        """The roles that count now."""
        return self.visitor.roles

    def may(self, action: Action) -> bool:
        """Say whether they may do something to this incident, or here: for showing a button or not."""
        return may(action, self.roles, on_team=self.on_team) is Verdict.ALLOWED


class Guard:
    """Lets in whoever may do `action`; what they may not know of is not there."""

    def __init__(self, office: Office, action: Action) -> None:
        self.action = action
        self._office = office

    async def __call__(self, request: Request) -> Pass:
        """Return the pass of whoever asks. Raises Denied."""
        found, session = await asyncio.to_thread(self._find, request)
        if session is not None:
            await self._check_csrf(request, found.csrf)
            await self._office.see(session)
        elif found.visitor.token is not None:
            await asyncio.to_thread(self._office.token_used, found.visitor.token)
        refuse_unless(self.action, found)
        if found.erased and self.action is not Action.ERASE:
            raise Denied(410, found.erased)
        if self.action is Action.SEE and found.state is not None:
            await self._office.looks.note(found.visitor, found.state.incident_id)
        self._check_match(request, found)
        if not request.url.path.startswith("/api/"):
            return found
        return replace(found, act_id=await self._office.repeats.claim(request, found.visitor.person_id))

    def _check_match(self, request: Request, found: Pass) -> None:
        wanted = request.headers.get("if-match")
        if wanted is None or request.method in SAFE or found.state is None or wanted.strip() == "*":
            return
        if found.etag not in (tag.strip().removeprefix("W/") for tag in wanted.split(",")):
            raise Denied(412, f"the incident has changed since you read it; it is {found.etag} now: read it again")

    def _find(self, request: Request) -> tuple[Pass, SignedIn | None]:
        incident_id = request.path_params.get("incident_id")
        with self._office.store.reading() as tx:
            visitor, session, csrf = self._visitor(tx, request)
            state = tx.incidents.state(IncidentId(incident_id)) if incident_id else None
            on_team = state is not None and visitor.person_id in tx.incidents.team(state.incident_id)
            erasure = tx.erasures.of(state.incident_id) if state is not None else None
        if self.action in OF_INCIDENT and state is None:
            raise hidden()
        erased = words(erasure) if erasure is not None and erasure.sealed_off else ""
        beside = request.headers.get("sec-fetch-dest") == "empty"
        found = Pass(visitor=visitor, csrf=csrf, state=state, on_team=on_team, erased=erased, beside=beside)
        return found, session

    def _visitor(self, tx: Transaction, request: Request) -> tuple[Visitor, SignedIn | None, str]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and request.url.path.startswith("/api/"):
            visitor = self._office.bearer(tx, token.strip(), self.scope(request))
            if visitor is None:
                raise Denied(
                    401, f"this token is not good, or not for {self.scope(request)}; tocsin token list says more"
                )
            return visitor, None, ""
        secret = request.cookies.get(cookie_name(request), "")
        signed_in = self._office.visitor(tx, secret) if secret else None
        if signed_in is None:
            raise Denied(401, "sign in first, or send a token: Authorization: Bearer …", signed_out=True)
        return *signed_in, self._office.csrf(secret)

    def scope(self, request: Request) -> Scope:
        """Return what a token must be good for."""
        if self.action is Action.REPORT:
            return Scope.REPORT
        return Scope.READ if request.method in SAFE else Scope.ACT

    async def _check_csrf(self, request: Request, expected: str) -> None:
        if request.method in SAFE:
            return
        given = request.headers.get(CSRF_HEADER)
        if given is None and not request.url.path.startswith("/api/"):
            given = str((await request.form()).get(CSRF_FIELD, ""))
        if not from_here(request) or not hmac.compare_digest((given or "").encode(), expected.encode()):
            raise Denied(403, f"this did not come from a page of ours; load the page again ({CSRF_HEADER} is missing)")


def refuse_unless(action: Action, found: Pass) -> None:
    """Raise Denied unless whoever has this pass may do it."""
    match may(action, found.roles, on_team=found.on_team):
        case Verdict.HIDDEN:
            raise hidden()
        case Verdict.FORBIDDEN:
            raise Denied(403, f"{found.visitor.actor.name} is {_words(found.roles)} and may not {action}")
        case Verdict.ALLOWED:
            pass


def sees_too(tx: Transaction, visitor: Visitor, incident_id: IncidentId | None) -> None:
    """Raise Denied unless they see another incident, too, than the one they came for."""
    if incident_id is None:
        raise hidden()
    on_team = visitor.person_id in tx.incidents.team(incident_id)
    seen = may(Action.SEE, visitor.roles, on_team=on_team) is Verdict.ALLOWED
    if not seen or tx.incidents.state(incident_id) is None:
        raise hidden()


def sees_all(visitor: Visitor) -> bool:
    """Say whether they see every incident, whoever is on its team."""
    return may(Action.SEE, visitor.roles) is Verdict.ALLOWED


def from_here(request: Request) -> bool:
    """Say whether a browser says that a request came from a page of ours; a program says nothing."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site in {"same-origin", "none"}
    return origin is None or origin.partition("://")[2] == request.headers.get("host")


def is_secure(request: Request) -> bool:
    """Say whether cookies must only travel encrypted: always, but on this machine itself."""
    return request.url.scheme == "https" or request.url.hostname not in LOOPBACK


def cookie_name(request: Request) -> str:
    """Return the name of the session's cookie; `__Host-` binds it to this host and to TLS."""
    return "__Host-tocsin" if is_secure(request) else "tocsin"


def give_cookie(request: Request, response: Response, secret: str) -> None:
    """Have the browser keep a session."""
    response.set_cookie(
        cookie_name(request),
        secret,
        max_age=int(SESSION_LASTS.total_seconds()),
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )


def take_cookie(request: Request, response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(cookie_name(request), path="/", secure=is_secure(request), httponly=True, samesite="lax")


def _words(roles: frozenset[Role]) -> str:
    return ", ".join(sorted(roles)) or "without a role here"
