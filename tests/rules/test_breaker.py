"""When a channel stops, pauses, is tried and opens again."""

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.domain.breaker import FAILING_FOR, FAILURES, PROBE_EVERY, ChannelState, Heard, Word, after, closed
from tocsin.domain.values import PersonId

AT = datetime(2026, 11, 20, 22, 10, tzinfo=UTC)
FRESH = ChannelState(name="sendgrid")
SECOND = timedelta(seconds=1)
FAILED, WORKS = Heard(word=Word.FAILED, reason="503"), Heard(word=Word.WORKS)
DOWN = Heard(word=Word.DOWN, reason="401 no credits")


def test_it_stops_at_once_when_it_takes_nothing_from_us() -> None:
    """A refused key or account stops it at the first letter, with the reason."""
    stopped = after(FRESH, [DOWN], AT)

    assert (stopped.stopped_at, stopped.reason, stopped.takes(AT)) == (AT, "401 no credits", False)


@pytest.mark.parametrize(
    ("words", "stops"),
    [([FAILED] * FAILURES, True), ([FAILED] * (FAILURES - 1), False), ([FAILED, WORKS] * FAILURES, False)],
)
def test_failures_in_a_row_stop_it(words: list[Heard], stops: bool) -> None:
    """So many letters without one that goes through stop it; one in between begins the count anew."""
    assert after(FRESH, words, AT).stopped is stops


def test_few_failures_over_a_long_time_stop_it() -> None:
    """A small wave need not fail ten times: nothing going through for two minutes is enough."""
    once = after(FRESH, [FAILED], AT)

    assert not after(once, [FAILED], AT + FAILING_FOR - SECOND).stopped
    assert after(once, [FAILED], AT + FAILING_FOR).stopped


def test_a_later_letter_opens_it_and_an_earlier_one_does_not() -> None:
    """Only a letter that left after the stop shows that it works again: earlier ones were still on the wire."""
    stopped = after(FRESH, [DOWN], AT)

    assert after(stopped, [WORKS.model_copy(update={"left_at": AT - SECOND})], AT).stopped
    assert after(stopped, [WORKS.model_copy(update={"left_at": AT + SECOND})], AT) == FRESH


def test_it_is_tried_now_and_then() -> None:
    """One letter may try it after a while; then nobody else for as long."""
    stopped = after(FRESH, [DOWN], AT)
    later = AT + PROBE_EVERY

    assert not stopped.may_probe(later - SECOND)
    assert stopped.may_probe(later)
    assert not stopped.probed(later).may_probe(later)


def test_only_a_person_opens_what_a_person_closed() -> None:
    """It is never tried, and a letter that goes through opens nothing."""
    shut = closed(FRESH, PersonId("per-dara"), "contract ended", AT)

    assert not shut.may_probe(AT + timedelta(days=9))
    assert after(shut, [WORKS.model_copy(update={"left_at": AT + SECOND})], AT).stopped


def test_a_pause_is_never_shortened() -> None:
    """The longest wait that the channel asked for counts, and ends by itself."""
    words = [Heard(word=Word.WAIT, wait=timedelta(seconds=wait)) for wait in (5, 30, 1)]
    paused = after(FRESH, words, AT)

    assert paused.paused_until == AT + timedelta(seconds=30)
    assert not paused.takes(AT + timedelta(seconds=29))
    assert paused.takes(AT + timedelta(seconds=30))
