"""What stands on the notice page: an index, a page for each notice, a JSON Feed (1.1) and an Atom feed (RFC 4287)."""

import html
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from tocsin.domain.notice import WaveKind
from tocsin.domain.values import Instant, Value

INDEX, JSON_FEED, ATOM_FEED = "index.html", "feed.json", "feed.atom"

_REPLACES = {
    WaveKind.CORRECTION: {
        "en": "This notice was corrected. What holds is here:",
        "de": "Diese Mitteilung wurde berichtigt. Es gilt:",
        "fr": "Cette notification a été rectifiée. Ce qui vaut se trouve ici :",
        "hi": "यह सूचना सुधारी गई है। मान्य सूचना यहाँ है:",
        "es": "Esta notificación fue corregida. Lo que vale está aquí:",
    },
    WaveKind.WITHDRAWAL: {
        "en": "This notice was withdrawn:",
        "de": "Diese Mitteilung wurde zurückgezogen:",
        "fr": "Cette notification a été retirée :",
        "hi": "यह सूचना वापस ले ली गई है:",
        "es": "Esta notificación fue retirada:",
    },
}
_NEWER = {
    "en": "There is a newer notice of this incident:",
    "de": "Zu diesem Vorfall gibt es eine neuere Mitteilung:",
    "fr": "Il existe une notification plus récente de cet incident :",
    "hi": "इस घटना की एक नई सूचना है:",
    "es": "Hay una notificación más reciente de este incidente:",
}
_STYLE = """\
:root { color-scheme: light dark; }
body { margin: 0; padding: 1rem; font: 1rem/1.55 system-ui, sans-serif; color: #1b1f24; background: #fff; }
main { max-width: 42rem; margin: 0 auto; }
li { margin: .75rem 0; }
del { opacity: .75; }
@media (prefers-color-scheme: dark) { body { color: #e6e9ec; background: #15181c; } a { color: #a8c7fa; } }
"""
ATOM = "http://www.w3.org/2005/Atom"


class Site(Value):
    """Whose page it is, and where it is reached."""

    owner: str
    domain: str
    """The domain that the entries' lasting ids are made under (RFC 4151)."""
    url: str | None = None
    """The folder's public address; None: links are relative, and the feeds' entries have none."""


class Entry(Value):
    """One public notice. `page` tells the notices of one incident from those of others, and says nothing else."""

    page: str
    kind: WaveKind
    language: str
    title: str
    text: str
    html: str
    posted_at: Instant | None = None

    @property
    def at(self) -> datetime:
        """When it was posted."""
        return self.posted_at or datetime.fromtimestamp(0, UTC)


def pages(site: Site, entries: Sequence[Entry]) -> Iterator[tuple[str, bytes]]:
    """Yield each file of the page by its name: the notices first, then what leads to them."""
    ordered = sorted(entries, key=lambda entry: (entry.at, entry.title), reverse=True)
    for entry in ordered:
        yield file_of(entry), _notice(entry, replaced_by(entry, ordered)).encode()
    yield INDEX, _index(site, ordered).encode()
    yield JSON_FEED, _json_feed(site, ordered)
    yield ATOM_FEED, _atom_feed(site, ordered)


def file_of(entry: Entry) -> str:
    """Return the name of a notice's own page, the same whenever it is written."""
    return f"{entry.model_copy(update={'posted_at': None}).fingerprint()[:20]}.html"


def replaced_by(entry: Entry, entries: Sequence[Entry]) -> Entry | None:
    """Return the newest later notice of the same incident and language: one that takes it back goes before others."""
    later = [e for e in entries if (e.page, e.language) == (entry.page, entry.language) and e.at > entry.at]
    gravest = sorted(later, key=lambda e: (e.kind is WaveKind.WITHDRAWAL, e.kind is WaveKind.CORRECTION, e.at))
    return gravest[-1] if gravest else None


def banner(entry: Entry, later: Entry) -> str:
    """Return what stands above a notice that is not the last word, in its own language."""
    words = _REPLACES.get(later.kind, _NEWER)
    said = words.get(entry.language.partition("-")[0], words["en"])
    link = f'<a href="{file_of(later)}">{html.escape(later.title)}</a>'
    return f'<p class="note" role="status"><strong>{said}</strong> {link}, {_day(later.at)}</p>'


def _notice(entry: Entry, later: Entry | None) -> str:
    stamp = f'<p><a href="{INDEX}">&larr;</a> <time datetime="{entry.at.isoformat()}">{_day(entry.at)}</time></p>\n'
    above = stamp if later is None else stamp + banner(entry, later) + "\n"
    return entry.html.replace("<main>\n", f"<main>\n{above}", 1)


