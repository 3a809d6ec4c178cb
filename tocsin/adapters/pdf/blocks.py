"""What a document is made of. Texts are plain; a line break in one starts a new line."""

from enum import StrEnum

from tocsin.domain.values import Instant, Value


class Tone(StrEnum):
    """What a mark or a coloured box says before it is read."""

    PLAIN = "plain"
    GOOD = "good"
    OPEN = "open"
    WARN = "warn"


class Heading(Value):
    """The title of a part; it stands in the outline, and never alone at the foot of a page."""

    text: str


class Paragraph(Value):
    """Running text; `quiet` is smaller and grey."""

    text: str
    quiet: bool = False


class Definitions(Value):
    """Names with their values, in two columns."""

    rows: tuple[tuple[str, str], ...]


class Column(Value):
    """A column of a table; `share` is its width in relation to the others'."""

    title: str
    share: int = 1


class Table(Value):
    """A table whose header stands again on every page; each row has as many cells as there are columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


class Check(Value):
    """One line of a checklist: a mark, what is asked for, how it stands in words, and the answers to it."""

    tone: Tone
    state: str
    title: str
    note: str = ""
    """Small print below the title, such as a citation."""
    answers: tuple[tuple[str, str], ...] = ()
    """Label and text; an empty label is left out."""


class Checklist(Value):
    """What must be there, and whether it is."""

    checks: tuple[Check, ...]


class Callout(Value):
    """A coloured box that nobody overlooks."""

    text: str
    tone: Tone = Tone.PLAIN


class Span(Value):
    """A bar of a chart: what ran from when, until when it was due, and when it ended."""

    label: str
    start: Instant
    due: Instant | None = None
    ended: Instant | None = None
    tone: Tone = Tone.PLAIN


class Chart(Value):
    """Spans of time, drawn below each other on one scale."""

    spans: tuple[Span, ...]


Block = Heading | Paragraph | Definitions | Table | Checklist | Callout | Chart


class Document(Value):
    """A whole document on A4."""

    title: str
    kicker: str = ""
    """A few words above the title: what kind of document it is."""
    subtitle: str = ""
    author: str = ""
    footer: str
    """On every page, beside its number."""
    made_at: Instant
    """Given as the creation date, to the second."""
    language: str = "en"
    blocks: tuple[Block, ...]
