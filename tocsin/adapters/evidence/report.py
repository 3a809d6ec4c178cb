"""The pack's report: one incident on paper, made for reading. What it says stands in the other files, which count."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from tocsin.adapters.evidence.layout import left
from tocsin.adapters.evidence.record import Record
from tocsin.adapters.pdf import (
    Block,
    Callout,
    Chart,
    Column,
    Definitions,
    Document,
    Heading,
    Paragraph,
    Span,
    Table,
    Tone,
    typeset,
)
from tocsin.domain.clock import ClockRow
from tocsin.domain.incident import Facts
from tocsin.domain.letter import Letter
from tocsin.domain.tempo import in_words
from tocsin.ports import Transaction

Row = tuple[str, ...]
LISTED = 200
"""Rows of a table that are printed; the files have them all."""
_DECISIONS = {"act.confirm", "act.dismiss", "act.release", "act.stop", "act.resume", "act.hold", "act.lift"}
_DECISIONS |= {"act.duty_end", "act.close", "act.reopen", "act.note", "act.merge", "act.split"}
_FACTS = (
    *("summary", "people_affected", "records_affected", "data_categories", "consequences", "measures"),
    *("cause", "lessons"),
)


def report(record: Record, tx: Transaction) -> bytes:
    """Return the report as PDF; the same record gives the same bytes."""
    made_at = record.last[1] if record.last else datetime(1970, 1, 1, tzinfo=UTC)
    return typeset(
        Document(
            title=record.facts.title,
            kicker="DRILL: record of a rehearsal" if record.state.drill else "Evidence of an incident",
            subtitle=f"{record.state.incident_id}, {record.state.status}, as of {_utc(made_at)}",
            footer="DRILL · " * record.state.drill
            + f"{record.state.incident_id} · log {record.head.size}:{record.head.root()[:16]}…",
            made_at=made_at,
            blocks=tuple(_blocks(record, tx)),
        )
    )


def _blocks(record: Record, tx: Transaction) -> Iterator[Block]:
    if record.state.drill:
        yield Callout(text="DRILL. Nothing of this happened, and nobody outside was told.", tone=Tone.WARN)
    yield Callout(text="Made for reading. The other files of this pack have all of it, and they are what is checked.")
    yield Heading(text="What is known")
    yield Definitions(rows=tuple(_known(record.facts)))
    yield Heading(text="What happened when")
    yield Definitions(rows=tuple(_moments(record)))
    yield from _clocks(record)
    yield from _listed("Decisions and their reasons", ("When, UTC", "Who", "What"), (2, 1, 6), _decided(record))
    yield from _letters(record, tx)
    head = ("Notice", "Party", "Recipient", "State", "At, UTC")
    yield from _listed("Delivery", head, (2, 2, 3, 2, 2), _delivered(record))
    yield from _listed("Tasks", ("Task", "Owner", "State", "Outcome"), (3, 1, 1, 3), _tasks(record))
    yield from _listed(
        "Orders not to tell", ("Issuer", "Reference", "Placed, UTC", "Lifted, UTC"), (2, 2, 2, 2), _holds(record)
    )
    if left_out := sum(1 for _ in record.omissions):
        yield Heading(text="Left out")
        yield Paragraph(text=f"{left_out} privileged paragraph(s); omissions.json says of which act and by whose mark.")
    yield Heading(text="How to check this")
    text = f"The log has {record.head.size} entries and the root {record.head.root()}. README.txt says how to check."
    yield Paragraph(text=text)


def _known(facts: Facts) -> Iterator[tuple[str, str]]:
    for name in _FACTS:
        value = getattr(facts, name)
        text = ", ".join(value) if isinstance(value, tuple) else "not known" if value is None else str(value)
        yield name.replace("_", " ").capitalize(), text or "none"


def _moments(record: Record) -> Iterator[tuple[str, str]]:
    for trigger, fact in sorted(record.state.triggers.items(), key=lambda pair: pair[1].at):
        yield f"{trigger.words[0].upper()}{trigger.words[1:]}", f"{_utc(fact.at)} ({fact.basis})"


def _clocks(record: Record) -> Iterator[Block]:
    if not record.clocks:
        return
    rows = list(islice(record.clocks, LISTED))
    yield Heading(text="Clocks")
    yield Chart(spans=tuple(_span(row) for row in rows))
    table = ((row.spec.title, _by(row), _cell(row.ended_at), _margin(row)) for row in rows)
    yield from _table(("Clock", "Deadline, UTC", "Ended, UTC", "Margin"), (3, 2, 2, 3), table)


def _span(row: ClockRow) -> Span:
    tone = Tone.WARN if row.late else Tone.GOOD if row.ended_at else Tone.OPEN
    return Span(
        label=row.spec.title, start=row.spec.trigger_at, due=row.spec.deadline_at, ended=row.ended_at, tone=tone
    )


def _by(row: ClockRow) -> str:
    return _cell(row.spec.deadline_at) if row.spec.deadline_at else f"none; target {_cell(row.spec.target_at)}"


def _margin(row: ClockRow) -> str:
    if row.ended_at is None:
        return "still open, late" if row.late else "still open"
    left_over = row.spec.target_at - row.ended_at
    words = in_words(left_over)
    return f"{words} {'late' if left_over.total_seconds() < 0 else 'left'}; {row.outcome}"


def _decided(record: Record) -> Iterator[Row]:
    items = (item for item in record.timeline if item.kind in _DECISIONS)
    return ((_cell(item.at), item.who, item.what) for item in items)


def _letters(record: Record, tx: Transaction) -> Iterator[Block]:
    for held in record.ledger:
        first, sent = None, 0
        for row in held.rows:
            sent += left(row.notice)
            first = row if first is None and left(row.notice) else first
        letter = tx.ledger.letter(first.notice.notice_id) if first is not None else None
        if letter is None:
            continue
        yield Heading(text=f"Letters of the {str(held.wave.kind).replace('_', '-')} wave {held.wave.wave_id}")
        yield Paragraph(text=f"{sent} letter(s) left; the first of them, to {letter.to_name}:", quiet=True)
        yield Paragraph(text=letter.subject)
        yield Paragraph(text=_shortened(letter), quiet=True)


def _shortened(letter: Letter) -> str:
    lines = letter.text.splitlines()
    more = f"\n… {len(lines) - 40} more lines, in notices/" if len(lines) > 40 else ""
    return "\n".join(lines[:40]) + more


def _delivered(record: Record) -> Iterator[Row]:
    for row in record.rows:
        yield (
            row.notice.number,
            f"{row.party}\n{row.reference}",
            f"{row.recipient_name or 'nobody'}\n{row.recipient_address or ''}".strip(),
            str(row.notice.state).replace("_", " "),
            _cell(row.notice.settled_at),
        )


def _tasks(record: Record) -> Iterator[Row]:
    return ((task.title, task.owner, str(task.state), task.outcome or "") for task in record.tasks)


def _holds(record: Record) -> Iterator[Row]:
    return ((hold.issuer, hold.reference, _cell(hold.placed_at), _cell(hold.lifted_at)) for hold in record.holds)


def _listed(title: str, head: Row, shares: tuple[int, ...], rows: Iterator[Row]) -> Iterator[Block]:
    yield Heading(text=title)
    yield from _table(head, shares, rows)


def _table(head: Row, shares: tuple[int, ...], rows: Iterator[Row]) -> Iterator[Block]:
    """Yield the first rows as a table; of the others, how many there are."""
    columns = tuple(Column(title=title, share=share) for title, share in zip(head, shares, strict=True))
    printed = tuple(islice(rows, LISTED))
    yield Table(columns=columns, rows=printed) if printed else Paragraph(text="None.", quiet=True)
    if more := sum(1 for _ in rows):
        yield Paragraph(text=f"{more} more rows stand in the files of this pack.", quiet=True)


def _cell(at: datetime | None) -> str:
    """Return an instant in a column whose head says UTC."""
    return _utc(at).removesuffix(" UTC")


def _utc(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""
