"""Notices and waves: the ledger's states, which transition may follow which, and what counts as told.

The table is the only place that says what may follow what; the diagram in the documents is made from it.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum

from tocsin.domain.clause import Discharge, Method
from tocsin.domain.errors import Broken
from tocsin.domain.values import (
    AgreementId,
    ContactId,
    DutyId,
    IncidentId,
    Instant,
    NoticeId,
    Value,
    WaveId,
    derived_id,
)


class WaveKind(StrEnum):
    """What a wave says in relation to the one before it."""

    INITIAL = "initial"
    FOLLOW_UP = "follow_up"
    CORRECTION = "correction"
    FINAL = "final"
    WITHDRAWAL = "withdrawal"


class NoticeState(StrEnum):
    """How far a notice came."""

    DRAFTED = "drafted"
    RELEASED = "released"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    IN_DOUBT = "in_doubt"
    BOUNCED = "bounced"
    BLOCKED = "blocked"
    DROPPED = "dropped"
    REPLACED = "replaced"
    BY_HAND = "by_hand"
    TOLD_BY_HAND = "told_by_hand"
    WITHDRAWN = "withdrawn"


S = NoticeState
_AFTER_FAILURE = frozenset({S.REPLACED, S.BY_HAND, S.RELEASED, S.WITHDRAWN}) | {
    # Of several attempts another one may be under way, or have arrived.
    *(S.ACCEPTED, S.DEFERRED, S.DELIVERED, S.ACKNOWLEDGED)
}
TRANSITIONS: dict[NoticeState, frozenset[NoticeState]] = {
    # Dropped at once: the channel could not even prepare a letter to this contact.
    S.DRAFTED: frozenset({S.RELEASED, S.BY_HAND, S.DROPPED, S.WITHDRAWN}),
    # What was to be sent again need not be, once a receipt shows that the first attempt was taken. Dropped, unsent:
    # its channel has the address on a list of those to which it sends nothing.
    S.RELEASED: frozenset(
        {
            *{S.CLAIMED, S.DROPPED, S.BY_HAND, S.REPLACED, S.WITHDRAWN},
            *{S.ACCEPTED, S.DEFERRED, S.DELIVERED, S.ACKNOWLEDGED},
        }
    ),
    # Back to released only when the channel certainly did not take it.
    S.CLAIMED: frozenset({S.ACCEPTED, S.IN_DOUBT, S.RELEASED, S.BOUNCED, S.BLOCKED, S.DROPPED}),
    S.IN_DOUBT: frozenset(
        {
            *{S.ACCEPTED, S.DEFERRED, S.DELIVERED, S.ACKNOWLEDGED},
            *{S.RELEASED, S.BOUNCED, S.BLOCKED, S.DROPPED, S.BY_HAND},
        }
    ),
    # Replaced, or a person's work, when no receipt says within its time that it was delivered.
    S.ACCEPTED: frozenset(
        {S.DEFERRED, S.DELIVERED, S.ACKNOWLEDGED, S.BOUNCED, S.BLOCKED, S.DROPPED, S.REPLACED, S.BY_HAND}
    ),
    S.DEFERRED: frozenset(
        {S.ACCEPTED, S.DELIVERED, S.ACKNOWLEDGED, S.BOUNCED, S.BLOCKED, S.DROPPED, S.REPLACED, S.BY_HAND}
    ),
    # A failure can arrive late, after the recipient's server had taken the notice; another attempt may be under way.
    S.DELIVERED: frozenset({S.ACKNOWLEDGED, S.BOUNCED, S.BLOCKED, S.DROPPED, S.ACCEPTED, S.DEFERRED}),
    S.ACKNOWLEDGED: frozenset(),
    # Receipts come in any order: what counts is what all of them say together.
    S.BOUNCED: _AFTER_FAILURE | {S.BLOCKED, S.DROPPED},
    S.BLOCKED: _AFTER_FAILURE | {S.BOUNCED, S.DROPPED},
    S.DROPPED: _AFTER_FAILURE | {S.BOUNCED, S.BLOCKED},
    S.REPLACED: frozenset({S.DELIVERED, S.ACKNOWLEDGED}),
    S.BY_HAND: frozenset({S.TOLD_BY_HAND, S.RELEASED, S.WITHDRAWN, S.DELIVERED, S.ACKNOWLEDGED}),
    S.TOLD_BY_HAND: frozenset(),
    S.WITHDRAWN: frozenset(),
}

FAILED = frozenset({S.BOUNCED, S.BLOCKED, S.DROPPED})
"""The channel says that this contact was not reached: the next of the chain takes over."""

_PROOF = {
    Discharge.ACCEPTED: frozenset({S.ACCEPTED, S.DEFERRED, S.DELIVERED, S.ACKNOWLEDGED, S.TOLD_BY_HAND}),
    Discharge.DELIVERED: frozenset({S.DELIVERED, S.ACKNOWLEDGED, S.TOLD_BY_HAND}),
    Discharge.ACKNOWLEDGED: frozenset({S.ACKNOWLEDGED, S.TOLD_BY_HAND}),
}

SENT = _PROOF[Discharge.ACCEPTED]
"""The channel took it, or a person told them: it is not sent again."""

WRITTEN_TO = SENT | {S.RELEASED, S.CLAIMED, S.IN_DOUBT, S.BY_HAND, S.REPLACED}
"""The party was told, or is about to be by a released wave: no other first notice goes to it."""

SETTLED = SENT | {S.BY_HAND, S.REPLACED, S.WITHDRAWN}
"""The wave has nothing more to do for a notice in one of these."""


def step(state: NoticeState, to: NoticeState) -> NoticeState:
    """Return `to` if the table allows it. Raises Broken otherwise."""
    if to not in TRANSITIONS[state]:
        raise Broken(f"a notice cannot go from {state} to {to}")
    return to


def discharges(state: NoticeState, rule: Discharge, method: Method = Method.MAIL) -> bool:
    """Say whether a notice in `state` is the proof that a clause with `rule` asks for.

    Nothing is delivered to anybody by posting: what is on the page is all that this method can prove.
    """
    return state in _PROOF[Discharge.ACCEPTED if method is Method.POSTING else rule]


class ContactRole(StrEnum):
    """Why this contact is written to: in the chain (the primary, then deputies) or as a copy."""

    CHAIN = "chain"
    COPY = "copy"


class Notice(Value):
    """One ledger row: one letter to one contact under one agreement in one wave. It holds ids only."""

    notice_id: NoticeId
    incident_id: IncidentId
    wave_id: WaveId
    ordinal: int
    """Gapless from 0 within the wave; range batches are cut along it."""
    number: str
    """The notice number printed in the letter, on which the recipient may ask back."""
    agreement_id: AgreementId
    contact_id: ContactId | None
    """None where the agreement has no usable contact: the row is a person's work from the start."""
    role: ContactRole
    chain_position: int = 0
    duty_ids: tuple[DutyId, ...] = ()
    state: NoticeState = NoticeState.DRAFTED
    channel: str
    message_id: str
    letter_sha256: str | None = None
    attempts: int = 0
    claimed_at: Instant | None = None
    settled_at: Instant | None = None
    provider_id: str | None = None
    detail: str | None = None
    possible_duplicate: bool = False
    reports: bool = False
    """Whether its channel says what became of it, so that silence means something."""
    linked: bool = False
    """Whether its letter holds the recipient's own link."""
    delivered_at: Instant | None = None
    """When the recipient's server took it: likely the start of the recipient's own clock."""

    @property
    def method(self) -> Method:
        """The way it goes. A row of another method than mail bears its name as the channel."""
        return _NAMED.get(self.channel, Method.MAIL)

    @property
    def lonely(self) -> bool:
        """Whether the agreement has no contact that a mail could go to."""
        return self.contact_id is None and self.method is Method.MAIL


