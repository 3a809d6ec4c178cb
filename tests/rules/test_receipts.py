"""Receipts: in whatever order they come, and however often, they give one state."""

import random
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.notice import FAILED, TRANSITIONS, NoticeState
from tocsin.domain.receipt import Receipt, ReceiptKind, after, delivered_at, outcome, overdue_at
from tocsin.domain.values import NoticeId

AT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
K, S = ReceiptKind, NoticeState
H = timedelta(hours=1)


def receipt(kind: ReceiptKind, minute: int = 0, message: str | None = "m1") -> Receipt:
    """Return a receipt of one notice."""
    at = AT + timedelta(minutes=minute)
    key = f"{kind}-{minute}-{message}"
    return Receipt(
        receipt_id=key, notice_id=NoticeId("ntc-1"), kind=kind, at=at, received_at=at, message=message, source="test"
    )


receipts = st.builds(
    receipt,
    st.sampled_from(list(ReceiptKind)),
    st.integers(min_value=0, max_value=3),
    st.sampled_from(["m1", "m2", None]),
)


@given(st.lists(receipts, max_size=6), st.randoms())
def test_order_and_repetition_do_not_matter(found: list[Receipt], chance: random.Random) -> None:
    """The same receipts in another order, some of them twice, give the same outcome."""
    again = found + found[:2]
    chance.shuffle(again)
    assert outcome(again) is outcome(found)


@given(st.lists(receipts, min_size=1, max_size=5), st.sampled_from([S.ACCEPTED, S.IN_DOUBT]))
def test_one_by_one_gives_what_all_at_once_gives(found: list[Receipt], start: NoticeState) -> None:
    """A notice that hears its receipts one after the other, in any order, ends where all of them together put it."""
    ends = set()
    for order in list(permutations(found))[:24]:
        state = start
        for count in range(1, len(order) + 1):
            to = after(state, order[:count])
            assert to is state or to in TRANSITIONS[state]
            state = to
        ends.add(state)
    assert len(ends) == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([(K.PROCESSED, 0)], S.ACCEPTED),
        ([(K.PROCESSED, 0), (K.DEFERRED, 1)], S.DEFERRED),
        ([(K.DELIVERED, 2), (K.DEFERRED, 3)], S.DELIVERED),
        ([(K.DELIVERED, 2), (K.BOUNCED, 9)], S.BOUNCED),
        ([(K.BOUNCED, 2), (K.DELIVERED, 9)], S.DELIVERED),
        ([(K.BLOCKED, 2), (K.DEFERRED, 3)], S.BLOCKED),
        ([(K.DROPPED, 2)], S.DROPPED),
        ([(K.DELIVERED, 2), (K.ACKNOWLEDGED, 3), (K.BOUNCED, 9)], S.ACKNOWLEDGED),
        ([(K.OTHER, 2)], None),
    ],
)
def test_what_receipts_of_one_message_say(said: list[tuple[ReceiptKind, int]], told: NoticeState | None) -> None:
    """The last ending of a message counts; what was under way before it does not."""
    assert outcome([receipt(kind, minute) for kind, minute in said]) is told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([(K.DELIVERED, 2, "m1"), (K.BOUNCED, 9, "m2")], S.DELIVERED),
        ([(K.BOUNCED, 2, "m1"), (K.PROCESSED, 1, "m2")], S.ACCEPTED),
        ([(K.DELIVERED, 2, "m1"), (K.BOUNCED, 9, None)], S.BOUNCED),
        ([(K.DELIVERED, 2, "m1"), (K.BOUNCED, 3, "m2"), (K.BOUNCED, 9, None)], S.DELIVERED),
    ],
)
def test_what_receipts_of_several_messages_say(
    said: list[tuple[ReceiptKind, int, str | None]], told: NoticeState
) -> None:
    """A delivery of any attempt wins; a bounce without an id is of the only message there was."""
    assert outcome([receipt(*one) for one in said]) is told


@pytest.mark.parametrize("state", [S.DRAFTED, S.ACKNOWLEDGED, S.TOLD_BY_HAND, S.WITHDRAWN, S.CLAIMED])
def test_where_receipts_change_nothing(state: NoticeState) -> None:
    """What never left, was taken back or is told for good stays, and an open call is waited for."""
    assert after(state, [receipt(K.DELIVERED)]) is state


@pytest.mark.parametrize("state", sorted(FAILED | {S.REPLACED, S.BY_HAND, S.RELEASED, S.IN_DOUBT}))
def test_a_late_delivery_is_always_heard(state: NoticeState) -> None:
    """Whatever was done meanwhile, a notice that arrived has arrived."""
    assert after(state, [receipt(K.DELIVERED)]) is S.DELIVERED
    assert after(state, [receipt(K.ACKNOWLEDGED)]) is S.ACKNOWLEDGED


@pytest.mark.parametrize("state", [S.REPLACED, S.BY_HAND, S.RELEASED])
def test_a_failure_does_not_undo_what_took_over(state: NoticeState) -> None:
    """Once the next contact, a person or another attempt has taken over, a failure is old news."""
    assert after(state, [receipt(K.BOUNCED)]) is state


def test_the_first_delivery_counts() -> None:
    """The recipient's own clock likely began with the first delivery, not with the last that we heard of."""
    assert delivered_at([receipt(K.DELIVERED, 9, "m2"), receipt(K.DELIVERED, 2)]) == AT + timedelta(minutes=2)
    assert delivered_at([receipt(K.BOUNCED)]) is None


@pytest.mark.parametrize(
    ("left", "within", "agreed", "waits"),
    [
        (72 * H, None, None, 12 * H),
        (8 * H, None, None, 2 * H),
        (timedelta(minutes=20), None, None, timedelta(minutes=15)),
        (-H, None, None, timedelta(minutes=15)),
        (None, None, None, 4 * H),
        (72 * H, H, None, H),
        (72 * H, H, 30 * H, 30 * H),
        (8 * H, None, 30 * H, 4 * H),
        (-H, None, 2 * H, 2 * H),
        (None, H, 2 * H, 2 * H),
    ],
)
def test_how_long_a_notice_may_stay_undelivered(
    left: timedelta | None, within: timedelta | None, agreed: timedelta | None, waits: timedelta
) -> None:
    """What the clause says, but never past half of what is left; else the user's choice; else a quarter of it."""
    assert overdue_at(AT, AT + left if left is not None else None, within, agreed) == AT + waits
