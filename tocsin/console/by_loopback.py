"""The way in for a command line elsewhere: its person confirms in their browser, and it trades the code for a token."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from tocsin.adapters.passwords import digest_of, new_secret
from tocsin.console.doorway import Attempts
from tocsin.console.gate import Guard, Pass
from tocsin.console.house import House
from tocsin.console.problems import Denied, answer, problem_of
from tocsin.console.shield import CSP
from tocsin.console.tokens import MadeToken, NewToken, make_token
from tocsin.domain.errors import Broken, Refused, TocsinError
from tocsin.domain.loopback import CODE_LASTS, SCOPES, Code, Wish
from tocsin.domain.rights import Action
from tocsin.domain.token import DEFAULT_LIFE
from tocsin.domain.values import Value

SEALED = "login/cli"
LABEL = "tocsin login"
NOT_GOOD = "this code is not good, or not any more; begin again: tocsin login"


class Trade(Value):
    """A code, with the proof that whoever brings it is who asked."""

    code: str
    redirect_uri: str
    code_verifier: str


def routes(house: House) -> APIRouter:
    """Return the page, its confirmation, and the trade."""
    router, office = APIRouter(), house.office
    own, attempts = Guard(office, Action.OWN_ACCOUNT), Attempts(office)

    @router.get("/login/cli")
    async def ask(wish: Annotated[Wish, Query()], who: Annotated[Pass, Depends(own)]) -> Response:
        """Ask a person who is signed in whether the command line on their machine may act as them."""
        _check(wish)
        until = office.wall() + DEFAULT_LIFE
        response = house.show("cli_login.html", who, wish=wish, scopes=sorted(SCOPES), until=until)
        # A form's answer may lead only where the policy says: this one leads to the asking machine.
        goes_on = f"form-action 'self' {wish.redirect_uri.rstrip('/')}"
        response.headers["Content-Security-Policy"] = CSP.replace("form-action 'self'", goes_on)
        return response

    @router.post("/login/cli")
    async def confirm(request: Request, who: Annotated[Pass, Depends(own)]) -> Response:
        """Send the browser back with a code that is good for a minute, once, and for whoever asked alone."""
        wish = _wish(await request.form())
        code = Code(
            person_id=who.visitor.person_id,
            how=who.visitor.actor.authenticated,
            redirect_uri=wish.redirect_uri,
            code_challenge=wish.code_challenge,
            expires_at=office.wall() + CODE_LASTS,
            nonce=new_secret(),
        )
        sealed = urlsafe_b64encode(office.sealer.seal("namespace", code.canonical(), SEALED)).decode()
        return RedirectResponse(f"{wish.redirect_uri}?{urlencode({'code': sealed, 'state': wish.state})}", 303)

    @router.post("/login/cli/token")
    async def trade(request: Request, said: Trade) -> Response:
        """Give a token for a code, once."""
        try:
            attempts.allow(request, digest_of(said.code))
            made = await _traded(house, said)
        except (TocsinError, Denied) as error:
            return answer(problem_of(error))
        return Response(made.model_dump_json(), 201, media_type="application/json")

    return router


def _wish(form: Mapping[str, object]) -> Wish:
    try:
        wish = Wish.model_validate({name: str(form.get(name, "")) for name in Wish.model_fields})
    except ValidationError as error:
        raise Denied(422, "this is no question of a command line; begin again: tocsin login") from error
    _check(wish)
    return wish


def _check(wish: Wish) -> None:
    try:
        wish.check()
    except Refused as error:
        raise Denied(422, str(error)) from error


async def _traded(house: House, said: Trade) -> MadeToken:
    office = house.office
    code = _opened(house, said.code)
    # Used up by whoever comes first, good or not: a code that somebody else tried is nobody's any more.
    key = f"login/cli/{digest_of(code.nonce)}"
    first = await office.write(lambda tx: tx.remember(key, office.wall()))
    if not first:
        raise Refused(NOT_GOOD)
    code.check(said.redirect_uri, said.code_verifier, office.wall())
    visitor = await office.read(lambda tx: office.person(tx, code.person_id, code.how))
    if visitor is None:
        raise Refused(NOT_GOOD)
    return await make_token(office, visitor, NewToken(scopes=SCOPES, label=LABEL))


def _opened(house: House, sealed: str) -> Code:
    try:
        content = house.office.sealer.open("namespace", urlsafe_b64decode(sealed.encode()), SEALED)
        return Code.model_validate_json(content)
    except (Broken, ValueError, ValidationError, binascii.Error) as error:
        raise Refused(NOT_GOOD) from error
