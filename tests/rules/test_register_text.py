"""The register's wording: what is read, what is refused and why, and that writing reads back."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.domain.errors import Refused
from tocsin.domain.incident import Trigger
from tocsin.domain.register import Limb, OnLift
from tocsin.domain.register_text import (
    parse_language,
    parse_limbs,
    parse_period,
    parse_window,
    parse_word,
    write_limbs,
    write_window,
)

HOUR = timedelta(hours=1)
LIMBS = st.builds(
    Limb,
    trigger=st.sampled_from(Trigger),
    period=st.none() | st.integers(1, 366 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)),
) | st.builds(Limb, trigger=st.sampled_from(Trigger), days=st.integers(1, 366), working=st.booleans())


def test_founding_clause() -> None:
    """The founding contract's clause is two promises: promptly from discovery, and 72 hours from confirmation."""
    limbs = parse_limbs("promptly from discovery; 72h from confirmation")
    assert (Limb(trigger=Trigger.DISCOVERY), Limb(trigger=Trigger.CONFIRMATION, period=72 * HOUR)) == limbs


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("72h", 72 * HOUR),
        ("72 h", 72 * HOUR),
        (" 1 Hour ", HOUR),
        ("30min", HOUR / 2),
        ("90 minutes", 1.5 * HOUR),
        ("3d", 72 * HOUR),
        ("1 day", 24 * HOUR),
        ("366 days", timedelta(days=366)),
    ],
)
def test_periods(text: str, period: timedelta) -> None:
    """Hours, minutes and days are read in their usual spellings, and a day is 24 elapsed hours."""
    assert period == parse_period(text)


@pytest.mark.parametrize(
    ("text", "days", "working"),
    [
        ("2 business days", 2, True),
        ("1 working day", 1, True),
        ("5 banking-days", 5, True),
        ("10 Calendar Days", 10, False),
    ],
)
def test_counted_days(text: str, days: int, working: bool) -> None:
    """A clause may count days: working days under their usual names, or calendar days."""
    assert (Limb(trigger=Trigger.AWARENESS, days=days, working=working),) == parse_limbs(f"{text} from awareness")


@pytest.mark.parametrize(
    ("text", "part", "reason"),
    [
        ("2 business hours from awareness", "2 business hours", "nor in days"),
        ("0 working days from awareness", "0 working days", "must be longer than 0"),
        ("367 calendar days from awareness", "367 calendar days", "at most 366 days"),
        ("1 week from awareness", "1 week", "not counted in elapsed hours"),
        ("1.5h from awareness", "1.5h", "known: promptly, or a whole number"),
        ("72 from awareness", "72", "known: promptly, or a whole number"),
        ("-1h from awareness", "-1h", "known: promptly, or a whole number"),
        ("0h from awareness", "0h", "must be longer than 0"),
        ("367d from awareness", "367d", "at most 366 days"),
        ("999999999d from awareness", "999999999d", "at most 366 days"),
        ("24h from confirmaton", "confirmaton", "did you mean confirmation?"),
        ("24h from the full moon", "the full moon", "told by processor"),
        ("24h after awareness", "24h after awareness", "write for example `72h from confirmation`"),
        ("24h from awareness; 1 day from awareness", "1 day from awareness", "says again"),
        ("; ;", "it promises nothing", "promptly from discovery"),
    ],
)
def test_refused_wording(text: str, part: str, reason: str) -> None:
    """What is not understood is refused, naming the part and what is known."""
    with pytest.raises(Refused) as refused:
        parse_limbs(text)
    assert part in str(refused.value)
    assert reason in str(refused.value)


def test_every_part_is_named() -> None:
    """A clause with three mistakes in two parts is refused with all three."""
    with pytest.raises(Refused) as refused:
        parse_limbs("soon from discovry; 3 working hours from awareness")
    for wrong in ("'soon'", "'discovry'", "'3 working hours'"):
        assert wrong in str(refused.value)


@settings(deadline=None)
@given(st.lists(LIMBS, min_size=1, max_size=6, unique=True).map(tuple))
def test_limbs_read_back(limbs: tuple[Limb, ...]) -> None:
    """Whatever limbs are written are read back exactly."""
    assert limbs == parse_limbs(write_limbs(limbs))


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the parser fail in another way than refusing it."""
    try:
        limbs = parse_limbs(text)
    except Refused:
        return
    assert limbs == parse_limbs(write_limbs(limbs))


@pytest.mark.parametrize("text", ["due immediately", "Due-Immediately", " due_immediately "])
def test_words_in_any_spelling(text: str) -> None:
    """A word of a short list may be spelt with spaces, hyphens or underscores, in any case."""
    assert OnLift.DUE_IMMEDIATELY is parse_word(OnLift, text, "effect on lifting")


@pytest.mark.parametrize(
    ("text", "tag"), [("en", "en"), ("DE", "de"), ("pt-br", "pt-BR"), ("sr-latn-RS", "sr-Latn-RS")]
)
def test_language_tags(text: str, tag: str) -> None:
    """A language tag is read in any case and kept in its usual one."""
    assert tag == parse_language(text)


@pytest.mark.parametrize("text", ["english", "xx", "en_GB", "de,fr", "e", "en-", "1a"])
def test_refused_languages(text: str) -> None:
    """What is no language tag, or no language, is refused."""
    with pytest.raises(Refused, match="language"):
        parse_language(text)


@pytest.mark.parametrize("text", ["4min", "73h", "promptly", "3 working days", "0h"])
def test_windows_out_of_bounds(text: str) -> None:
    """How long a notice may stay undelivered is refused outside the hours in which mail servers try."""
    with pytest.raises(Refused):
        parse_window(text)


@pytest.mark.parametrize("text", ["5min", "90min", "2h", "72h"])
def test_windows_read_back(text: str) -> None:
    """A window within the bounds is written as it was read."""
    assert text == write_window(parse_window(text))
