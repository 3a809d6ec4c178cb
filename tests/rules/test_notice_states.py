"""The ledger's states: what may follow what, what counts as told, and what proves which promise."""

from collections.abc import Iterable

import pytest

from tocsin.domain.errors import Broken
from tocsin.domain.notice import (
    FAILED,
    SENT,
    SETTLED,
    TRANSITIONS,
    ContactRole,
    Notice,
    NoticeState,
    WaveCounts,
    discharges,
    notice_id_of,
    notice_number,
    step,
    wave_digest,
)
from tocsin.domain.register import Discharge
from tocsin.domain.values import AgreementId, ContactId, IncidentId, WaveId

S = NoticeState
WAVE = WaveId("wav-1")
AGREEMENT = AgreementId("agr-1")


def reachable(start: Iterable[NoticeState]) -> set[NoticeState]:
    """Return the states that the table leads to from `start`, those included."""
    found, ahead = set(start), list(start)
    while ahead:
        new = TRANSITIONS[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def notice(ordinal: int, **more: object) -> Notice:
    """Return a row of the wave."""
    contact_id = ContactId(f"con-{ordinal}")
    fields = {
        "notice_id": notice_id_of(WAVE, AGREEMENT, contact_id),
        "incident_id": IncidentId("inc-1"),
        "wave_id": WAVE,
        "ordinal": ordinal,
        "number": "N-1",
        "agreement_id": AGREEMENT,
        "contact_id": contact_id,
        "role": ContactRole.CHAIN,
        "channel": "outbox",
        "message_id": f"<{ordinal}@processor.example>",
        "letter_sha256": "d" * 64,
    }
    return Notice.model_validate(fields | more)


def test_every_state_is_in_the_table_and_reachable() -> None:
    """Every state has its line in the table, and a drafted notice can come to each."""
    assert set(TRANSITIONS) == set(S)
    assert reachable([S.DRAFTED]) == set(S)


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("to", S)
def test_the_table_decides(state: NoticeState, to: NoticeState) -> None:
    """A step that the table allows is taken; any other stops and calls a person."""
    if to in TRANSITIONS[state]:
        assert step(state, to) is to
        return
    with pytest.raises(Broken, match=f"cannot go from {state} to {to}"):
        step(state, to)


@pytest.mark.parametrize("state", [S.ACKNOWLEDGED, S.TOLD_BY_HAND, S.WITHDRAWN])
def test_ends(state: NoticeState) -> None:
    """Acknowledged, told by hand and withdrawn are ends: nothing follows."""
    assert reachable([state]) == {state}


@pytest.mark.parametrize("state", sorted(SENT))
def test_what_was_sent_is_sent_again_only_after_it_failed(state: NoticeState) -> None:
    """From a notice that the channel took, no path leads to sending it again but through a failure or a person."""
    found: set[NoticeState] = set()
    ahead = [state]
    while ahead:
        new = TRANSITIONS[ahead.pop()] - found - FAILED - {S.BY_HAND}
        found |= new
        ahead += new
    assert not found & {S.RELEASED, S.CLAIMED, S.IN_DOUBT}


def test_only_a_claim_leads_to_the_channel() -> None:
    """A notice leaves only after a claim, so that a hold or stop is read before every sending."""
    # From these it becomes accepted by a receipt alone, which shows that an earlier attempt had been taken.
    by_receipt = FAILED | {S.RELEASED, S.DEFERRED, S.DELIVERED}
    assert {state for state, to in TRANSITIONS.items() if S.ACCEPTED in to} == {S.CLAIMED, S.IN_DOUBT} | by_receipt
    assert {state for state, to in TRANSITIONS.items() if S.CLAIMED in to} == {S.RELEASED}
    assert {state for state, to in TRANSITIONS.items() if S.IN_DOUBT in to} == {S.CLAIMED}
    assert {state for state, to in TRANSITIONS.items() if S.CLAIMED in to} == {S.RELEASED}


def test_nothing_unreleased_is_claimed() -> None:
    """A draft becomes a sending only by its release."""
    assert S.CLAIMED not in TRANSITIONS[S.DRAFTED]
    assert S.ACCEPTED not in TRANSITIONS[S.DRAFTED]


@pytest.mark.parametrize("state", sorted(set(S) - {S.WITHDRAWN, S.TOLD_BY_HAND, S.ACKNOWLEDGED}))
def test_no_notice_is_stuck(state: NoticeState) -> None:
    """Whatever happens, a way leads to the recipient being told."""
    assert reachable([state]) & {S.ACKNOWLEDGED, S.TOLD_BY_HAND}


@pytest.mark.parametrize("state", sorted(FAILED))
def test_failed_goes_on(state: NoticeState) -> None:
    """A contact that was not reached is replaced by the next, tried again, or becomes a person's work."""
    assert {S.REPLACED, S.RELEASED, S.BY_HAND} <= TRANSITIONS[state]


@pytest.mark.parametrize(
    ("state", "accepted", "delivered", "acknowledged"),
    [
        (S.DRAFTED, False, False, False),
        (S.CLAIMED, False, False, False),
        (S.IN_DOUBT, False, False, False),
        (S.ACCEPTED, True, False, False),
        (S.DEFERRED, True, False, False),
        (S.DELIVERED, True, True, False),
        (S.ACKNOWLEDGED, True, True, True),
        (S.TOLD_BY_HAND, True, True, True),
        (S.BY_HAND, False, False, False),
        (S.BOUNCED, False, False, False),
        (S.REPLACED, False, False, False),
        (S.WITHDRAWN, False, False, False),
    ],
)
def test_what_proves_which_promise(state: NoticeState, accepted: bool, delivered: bool, acknowledged: bool) -> None:
    """A state discharges exactly the clauses that ask for no more than it shows."""
    assert tuple(discharges(state, rule) for rule in Discharge) == (accepted, delivered, acknowledged)


def test_counts() -> None:
    """Deputies not needed are no recipients, a person's work is not told yet, and a failure is not settled."""
    counts = WaveCounts(
        by_state={
            S.DRAFTED: 30,
            S.ACCEPTED: 20,
            S.DELIVERED: 10,
            S.BY_HAND: 1,
            S.BOUNCED: 2,
            S.CLAIMED: 4,
            S.REPLACED: 3,
        }
    )
    assert (counts.total, counts.told, counts.unsettled) == (37, 30, 6)


def test_settled_and_failed_exclude_each_other() -> None:
    """Whatever failed still needs something done about it."""
    assert not SETTLED & FAILED
    assert SENT < SETTLED


def test_one_notice_per_wave_agreement_and_contact() -> None:
    """However often it is planned, a notice has one id; another wave, agreement or contact has another."""
    contact = ContactId("con-1")
    ids = {
        notice_id_of(WAVE, AGREEMENT, contact),
        notice_id_of(WaveId("wav-2"), AGREEMENT, contact),
        notice_id_of(WAVE, AgreementId("agr-2"), contact),
        notice_id_of(WAVE, AGREEMENT, ContactId("con-2")),
        notice_id_of(WAVE, AGREEMENT, None),
    }
    assert len(ids) == 5
    assert notice_id_of(WAVE, AGREEMENT, contact) in ids


def test_notice_number_can_be_read_out() -> None:
    """The number in the letter is two groups of four letters or digits, the same for the same notice."""
    notice_id = notice_id_of(WAVE, AGREEMENT, None)
    number = notice_number(notice_id)
    assert [len(part) for part in number.split("-")] == [1, 4, 4]
    assert number == number.upper() == notice_number(notice_id)


def test_release_is_bound_to_letters_and_chains() -> None:
    """The digest asks for one order of reading, and is another when a letter, contact or place changes."""
    rows = [notice(0), notice(1)]
    digest = wave_digest(rows)
    with pytest.raises(Broken, match="take them by ordinal"):
        wave_digest(reversed(rows))
    for change in (
        {"letter_sha256": "e" * 64},
        {"contact_id": ContactId("con-9")},
        {"chain_position": 1},
        {"role": ContactRole.COPY},
    ):
        assert wave_digest([rows[0], rows[1].model_copy(update=change)]) != digest
    assert wave_digest(rows[:1]) != digest


def test_release_is_bound_to_nothing_else() -> None:
    """How far a notice came does not change what was released."""
    row = notice(0)
    assert wave_digest([row]) == wave_digest([row.model_copy(update={"state": S.ACCEPTED, "attempts": 2})])
