"""The way in and out: sign in, take up an invitation, sign out."""

import asyncio
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from tocsin.console.gate import Guard, Pass, from_here, give_cookie, take_cookie
from tocsin.console.limits import RateLimit
from tocsin.console.office import Office
from tocsin.console.paper import page
from tocsin.console.problems import Denied
from tocsin.console.webhooks import source_of
from tocsin.domain.errors import Refused
from tocsin.domain.rights import Action

WRONG = "This name and password do not go together."
NO_INVITATION = "This invitation is no good any more: ask for a new one (tocsin access invite)."
TOO_OFTEN = "Too many attempts; try again in a minute."


def routes(office: Office) -> APIRouter:
    """Return the doors."""
    router = APIRouter()
    own = Guard(office, Action.OWN_ACCOUNT)
    attempts = Attempts(office)

    @router.get("/login")
    async def ask(onward: str = "/") -> Response:
        """Ask for name and password."""
        return page("login.html", onward=local(onward), wrong="")

    @router.post("/login")
    async def sign_in(
        request: Request,
        user: Annotated[str, Form(max_length=200)],
        password: Annotated[str, Form(max_length=1000)],
        onward: Annotated[str, Form(max_length=2000)] = "/",
    ) -> Response:
        """Open a session for whoever knows the password."""
        attempts.allow(request, user)
        secret = await asyncio.to_thread(office.sign_in, user.strip(), password)
        if secret is None:
            return page("login.html", status=403, onward=local(onward), wrong=WRONG)
        return _in(request, secret, local(onward))

    @router.get("/invitation/{token}")
    async def invitation(token: str) -> Response:
        """Ask whoever was invited for a password."""
        account = await asyncio.to_thread(office.invited, token)
        if account is None:
            raise Denied(404, NO_INVITATION)
        return page("invitation.html", name=account.name, user=account.user, wrong="")

    @router.post("/invitation/{token}")
    async def take_up(request: Request, token: str, password: Annotated[str, Form(max_length=1000)]) -> Response:
        """Set their password and let them in; the link is used up."""
        attempts.allow(request, token)
        account = await asyncio.to_thread(office.invited, token)
        if account is None:
            raise Denied(404, NO_INVITATION)
        try:
            secret = await asyncio.to_thread(office.take_up, token, password)
        except Refused as error:
            return page("invitation.html", status=422, name=account.name, user=account.user, wrong=str(error))
        return _in(request, secret, "/") if secret else page("login.html", status=404, onward="/", wrong=NO_INVITATION)

    @router.post("/logout")
    async def sign_out(request: Request, who: Annotated[Pass, Depends(own)]) -> Response:
        """End the session."""
        await asyncio.to_thread(office.sign_out, who.visitor)
        response = RedirectResponse("/login", 303)
        take_cookie(request, response)
        return response

    return router


class Attempts:
    """How often somebody may try to get in: by the address that asks, and by the name that is asked for."""

    def __init__(self, office: Office) -> None:
        self._sources = RateLimit(per_minute=10, burst=10, monotonic=office.monotonic)
        self._names = RateLimit(per_minute=5, burst=5, monotonic=office.monotonic)

    def allow(self, request: Request, name: str) -> None:
        """Raise Denied if it is too often, or if another site's page sent it."""
        if not from_here(request):
            raise Denied(403, "this did not come from a page of ours; load the page again")
        source = source_of(request)
        # Both are counted, whatever the first one says.
        if not all([self._sources.allows(source), self._names.allows(name.casefold())]):
            raise Denied(429, TOO_OFTEN, headers={"Retry-After": "60"})


def local(onward: str) -> str:
    """Return where to go after signing in: a path of ours, never another site."""
    good = onward.startswith("/") and not onward.startswith(("//", "/\\")) and onward.isprintable()
    return onward if good else "/"


def to_login(request: Request) -> Response:
    """Send a person who is not signed in to sign in, and back."""
    onward = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    there = "/login" if request.method != "GET" or onward == "/" else f"/login?onward={quote(onward)}"
    return RedirectResponse(there, 303)


def _in(request: Request, secret: str, onward: str) -> Response:
    response = RedirectResponse(onward, 303)
    give_cookie(request, response, secret)
    return response
