"""Checks of what only retells: the timeline, how checking came out, and that nothing else lies in the folder."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.layout import TimelineItem, as_json_list
from tocsin.adapters.evidence.listed import Listed
from tocsin.adapters.evidence.names import Names
from tocsin.adapters.evidence.pack import Pack
from tocsin.adapters.evidence.readme import WRITER, readme, tells
from tocsin.adapters.evidence.result import Checked, Finding
from tocsin.adapters.evidence.timeline import markdown, timeline

_OTHER = "another version of Tocsin wrote this pack: its sentences were not compared with those of this one"
_ANEW = "it is not what this version of Tocsin writes from the other files"


def nothing_else(pack: Pack) -> Iterator[Finding]:
    """Find files that are no part of evidence: SHA256SUMS may have been written anew to list them."""
    named = {name for row in pack.rows.each() for name in (row.letter, row.as_sent) if name}
    for name in sorted(pack.names() - layout.FILES - named):
        # Attached files are compared with their acts, what witnesses took with the log; histories are signed only.
        if not name.startswith((f"{layout.ATTACHMENTS}/", f"{layout.HISTORY}/", f"{layout.WITNESS}/")):
            yield Finding(file=name, what="it is no part of the evidence: it was added later")


def timeline_retells(pack: Pack) -> Iterator[Finding | str]:
    """Write the timeline again from acts, log and records, and compare every byte; all but words of another version."""
    names, acts, incident_id = _names(pack), list(pack.acts.values()), pack.incident.incident_id

    def anew() -> Iterator[TimelineItem]:
        return timeline(pack.entries, acts, names, drill=pack.incident.drill)

    if not _ours(pack):
        there = Listed(layout.TIMELINE, lambda: pack.open(layout.TIMELINE), TimelineItem)
        yield from _first_unlike(there, anew(), words=False)
        yield _OTHER
        return
    if pack.sha256(layout.TIMELINE) != _sha256(as_json_list(anew())):
        found = list(_first_unlike(pack.timeline, anew(), words=True))
        yield from found or [Finding(file=layout.TIMELINE, what=_ANEW)]
    if pack.sha256(layout.TIMELINE_TEXT) != _sha256(markdown(incident_id, anew(), drill=pack.incident.drill)):
        text = b"".join(markdown(incident_id, anew(), drill=pack.incident.drill))
        yield from _unlike_text(layout.TIMELINE_TEXT, pack.read(layout.TIMELINE_TEXT), text)


def _ours(pack: Pack) -> bool:
    return WRITER.encode() in pack.read(layout.README)


def _names(pack: Pack) -> Names:
    """Return the names that the records in the folder give: those of rows before those of duties."""
    parties = {one.duty.agreement_id: (one.party, one.reference or "") for one in pack.duties if one.party}
    written = {key: pairs[-1] for key, pairs in pack.parties.items()}
    named = {key: pair for key, pair in (parties | written).items() if key is not None}
    return Names.of(pack.acts.values(), named, pack.written, pack.clocks, pack.tasks)


def readme_is_ours(pack: Pack) -> Iterator[Finding | str]:
    """Compare the README's incident and head with the others: people read it first."""
    if not _ours(pack):
        if not tells(pack.read(layout.README).decode(errors="replace"), pack.incident.incident_id, pack.head):
            yield Finding(file=layout.README, what="it names another incident, or another head of the log")
        yield _OTHER
        return
    whole = readme(pack.incident.incident_id, pack.head, drill=pack.incident.drill).encode()
    yield from _unlike_text(layout.README, pack.read(layout.README), whole)


def verified_as_written(gathered: Checked) -> Callable[[Pack], Iterator[Finding]]:
    """Return the check that verification.txt says what checking the other files gives now."""

    def compare(pack: Pack) -> Iterator[Finding]:
        if gathered.holds and _ours(pack):  # else it is known already that the folder is not what it was, or never held
            yield from _unlike_text(layout.VERIFICATION, pack.read(layout.VERIFICATION), gathered.as_text())

    return compare


def _sha256(chunks: Iterable[bytes]) -> str:
    whole = hashlib.sha256()
    for chunk in chunks:
        whole.update(chunk)
    return whole.hexdigest()


def _first_unlike(there: Iterable[TimelineItem], items: Iterable[TimelineItem], *, words: bool) -> Iterator[Finding]:
    fields = [name for name in TimelineItem.model_fields if words or name != "what"]
    for told, item in zip_longest(there, items):
        if item is None:
            yield Finding(file=layout.TIMELINE, entry=told.entry if told else None, what="it has an item too many")
            return
        if told is None or told.entry != item.entry:
            yield Finding(file=layout.TIMELINE, entry=item.entry, what="in the place of this entry stands another")
            return
        differ = [name for name in fields if getattr(told, name) != getattr(item, name)]
        if differ:
            what = f"{', '.join(differ)} is not what act, entry and records give"
            yield Finding(file=layout.TIMELINE, entry=item.entry, what=what)
            return


def _unlike_text(name: str, there: bytes, anew: bytes) -> Iterator[Finding]:
    lines = zip_longest(there.splitlines(keepends=True), anew.splitlines(keepends=True))
    for number, (line, other) in enumerate(lines, start=1):
        if line != other:
            yield Finding(file=name, what=f"line {number}: {_ANEW}")
            return
