"""Letters from templates: typed facts in, the words of one letter out.

A template is handed cleaned values only: in the plain text a one-line value stays on its line and every line of a
longer one is quoted, so no value can pass for a paragraph or heading of ours; in HTML everything is escaped.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tocsin.adapters.headers import has_breaks
from tocsin.domain.errors import Broken, Refused
from tocsin.domain.letter import LetterFacts, PeriodOwed, Rendered

ENGLISH = "en"
QUOTE = "  | "
"""What each line of a longer value starts with in the plain text."""
_WIDTH = 72
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_JOINERS = "\u200c\u200d"
"""Invisible, yet needed to write Persian, Indian languages and emoji."""
_PAGE = re.compile(r"https?://[^\s\x00-\x20\x7f<>\"']+")
_LINE = re.compile(rf".{{1,{_WIDTH}}}(?: |$)|\S{{{_WIDTH}}}")
# What a template in a sandbox can raise; anything else is our own fault and should be seen as it is.
_FAILURES = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)


class JinjaLetters:
    """Renders letters; fulfils `ports.Renderer`.

    Templates in `extra_folder`, laid out as `<letter>/<language>/{subject.txt,text.txt,body.html}`, go before those
    that ship. They are read once: a changed template needs a new `JinjaLetters`.

    Raises:
        Refused: if `extra_folder` is not a folder.
    """

    def __init__(self, extra_folder: Path | None = None) -> None:
        if extra_folder is not None and not extra_folder.is_dir():
            raise Refused(f"the folder of extra letters {extra_folder} does not exist; create it or leave it unset")
        shipped = PackageLoader("tocsin", "letters")
        loader = ChoiceLoader([FileSystemLoader(extra_folder), shipped]) if extra_folder else shipped
        self._plain = _environment(loader, escape=False)
        self._html = _environment(loader, escape=True)
        self._names = frozenset(loader.list_templates())

    def render(self, facts: LetterFacts) -> Rendered:
        """Render in the facts' language, or in English, saying so, when there is no translation.

        Raises:
            Broken: if a template is missing or fails, with its name.
            Refused: if a value with a line break or control character reaches the subject.
        """
        language = self._language(facts)
        folder = f"{facts.wave_kind}/{language}"
        return Rendered(
            subject=self._subject(facts, folder),
            text=_run(self._plain, f"{folder}/text.txt", _body(facts, language, _IN_TEXT)),
            html=_run(self._html, f"{folder}/body.html", _body(facts, language, _IN_HTML)),
            language=language,
        )

    def _language(self, facts: LetterFacts) -> str:
        asked = facts.language
        if not _LANGUAGE.fullmatch(asked):
            return ENGLISH
        wanted = (asked, asked.partition("-")[0].lower())
        return next((language for language in wanted if self._complete(facts.wave_kind, language)), ENGLISH)

    def _complete(self, kind: str, language: str) -> bool:
        return self._names.issuperset(f"{kind}/{language}/{file}" for file in ("subject.txt", "text.txt", "body.html"))

    def _subject(self, facts: LetterFacts, folder: str) -> str:
        # Only what identifies the letter: a subject is read on lock screens and stored unencrypted on the way.
        values = {
            "number": facts.notice_number,
            "previous": facts.previous_number,
            "agreement": facts.agreement_reference,
        }
        subject = _run(self._plain, f"{folder}/subject.txt", values).rstrip("\n")
        if has_breaks(subject):
            raise Refused(
                f"the subject of notice {facts.notice_number!r} would hold a line break or control character; "
                "correct the agreement's reference in the register"
            )
        return subject


def one_line(value: str) -> str:
    """Return the value on one line: white space collapsed, control and direction characters removed."""
    joined = " ".join(value.split())
    if joined.isprintable():
        return joined
    return "".join(c for c in joined if c in _JOINERS or unicodedata.category(c) not in {"Cc", "Cf", "Cs"})


@lru_cache(maxsize=16)  # the facts of a wave are the same in each of its letters
def clean_lines(value: str) -> str:
    """Return a longer value with its own lines kept, each cleaned, without empty ones around it."""
    return "\n".join(one_line(line) for line in value.strip().splitlines())


@lru_cache(maxsize=16)
def quoted(value: str) -> str:
    """Return a longer value for the plain text: wrapped at 72 letters, every line quoted, so none passes for ours."""
    lines = clean_lines(value).split("\n")
    wrapped = (part.rstrip() for line in lines for part in (_LINE.findall(line) or [""]))
    return "\n".join((QUOTE + part).rstrip() for part in wrapped)


@lru_cache(maxsize=256)
def hanging(value: str) -> str:
    """Return a list item for the plain text: on one line, or wrapped with the lines after the first set in."""
    return "\n    ".join(part.rstrip() for part in _LINE.findall(one_line(value)))


@dataclass(frozen=True)
class _Form:
    """How values are cleaned for one part of the letter: short ones, list items, longer ones."""

    line: Callable[[str], str]
    item: Callable[[str], str]
    block: Callable[[str], str]


_IN_TEXT = _Form(line=one_line, item=hanging, block=quoted)
_IN_HTML = _Form(line=one_line, item=one_line, block=clean_lines)


@lru_cache(maxsize=1024)
def in_zone(at: datetime, zone: tzinfo) -> str:
    """Return an instant as `2026-11-20 23:10 (Europe/Berlin, UTC+01:00) = 2026-11-20 22:10 UTC`, UTC alone once."""
    in_utc = f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if zone is UTC:
        return in_utc
    local = at.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M} ({zone}, {_offset(local)}) = {in_utc}"


def _offset(local: datetime) -> str:
    shift = f"{local:%z}"
    return f"UTC{shift[:3]}:{shift[3:5]}"


@lru_cache(maxsize=512)
def _zone(name: str) -> tzinfo | None:
    if name.upper() in {"UTC", "ETC/UTC"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return None


def _environment(loader: BaseLoader, *, escape: bool) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )


def _run(environment: ImmutableSandboxedEnvironment, name: str, values: dict[str, Any]) -> str:
    try:
        return environment.get_template(name).render(values)
    except _FAILURES as error:
        # Only Jinja's own words are repeated: another error's may hold a value of the letter.
        said = f": {error}" if isinstance(error, TemplateError) else ""
        raise Broken(
            f"the letter template {name} failed ({type(error).__name__}{said}); "
            "mend it, or take your own copy out of the folder of extra letters"
        ) from None


def _body(facts: LetterFacts, language: str, form: _Form) -> dict[str, Any]:
    zone = _zone(facts.time_zone)
    when = _clockface(zone or UTC)
    return {
        **_who(facts, form),
        **_what_is_known(facts, form),
        "in_english_instead": not facts.language.lower().startswith(language.lower()),
        "language_asked": form.line(facts.language),
        "zone_unknown": None if zone else form.line(facts.time_zone),
        "occurred": when(facts.occurred_at),
        "discovered": when(facts.discovered_at),
        "confirmed": when(facts.confirmed_at),
        "drafted": when(facts.drafted_at),
        "periods": [_period(owed, facts.drafted_at, form, when) for owed in facts.periods],
    }


def _clockface(zone: tzinfo) -> Callable[[datetime | None], str | None]:
    return lambda at: None if at is None else in_zone(at, zone)


def _who(facts: LetterFacts, form: _Form) -> dict[str, Any]:
    line = form.line
    return {
        "sender": line(facts.sender_name),
        "party": line(facts.party_name),
        "contact": line(facts.contact_name),
        "agreement": line(facts.agreement_reference),
        "number": line(facts.notice_number),
        "previous": line(facts.previous_number) if facts.previous_number else None,
        "contact_point": line(facts.contact_point),
        "acknowledge_url": _link(facts.acknowledge_url),
        "verify_url": _link(facts.verify_url),
        "by_deputy": facts.by_deputy,
        "is_copy": facts.is_copy,
    }


def _link(url: str | None) -> str | None:
    """Return a link as it may stand in a letter: a page of the web, and in one piece."""
    if url is None:
        return None
    if not _PAGE.fullmatch(url):
        raise Refused("a letter's link is no https address in one piece; correct the public address in the settings")
    return url


def _what_is_known(facts: LetterFacts, form: _Form) -> dict[str, Any]:
    known = facts.facts
    longer = {
        name: _given(getattr(known, name), form.block) for name in ("summary", "consequences", "cause", "lessons")
    }
    categories = known.data_categories
    return {
        **longer,
        "data": None if categories is None else [form.item(category) for category in categories],
        "people": known.people_affected,
        "records": known.records_affected,
        "services": [form.item(service) for service in known.services],
        "measures": [form.item(measure) for measure in facts.measures_taken],
        "unknowns": _unknowns(facts),
    }


def _given(value: str | None, block: Callable[[str], str]) -> str | None:
    return block(value) if value is not None and value.strip() else None


def _unknowns(facts: LetterFacts) -> list[str]:
    """Return the names, known to the templates, of what the letter should say and cannot yet."""
    known = facts.facts
    names = set(known.unknowns())
    names |= {name for name in ("summary", "consequences", "cause") if not (getattr(known, name) or "").strip()}
    names |= {name for name in ("occurred_at", "discovered_at", "confirmed_at") if getattr(facts, name) is None}
    names |= set() if facts.measures_taken else {"measures"}
    return [name for name in _ASKED if name in names]


_ASKED = (
    "summary",
    "occurred_at",
    "discovered_at",
    "confirmed_at",
    "data_categories",
    "people_affected",
    "records_affected",
    "consequences",
    "cause",
    "measures",
)
"""The order in which a letter lists what is not yet known."""


def _period(
    owed: PeriodOwed, drafted_at: datetime, form: _Form, when: Callable[[datetime | None], str | None]
) -> dict[str, Any]:
    return {
        "title": form.line(owed.title),
        "since": when(owed.trigger_at),
        "deadline": when(owed.deadline_at),
        "late": owed.deadline_at is not None and drafted_at > owed.deadline_at,
    }
