"""From a document's values to its bytes."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from fpdf.fonts import FontFace

from tocsin.adapters.pdf.blocks import (
    Block,
    Callout,
    Chart,
    Check,
    Checklist,
    Definitions,
    Document,
    Heading,
    Paragraph,
    Table,
    Tone,
)
from tocsin.adapters.pdf.chart import draw_chart
from tocsin.adapters.pdf.fonts import FAMILY, PLACEHOLDER, Settable, add_typeface, let_go
from tocsin.adapters.pdf.marks import MARK, draw_mark
from tocsin.adapters.pdf.sheet import BRONZE, INK, LEADING, LEFT, POINT, QUIET, RULE, TONES, TOP, Sheet

GUTTER = 9.0
"""Room for the mark of a check, in millimetres."""
NAMES = 44.0
"""Width of the names in a list of definitions."""
CELL_GAP = 2.2
"""Between the columns of a table, in millimetres."""
LONGEST_ROW = 40
"""Lines of a row of a table; more do not fit a page."""
STATE = 30.0
"""Room for the words that say how a check stands."""


def typeset(document: Document) -> bytes:
    """Return the document as PDF. Characters that cannot be set are marked, and the document ends by saying so."""
    with TemporaryDirectory(prefix="tocsin-pdf-") as folder:
        sheet = Sheet(document)
        add_typeface(sheet, Path(folder))
        try:
            return _written(sheet, document)
        finally:
            let_go(sheet)


def _written(sheet: Sheet, document: Document) -> bytes:
    sheet.settable = Settable(sheet)
    sheet.name_it()
    sheet.add_page()
    _title(sheet, document)
    for block in document.blocks:
        _block(sheet, block)
    if sheet.settable.replaced:
        _callout(sheet, Callout(text=_unset(sheet.settable.replaced)))
    return bytes(sheet.output())


def _unset(count: int) -> str:
    what = "one character" if count == 1 else f"{count} characters"
    return f"{PLACEHOLDER} stands for {what} of scripts that this document cannot show; its other forms have them."


def _title(sheet: Sheet, document: Document) -> None:
    if document.kicker:
        sheet.set_char_spacing(0.9)
        sheet.put(document.kicker.upper(), size=8, bold=True, colour=BRONZE)
        sheet.set_char_spacing(0)
        sheet.ln(1.5)
    sheet.put(document.title, size=20, bold=True)
    if document.subtitle:
        sheet.ln(1)
        sheet.put(document.subtitle, size=11, colour=QUIET)
    sheet.set_fill_color(*BRONZE)
    sheet.rect(LEFT, sheet.y + 4, 16, 1, style="F")
    sheet.ln(10)


def _block(sheet: Sheet, block: Block) -> None:
    match block:
        case Heading():
            _heading(sheet, block)
        case Paragraph():
            sheet.put(block.text, size=8.5 if block.quiet else 10, colour=QUIET if block.quiet else INK)
            sheet.ln(3)
        case Definitions():
            _definitions(sheet, block)
        case Table():
            _table(sheet, block)
        case Checklist():
            _checklist(sheet, block)
        case Callout():
            _callout(sheet, block)
        case Chart():
            draw_chart(sheet, block)


def _heading(sheet: Sheet, block: Heading) -> None:
    sheet.room_for(34)
    sheet.ln(4)
    sheet.start_section(sheet.settable.again(block.text).replace("\n", " "))
    sheet.put(block.text, size=13, bold=True)
    sheet.ln(2)


def _definitions(sheet: Sheet, block: Definitions) -> None:
    wide = sheet.epw - NAMES
    for name, text in block.rows:
        sheet.room_for(max(sheet.height_of(name, NAMES - 4, 9), sheet.height_of(text, wide)) + 1.6)
        top, page = sheet.y, sheet.page
        sheet.at(LEFT, top + 0.4)
        sheet.put(name, width=NAMES - 4, size=9, colour=QUIET)
        below = sheet.y
        sheet.at(LEFT + NAMES, top)
        sheet.put(text, width=wide)
        sheet.set_y((sheet.y if sheet.page != page else max(sheet.y, below)) + 1.6)
    sheet.ln(3)


def _table(sheet: Sheet, block: Table) -> None:
    sheet.set_font(FAMILY, "", 8.5)
    sheet.set_text_color(*INK)
    sheet.set_draw_color(*RULE)
    sheet.set_line_width(0.2)
    sheet.fill_color = sheet.DEFAULT_FILL_COLOR  # any other would fill every cell
    head = FontFace(family=FAMILY, emphasis="B", size_pt=8, color=QUIET)
    with sheet.table(
        borders_layout="HORIZONTAL_LINES",
        col_widths=tuple(column.share for column in block.columns),
        headings_style=head,
        line_height=8.5 * POINT * LEADING,
        padding=(1.4, CELL_GAP, 1.4, 0),
        text_align="LEFT",
        v_align="TOP",
        width=sheet.epw,
    ) as table:
        table.row([sheet.settable(column.title) for column in block.columns])
        for row in block.rows:
            for part in _parts(sheet, block, row):
                table.row(part)
    sheet.ln(5)


def _parts(sheet: Sheet, block: Table, row: tuple[str, ...]) -> Iterator[list[str]]:
    """Yield the row, or, as a row cannot go over a page's end, the pieces of one that is longer than a page."""
    whole = sum(column.share for column in block.columns)
    widths = [sheet.epw * column.share / whole - CELL_GAP for column in block.columns]
    cells = [sheet.lines_of(cell, wide, 8.5) for cell, wide in zip(row, widths, strict=True)]
    for start in range(0, max(map(len, cells)), LONGEST_ROW):
        yield ["\n".join(lines[start : start + LONGEST_ROW]) for lines in cells]


