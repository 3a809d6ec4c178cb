"""Pages for our own people: templates, and what each of them is given."""

from typing import Any

from fastapi import Response
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tocsin.console.gate import Pass
from tocsin.console.public import PAGES
from tocsin.domain.rights import Action

_TEMPLATES = ImmutableSandboxedEnvironment(
    loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_TEMPLATES.globals["Action"] = Action


def page(template: str, who: Pass | None = None, *, status: int = 200, **values: Any) -> Response:
    """Return a page. Its template knows `who` (None before signing in) and `csrf`, for each form that it holds."""
    html = _TEMPLATES.get_template(template).render(who=who, csrf=who.csrf if who else "", **values)
    return Response(html, status, media_type="text/html")
