"""What a letter says and what no value can make it say."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tocsin
from tocsin.adapters.letter_words import QUOTE
from tocsin.adapters.letters import JinjaLetters
from tocsin.domain.errors import Broken, Refused
from tocsin.domain.incident import Facts, Translation
from tocsin.domain.letter import LetterFacts, PeriodOwed
from tocsin.domain.notice import WaveKind
from tocsin.domain.said import Said

AT = datetime(2026, 11, 20, 22, 10, tzinfo=UTC)
LETTERS = JinjaLetters()
FILES = ("subject.txt", "text.txt", "body.html")
BREAKS = ["\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"]


def letter_facts(**change: Any) -> LetterFacts:
    """Return the facts of a letter to Cedar Bank, with some changed; names of `Facts` change those."""
    inner = {name: change.pop(name) for name in set(Facts.model_fields) & set(change) - {"contact_point"}}
    values: dict[str, Any] = {
        "wave_kind": WaveKind.INITIAL,
        "language": "en",
        "time_zone": "Europe/Berlin",
        "sender_name": "Incident desk",
        "party_name": "Cedar Bank",
        "contact_name": "Privacy desk",
        "agreement_reference": "CEDAR-7",
        "notice_number": "N-1111-2222",
        "previous_number": None,
        "facts": Facts(title="Laptop stolen", **inner),
        "measures_taken": (),
        "occurred_at": None,
        "discovered_at": AT,
        "confirmed_at": None,
        "drafted_at": AT + timedelta(hours=1),
        "periods": (),
        "contact_point": "incident-desk@processor.example",
    }
    return LetterFacts(**{**values, **change})


def headings(text: str) -> list[str]:
    """Return the lines that look like headings of ours: capitals from the first column on."""
    return [line for line in text.splitlines() if re.fullmatch(r"[A-Z][A-Z ]+", line)]


def extra(folder: Path, letter: str, **files: str) -> JinjaLetters:
    """Return letters with a user's own templates for one letter in English."""
    home = folder / letter / "en"
    home.mkdir(parents=True)
    for name in FILES:
        (home / name).write_text(files.get(name.partition(".")[0], "fixed words"), encoding="utf-8")
    return JinjaLetters(folder)


@pytest.mark.parametrize("kind", WaveKind)
def test_subject_holds_numbers_and_no_detail(kind: WaveKind) -> None:
    """A subject names notice and agreement, and nothing about the incident or the party."""
    facts = letter_facts(wave_kind=kind, previous_number="N-0000-9999", summary="malware", cause="malware")

    subject = LETTERS.render(facts).subject

    assert "N-1111-2222" in subject
    assert "CEDAR-7" in subject
    assert not re.search("malware|laptop|stolen|Cedar Bank|Privacy desk", subject, re.IGNORECASE)


def test_every_unknown_is_named() -> None:
    """A letter with nothing known is valid, names each unknown and promises a follow-up."""
    rendered = LETTERS.render(letter_facts(discovered_at=None))

    for body in (rendered.text, rendered.html):
        for name in ("what happened", "when it happened", "when it was discovered", "whether the incident is confirmed",
                     "which categories of data", "how many people", "how many records", "likely consequences",
                     "what the cause was", "which measures"):  # fmt: skip
            assert re.search(f"{name}.*: not yet known", body)
        assert "follow-up letter that refers to notice number N-1111-2222" in re.sub(r"\s+", " ", body)


def test_zero_and_nothing_are_not_unknown() -> None:
    """Nobody affected, and no category of data, are facts and not gaps."""
    text = LETTERS.render(letter_facts(people_affected=0, data_categories=())).text

    assert "People:         0\n" in text
    assert "None, as far as we know now." in text
    assert "how many people" not in text


def test_blank_facts_count_as_unknown() -> None:
    """A summary of blanks is no summary."""
    assert "what happened: not yet known" in LETTERS.render(letter_facts(summary=" \n ")).text


