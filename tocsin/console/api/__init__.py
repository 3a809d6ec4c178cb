"""The API under /api/v1: everything that the command line does, for programs and for our own pages' scripts."""

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts

from tocsin.console.api import (
    access,
    acts,
    erasures,
    files,
    incidents,
    installation,
    letters,
    own,
    receipts,
    record,
    register,
    rounds,
)
from tocsin.console.office import Office
from tocsin.console.problems import MEDIA_TYPE, Problem

PREFIX = "/api/v1"
REFUSALS = {
    400: "the body cannot be read",
    401: "nobody is signed in, and no good token was sent",
    403: "whoever asks may not",
    404: "there is no such thing, or it is not for you to see",
    409: "the incident, or what was asked before, forbids it: the detail says what to do instead",
    410: "the incident was erased after its retention, or is being erased",
    412: "the incident has changed since it was read (If-Match)",
    413: "the request is too large",
    422: "the request does not say what is needed",
    429: "too many requests",
    500: "something is wrong on our side",
    503: "the engine or the store does not answer; try again",
    504: "the engine took it and is still at it; it is not to be sent again without its Idempotency-Key",
}
"""What every route may answer, as problem details."""
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": _PROBLEM} for status, words in REFUSALS.items()
}


_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same request under the same key is done once, and answered with the same answer.",
    "schema": {"type": "string", "minLength": 8, "maxLength": 200, "pattern": "^[!-~]+$"},
}


def routes(office: Office) -> APIRouter:
    """Return the API."""
    router = APIRouter(prefix=PREFIX, responses=ANSWERS)
    parts = (incidents, record, acts, letters, erasures, files, installation, receipts, rounds, register, access, own)
    for part in parts:
        router.include_router(part.routes(office), tags=[part.__name__.rpartition(".")[2]])
    return router


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of the API."""
    shown = [one for one in iter_route_contexts(app.routes) if (one.path or "").startswith(PREFIX)]
    found = get_openapi(
        title="Tocsin",
        version=version("tocsin"),
        description="After a security incident, everyone who must be told is told in time, and you can prove it.",
        routes=shown,
    )
    parts = found.setdefault("components", {})
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    parts.setdefault("schemas", {}).update(schema.pop("$defs", {}) | {"Problem": schema})
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "tocsin token new"},
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-tocsin", "description": "with X-CSRF-Token"},
    }
    found["security"] = [{"token": []}, {"session": []}]
    for path in found["paths"].values():
        if "post" in path:
            path["post"].setdefault("parameters", []).append(_IDEMPOTENCY)
    return found
