"""What came of a press of a button, shown once on the page that comes after it."""

from collections import OrderedDict

from tocsin.console.gate import Pass

REMEMBERED = 1_000


class Flash:
    """Keeps a few lines for each session until its next page."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def tell(self, who: Pass, *lines: str) -> None:
        """Keep lines for the next page of this session."""
        if who.visitor.session:
            self._lines[who.visitor.session] = lines
            while len(self._lines) > REMEMBERED:
                self._lines.popitem(last=False)

    def take(self, who: Pass) -> tuple[str, ...]:
        """Return the lines, and forget them."""
        shows = who.visitor.session is not None and not who.beside
        return self._lines.pop(who.visitor.session or "", ()) if shows else ()