def test_title_stays_inside() -> None:
    """The reporter's own words for the incident are not sent: only what was written for the recipient is."""
    rendered = LETTERS.render(letter_facts())

    assert "Laptop" not in rendered.text + rendered.html


def test_follow_up_names_measures_and_the_notice_before() -> None:
    """A follow-up lists each measure taken and refers to the notice it follows."""
    facts = letter_facts(
        wave_kind=WaveKind.FOLLOW_UP, previous_number="N-0000-9999", measures_taken=("Locked the disk", "New keys")
    )

    rendered = LETTERS.render(facts)

    assert "MEASURES TAKEN\n\n  - Locked the disk\n  - New keys\n" in rendered.text
    assert "<li>Locked the disk</li>\n<li>New keys</li>" in rendered.html
    assert "follows our notice N-0000-9999" in rendered.text
    assert rendered.subject.endswith("(follow-up to N-0000-9999)")


def test_copy_and_deputy_are_told_so() -> None:
    """A copy says that it is one, a deputy why it comes to them, and the first contact sees neither line."""
    plain = LETTERS.render(letter_facts())
    copy = LETTERS.render(letter_facts(is_copy=True))
    deputy = LETTERS.render(letter_facts(by_deputy=True))

    for part in ("text", "html"):
        assert "This is a copy" in getattr(copy, part)
        assert "as a deputy" in getattr(deputy, part)
        assert not re.search("This is a copy|as a deputy", getattr(plain, part))


def test_promises_show_when_they_were_due() -> None:
    """A letter names each promise it answers, says when it came late, and invents no date for "promptly"."""
    late = PeriodOwed(title="24 h from awareness", trigger="awareness", trigger_at=AT, deadline_at=AT)
    promptly = PeriodOwed(title="promptly from discovery", trigger="discovery", trigger_at=AT, deadline_at=None)

    text = LETTERS.render(letter_facts(time_zone="UTC", periods=(late, promptly))).text

    assert (
        "24 h from awareness\n    counted from: 20 November 2026, 22:10 UTC\n    due by: 20 November 2026, 22:10 UTC\n"
        in text
    )
    assert text.count("This letter was written after that.") == 1
    assert "due by: no fixed date; without delay" in text


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (
            datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
            "25 October 2026, 02:30 (Europe/Berlin, UTC+02:00) = 25 October 2026, 00:30 UTC",
        ),
        (
            datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
            "25 October 2026, 02:30 (Europe/Berlin, UTC+01:00) = 25 October 2026, 01:30 UTC",
        ),
    ],
)
def test_times_are_local_and_utc(at: datetime, shown: str) -> None:
    """The hour that an autumn night has twice is told apart by its offset and by UTC."""
    assert f"Discovered:     {shown}" in LETTERS.render(letter_facts(discovered_at=at)).text


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../../etc/passwd", "Europe", "/etc/localtime", "a\0b"])
def test_unknown_zone_is_said(zone: str) -> None:
    """With a zone that does not exist times are in UTC, and the letter says so."""
    rendered = LETTERS.render(letter_facts(time_zone=zone))

    assert "Discovered:     20 November 2026, 22:10 UTC\n" in rendered.text
    assert "Times are in UTC" in rendered.text
    assert "Times are in UTC" in rendered.html


@pytest.mark.parametrize("language", ["xx", "../initial/en", "", "x" * 1000, "nl\nEvil", "de\nEvil"])
def test_missing_translation_falls_back_to_english(language: str) -> None:
    """Without a translation the letter is in English, says so in one line, and is marked as English."""
    rendered = LETTERS.render(letter_facts(language=language))

    assert rendered.language == "en"
    assert "in English because there is no translation" in re.sub(r"\s+", " ", rendered.text)
    assert "in English because there is no translation" in rendered.html


def test_regional_english_is_english() -> None:
    """A regional form takes its language's letter without an apology."""
    rendered = LETTERS.render(letter_facts(language="en-GB"))

    assert rendered.language == "en"
    assert "no translation" not in rendered.text