def _index(site: Site, entries: Sequence[Entry]) -> str:
    items = "\n".join(_item(entry, replaced_by(entry, entries)) for entry in entries)
    owner = html.escape(site.owner)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{owner}: security incident notices</title>
<link rel="alternate" type="application/feed+json" href="{JSON_FEED}">
<link rel="alternate" type="application/atom+xml" href="{ATOM_FEED}">
<style>
{_STYLE}</style>
</head>
<body>
<main>
<h1>{owner}: security incident notices</h1>
<p>Follow them: <a href="{JSON_FEED}">JSON Feed</a>, <a href="{ATOM_FEED}">Atom</a>.</p>
<ul>
{items}
</ul>
</main>
</body>
</html>
"""


def _item(entry: Entry, later: Entry | None) -> str:
    link = f'<a href="{file_of(entry)}" lang="{html.escape(entry.language)}">{html.escape(entry.title)}</a>'
    over = later is not None and later.kind in _REPLACES
    title = f"<del>{link}</del> ({_status(later)})" if over and later is not None else link
    return f'<li>{title}<br><time datetime="{entry.at.isoformat()}">{_day(entry.at)}</time>, {_kind(entry)}</li>'


def _status(later: Entry) -> str:
    return "withdrawn" if later.kind is WaveKind.WITHDRAWAL else "corrected"


def _json_feed(site: Site, entries: Sequence[Entry]) -> bytes:
    head = {"home_page_url": _url(site, INDEX), "feed_url": _url(site, JSON_FEED)} if site.url else {}
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": f"{site.owner}: security incident notices",
        **head,
        "items": [_json_item(site, entry, replaced_by(entry, entries)) for entry in entries],
    }
    return (json.dumps(feed, ensure_ascii=False, indent=1) + "\n").encode()


def _json_item(site: Site, entry: Entry, later: Entry | None) -> dict[str, object]:
    item: dict[str, object] = {
        "id": _lasting_id(site, entry),
        "title": entry.title,
        "content_text": entry.text,
        "date_published": entry.at.isoformat(),
        "date_modified": (later or entry).at.isoformat(),
        "language": entry.language,
        "tags": [_kind(entry), *([_status(later)] if later is not None and later.kind in _REPLACES else [])],
    }
    return item | ({"url": _url(site, file_of(entry))} if site.url else {})


def _atom_feed(site: Site, entries: Sequence[Entry]) -> bytes:
    ElementTree.register_namespace("", ATOM)
    feed = ElementTree.Element(f"{{{ATOM}}}feed")
    newest = max((entry.at for entry in entries), default=datetime.fromtimestamp(0, UTC))
    _say(feed, "id", f"tag:{site.domain},2026:security-notices")
    _say(feed, "title", f"{site.owner}: security incident notices")
    _say(feed, "updated", newest.isoformat())
    _say(ElementTree.SubElement(feed, f"{{{ATOM}}}author"), "name", site.owner)
    if site.url:
        ElementTree.SubElement(feed, f"{{{ATOM}}}link", rel="self", href=_url(site, ATOM_FEED))
    for entry in entries:
        _atom_entry(feed, site, entry, replaced_by(entry, entries))
    written: bytes = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return written


def _atom_entry(feed: ElementTree.Element, site: Site, entry: Entry, later: Entry | None) -> None:
    node = ElementTree.SubElement(feed, f"{{{ATOM}}}entry")
    _say(node, "id", _lasting_id(site, entry))
    _say(node, "title", entry.title)
    _say(node, "published", entry.at.isoformat())
    _say(node, "updated", (later or entry).at.isoformat())
    ElementTree.SubElement(node, f"{{{ATOM}}}category", term=_kind(entry))
    if later is not None and later.kind in _REPLACES:
        ElementTree.SubElement(node, f"{{{ATOM}}}category", term=_status(later))
    if site.url:
        ElementTree.SubElement(node, f"{{{ATOM}}}link", rel="alternate", href=_url(site, file_of(entry)))
    _say(node, "content", entry.text, type="text")


def _say(parent: ElementTree.Element, name: str, words: str, **attributes: str) -> None:
    ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", attributes).text = words


def _lasting_id(site: Site, entry: Entry) -> str:
    return f"tag:{site.domain},2026:{file_of(entry).removesuffix('.html')}"


def _url(site: Site, name: str) -> str:
    return f"{site.url}/{name}"


def _kind(entry: Entry) -> str:
    return str(entry.kind).replace("_", "-")


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
