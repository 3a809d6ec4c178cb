"""Drawing a chart of spans of time: each a bar from its start to its end, with a mark where it was due."""

from datetime import datetime, timedelta

from tocsin.adapters.pdf.blocks import Chart, Span
from tocsin.adapters.pdf.sheet import INK, LEFT, POINT, QUIET, TONES, Sheet

LABELS = 56.0
"""Width of the names, in millimetres."""
ROW = 6.4
BAR = 2.6


class Scale:
    """From instants to millimetres. What ends later than twice the time shown runs off to the right edge."""

    def __init__(self, sheet: Sheet, chart: Chart) -> None:
        starts = [span.start for span in chart.spans]
        ends = [span.ended or span.due or span.start for span in chart.spans]
        self.first = min(starts)
        shown = sorted(ends)[(len(ends) - 1) * 3 // 4] - self.first
        self.last = max(self.first + shown * 2, self.first + timedelta(hours=1))
        self.last = min(self.last, max(*ends, *(span.due or span.start for span in chart.spans)))
        self.last = max(self.last, self.first + timedelta(hours=1))
        self._left, self._width = LEFT + LABELS, sheet.epw - LABELS - 2

    def x(self, at: datetime) -> float:
        """Return where an instant stands, at most at the right edge."""
        share = (at - self.first) / (self.last - self.first)
        return self._left + self._width * min(max(share, 0.0), 1.0)


def draw_chart(sheet: Sheet, chart: Chart) -> None:
    """Draw it, over pages if need be; the first and the last instant stand above every part of it."""
    if not chart.spans:
        return
    scale = Scale(sheet, chart)
    _axis(sheet, scale)
    for span in chart.spans:
        if sheet.y + ROW > sheet.page_break_trigger:
            sheet.add_page()
            _axis(sheet, scale)
        _span(sheet, scale, span)
    sheet.ln(2)
    sheet.put(
        "A bar runs from the event that started the clock to its end; the upright mark is the deadline.", size=7.5
    )
    sheet.ln(4)


def _axis(sheet: Sheet, scale: Scale) -> None:
    sheet.room_for(3 * ROW)
    y = sheet.y
    sheet.at(LEFT + LABELS, y)
    sheet.put(f"{scale.first:%Y-%m-%d %H:%M} UTC", x=LEFT + LABELS, width=50, size=7, colour=QUIET, lines=1)
    sheet.write_right(f"{scale.last:%Y-%m-%d %H:%M} UTC", y, 7, QUIET)
    sheet.at(LEFT, y + 4.4)
    sheet.rule(sheet.y)
    sheet.at(LEFT, sheet.y + 1)


def _span(sheet: Sheet, scale: Scale, span: Span) -> None:
    strong, pale = TONES[span.tone]
    top = sheet.y
    sheet.put(span.label, width=LABELS - 3, size=7.5, lines=1)
    middle = top + 7.5 * POINT * 0.7
    start, end = scale.x(span.start), scale.x(span.ended or scale.last)
    sheet.set_fill_color(*(strong if span.ended else pale))
    sheet.set_draw_color(*strong)
    sheet.set_line_width(0.2)
    sheet.rect(start, middle - BAR / 2, max(end - start, 0.4), BAR, style="DF")
    if span.due is not None:
        sheet.set_draw_color(*INK)
        sheet.set_line_width(0.5)
        sheet.line(scale.x(span.due), middle - BAR, scale.x(span.due), middle + BAR)
    sheet.at(LEFT, top + ROW)
