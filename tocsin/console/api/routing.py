"""What the routes of the API share: their router, and how a long list comes in pages."""

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query

from tocsin.console.office import Office
from tocsin.console.repeat import repeatable
from tocsin.domain.values import Value

T = TypeVar("T")

After = Annotated[str | None, Query(max_length=200, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]


class Page(Value):
    """One page of a list."""

    next: str | None = None
    """What to give as `after` for the next page; None: this is the last one."""


class Router(APIRouter):
    """A router whose POST routes answer a request that is sent twice with the same answer."""

    def __init__(self, office: Office) -> None:
        super().__init__(route_class=repeatable(office.repeats))


def page_of(found: Sequence[T], limit: int, key: Callable[[T], str]) -> str | None:
    """Return where the next page begins, of one more row than a page has."""
    return key(found[limit - 1]) if len(found) > limit else None
