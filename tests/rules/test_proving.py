"""What ends a duty: each method that its clause requires has its own proof; and what takes an end back."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from tests.ports.story import duty as story_duty
from tests.ports.story import notice as story_notice
from tocsin.domain.clause import Discharge, Method
from tocsin.domain.duty import Duty, DutyState, duties_digest
from tocsin.domain.notice import ContactRole, Notice, NoticeState
from tocsin.domain.proving import failed_as_proof, proved, unproved

S = NoticeState
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
H = timedelta(hours=1)


def owed(*methods: Method, rule: Discharge = Discharge.ACCEPTED) -> Duty:
    """Return an open duty whose clause requires these methods."""
    return story_duty(1).model_copy(update={"methods": methods or (Method.MAIL,), "discharge": rule})


def row(method: Method, state: NoticeState, after: float = 0, place: int = 0) -> Notice:
    """Return a notice by this method that came to a state so many hours after nine."""
    channel = "outbox" if method is Method.MAIL else str(method)
    change = {"channel": channel, "settled_at": AT + after * H, "notice_id": f"ntc-{method}-{place}"}
    return story_notice(1, state=state, place=place).model_copy(update=change)


def test_every_method_needs_its_own_proof() -> None:
    """A duty with three methods ends with the last of their proofs, in whatever order they come."""
    rows = [row(Method.MAIL, S.ACCEPTED, 1), row(Method.POST, S.TOLD_BY_HAND, 30), row(Method.POSTING, S.ACCEPTED, 2)]
    for order in permutations(rows):
        duty = owed(Method.MAIL, Method.POST, Method.POSTING)
        for count, one in enumerate(order, start=1):
            assert duty.state is DutyState.OPEN
            duty = proved(duty, [one], AT)
            assert len(duty.proofs) == count
        ended = (duty.state, duty.ended_at, duty.proved_by, duty.unproved)
        assert ended == (DutyState.DISCHARGED, AT + 30 * H, "ntc-post-0", ())
        assert [proof.method for proof in duty.proofs] == [Method.MAIL, Method.POSTING, Method.POST]


def test_two_proofs_of_one_method_are_one() -> None:
    """A deputy's mail does not stand in for the registered letter."""
    rows = [row(Method.MAIL, S.ACCEPTED), row(Method.MAIL, S.ACCEPTED, 1, place=1)]

    after = proved(owed(Method.MAIL, Method.POST), rows, AT)

    assert (after.state, after.unproved) == (DutyState.OPEN, (Method.POST,))


def test_a_method_that_nobody_asked_for_proves_nothing() -> None:
    """Where the clause asks for registered post alone, the mail beside it discharges nothing."""
    duty = owed(Method.POST)

    assert proved(duty, [row(Method.MAIL, S.ACKNOWLEDGED)], AT) is duty
    assert proved(duty, [row(Method.POST, S.TOLD_BY_HAND)], AT).state is DutyState.DISCHARGED


@pytest.mark.parametrize(
    ("method", "state", "ends"),
    [
        (Method.MAIL, S.ACCEPTED, False),
        (Method.MAIL, S.DELIVERED, True),
        (Method.POSTING, S.ACCEPTED, True),
    ],
)
def test_each_method_is_proved_by_what_it_can_prove(method: Method, state: NoticeState, ends: bool) -> None:
    """A clause that asks for delivery is met on the page by what is posted, and by mail by nothing less."""
    after = proved(owed(method, rule=Discharge.DELIVERED), [row(method, state)], AT)

    assert (after.state is DutyState.DISCHARGED) is ends


def test_the_last_proof_says_whether_it_is_late() -> None:
    """A mail in time and a registered letter after the deadline are late together."""
    rows = [row(Method.MAIL, S.ACCEPTED), row(Method.POST, S.TOLD_BY_HAND, 100)]

    assert proved(owed(Method.MAIL, Method.POST), rows, AT).late


def test_a_late_bounce_takes_its_proof_back() -> None:
    """A duty is open again without the proof that failed, says nothing of an end, and keeps its other proofs."""
    both = [row(Method.MAIL, S.DELIVERED, 80), row(Method.POST, S.TOLD_BY_HAND, 81)]
    ended = proved(owed(Method.MAIL, Method.POST), both, AT)
    bounced = row(Method.MAIL, S.BOUNCED, 90)

    assert failed_as_proof(ended, bounced)
    assert not failed_as_proof(ended, both[1])
    after = unproved(ended, [bounced])
    said = (after.state, after.ended_at, after.proof, after.proved_by, after.late)
    assert said == (DutyState.OPEN, None, None, None, False)
    assert after.unproved == (Method.MAIL,)
    assert proved(after, [row(Method.MAIL, S.ACCEPTED, 91, place=1)], AT).ended_at == AT + 91 * H


def test_an_end_that_was_decided_is_not_taken_back() -> None:
    """A waived duty stays waived when a notice that never was its proof bounces."""
    waived = owed().model_copy(update={"state": DutyState.WAIVED})

    assert unproved(waived, [row(Method.MAIL, S.BOUNCED)]) is waived


def test_a_duty_by_mail_is_written_as_before() -> None:
    """A duty whose clause asks for mail alone has the same JSON, and so the same digest, as ever."""
    assert not {"methods", "proofs"} & owed().model_dump().keys()
    assert duties_digest([owed()]) != duties_digest([owed(Method.MAIL, Method.POST)])


def test_a_copy_is_no_method() -> None:
    """Rows of other methods stand in the chain's role, of which alone proofs are taken."""
    assert row(Method.POST, S.BY_HAND).role is ContactRole.CHAIN
    assert row(Method.POST, S.BY_HAND).method is Method.POST
