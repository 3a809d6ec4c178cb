"""The way in by an OpenID provider."""

import asyncio
from base64 import b64decode, b64encode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from tocsin.adapters.oidc import Pending, Provider
from tocsin.console.doorway import Attempts, let_in, local
from tocsin.console.gate import cookie_name, is_secure
from tocsin.console.office import Office
from tocsin.console.problems import Denied, hidden
from tocsin.domain.errors import Broken

PENDING = "login/pending"


def routes(office: Office) -> APIRouter:
    """Return the way there and the way back."""
    router = APIRouter()
    attempts = Attempts(office)

    @router.get("/login/oidc")
    async def to_provider(request: Request, onward: str = "/") -> Response:
        """Send the browser to the provider."""
        url, pending = await _provider(office).begin(_callback(office), local(onward))
        response = RedirectResponse(url, 303)
        kept = b64encode(office.sealer.seal("namespace", pending.canonical(), PENDING)).decode()
        secure = is_secure(request)
        response.set_cookie(_pending_name(request), kept, 600, path="/", secure=secure, httponly=True, samesite="lax")
        return response

    @router.get("/login/oidc/callback")
    async def from_provider(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
        """Let in whoever the provider vouches for."""
        attempts.allow(request, state)
        kept = request.cookies.get(_pending_name(request), "")
        if error or not code or not kept:
            raise Denied(403, "the provider let nobody in, or this took too long; sign in again")
        pending = _opened(office, kept)
        identity = await _provider(office).finish(pending, _callback(office), code, state)
        response = let_in(request, await asyncio.to_thread(office.come_in, identity), pending.onward)
        response.delete_cookie(_pending_name(request), path="/", secure=is_secure(request), httponly=True)
        return response

    return router


def _provider(office: Office) -> Provider:
    if office.provider is None:
        raise hidden()
    return office.provider


def _callback(office: Office) -> str:
    return f"{office.settings.console_at}/login/oidc/callback"


def _pending_name(request: Request) -> str:
    return f"{cookie_name(request)}-oidc"


def _opened(office: Office, kept: str) -> Pending:
    try:
        return Pending.model_validate_json(office.sealer.open("namespace", b64decode(kept, validate=True), PENDING))
    except (Broken, ValueError) as error:
        raise Denied(403, "this took too long, or came from elsewhere; sign in again") from error
