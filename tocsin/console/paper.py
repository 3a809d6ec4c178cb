"""Pages for our own people: templates, and what each of them is given."""

from datetime import UTC, datetime
from typing import Any

from fastapi import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tocsin.console.gate import Pass
from tocsin.console.public import PAGES
from tocsin.domain.probe_deed import is_round
from tocsin.domain.rights import Action
from tocsin.domain.tempo import time_left


def utc(at: datetime) -> str:
    """Return an instant as pages show it before a script adds the reader's own time."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def iso(at: datetime) -> str:
    """Return an instant for a `datetime` attribute."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def plain(word: object) -> str:
    """Return a name of ours as people read it."""
    return str(word).replace("_", " ")


def thousands(number: int) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,}"


def sentence(words: str) -> str:
    """Return words with a capital at their beginning, as they stand alone on a line."""
    return words[:1].upper() + words[1:]


def record(case_id: str) -> str:
    """Return where what happened to an incident is read, or to a round of the register."""
    return f"/register/rounds/{case_id}" if is_round(case_id) else f"/incidents/{case_id}/audit"


# No sandbox, which would cost half of a page's time: the templates are files of ours, and nobody's words become one.
_TEMPLATES = Environment(
    loader=FileSystemLoader(PAGES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.globals["Action"] = Action
_TEMPLATES.filters |= {
    "utc": utc,
    "iso": iso,
    "plain": plain,
    "sentence": sentence,
    "record": record,
    "left": time_left,
    "thousands": thousands,
}


def part(template: str, macro: str, **values: Any) -> Markup:
    """Return a piece of a page that says the same to every reader: a macro of a template, which knows nobody."""
    made: Markup = getattr(_TEMPLATES.get_template(template).module, macro)(**values)
    return made


def page(template: str, who: Pass | None = None, *, status: int = 200, **values: Any) -> Response:
    """Return a page. Its template knows `who` (None before signing in) and `csrf`, for each form that it holds."""
    html = _TEMPLATES.get_template(template).render(who=who, csrf=who.csrf if who else "", **values)
    return Response(html, status, media_type="text/html")
