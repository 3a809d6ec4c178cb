"""PDF documents: what one holds, as values, and the bytes they make.

The same document gives the same bytes: nothing in them depends on when, where or how often it is typeset.
"""

from tocsin.adapters.pdf.blocks import (
    Block,
    Callout,
    Chart,
    Check,
    Checklist,
    Column,
    Definitions,
    Document,
    Heading,
    Paragraph,
    Span,
    Table,
    Tone,
)

__all__ = [
    "Block",
    "Callout",
    "Chart",
    "Check",
    "Checklist",
    "Column",
    "Definitions",
    "Document",
    "Heading",
    "Paragraph",
    "Span",
    "Table",
    "Tone",
    "typeset",
]


def typeset(document: Document) -> bytes:
    """Return the document as PDF. Characters that cannot be set are marked, and the document ends by saying so."""
    from tocsin.adapters.pdf import setting  # noqa: PLC0415 - half a second that only a document needs

    return setting.typeset(document)
