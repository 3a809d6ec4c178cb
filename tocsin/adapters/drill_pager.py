"""Pages of a drill: whoever gets one must know at the first word that nothing has happened."""

from tocsin.ports import Page, PageAnswer, Pager

MARK = "DRILL"
SENTENCE = "This is a drill. Nothing has happened."


class DrillPager:
    """Hands on each page with the mark of a drill; fulfils `ports.Pager`."""

    def __init__(self, pager: Pager) -> None:
        self._pager = pager
        self.keeps_open = pager.keeps_open

    async def page(self, page: Page) -> None:
        """Deliver the page, marked. Raises what the pager raises."""
        marked = {"subject": f"{MARK}: {page.subject}", "text": f"{SENTENCE}\n\n{page.text}"}
        await self._pager.page(page.model_copy(update=marked))

    async def answer(self, about: str, answer: PageAnswer) -> None:
        """Hand on what became of it. Raises what the pager raises."""
        await self._pager.answer(about, answer)
