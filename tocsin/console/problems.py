"""How a refusal is told: to programs as problem details (RFC 9457), to people as a page."""

from http import HTTPStatus
from typing import Any

from fastapi import Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException

from tocsin.client import Underway
from tocsin.domain.errors import Deferred, Refused, TocsinError
from tocsin.domain.values import Value

MEDIA_TYPE = "application/problem+json"
UNKNOWN = "there is no such thing, or it is not for you to see"
"""What a stranger to an incident reads, to the letter the same as for an id that does not exist."""


class Mistake(Value):
    """One thing that is wrong with a request."""

    where: str
    what: str


class Problem(Value):
    """Problem details, RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    mistakes: tuple[Mistake, ...] = Field(default=(), exclude_if=lambda mistakes: not mistakes)


class Denied(Exception):
    """A request that is answered with a problem. `signed_out`: signing in would help."""

    def __init__(self, status: int, detail: str, *, signed_out: bool = False, headers: dict[str, str] | None = None):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.signed_out = signed_out
        self.headers = headers or {}


def hidden() -> Denied:
    """Return the refusal that does not say whether there is anything."""
    return Denied(404, UNKNOWN)


STATUSES: dict[type[TocsinError], int] = {Underway: 504, Deferred: 503, Refused: 409, TocsinError: 500}
"""By the first kind that an error is of."""


def problem_of(error: Exception) -> Problem:
    """Return what went wrong as a problem."""
    match error:
        case Denied():
            return problem(error.status, error.detail)
        case TocsinError():
            status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
            return problem(status, str(error))
        case RequestValidationError():
            mistakes = tuple(Mistake(where=_where(one), what=str(one["msg"])) for one in error.errors())
            return problem(422, "the request does not say what is needed; see the mistakes", mistakes)
        case HTTPException():
            return problem(error.status_code, str(error.detail))
        case _:
            return problem(500, "something is wrong on our side; it is in the console's logging")


def problem(status: int, detail: str, mistakes: tuple[Mistake, ...] = ()) -> Problem:
    """Return a problem of a status."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, mistakes=mistakes)


def answer(found: Problem, headers: dict[str, str] | None = None) -> Response:
    """Return a problem as an answer."""
    return Response(found.model_dump_json(), found.status, headers, MEDIA_TYPE)


def _where(one: dict[str, Any]) -> str:
    return ".".join(str(part) for part in one.get("loc", ()))
