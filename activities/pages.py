"""Calling a person."""

from collections.abc import Callable

from temporalio import activity

from tocsin.ports import Page, Pager


class Pages:
    """The deed of paging."""

    def __init__(self, pager: Pager) -> None:
        self._pager = pager

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.send]

    @activity.defn(name="pages.send")
    async def send(self, page: Page) -> None:
        """Deliver a page; the same key is delivered once."""
        await self._pager.page(page)