def _checklist(sheet: Sheet, block: Checklist) -> None:
    for check in block.checks:
        sheet.room_for(_check_height(sheet, check))
        if sheet.y > TOP:  # the running header has a line of its own
            sheet.rule(sheet.y)
            sheet.ln(3)
        _check(sheet, check)
        sheet.ln(3)
    sheet.rule(sheet.y)
    sheet.ln(5)


def _check_height(sheet: Sheet, check: Check) -> float:
    wide = sheet.epw - GUTTER
    height = sheet.height_of(check.title, wide - STATE, 10, bold=True) + 6
    height += sheet.height_of(check.note, wide, 8) if check.note else 0
    for label, text in check.answers:
        height += sheet.height_of(text, wide) + (sheet.height_of(label, wide, 8) if label else 0) + 1.5
    return height


def _check(sheet: Sheet, check: Check) -> None:
    strong, _ = TONES[check.tone]
    top = sheet.y
    draw_mark(sheet, LEFT, top + (10 * POINT * LEADING - MARK) / 2, check.tone)
    sheet.write_right(check.state, top + 0.6, 8, strong, bold=True)
    sheet.at(LEFT + GUTTER, top)
    sheet.put(check.title, width=sheet.epw - GUTTER - STATE, bold=True)
    if check.note:
        sheet.put(check.note, x=LEFT + GUTTER, size=8, colour=QUIET)
    for label, text in check.answers:
        sheet.ln(1.5)
        if label:
            sheet.put(label, x=LEFT + GUTTER, size=8, colour=QUIET)
        sheet.put(text, x=LEFT + GUTTER, colour=QUIET if check.tone is Tone.PLAIN else INK)


def _callout(sheet: Sheet, block: Callout) -> None:
    strong, pale = TONES[block.tone]
    height = sheet.height_of(block.text, sheet.epw - 12, 9.5) + 6
    sheet.room_for(height + 4)
    top = sheet.y
    if top + height <= sheet.page_break_trigger:  # one that is longer than a page goes without its box
        sheet.set_fill_color(*pale)
        sheet.rect(LEFT, top, sheet.epw, height, style="F")
        sheet.set_fill_color(*strong)
        sheet.rect(LEFT, top, 1.2, height, style="F")
    sheet.at(LEFT + 6, top + 3)
    sheet.put(block.text, width=sheet.epw - 12, size=9.5, colour=strong if block.tone is Tone.WARN else INK)
    sheet.ln(7)
