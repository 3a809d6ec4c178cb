"""Several pagers in order: one that fails is itself a reason to call, and the next is tried at once."""

from collections.abc import Sequence

from tocsin.domain.errors import Deferred, TocsinError
from tocsin.ports import Page, PageAnswer, Pager


class PagerChain:
    """Tries each pager until one takes the page; fulfils `ports.Pager`.

    A page that reached its person by a later pager says which ones before it failed, so that they are mended.
    """

    def __init__(self, pagers: Sequence[Pager]) -> None:
        self._pagers = pagers

    async def page(self, page: Page) -> None:
        """Deliver the page by the first pager that takes it.

        Raises:
            Deferred: naming every reason, if none did.
        """
        failures: list[str] = []
        for pager in self._pagers:
            try:
                return await pager.page(_with(page, failures))
            except TocsinError as error:
                failures.append(str(error))
        raise Deferred("nobody could be paged: " + "; ".join(failures))

    @property
    def keeps_open(self) -> bool:
        """Whether one of them keeps an incident open."""
        return any(pager.keeps_open for pager in self._pagers)

    async def answer(self, about: str, answer: PageAnswer) -> None:
        """Tell each of them, since it is not known which one took the page.

        Raises:
            Deferred: naming every reason, if one of them did not take it.
        """
        failures: list[str] = []
        for pager in self._pagers:
            try:
                await pager.answer(about, answer)
            except TocsinError as error:
                failures.append(str(error))
        if failures:
            raise Deferred("; ".join(failures))


def _with(page: Page, failures: list[str]) -> Page:
    if not failures:
        return page
    told = "".join(f"\nBefore this: {failure}." for failure in failures)
    return page.model_copy(update={"text": f"{page.text}{told}\n"})
