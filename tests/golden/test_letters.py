"""Every letter that ships, word for word: once with everything known, once with nothing known."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.adapters.letters import JinjaLetters
from tocsin.domain.incident import Facts, Translation
from tocsin.domain.letter import LetterFacts, PeriodOwed, ProbeFacts
from tocsin.domain.notice import WaveKind
from tocsin.domain.said import Said

DISCOVERED = datetime(2026, 11, 20, 22, 10, tzinfo=UTC)
CONFIRMED = DISCOVERED + timedelta(hours=4)

KNOWN = Facts(
    title="Backup bucket was public",
    summary="A backup bucket could be read from the internet.\n\nIt was read twice from an address we do not know.",
    data_categories=("names and postal addresses", "appointment dates"),
    people_affected=1204,
    records_affected=115_830,
    consequences="Letters that pretend to come from the clinic.",
    cause="A rule of the storage service was changed by mistake.",
    measures=("Closed the bucket",),
    lessons="A second person now reviews each change of a storage rule.",
    services=("Appointment archive",),
    translations={
        "de": Translation(
            summary="Ein Sicherungsspeicher war aus dem Internet lesbar.\n\n"
            "Er wurde zweimal von einer uns unbekannten Adresse gelesen.",
            data_categories=("Namen und Anschriften", "Termine"),
            consequences="Schreiben, die vorgeben, von der Klinik zu kommen.",
        )
    },
)
UNKNOWN = Facts(title="Backup bucket was public")
BEFORE = Said(
    facts=KNOWN.model_copy(update={"people_affected": 900, "records_affected": None, "cause": None, "measures": ()}),
    discovered_at=DISCOVERED,
)
"""What the notice before said: one number too low, one fact and the cause not yet known, no measure."""
LANGUAGES = ("en", "de", "fr", "hi", "es")


def letter_facts(kind: WaveKind, language: str, known: bool) -> LetterFacts:
    """Return the facts of a letter to Birch Clinic."""
    periods = (
        PeriodOwed(
            title="72 h from confirmation",
            trigger="confirmation",
            trigger_at=CONFIRMED,
            deadline_at=CONFIRMED + timedelta(hours=72),
        ),
        PeriodOwed(title="promptly from discovery", trigger="discovery", trigger_at=DISCOVERED, deadline_at=None),
    )
    return LetterFacts(
        wave_kind=kind,
        language=language,
        time_zone="Europe/Berlin" if known else "UTC",
        sender_name="Incident desk",
        party_name="Birch Clinic",
        contact_name="Privacy desk of Birch Clinic" if known else "",
        agreement_reference="BIRCH-2024",
        notice_number="N-7Q2F-M3KD",
        previous_number=None if kind is WaveKind.INITIAL else "N-A1B2-C3D4",
        facts=KNOWN if known else UNKNOWN,
        measures_taken=("Closed the bucket", "Changed every key that the backups held") if known else (),
        occurred_at=DISCOVERED - timedelta(days=2) if known else None,
        discovered_at=DISCOVERED if known else None,
        confirmed_at=CONFIRMED if known else None,
        drafted_at=CONFIRMED + timedelta(hours=20),
        periods=periods if known else (),
        contact_point="incident-desk@processor.example",
        acknowledge_url="https://notices.processor.example/a/PLACEHOLDER" if known else None,
        verify_url="https://notices.processor.example/verify" if known else None,
        before=None if kind is WaveKind.INITIAL or not known else BEFORE,
    )


def probe_facts(language: str) -> ProbeFacts:
    """Return the facts of a round's letter to a desk that serves two parties."""
    return ProbeFacts(
        language=language,
        time_zone="Europe/Berlin",
        sender_name="Incident desk",
        parties=("Birch Clinic", "Cedar Bank"),
        contact_name="Privacy desk",
        number="P-7Q2F-M3KD",
        opened_at=CONFIRMED,
        answer_by=CONFIRMED + timedelta(days=14),
        contact_point="incident-desk@processor.example",
        confirm_url="https://notices.processor.example/a/PLACEHOLDER",
        verify_url="https://notices.processor.example/n/P-7Q2F-M3KD",
    )


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", WaveKind)
def test_letter_is_what_the_golden_files_hold(
    kind: WaveKind, language: str, known: bool, golden: Callable[[str, str], None]
) -> None:
    """Each letter's subject, text and HTML, in each language, are exactly those that were reviewed."""
    rendered = JinjaLetters().render(letter_facts(kind, language, known))

    assert rendered.language == language
    folder = f"letters/{language}/{kind}-{'known' if known else 'unknown'}"
    golden(f"{folder}/subject.txt", rendered.subject + "\n")
    golden(f"{folder}/text.txt", rendered.text)
    golden(f"{folder}/body.html", rendered.html)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", WaveKind)
def test_public_letter_is_what_the_golden_files_hold(
    kind: WaveKind, language: str, golden: Callable[[str, str], None]
) -> None:
    """Each letter for the notice page is the one that was reviewed, and names neither party, contact nor agreement."""
    nobody = {"party_name": "", "contact_name": "", "agreement_reference": "", "periods": (), "acknowledge_url": None}
    facts = letter_facts(kind, language, True).model_copy(update=nobody | {"public": True})

    rendered = JinjaLetters().render(facts)

    whole = rendered.subject + rendered.text + rendered.html
    assert not any(name in whole for name in ("Birch", "BIRCH"))
    folder = f"letters/{language}/{kind}-public"
    golden(f"{folder}/subject.txt", rendered.subject + "\n")
    golden(f"{folder}/text.txt", rendered.text)
    golden(f"{folder}/body.html", rendered.html)


@pytest.mark.parametrize("language", LANGUAGES)
def test_letter_of_a_round_is_what_the_golden_files_hold(language: str, golden: Callable[[str, str], None]) -> None:
    """The letter that asks whether an address is right is the one that was reviewed."""
    rendered = JinjaLetters().render_probe(probe_facts(language))

    assert rendered.language == language
    folder = f"letters/{language}/probe"
    golden(f"{folder}/subject.txt", rendered.subject + "\n")
    golden(f"{folder}/text.txt", rendered.text)
    golden(f"{folder}/body.html", rendered.html)
