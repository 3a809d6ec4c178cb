"""The API under /api/v1: everything that the command line does, for programs and for our own pages' scripts."""

from typing import Any

from fastapi import APIRouter

from tocsin.console.api import acts, incidents
from tocsin.console.office import Office
from tocsin.console.problems import Problem

PREFIX = "/api/v1"
REFUSALS = {
    401: "nobody is signed in, and no good token was sent",
    403: "whoever asks may not",
    404: "there is no such thing, or it is not for you to see",
    413: "the request is too large",
    422: "the request does not say what is needed",
    429: "too many requests",
    500: "something is wrong on our side",
    503: "the engine or the store does not answer; try again",
}
"""What every route may answer, as problem details."""


def routes(office: Office) -> APIRouter:
    """Return the API."""
    answers: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": words} for status, words in REFUSALS.items()
    }
    router = APIRouter(prefix=PREFIX, responses=answers)
    router.include_router(incidents.routes(office), tags=["incidents"])
    router.include_router(acts.routes(office), tags=["acts"])
    return router
