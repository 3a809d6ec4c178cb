"""PDF documents: the same bytes for the same document, every European script, and nothing that breaks them."""

import re
import tempfile
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ports.pdf_text import pages_of, text_of
from tocsin.adapters.pdf import (
    Block,
    Callout,
    Check,
    Checklist,
    Column,
    Definitions,
    Document,
    Heading,
    Paragraph,
    Table,
    Tone,
    typeset,
)

AT = datetime(2026, 11, 21, 3, 10, 9, 123456, tzinfo=UTC)
LONG = "The share was closed and its keys were replaced. " * 250
COLUMNS = (Column(title="When", share=2), Column(title="Whom"), Column(title="How", share=3))


def document(*blocks: Block, title: str = "Report on the open records share", made_at: datetime = AT) -> Document:
    """Return a document with these blocks."""
    return Document(title=title, kicker="Evidence", footer="incident inc-1", made_at=made_at, blocks=blocks)


def everything() -> Document:
    """Return a document with every kind of block."""
    given = (("Label", "yes"),)
    checks = tuple(
        Check(tone=tone, state=tone.value, title=f"Is it {tone}?", note="art. 33(3)(a)", answers=given) for tone in Tone
    )
    return document(
        Definitions(rows=(("Confirmed", "2026-11-18 03:10 UTC"),)),
        *(Callout(text=f"A {tone.value} box.", tone=tone) for tone in Tone),
        Heading(text="Who was told"),
        Paragraph(text="In the order in which it left."),
        Paragraph(text="Small print.", quiet=True),
        Table(columns=COLUMNS, rows=(("today", "Birch Clinic", "delivered"),)),
        Checklist(checks=checks),
    )


def test_the_same_bytes() -> None:
    """The same document gives the same bytes, however often and whenever it is typeset."""
    assert typeset(everything()) == typeset(everything())


def test_the_date_is_the_documents_own() -> None:
    """The creation date is the one passed in, to the second, and another date gives other bytes."""
    pdf = typeset(document(made_at=AT))
    assert re.findall(rb"/CreationDate \((.*?)\)", pdf) == [b"D:20261121031009Z"]
    assert pdf == typeset(document(made_at=AT.replace(microsecond=0)))
    assert pdf != typeset(document(made_at=AT + timedelta(seconds=1)))


def test_everything_is_there() -> None:
    """Each block's words stand in the file as text that can be searched and copied."""
    text = text_of(typeset(everything()))
    for words in (
        "EVIDENCE Report on the open records share",
        "Confirmed 2026-11-18 03:10 UTC",
        "A warn box.",
        "In the order in which it left. Small print.",
        "When Whom How today Birch Clinic delivered",
        "Is it open? art. 33(3)(a) Label yes",
        "incident inc-1 Page 1 of 1",
    ):
        assert words in text


def test_headings_are_the_outline() -> None:
    """A reader finds the headings in the file's outline, and the title in its description."""
    pdf = typeset(everything())
    assert b"/Title (Who was told)" in pdf
    assert b"/Title (Report on the open records share)" in pdf


@pytest.mark.parametrize(
    "words",
    [
        "Zażółć gęślą jaźń, příliš žluťoučký kůň, Öğüş, Őrült tűző, Ħaġar, Þjóð, Straße ẞ, L·l, Ŵy, Șț, Ģļņ, įų",
        "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
        "Съешь ещё этих мягких булок; ґанок, їжак, ўсё, Ђурђа, љубав, ќе, ѝ",
        "საქართველო",
        "10 € – “quoted” „so“ «ainsi» … → §33(3)(a) ½ ‰ •",
    ],
    ids=["latin", "greek", "cyrillic", "georgian", "signs"],
)
def test_european_scripts(words: str) -> None:
    """Names and words of every European language come out as they are."""
    decomposed = unicodedata.normalize("NFD", words)
    text = text_of(typeset(document(Paragraph(text=decomposed))))
    assert words in text
    assert "▯" not in text


def test_what_cannot_be_set_is_marked_and_counted() -> None:
    """A character of another script is a mark in its place, and the document says how many there were."""
    text = text_of(typeset(document(Paragraph(text="北京 School, שלום, \U0001f600"))))
    assert "▯▯ School, ▯▯▯▯, ▯" in text
    assert "▯ stands for 7 characters of scripts that this document cannot show" in text


@pytest.mark.parametrize("title", ["北", "北京大学"])
def test_marks_in_a_running_title_are_counted_once(title: str) -> None:
    """What stands again in the file's description or is measured before it is set is not counted as more."""
    text = text_of(typeset(document(Callout(text="x"), title=title)))
    words = "one character" if len(title) == 1 else f"{len(title)} characters"
    assert f"stands for {words} of" in text


def test_no_control_characters() -> None:
    """Whoever writes facts can neither reorder what is read nor end a line of ours."""
    text = text_of(typeset(document(Paragraph(text="a\u202eb\x00c\x1bd\u200be\tf"))))
    assert "abcde f" in text


@pytest.mark.parametrize(
    "block",
    [
        Paragraph(text=LONG),
        Callout(text=LONG, tone=Tone.WARN),
        Definitions(rows=(("Name", LONG), ("Another", "value"))),
        Table(columns=COLUMNS, rows=(("today", "Birch", LONG),)),
        Checklist(checks=(Check(tone=Tone.GOOD, state="Given", title="Long", answers=(("", LONG),)),)),
        Paragraph(text="x" * 3000),
        Table(columns=COLUMNS, rows=(("y" * 300, "", "z"),)),
        Heading(text="heading " * 60),
    ],
    ids=["paragraph", "callout", "definitions", "table", "checklist", "one word", "narrow cell", "heading"],
)
def test_longer_than_a_page(block: Block) -> None:
    """Nothing is too long: it goes on over as many pages as it needs, and no word is lost."""
    pages = pages_of(typeset(document(block, Paragraph(text="the end"))))
    text = "".join(" ".join(pages).split())
    assert text.count("closed") == LONG.count("closed") * (LONG in str(block))
    assert "theend" in text
    assert all(f"Page {n} of\n{len(pages)}" in page for n, page in enumerate(pages, start=1))


def test_the_header_of_a_table_stands_on_every_page() -> None:
    """A table that goes over pages names its columns on each, and the title stands above."""
    rows = tuple((f"day {n}", "Birch Clinic", "delivered") for n in range(90))
    pages = pages_of(typeset(document(Table(columns=COLUMNS, rows=rows))))
    assert len(pages) > 2
    assert all("Whom" in page for page in pages)
    assert all(page.startswith("Report on the open records share") for page in pages[1:])


def test_no_heading_alone_at_the_foot() -> None:
    """A heading stands on the page on which its text begins."""
    for lines in range(42, 54, 2):
        pages = pages_of(
            typeset(document(Paragraph(text="line\n" * lines), Heading(text="Alone?"), Paragraph(text="No.")))
        )
        (found,) = [page for page in pages if "Alone?" in page]
        assert "No." in found


def test_an_empty_document() -> None:
    """A document without blocks has its title and one page."""
    assert len(pages_of(typeset(document()))) == 1


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of the typeface are gone when the document is made."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    typeset(everything())
    assert list(tmp_path.rglob("*.ttf")) == []