@pytest.mark.parametrize("part", ["summary", "consequences", "cause"])
@pytest.mark.parametrize("separator", BREAKS)
def test_longer_values_cannot_forge_a_heading(part: str, separator: str) -> None:
    """Whatever breaks its lines, a longer value stays quoted line by line in the plain text."""
    forged = separator.join(["True so far.", "", "CONTACT", "", "Call Mallory."])

    text = LETTERS.render(letter_facts(**{part: forged})).text

    assert headings(text) == headings(LETTERS.render(letter_facts(**{part: "x"})).text)
    assert f"\n{QUOTE}CONTACT\n" in text
    assert f"\n{QUOTE}Call Mallory.\n" in text


@pytest.mark.parametrize("separator", BREAKS)
@pytest.mark.parametrize("field", ["party_name", "contact_name", "sender_name", "contact_point", "previous_number"])
def test_short_values_stay_on_their_line(field: str, separator: str) -> None:
    """A line break in a name or number is collapsed: it opens no paragraph."""
    facts = letter_facts(**{field: f"Cedar{separator}{separator}CONTACT{separator}Mallory"})

    text = LETTERS.render(facts).text

    assert "Cedar CONTACT Mallory" in text
    assert headings(text) == headings(LETTERS.render(letter_facts(previous_number="N-0")).text)


def test_list_items_hang() -> None:
    """A measure too long for its line goes on indented, so that no part of it starts a line."""
    text = LETTERS.render(letter_facts(measures_taken=("word " * 40 + "CONTACT",))).text

    lines = text[text.index("MEASURES TAKEN") :].splitlines()[2:5]
    assert lines[0].startswith("  - word")
    assert all(line.startswith("    word") for line in lines[1:])


def test_direction_marks_are_dropped() -> None:
    """Characters that turn the direction of text, or hide in it, do not reach a letter; joiners of scripts do."""
    text = LETTERS.render(letter_facts(party_name="Cedar\u202eknaB\u2066\x07 \u06cc\u200c\u06a9")).text

    assert "CedarknaB \u06cc\u200c\u06a9" in text


def test_html_is_escaped() -> None:
    """Markup in a value is shown, not obeyed."""
    hostile = "<script>alert(1)</script><img src=x onerror=1>\"'&"
    facts = letter_facts(summary=hostile, party_name=hostile, measures_taken=(hostile,), contact_point=hostile)

    html = LETTERS.render(facts).html

    assert not re.search(r"<script|<img", html)
    assert html.count("&lt;script&gt;") == 4


def test_template_words_in_values_are_not_run() -> None:
    """A value that looks like a template is only text."""
    assert f"{QUOTE}{{{{ 7 * 7 }}}}\n" in LETTERS.render(letter_facts(summary="{{ 7 * 7 }}")).text


@pytest.mark.parametrize("word", ["x" * 1_000_000, "a b\n" * 250_000, "\u202e" * 1_000_000])
def test_a_megabyte_of_summary_is_carried(word: str) -> None:
    """A very long summary neither fails nor loses a letter."""
    rendered = LETTERS.render(letter_facts(summary=word))

    assert rendered.text.count("x") >= word.count("x")
    assert rendered.text.count("a b") >= word.count("a b")
    assert max(map(len, rendered.text.splitlines())) < 100


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text(max_size=50))
def test_no_text_at_all_forges_a_heading(summary: str, name: str) -> None:
    """For every summary and every name the headings of the text are those of an ordinary letter."""
    given_summary = "x" if summary.strip() else None
    ordinary = LETTERS.render(letter_facts(summary=given_summary))

    rendered = LETTERS.render(letter_facts(summary=summary, party_name=name))

    assert headings(rendered.text) == headings(ordinary.text)


@pytest.mark.parametrize("separator", [*BREAKS, "\0", "\x1b"])
@pytest.mark.parametrize("field", ["agreement_reference", "notice_number"])
def test_line_break_in_a_subject_is_refused(field: str, separator: str) -> None:
    """A value that would break the subject's line stops the letter, with the fix."""
    with pytest.raises(Refused, match="correct the agreement's reference"):
        LETTERS.render(letter_facts(**{field: f"CEDAR{separator}Bcc: mallory@elsewhere.example"}))


