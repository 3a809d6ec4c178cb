"""A pager whose failures are counted: one that takes no page is mended before it is the only one."""

import logging
from collections import Counter

from tocsin.domain.errors import TocsinError
from tocsin.ports import Page, PageAnswer, Pager

_log = logging.getLogger(__name__)


class CountedPager:
    """Hands on to a pager and counts, under its name, what it does not take; fulfils `ports.Pager`."""

    def __init__(self, name: str, pager: Pager, unpaged: Counter[str]) -> None:
        """Count in `unpaged`, where the name stands from now on, with zero."""
        self._name = name
        self._pager = pager
        self._unpaged = unpaged
        unpaged[name] += 0

    async def page(self, page: Page) -> None:
        """Deliver the page. Raises what the pager raises."""
        try:
            await self._pager.page(page)
        except TocsinError:
            self._unpaged[self._name] += 1
            ids = {"pager": self._name, "page": page.key}
            _log.error("a pager did not take a page", extra=ids)
            raise

    @property
    def keeps_open(self) -> bool:
        """Whether it keeps an incident open for each page."""
        return self._pager.keeps_open

    async def answer(self, about: str, answer: PageAnswer) -> None:
        """Say what became of what pages were about. Raises what the pager raises."""
        await self._pager.answer(about, answer)
