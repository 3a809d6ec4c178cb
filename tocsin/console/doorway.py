"""What every way in has in common: how often one may try, where it leads, and the cookie that is given."""

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from tocsin.console.gate import from_here, give_cookie
from tocsin.console.limits import RateLimit
from tocsin.console.office import Office
from tocsin.console.problems import Denied
from tocsin.console.webhooks import source_of

TOO_OFTEN = "Too many attempts; try again in a minute."


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


def let_in(request: Request, secret: str, onward: str) -> Response:
    """Give the browser its session, and send it on."""
    response = RedirectResponse(onward, 303)
    give_cookie(request, response, secret)
    return response