@pytest.mark.parametrize("kind", WaveKind)
def test_nothing_is_fetched_run_or_followed(kind: WaveKind) -> None:
    """No letter refers to anything outside itself: no links, images, fonts, scripts or forms."""
    rendered = LETTERS.render(letter_facts(wave_kind=kind))

    assert not re.search(r"https?:|//|href|src=|url\(|@import|<script|<form|<img|<link|cid:", rendered.html)
    assert "prefers-color-scheme: dark" in rendered.html
    assert 'name="viewport"' in rendered.html
    assert not re.search(r"https?:|www\.", rendered.text)


def test_own_letters_go_first(tmp_path: Path) -> None:
    """A user's own letter replaces the one that ships, and the others stay."""
    letters = extra(tmp_path, "initial", text="Own words for {{ party }}.")

    assert letters.render(letter_facts()).text == "Own words for Cedar Bank."
    assert "first notice" not in letters.render(letter_facts(wave_kind=WaveKind.FINAL)).text


def test_own_language_is_found(tmp_path: Path) -> None:
    """A language added by the user is used, and for its regions too."""
    home = tmp_path / "initial" / "nl"
    home.mkdir(parents=True)
    for name in FILES:
        (home / name).write_text("{{ number }}: {{ discovered }}", encoding="utf-8")
    (home / "subject.txt").write_text("{{ number }}: beveiligingsincident", encoding="utf-8")

    rendered = JinjaLetters(tmp_path).render(letter_facts(language="nl-BE", time_zone="UTC"))

    assert (rendered.language, rendered.subject) == ("nl", "N-1111-2222: beveiligingsincident")
    assert rendered.text == "N-1111-2222: 2026-11-20 22:10 UTC"


def test_half_a_translation_is_none(tmp_path: Path) -> None:
    """A translation that lacks one of its three files is not used at all."""
    home = tmp_path / "initial" / "nl"
    home.mkdir(parents=True)
    (home / "text.txt").write_text("alleen tekst", encoding="utf-8")

    assert JinjaLetters(tmp_path).render(letter_facts(language="nl")).language == "en"


@pytest.mark.parametrize(
    "source",
    [
        "{{ nothing_of_that_name }}",
        "{% if %}",
        "{{ 1 / 0 }}",
        "{{ party.__class__.__mro__ }}",
        "{{ party.format_map() }}",
        "{{ measures.append('x') }}",
        "{% include 'no/such/file.txt' %}",
        "{{ range(10 ** 9) }}",
        "{{ summary + 1 }}",
    ],
)
def test_failing_template_is_named(source: str, tmp_path: Path) -> None:
    """A template that fails, or reaches for what it may not have, stops the letter; its name is said, no value is."""
    letters = extra(tmp_path, "initial", text=source)

    with pytest.raises(Broken, match=r"initial/en/text\.txt failed") as caught:
        letters.render(letter_facts(summary="secret words"))

    assert "secret" not in str(caught.value)


def test_subject_template_cannot_reach_the_facts(tmp_path: Path) -> None:
    """Even a user's own subject has no incident detail to show."""
    with pytest.raises(Broken, match=r"subject\.txt"):
        extra(tmp_path, "initial", subject="About {{ summary }}").render(letter_facts(summary="malware"))


def test_missing_folder_of_own_letters_is_refused(tmp_path: Path) -> None:
    """A mistyped folder stops the start instead of sending the shipped letters in silence."""
    with pytest.raises(Refused, match="does not exist"):
        JinjaLetters(tmp_path / "no-such")


