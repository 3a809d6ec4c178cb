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
from tocsin.adapters.pdf.typeset import typeset

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
