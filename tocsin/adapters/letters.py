"""Letters from templates: typed facts in, the words of one letter out.

A template is handed cleaned values only: in the plain text a one-line value stays on its line and every line of a
longer one is quoted, so no value can pass for a paragraph or heading of ours; in HTML everything is escaped.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tocsin.adapters import letter_words
from tocsin.adapters.headers import has_breaks
from tocsin.adapters.letter_words import clean_lines, hanging, in_one_piece, in_zone, one_line, quoted, unmarked
from tocsin.domain.errors import Broken, Refused
from tocsin.domain.letter import LetterFacts, PeriodOwed, ProbeFacts, Rendered
from tocsin.domain.notice import WaveKind
from tocsin.domain.said import Said, differences, in_language, new_measures

ENGLISH = "en"
PROBE = "probe"
"""The letter of a round: no incident's, and in no frame with those that are."""
LARGEST = 8_000_000
"""Letters that one part of a letter may have; a template that writes more has gone wrong."""
_MOST_KEPT = 4_096
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_PAGE = re.compile(r"https?://[^\s\x00-\x20\x7f<>\"']+")
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
        language = self._language(facts.language, facts.wave_kind)
        folder = f"{facts.wave_kind}/{language}"
        date = self._date_pattern(language)
        return Rendered(
            subject=self._title(facts, language) if facts.public else self._subject(facts, folder),
            text=unmarked(_run(self._plain, f"{folder}/text.txt", _body(facts, language, date, _IN_TEXT))),
            html=_run(self._html, f"{folder}/body.html", _body(facts, language, date, _IN_HTML)),
            language=language,
        )

    def render_probe(self, facts: ProbeFacts) -> Rendered:
        """Render the letter of a round, in the same way and with the same errors."""
        language = self._language(facts.language, PROBE)
        folder, date = f"{PROBE}/{language}", self._date_pattern(language)
        subject = _run(self._plain, f"{folder}/subject.txt", {"number": facts.number}).rstrip("\n")
        if has_breaks(subject):
            raise Broken(f"the letter template {folder}/subject.txt has more than one line; mend it")
        return Rendered(
            subject=subject,
            text=unmarked(_run(self._plain, f"{folder}/text.txt", _probe_body(facts, language, date, _IN_TEXT))),
            html=_run(self._html, f"{folder}/body.html", _probe_body(facts, language, date, _IN_HTML)),
            language=language,
        )

    def _language(self, asked: str, letter: str) -> str:
        if not _LANGUAGE.fullmatch(asked):
            return ENGLISH
        wanted = (asked, asked.partition("-")[0].lower())
        return next((language for language in wanted if self._complete(letter, language)), ENGLISH)

    def _complete(self, kind: str, language: str) -> bool:
        return self._names.issuperset(f"{kind}/{language}/{file}" for file in ("subject.txt", "text.txt", "body.html"))

    def _title(self, facts: LetterFacts, language: str) -> str:
        """Return the heading of a public notice: it names no agreement."""
        words = self._plain.get_template(f"frame/{language}/words.txt").module
        return f"{getattr(words, 'title', 'Security incident notice')} {one_line(facts.notice_number)}"

    def _date_pattern(self, language: str) -> str:
        """Return how the language writes an instant; without words of its own, so that no reader can mistake it."""
        name = f"frame/{language}/words.txt"
        if name not in self._names:
            return letter_words.PLAIN_DATE
        return str(getattr(self._plain.get_template(name).module, "date_time", letter_words.PLAIN_DATE))

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


@dataclass(frozen=True)
class _Form:
    """How values are cleaned for one part of the letter: short ones, list items, longer ones."""

    line: Callable[[str], str]
    item: Callable[[str], str]
    block: Callable[[str], str]


_IN_TEXT = _Form(line=in_one_piece, item=hanging, block=quoted)
_IN_HTML = _Form(line=one_line, item=one_line, block=clean_lines)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Runs a template that may be a user's own: it changes nothing, reaches nothing, and cannot fill the memory."""

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._safe: dict[tuple[type, str], bool] = {}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Ask once for each type and name, on which alone the answer depends: asking took an eighth of a letter."""
        about = (type(obj), attr)
        safe = self._safe.get(about)
        if safe is None:
            if len(self._safe) >= _MOST_KEPT:  # a template may make up names
                self._safe.clear()
            safe = self._safe[about] = super().is_safe_attribute(obj, attr, value)
        return safe

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply numbers only: a text times a billion would be the end of the worker."""
        if operator == "**" or not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TypeError("a letter multiplies numbers only")
        return super().call_binop(context, operator, left, right)