def test_links_are_shown_when_there_are_pages() -> None:
    """A letter shows the recipient's own link and the page that confirms its number, and only when given."""
    acknowledge, verify = "https://desk.example/a/TOKEN?x=1&y=2", "https://desk.example/verify"

    rendered = LETTERS.render(letter_facts(acknowledge_url=acknowledge, verify_url=verify))

    assert f"\n  {acknowledge}\n" in rendered.text
    assert f"\n  {verify}\n" in rendered.text
    assert 'href="https://desk.example/a/TOKEN?x=1&amp;y=2"' in rendered.html
    assert f'href="{verify}"' in rendered.html
    assert "<a " not in LETTERS.render(letter_facts()).html


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://desk.example/a b", 'https://desk.example/"x', ""])
def test_only_pages_are_linked(link: str) -> None:
    """What is no web address in one piece is not put into a letter as a link."""
    with pytest.raises(Refused, match="link"):
        LETTERS.render(letter_facts(acknowledge_url=link))


def flat(text: str) -> str:
    """Return a text with its lines joined and the bars of quoted values dropped."""
    return " ".join(text.replace(QUOTE.strip(), " ").split())


LANGUAGES = {
    "en": ("20 November 2026, 23:10", "1,234,567"),
    "de": ("20. November 2026, 23:10 Uhr", "1.234.567"),
    "fr": ("20 novembre 2026 à 23:10", "1\u202f234\u202f567"),
    "hi": ("20 नवंबर 2026, 23:10", "12,34,567"),
    "es": ("20 de noviembre de 2026, 23:10", "1.234.567"),
}
"""How each language writes an instant and a number."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_dates_and_numbers_are_written_as_the_language_writes_them(language: str) -> None:
    """An instant and a number stand in text and HTML the way the letter's language writes them."""
    date, count = LANGUAGES[language]

    rendered = LETTERS.render(letter_facts(language=language, people_affected=1_234_567))

    for part in (rendered.text, rendered.html):
        assert f"{date} (Europe/Berlin, UTC+01:00) = " in part
        assert count in part
    assert f'<html lang="{language}" dir="ltr">' in rendered.html


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", WaveKind)
def test_text_and_html_say_the_same(kind: WaveKind, language: str) -> None:
    """Every sentence and value of the HTML stands in the plain text as well."""
    facts = letter_facts(
        wave_kind=kind, language=language, previous_number="N-0000-9999", people_affected=1204, cause="A rule.",
        measures_taken=("Locked the disk",), lessons="Two look.", is_copy=True, by_deputy=True, time_zone="Mars/Base",
        before=Said(facts=Facts(title="x", people_affected=900)),
        periods=(PeriodOwed(title="24 h", trigger="awareness", trigger_at=AT, deadline_at=AT),),
    )  # fmt: skip
    rendered = LETTERS.render(facts)

    body = rendered.html[rendered.html.index("<main>") :]
    pieces = re.findall(r"<(p|li|td|th[^>]*|h2|blockquote[^>]*)[^>]*>([^<]+)<", body)
    said = [flat(unescape(piece)) for _, piece in pieces]
    text = flat(rendered.text).upper()

    assert len(said) > 20
    assert [piece for piece in said if piece.upper() not in text] == []


@pytest.mark.parametrize("kind", WaveKind)
def test_every_language_has_all_words(kind: WaveKind) -> None:
    """No letter in another language has an English sentence of ours left in it."""
    english = LETTERS.render(letter_facts(wave_kind=kind)).text
    sentences = {line for line in english.splitlines() if line.count(" ") > 4 and "2026" not in line}

    for language in LANGUAGES.keys() - {"en"}:
        rendered = LETTERS.render(letter_facts(wave_kind=kind, language=language))
        assert rendered.language == language
        assert sentences & set(rendered.text.splitlines()) == set()


