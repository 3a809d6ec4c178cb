"""The marks of a checklist, drawn as lines, since no two typefaces agree on them."""

from tocsin.adapters.pdf.blocks import Tone
from tocsin.adapters.pdf.sheet import PAPER, TONES, Sheet

MARK = 4.2
"""Side of a mark, in millimetres."""


def draw_mark(sheet: Sheet, x: float, y: float, tone: Tone) -> None:
    """Draw the mark whose top left corner is at x, y: ticked, dotted, empty, or crossed off with a dash."""
    strong, pale = TONES[tone]
    sheet.set_draw_color(*strong)
    sheet.set_fill_color(*(strong if tone is Tone.GOOD else pale))
    sheet.set_line_width(0.35)
    sheet.rect(x, y, MARK, MARK, style="DF", round_corners=True, corner_radius=0.8)
    if tone is Tone.GOOD:
        sheet.set_draw_color(*PAPER)
        sheet.set_line_width(0.6)
        sheet.polyline([(x + 1.0, y + 2.2), (x + 1.8, y + 3.0), (x + 3.2, y + 1.3)])
    elif tone is Tone.OPEN:
        sheet.set_fill_color(*strong)
        for offset in (1.05, 2.1, 3.15):
            sheet.circle(x + offset, y + MARK / 2, 0.3, style="F")
    elif tone is Tone.PLAIN:
        sheet.line(x + 1.2, y + MARK / 2, x + MARK - 1.2, y + MARK / 2)