def _environment(loader: BaseLoader, *, escape: bool) -> ImmutableSandboxedEnvironment:
    environment = _Sandbox(
        loader=loader,
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    words = {"wrap": letter_words.wrapped, "heading": letter_words.heading, "label": letter_words.label}
    environment.filters.update(words)
    return environment


def _run(environment: ImmutableSandboxedEnvironment, name: str, values: dict[str, Any]) -> str:
    try:
        return "".join(_capped(environment.get_template(name).generate(values), name))
    except _FAILURES as error:
        # Only Jinja's own words are repeated: another error's may hold a value of the letter.
        said = f": {error}" if isinstance(error, TemplateError) else ""
        raise Broken(
            f"the letter template {name} failed ({type(error).__name__}{said}); "
            "mend it, or take your own copy out of the folder of extra letters"
        ) from None


def _capped(pieces: Iterator[str], name: str) -> Iterator[str]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > LARGEST:
            raise Broken(f"the letter template {name} writes more than {LARGEST:,} letters; shorten it or the facts")
        yield piece


def _body(facts: LetterFacts, language: str, date: str, form: _Form) -> dict[str, Any]:
    zone = letter_words.zone_of(facts.time_zone)
    said, untranslated = in_language(facts.said, language)
    source = facts.facts.written_in

    def when(at: datetime | None) -> str | None:
        return None if at is None else form.line(in_zone(at, zone or UTC, language, date))

    page = _Page(language=language, form=form, when=when)
    return {
        **_who(facts, form),
        **_what_is_known(said, page),
        "kind": str(facts.wave_kind),
        "language": language,
        "source": one_line(source),
        "source_language": form.line(letter_words.language_name(source, language)),
        "untranslated": untranslated,
        **_since_then(facts, said, page),
        "public": facts.public,
        "in_english_instead": not facts.public and not facts.language.lower().startswith(language.lower()),
        "language_asked": form.line(facts.language),
        "zone_unknown": None if zone else form.line(facts.time_zone),
        "occurred": when(facts.occurred_at),
        "discovered": when(facts.discovered_at),
        "confirmed": when(facts.confirmed_at),
        "drafted": when(facts.drafted_at),
        "periods": [_period(owed, facts.drafted_at, page) for owed in facts.periods],
    }


@dataclass(frozen=True)
class _Page:
    """One part of one letter: its language, how it cleans values and how it writes instants."""

    language: str
    form: _Form
    when: Callable[[datetime | None], str | None]


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
        "is_minimal": facts.is_minimal,
    }


def _probe_body(facts: ProbeFacts, language: str, date: str, form: _Form) -> dict[str, Any]:
    zone = letter_words.zone_of(facts.time_zone) or UTC
    line = form.line
    return {
        "language": language,
        "in_english_instead": not facts.language.lower().startswith(language.lower()),
        "language_asked": line(facts.language),
        "sender": line(facts.sender_name),
        "parties": [form.item(party) for party in facts.parties],
        "contact": line(facts.contact_name or facts.parties[0]),
        "number": line(facts.number),
        "opened": line(in_zone(facts.opened_at, zone, language, date)),
        "answer_by": line(in_zone(facts.answer_by, zone, language, date)),
        "contact_point": line(facts.contact_point),
        "confirm_url": _link(facts.confirm_url),
        "verify_url": _link(facts.verify_url),
    }


def _link(url: str | None) -> str | None:
    """Return a link as it may stand in a letter: a page of the web, and in one piece."""
    if url is None:
        return None
    if not _PAGE.fullmatch(url):
        raise Refused("a letter's link is no https address in one piece; correct the public address in the settings")
    return url


def _what_is_known(said: Said, page: _Page) -> dict[str, Any]:
    known, form = said.facts, page.form
    longer = {
        name: _given(getattr(known, name), form.block) for name in ("summary", "consequences", "cause", "lessons")
    }
    categories = known.data_categories
    return {
        **longer,
        "data": None if categories is None else [form.item(category) for category in categories],
        "people": known.people_affected,
        "people_written": letter_words.number(known.people_affected, page.language),
        "records": known.records_affected,
        "records_written": letter_words.number(known.records_affected, page.language),
        "services": [form.item(service) for service in known.services],
        "measures": [form.item(measure) for measure in said.measures],
        "unknowns": list(said.unknowns()),
    }


def _given(value: str | None, block: Callable[[str], str]) -> str | None:
    return block(value) if value is not None and value.strip() else None


_LONG = {"summary", "consequences", "cause"}


def _since_then(facts: LetterFacts, said: Said, page: _Page) -> dict[str, Any]:
    """Return what is new since the notice before to this very contact; a correction names what was wrong apart."""
    news = list(_news(facts, said, page))
    corrects = facts.wave_kind is WaveKind.CORRECTION
    wrong = [item for item in news if corrects and item["known_before"]]
    return {"wrong": wrong, "news": [item for item in news if item not in wrong]}


def _news(facts: LetterFacts, said: Said, page: _Page) -> Iterator[dict[str, Any]]:
    if facts.before is None:
        return
    before, _ = in_language(facts.before, page.language)
    for name in differences(facts.before, facts.said):
        yield {
            "name": name,
            "measure": None,
            "short": name not in _LONG,
            "known_before": facts.before.about(name) is not None,
            "old": _shortly(before, name, page),
            "new": _shortly(said, name, page),
        }
    for measure in new_measures(facts.before, facts.said):
        yield {
            "name": "measures",
            "known_before": False,
            "measure": page.form.item(_as_now_said(measure, facts.said, said)),
        }


def _as_now_said(measure: str, source: Said, said: Said) -> str:
    """Return a measure in the letter's language, if each has its translation."""
    if len(source.measures) != len(said.measures):
        return measure
    return said.measures[source.measures.index(measure)]


def _shortly(said: Said, name: str, page: _Page) -> str | None:
    match said.about(name):
        case datetime() as at:
            return page.when(at)
        case int() as count:
            return letter_words.number(count, page.language)
        case tuple() as several:
            return page.form.line(", ".join(several) or "0")
        case _:
            return None


def _period(owed: PeriodOwed, drafted_at: datetime, page: _Page) -> dict[str, Any]:
    return {
        "title": page.form.line(owed.title),
        "trigger": owed.trigger,
        "since": page.when(owed.trigger_at),
        "deadline": page.when(owed.deadline_at),
        "late": owed.deadline_at is not None and drafted_at > owed.deadline_at,
    }