def test_translated_facts_are_told_and_missing_ones_marked() -> None:
    """A fact goes out in the letter's language, and one without a translation as it was written, marked as such."""
    translation = Translation(summary="Ein Laptop wurde gestohlen.")
    facts = letter_facts(
        language="de-AT", summary="A laptop was stolen.", cause="A door was open.", translations={"de": translation}
    )

    rendered = LETTERS.render(facts)

    assert f"{QUOTE}Ein Laptop wurde gestohlen." in rendered.text
    assert "A laptop was stolen." not in rendered.text
    assert "der Text folgt in dieser Sprache: Englisch. | A door was open." in " ".join(rendered.text.split())
    assert rendered.text.count("Eine Übersetzung liegt nicht vor") == 1
    assert '<blockquote lang="en">A door was open.' in rendered.html


def test_facts_written_in_the_letters_language_need_no_translation() -> None:
    """German facts are told in a German letter without a mark, and marked in an English one."""
    german = {"summary": "Ein Laptop wurde gestohlen.", "written_in": "de"}

    assert "Übersetzung" not in LETTERS.render(letter_facts(language="de", **german)).text
    assert "follows in German" in flat(LETTERS.render(letter_facts(language="en", **german)).text)


def test_follow_up_shows_what_is_new() -> None:
    """A follow-up lists what was not yet known and now is, what changed, and the measures since; nothing else."""
    before = Said(facts=Facts(title="x", summary="Old.", records_affected=7), measures=("Locked it",), discovered_at=AT)
    facts = letter_facts(
        wave_kind=WaveKind.FOLLOW_UP, previous_number="N-0", before=before, summary="New.", records_affected=7,
        people_affected=12, measures_taken=("Locked it", "New keys"),
    )  # fmt: skip

    text = LETTERS.render(facts).text

    new = text[text.index("WHAT IS NEW SINCE NOTICE N-0") : text.index("WHAT HAPPENED")].splitlines()[2:-1]
    assert new == [
        "  - what happened: changed; the text below holds",
        "  - how many people are concerned: 12",
        "  - new measure: New keys",
    ]


def test_correction_says_what_was_wrong() -> None:
    """A correction sets the number that we wrote against the one that holds; what is merely new stands apart."""
    before = Said(facts=Facts(title="x", people_affected=900), discovered_at=AT)
    facts = letter_facts(
        wave_kind=WaveKind.CORRECTION, previous_number="N-0", before=before, people_affected=1204, records_affected=5
    )

    text = LETTERS.render(facts).text

    assert "WHAT WAS WRONG IN NOTICE N-0\n\n  - how many people are concerned: we wrote: 900; now: 1,204\n\n" in text
    assert "WHAT IS NEW SINCE NOTICE N-0\n\n  - how many records are concerned: 5\n\n" in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("field", ["agreement_reference", "party_name", "notice_number", "previous_number"])
def test_no_value_begins_a_line_of_a_paragraph(language: str, field: str) -> None:
    """However long it is, a value inside a paragraph neither begins a line nor is broken over two."""
    for length in range(1, 90):
        value = " ".join("ZCONTACT"[: 2 + n % 7] for n in range(length))
        facts = letter_facts(**{"wave_kind": WaveKind.FOLLOW_UP, "language": language, field: value})
        assert not re.search(r"^ZC", LETTERS.render(facts).text, re.MULTILINE)


@pytest.mark.parametrize(
    "source", ["{{ 'x' * 10 ** 9 }}", "{{ 2 ** 99999999 }}", "{% for a in range(99999) %}{{ summary }}{% endfor %}"]
)
def test_template_cannot_fill_the_memory(source: str, tmp_path: Path) -> None:
    """A template that writes without end, or multiplies text, stops with its name, and the worker lives on."""
    with pytest.raises(Broken, match=r"initial/en/text\.txt"):
        extra(tmp_path, "initial", text=source).render(letter_facts(summary="words " * 1000))


def test_no_letter_switches_escaping_off() -> None:
    """No template that ships says `safe` or turns autoescape off."""
    home = Path(tocsin.__file__).parent / "letters"
    templates = [path for path in home.rglob("*") if path.is_file()]

    assert len(templates) > 80
    for path in templates:
        assert not re.search(r"\|\s*safe\b|autoescape|Markup", path.read_text(encoding="utf-8")), path
