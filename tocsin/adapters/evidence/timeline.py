"""The timeline: every log entry of an incident in the log's order, each act told by whoever did it."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from pydantic import JsonValue

from tocsin.adapters.evidence.layout import TimelineItem
from tocsin.adapters.evidence.names import Names
from tocsin.adapters.evidence.sentences import deed_sentence, engine_sentence
from tocsin.audit.entry import Entry
from tocsin.domain.act import UNVERIFIED_LOCAL, Envelope

LISTED = 12
"""Parts of one input that the Markdown form lists; the JSON form has them all."""
_MARKUP = {ord(mark): f"\\{mark}" for mark in "\\`*_{}[]<>#|~"}


def timeline(
    entries: Iterable[Entry], acts: Sequence[Envelope], names: Names, *, drill: bool
) -> Iterator[TimelineItem]:
    """Yield one item per entry, then those acts that the log does not have (checking names them)."""
    told = _told(entries, acts, names)
    return (item.model_copy(update={"drill": True}) for item in told) if drill else told


def _told(entries: Iterable[Entry], acts: Sequence[Envelope], names: Names) -> Iterator[TimelineItem]:
    by_id = {str(envelope.act.act_id): envelope for envelope in acts}
    seen = set()
    for entry in entries:
        envelope = by_id.get(str(entry.draft.data.get("act"))) if entry.draft.kind.startswith("act.") else None
        if envelope is not None:
            seen.add(envelope.act.act_id)
        yield _of_act(entry, envelope, names) if envelope is not None else _of_engine(entry, names)
    yield from (_of_act(None, envelope, names) for envelope in acts if envelope.act.act_id not in seen)


def markdown(incident_id: str, items: Iterable[TimelineItem], *, drill: bool = False) -> Iterator[bytes]:
    """Yield the timeline as Markdown, item by item. Words written by people cannot become markup or new lines."""
    mark = "DRILL: a rehearsal. " * drill
    yield f"# {mark}Incident {plain(incident_id)}\n\n".encode()
    yield b"Instants are in UTC. Numbers are entries of log.jsonl.\n\n"
    for item in items:
        yield "\n".join([*_paragraph(item), ""]).encode()


def plain(text: str) -> str:
    """Return text on one line, its control and direction characters shown as a mark, its markup escaped."""
    one_line = " ".join(text.split())
    return "".join(c if unicodedata.category(c) not in {"Cc", "Cf"} else "�" for c in one_line).translate(_MARKUP)


def _of_act(entry: Entry | None, envelope: Envelope, names: Names) -> TimelineItem:
    act = envelope.act
    return TimelineItem(
        entry=entry.number if entry else None,
        at=entry.draft.at if entry else act.at,
        who=act.actor.name,
        authenticated=act.actor.authenticated,
        kind=f"act.{act.deed.kind}",
        what=deed_sentence(act.deed, names),
        act_id=act.act_id,
        inputs=act.deed.model_dump(mode="json", exclude={"kind"}, exclude_defaults=True),
    )


def _of_engine(entry: Entry, names: Names) -> TimelineItem:
    draft = entry.draft
    return TimelineItem(
        entry=entry.number,
        at=draft.at,
        who=names.person(draft.actor),
        authenticated=draft.authenticated,
        kind=draft.kind,
        what=engine_sentence(draft, names),
        act_id=None,
        inputs=draft.data,
    )


def _paragraph(item: TimelineItem) -> Iterator[str]:
    number = "not in the log" if item.entry is None else f"{item.entry}"
    vouched = f" ({item.authenticated})" if item.authenticated == UNVERIFIED_LOCAL else ""
    instant = item.at.strftime("%Y-%m-%d %H:%M:%SZ")
    yield f"- **{instant}** [{number}] {plain(item.who)}{vouched}: {plain(item.what)}"
    for name, value in sorted(item.inputs.items()):
        # The sentence of an engine's entry says its single values already.
        if value not in ([], {}) and (item.act_id or isinstance(value, list | dict)):
            yield f"  - {plain(name.replace('_', ' '))}: {plain(_words(value))}"


def _words(value: JsonValue) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {_words(inner)}" for name, inner in sorted(value.items()) if inner not in ([], None))
    if isinstance(value, list):
        more = f" … and {len(value) - LISTED} more, see timeline.json" if len(value) > LISTED else ""
        return "; ".join(map(_words, value[:LISTED])) + more
    return "none" if value is None else str(value)
