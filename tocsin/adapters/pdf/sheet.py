"""The page: margins, colours, running header and footer, and text set in a given place."""

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos

from tocsin.adapters.pdf.blocks import Document, Tone
from tocsin.adapters.pdf.fonts import FAMILY, Settable

Colour = tuple[int, int, int]

INK: Colour = (27, 31, 36)
QUIET: Colour = (94, 104, 115)
RULE: Colour = (214, 219, 224)
PAPER: Colour = (255, 255, 255)
BRONZE: Colour = (150, 98, 38)
"""The colour of bells, and ours."""

TONES: dict[Tone, tuple[Colour, Colour]] = {
    Tone.PLAIN: ((94, 104, 115), (243, 245, 247)),
    Tone.GOOD: ((38, 110, 78), (236, 246, 240)),
    Tone.OPEN: ((158, 98, 0), (253, 246, 230)),
    Tone.WARN: ((170, 42, 32), (253, 238, 236)),
}
"""The strong and the pale colour of each tone. On paper without colour the words beside them say the same."""

LEFT, TOP, BOTTOM = 24.0, 24.0, 24.0
"""Margins in millimetres; right is as left."""
LEADING = 1.42
"""Height of a line in relation to the size of its letters."""
POINT = 25.4 / 72
"""Millimetres."""


class Sheet(FPDF):
    """An A4 document whose running parts are drawn by themselves."""

    def __init__(self, document: Document) -> None:
        super().__init__(format="A4")
        self.settable: Settable
        self._document = document
        self.set_margins(LEFT, TOP)
        self.set_auto_page_break(auto=True, margin=BOTTOM)
        self.c_margin = 0
        self.set_creation_date(document.made_at.replace(microsecond=0))
        self.set_lang(document.language)
        self.set_producer("Tocsin")
        self.set_display_mode("default")

    def name_it(self) -> None:
        """Put title and author into the file's own description."""
        self.set_title(self.settable.again(self._document.title).replace("\n", " "))
        if self._document.author:
            self.set_author(self.settable.again(self._document.author).replace("\n", " "))

    def header(self) -> None:
        """Draw the title on every page but the first, which has it large."""
        if self.page == 1:
            return
        self.at(LEFT, 12)
        self.put(self.settable.again(self._document.title), size=8, colour=QUIET, lines=1)
        self.rule(18)
        self.at(LEFT, TOP)

    def footer(self) -> None:
        """Draw the footer and the page's number."""
        y = self.h - 15
        self.rule(y - 2.5)
        self.at(LEFT, y)
        self.put(self.settable.again(self._document.footer), width=self.epw - 26, size=7.5, colour=QUIET, lines=1)
        # How many pages there are is not known until the last is full; until then this page's number stands in.
        self.write_right(f"Page {self.page} of {{nb}}", y, 7.5, QUIET, as_wide_as=f"Page {self.page} of {self.page}")

    def at(self, x: float, y: float) -> None:
        """Move to a place, in millimetres from the top left corner."""
        self.set_xy(x, y)

    def rule(self, y: float, colour: Colour = RULE) -> None:
        """Draw a thin line across."""
        self.set_draw_color(*colour)
        self.set_line_width(0.2)
        self.line(LEFT, y, LEFT + self.epw, y)

    def put(
        self,
        text: str,
        *,
        x: float | None = None,
        width: float | None = None,
        size: float = 10,
        bold: bool = False,
        colour: Colour = INK,
        lines: int | None = None,
    ) -> None:
        """Set text left-aligned from here down, over pages if need be, and move below it; at most `lines` lines."""
        if x is not None:
            self.set_x(x)
        left = self.x
        wide = width if width is not None else LEFT + self.epw - left
        self._letters(size, bold, colour)
        words = self.settable(text)
        if lines is not None:
            words = self._cut(words, wide, lines)
        # A page that ends within the text goes on at the left margin, so that margin is the text's own meanwhile.
        self.set_left_margin(left)
        self.multi_cell(wide, size * POINT * LEADING, words, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_left_margin(LEFT)
        self.set_x(LEFT)

    def write_right(
        self, text: str, y: float, size: float, colour: Colour, *, bold: bool = False, as_wide_as: str | None = None
    ) -> None:
        """Set a line of our own words as they are, at the right margin; `as_wide_as` is measured in their place."""
        self._letters(size, bold, colour)
        self.at(LEFT + self.epw - self.get_string_width(as_wide_as or text), y)
        self.cell(text=text, h=size * POINT * LEADING)

    def height_of(self, text: str, width: float, size: float = 10, *, bold: bool = False) -> float:
        """Return how high the text would come out, in millimetres."""
        self._letters(size, bold, INK)
        result = self.multi_cell(
            width,
            size * POINT * LEADING,
            self.settable.again(text),
            align="L",
            dry_run=True,
            output=MethodReturnValue.HEIGHT,
        )
        assert isinstance(result, int | float)
        return float(result)

    def lines_of(self, text: str, width: float, size: float = 10) -> list[str]:
        """Return the lines into which the text breaks, at least one; what cannot be set is replaced in them."""
        self._letters(size, False, INK)
        return self._broken(self.settable(text), width)

    def room_for(self, height: float) -> None:
        """Start a new page if this much does not fit any more, and would on an empty one."""
        fits_a_page = height <= self.page_break_trigger - TOP
        if fits_a_page and self.y + height > self.page_break_trigger:
            self.add_page()

    def _letters(self, size: float, bold: bool, colour: Colour) -> None:
        self.set_font(FAMILY, "B" if bold else "", size)
        self.set_text_color(*colour)

    def _cut(self, words: str, width: float, lines: int) -> str:
        found = self._broken(words, width)
        return " ".join(found) if len(found) <= lines else f"{' '.join(found[:lines])[:-1]}…"

    def _broken(self, words: str, width: float) -> list[str]:
        found = self.multi_cell(width, 5, words, align="L", dry_run=True, output=MethodReturnValue.LINES)
        assert isinstance(found, list)
        return [str(line) for line in found] or [""]
