"""A report to an authority as text, JSON and PDF, to be pasted into a portal or sent along."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pydantic_core import to_jsonable_python

from tocsin.adapters.pdf import (
    Block,
    Callout,
    Check,
    Checklist,
    Definitions,
    Document,
    Heading,
    Paragraph,
    Tone,
    typeset,
)
from tocsin.domain.authority_report import UNKNOWN, AuthorityReport, Item, ItemState
from tocsin.domain.policy import Lateness
from tocsin.domain.tempo import time_left

FORMAT = "tocsin.authority-report/1"

_TONES = {
    ItemState.GIVEN: Tone.GOOD,
    ItemState.PARTLY: Tone.OPEN,
    ItemState.NOT_YET_KNOWN: Tone.OPEN,
    ItemState.MISSING: Tone.WARN,
    ItemState.NOT_NEEDED: Tone.PLAIN,
}
_BOXES = {
    ItemState.GIVEN: "[x]",
    ItemState.PARTLY: "[~]",
    ItemState.NOT_YET_KNOWN: "[?]",
    ItemState.MISSING: "[ ]",
    ItemState.NOT_NEEDED: "[-]",
}
_WIDTH = 78


def as_json(report: AuthorityReport) -> bytes:
    """Return the report as JSON with stable keys."""
    plain = {"format": FORMAT, **to_jsonable_python(report)}
    return (json.dumps(plain, indent=2, ensure_ascii=False) + "\n").encode()


def as_text(report: AuthorityReport) -> bytes:
    """Return the report as plain text; each answer stands alone below its question."""
    return ("\n".join(_text_lines(report)).rstrip() + "\n").encode()


def as_pdf(report: AuthorityReport) -> bytes:
    """Return the report as PDF; the same report gives the same bytes."""
    return typeset(
        Document(
            title=report.title,
            kicker="Report to an authority" if not report.late else "Report to an authority · late",
            subtitle=f"{report.instrument}: {report.citation}",
            author=report.organisation,
            footer=f"{report.policy_id} · incident {report.incident_id} · as of {_instant(report.made_at)}",
            made_at=report.made_at,
            blocks=tuple(_blocks(report)),
        )
    )


def _text_lines(report: AuthorityReport) -> Iterator[str]:
    yield report.title.upper()
    yield ""
    width = max(len(name) for name, _ in _particulars(report)) + 2
    for name, value in _particulars(report):
        yield f"{name + ':':<{width}}{value}"
    for warning in _warnings(report):
        yield ""
        yield f"! {warning}"
    yield ""
    yield "=" * _WIDTH
    for item in report.items:
        yield ""
        yield f"{_BOXES[item.state]} {_headline(item)} ({item.state})"
        yield from (f"    {line}" for line in _answer(item).splitlines())
    yield ""
    yield "=" * _WIDTH
    yield ""
    yield "What happened when"
    for when, what in _moments(report):
        yield f"    {when}  {what}"


def _blocks(report: AuthorityReport) -> Iterator[Block]:
    yield Definitions(rows=tuple(_particulars(report)))
    for warning in _warnings(report):
        yield Callout(text=warning, tone=Tone.WARN if _urgent(report, warning) else Tone.OPEN)
    yield Heading(text="What the report must hold" if report.prescribed else "What is known")
    yield Checklist(checks=tuple(_check(item) for item in report.items))
    if report.timeline:
        yield Heading(text="What happened when")
        yield Definitions(rows=tuple(_moments(report)))
    if report.notes:
        yield Heading(text="For us, not for the recipient")
        for note in report.notes:
            yield Paragraph(text=note, quiet=True)
    yield Paragraph(text="Tocsin keeps clocks and checklists that a lawyer can check. It gives no advice.", quiet=True)


def _particulars(report: AuthorityReport) -> list[tuple[str, str]]:
    timing = report.timing
    rows = [
        ("To", report.recipient),
        ("From", report.organisation),
        ("Incident", report.incident_id),
        ("Rule", f"{report.policy_id}, version {report.version} ({report.citation})"),
        ("Period", f"{report.period} from {report.trigger}" if report.trigger else report.period),
    ]
    if timing.trigger_at is not None:
        rows.append(("Runs since", f"{_instant(timing.trigger_at)} ({timing.trigger_basis})"))
    if timing.deadline_at is not None:
        local = _local(timing.deadline_at, timing.zone)
        left = time_left(timing.deadline_at, report.made_at)
        rows.append(("Deadline", f"{_instant(timing.deadline_at)}{local}, {left}"))
    rows.append(("As of", _instant(report.made_at)))
    return [(name, value) for name, value in rows if value]


def _warnings(report: AuthorityReport) -> Iterator[str]:
    if report.late and report.lateness is Lateness.HARD:
        yield "It is late, and the text knows no late report. Send it now."
    elif report.late:
        yield "It is late. Send it now; what is missing may follow."
    if report.missing:
        yield f"Still missing: {len(report.missing)} of {len(report.items)}, marked below. It may go out all the same."
    if report.inactive:
        yield f"This rule starts no clock here: {report.inactive}."
    if report.counsel_check:
        yield "What this rule says was read in secondary sources alone: check with counsel."
    if not report.prescribed:
        yield "The text names no contents. What follows is what is known, in our own order."


def _urgent(report: AuthorityReport, warning: str) -> bool:
    return (report.late and warning.startswith("It is late")) or warning.startswith("Still missing")


def _check(item: Item) -> Check:
    alone = len(item.parts) == 1
    answers = tuple(("" if alone else part.label, part.value or _unanswered(item)) for part in item.parts)
    return Check(
        tone=_TONES[item.state],
        state=item.state[0].upper() + item.state[1:],
        title=_headline(item),
        answers=answers or (("", _unanswered(item)),),
    )


def _answer(item: Item) -> str:
    return item.value or _unanswered(item)


def _unanswered(item: Item) -> str:
    match item.state:
        case ItemState.MISSING:
            return "………"
        case ItemState.NOT_NEEDED:
            return "The report is in time."
        case _:
            return UNKNOWN


def _headline(item: Item) -> str:
    return item.text[0].upper() + item.text[1:]


def _moments(report: AuthorityReport) -> list[tuple[str, str]]:
    return [
        (_instant(moment.at), f"{moment.trigger.words[0].upper()}{moment.trigger.words[1:]} ({moment.basis})")
        for moment in report.timeline
    ]


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _local(at: datetime, zone: str) -> str:
    return "" if zone == "UTC" else f" ({at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone})"
