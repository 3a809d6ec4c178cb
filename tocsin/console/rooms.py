"""The pages for our own people. Each route names its action by a guard; see docs/decisions/0011-console.md."""

from fastapi import APIRouter, Response

from tocsin.console import (
    by_loopback,
    rooms_audit,
    rooms_delivery,
    rooms_incident,
    rooms_now,
    rooms_own,
    rooms_register,
    rooms_review,
    rooms_rounds,
)
from tocsin.console.house import House
from tocsin.console.office import Office
from tocsin.console.public import PAGES


def routes(office: Office) -> APIRouter:
    """Return the pages."""
    router, house = APIRouter(), House(office)
    picture = (PAGES / "icon.svg").read_text(encoding="utf-8")
    script = (PAGES / "page.js").read_text(encoding="utf-8")

    @router.get("/page.js")
    async def page_script() -> Response:
        """Return the one script: countdowns, local time, live updates. It holds nothing of anybody's."""
        return Response(script, media_type="text/javascript")

    @router.get("/icon.svg")
    async def icon() -> Response:
        """Return the bell that browsers show beside a page's title."""
        return Response(picture, media_type="image/svg+xml")

    registers = (rooms_rounds, rooms_register)
    for room in (rooms_now, rooms_incident, rooms_review, rooms_delivery, rooms_own, *registers, rooms_audit):
        router.include_router(room.routes(house))
    router.include_router(by_loopback.routes(house))
    return router
