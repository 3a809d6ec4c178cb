"""Receipts: what a channel, or the holder of a notice's link, says happened; and what all of them say together.

Receipts come twice, late and in any order. So the state of a notice is never made from the newest one: it is made
from the whole set, which is the same set in whatever order it came.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.domain.notice import FAILED, NoticeState
from tocsin.domain.values import IncidentId, Instant, NoticeId, Value


class ReceiptKind(StrEnum):
    """What a receipt says."""

    PROCESSED = "processed"
    """The channel has taken it up: the answer to "was it really accepted?"."""
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    BLOCKED = "blocked"
    DROPPED = "dropped"
    ACKNOWLEDGED = "acknowledged"
    """A holder of the notice's link pressed its button. It says no more than that."""
    OTHER = "other"
    """Kept, and changes nothing: a complaint, a notice about the account, something newer than this version."""


K, S = ReceiptKind, NoticeState

_STATES = {
    K.PROCESSED: S.ACCEPTED,
    K.DEFERRED: S.DEFERRED,
    K.DELIVERED: S.DELIVERED,
    K.BOUNCED: S.BOUNCED,
    K.BLOCKED: S.BLOCKED,
    K.DROPPED: S.DROPPED,
}
_RANK = {kind: rank for rank, kind in enumerate(_STATES)}
_ENDS = frozenset({K.DELIVERED, K.BOUNCED, K.BLOCKED, K.DROPPED})

ADOPTS = frozenset({S.IN_DOUBT, S.RELEASED})
"""Of these nobody knew whether the channel had taken them: any receipt shows that it had."""
_OVER = frozenset({S.DRAFTED, S.ACKNOWLEDGED, S.TOLD_BY_HAND, S.WITHDRAWN})

WAITS = S.CLAIMED
"""Its call is still under way: the receipt is applied once the outcome is written."""

SHORTEST, LONGEST = timedelta(minutes=15), timedelta(hours=12)
WITHOUT_DEADLINE = timedelta(hours=4)
SHARE = 4
"""A quarter of the time that is left is given to a delivery: three more contacts can be tried before the deadline."""

PROCESSED_WITHIN = timedelta(minutes=15)
"""A channel that took a notice and says nothing of it for so long may have stopped sending: accounts are suspended."""


class Receipt(Value):
    """One receipt. `receipt_id` is made from what it says, so that the same one that comes again is the same."""

    receipt_id: str
    notice_id: NoticeId | None
    incident_id: IncidentId | None = None
    kind: ReceiptKind
    at: Instant
    """When it happened, as the channel says."""
    received_at: Instant
    message: str | None = None
    """The channel's own id of the message: attempts differ in it."""
    source: str
    detail: str = ""


def outcome(receipts: Iterable[Receipt]) -> NoticeState | None:
    """Return what receipts of one notice say together, or None if they say nothing of its way.

    Of each message the last ending counts, so a bounce after a delivery is a bounce. Of several messages (attempts)
    one that was delivered counts, else one that is still under way, else the failure that came last.
    """
    known = [receipt for receipt in receipts if receipt.kind is not K.OTHER]
    if any(receipt.kind is K.ACKNOWLEDGED for receipt in known):
        return S.ACKNOWLEDGED
    said = [_last(group) for group in _by_message(known)]
    best = max(said, key=lambda one: (_preference(_STATES[one.kind]), one.at, _RANK[one.kind]), default=None)
    return None if best is None else _STATES[best.kind]


def after(state: NoticeState, receipts: Iterable[Receipt]) -> NoticeState:
    """Return the state of a notice that stood at `state`, now that all these receipts are known."""
    told = outcome(receipts)
    if told is None or state in _OVER or state is WAITS:
        return state
    if state in {S.REPLACED, S.BY_HAND}:
        return told if told in {S.DELIVERED, S.ACKNOWLEDGED} else state
    if state is S.RELEASED and told in FAILED:
        return state  # It failed before, and is about to be sent again.
    return told


def delivered_at(receipts: Iterable[Receipt]) -> datetime | None:
    """Return when the recipient's server first took the notice, or None."""
    return min((receipt.at for receipt in receipts if receipt.kind is K.DELIVERED), default=None)


def overdue_at(
    sent_at: datetime, deadline_at: datetime | None, within: timedelta | None = None, agreed: timedelta | None = None
) -> datetime:
    """Return until when a sent notice may stay without being delivered before the next contact takes over.

    `agreed` is what its clause says; it never waits for more than half of what is left until the deadline, so that
    another contact can still be reached. `within` is the user's own choice for all others. Without either it is a
    quarter of what was left when the notice was sent, at least 15 minutes and at most 12 hours; 4 hours where the
    promise has no number.
    """
    left = deadline_at - sent_at if deadline_at is not None else None
    if agreed is not None:
        if left is None or left <= timedelta():
            return sent_at + agreed
        return sent_at + min(agreed, max(SHORTEST, left / 2))
    if within is not None:
        return sent_at + within
    if left is None:
        return sent_at + WITHOUT_DEADLINE
    return sent_at + min(LONGEST, max(SHORTEST, left / SHARE))


def _by_message(receipts: list[Receipt]) -> list[list[Receipt]]:
    """Group receipts by message; a failure without an id is of the only message there is, else it stands alone."""
    groups: dict[str | None, list[Receipt]] = {}
    for receipt in receipts:
        groups.setdefault(receipt.message, []).append(receipt)
    if None in groups and len(groups) == 2:
        return [[receipt for group in groups.values() for receipt in group]]
    return list(groups.values())


def _last(group: list[Receipt]) -> Receipt:
    ends = [receipt for receipt in group if receipt.kind in _ENDS]
    if not ends:
        return max(group, key=lambda receipt: (_RANK[receipt.kind], receipt.at))
    return max(ends, key=lambda receipt: (receipt.at, _RANK[receipt.kind]))


def _preference(state: NoticeState) -> int:
    return 2 if state is S.DELIVERED else 0 if state in FAILED else 1