_NAMED = {str(method): method for method in Method if method is not Method.MAIL}


class WaveCounts(Value):
    """How many rows of a wave stand in each state, recipients by hand included, fallbacks not yet needed left out."""

    by_state: dict[NoticeState, int]
    digest: str | None = None
    awaiting: int = 0
    """Rows that left and are not told yet in the sense of their clause: a receipt or a press is still to come."""
    look_at: Instant | None = None
    """When the first of them has stayed undelivered for too long."""
    silent_since: Instant | None = None
    """Since when the channel has said nothing at all about a notice that it took."""

    def bare(self) -> "WaveCounts":
        """Return the counts alone, which are the same for as long as no row changes."""
        return WaveCounts(by_state=self.by_state, digest=self.digest)

    @property
    def total(self) -> int:
        """The recipients: rows that are, or were meant to be, written to."""
        return sum(n for state, n in self.by_state.items() if state not in {S.DRAFTED, S.REPLACED, S.WITHDRAWN})

    @property
    def told(self) -> int:
        """The recipients whose notice the channel took, or whom a person told."""
        return sum(n for state, n in self.by_state.items() if state in SENT)

    @property
    def unsettled(self) -> int:
        """The rows that the wave still has to do something about."""
        return sum(n for state, n in self.by_state.items() if state not in SETTLED and state is not S.DRAFTED)


def notice_id_of(
    wave_id: WaveId, agreement_id: AgreementId, contact_id: ContactId | None, method: Method = Method.MAIL
) -> NoticeId:
    """Return the id of the notice: one wave, agreement and contact, or other method, have one, however often planned.

    A notice by another method than mail goes to the party, and to none of its contacts.
    """
    whom = contact_id or "nobody" if method is Method.MAIL else f"method:{method}"
    return NoticeId(derived_id("ntc", wave_id, agreement_id, whom))


def notice_number(notice_id: NoticeId) -> str:
    """Return the number printed in the letter, short enough to be read out on the phone: `N-7Q2F-M3KD`."""
    mark = notice_id.removeprefix("ntc-").upper()
    return f"N-{mark[:4]}-{mark[4:8]}"


def wave_digest(rows: Iterable[Notice]) -> str:
    """Return what a release is bound to: SHA-256, in hex, over every letter's digest, its contact and its place.

    Raises:
        Broken: if the rows do not come by ordinal; the same letters and chains must give the same digest.
    """
    whole, before = hashlib.sha256(), -1
    for row in rows:
        if row.ordinal < before:
            raise Broken(f"row {row.ordinal} of a wave came after row {before}; take them by ordinal")
        before = row.ordinal
        line = (row.notice_id, row.agreement_id, row.contact_id, row.role, row.chain_position, row.letter_sha256)
        whole.update(("|".join(map(str, line)) + "\n").encode())
    return whole.hexdigest()
