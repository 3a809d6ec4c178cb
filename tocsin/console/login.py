"""The way in and out: sign in, take up an invitation, sign out."""

import asyncio
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from tocsin.console import by_provider
from tocsin.console.doorway import Attempts, let_in, local
from tocsin.console.gate import Guard, Pass, take_cookie
from tocsin.console.office import Office
from tocsin.console.paper import page
from tocsin.console.problems import Denied
from tocsin.domain.errors import Refused
from tocsin.domain.rights import Action

WRONG = "This name and password do not go together."
NO_INVITATION = "This invitation is no good any more: ask for a new one (tocsin access invite)."


def routes(office: Office) -> APIRouter:
    """Return the doors."""
    router = APIRouter()
    router.include_router(by_provider.routes(office))
    own = Guard(office, Action.OWN_ACCOUNT)
    attempts = Attempts(office)

    def show(onward: str, wrong: str = "", status: int = 200) -> Response:
        by_password, elsewhere = office.settings.local_login, office.provider is not None
        return page("login.html", status=status, onward=onward, wrong=wrong, local=by_password, provider=elsewhere)

    @router.get("/login")
    async def ask(onward: str = "/") -> Response:
        """Ask for name and password."""
        return show(local(onward))

    @router.post("/login")
    async def sign_in(
        request: Request,
        user: Annotated[str, Form(max_length=200)],
        password: Annotated[str, Form(max_length=1000)],
        onward: Annotated[str, Form(max_length=2000)] = "/",
    ) -> Response:
        """Open a session for whoever knows the password."""
        attempts.allow(request, user)
        if not office.settings.local_login:
            raise Denied(403, "nobody signs in by a password here; use the provider")
        secret = await asyncio.to_thread(office.sign_in, user.strip(), password)
        if secret is None:
            return show(local(onward), WRONG, 403)
        return let_in(request, secret, local(onward))

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
        return let_in(request, secret, "/") if secret else show("/", NO_INVITATION, 404)

    @router.post("/logout")
    async def sign_out(request: Request, who: Annotated[Pass, Depends(own)]) -> Response:
        """End the session."""
        await asyncio.to_thread(office.sign_out, who.visitor)
        response = RedirectResponse("/login", 303)
        take_cookie(request, response)
        return response

    return router


def to_login(request: Request) -> Response:
    """Send a person who is not signed in to sign in, and back."""
    onward = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    there = "/login" if request.method != "GET" or onward == "/" else f"/login?onward={quote(onward)}"
    return RedirectResponse(there, 303)
