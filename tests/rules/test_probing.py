"""Rounds of the register: each address asked once, what an answer is, who may ask, and what readiness makes of it."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ports.drafted_round import DARA
from tests.ports.story import AT, ROUND, agreement, notice, round_
from tocsin.domain.act import Act, Actor, AddNote, Role
from tocsin.domain.clause import Contact
from tocsin.domain.errors import Refused
from tocsin.domain.notice import FAILED, SENT, NoticeState
from tocsin.domain.probe_deed import Probe, is_round, round_id_of
from tocsin.domain.probing import (
    LONGEST,
    Answer,
    Asked,
    admit_round,
    answer_of,
    asked_of,
    confirmed_on,
    probe_number,
    recipients,
    unreached,
)
from tocsin.domain.readiness import Weight, readiness
from tocsin.domain.register import Agreement
from tocsin.domain.values import ActId, ContactId, NoticeId

DAY = timedelta(days=1)
TODAY = AT.date()
ADDRESSES = ("a@one.example", "A@one.example", "b@one.example", "c@two.example")
DECIDED = st.sampled_from([Answer.CONFIRMED, Answer.BOUNCED, Answer.SILENT])


def contact(address: str, confirmed: date | None = None) -> Contact:
    """Return a contact with an address."""
    return Contact(contact_id=ContactId(f"con-{address}"), name="", email=address, confirmed_on=confirmed)


@st.composite
def registers(draw: st.DrawFn) -> list[Agreement]:
    """Draw a register whose parties share addresses."""
    chains = draw(st.lists(st.lists(st.sampled_from(ADDRESSES), unique=True), min_size=1, max_size=6))
    return [
        agreement(number).model_copy(update={"chain": tuple(contact(one) for one in chain)})
        for number, chain in enumerate(chains)
    ]


def asked(answer: Answer, on: date = TODAY) -> Asked:
    """Return what came of asking on a day."""
    confirmed = on if answer is Answer.CONFIRMED else None
    return Asked(round_id=ROUND, opened_on=on, answer=answer, confirmed_on=confirmed)


@given(registers(), st.randoms())
def test_each_address_is_asked_once(register: list[Agreement], chance: object) -> None:
    """Whoever is a contact is asked, nobody twice, and in whatever order agreements come it is the same."""
    found = recipients(register, AT)
    named = {one.email.casefold() for each in register for one in each.contacts()}
    assert sorted(one.contact.email.casefold() for one in found) == sorted(named)
    shuffled = list(register)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert recipients(shuffled, AT) == found
    for one in found:
        theirs = {
            each.party_name
            for each in register
            if one.contact.email.casefold() in {c.email.casefold() for c in each.contacts()}
        }
        assert set(one.parties) == theirs


def test_nobody_is_asked_for_a_party_that_is_told_of_nothing() -> None:
    """An agreement that has ended, and whose data is gone, has no contacts to ask."""
    over = {"ends_on": TODAY - DAY, "data_held": False}
    assert recipients([agreement(0).model_copy(update=over)], AT) == []
    assert len(recipients([agreement(0).model_copy(update={**over, "data_held": True})], AT)) == 1


@given(st.sampled_from(NoticeState), st.integers(-40, 40))
def test_what_an_answer_is(state: NoticeState, days: int) -> None:
    """A press confirms however late, a failure is one at once, and only what left can be met with silence."""
    one, now = round_(), AT + days * DAY
    row = notice(0, state=state)
    answer = answer_of(row, one, now)
    if state is NoticeState.ACKNOWLEDGED:
        assert answer is Answer.CONFIRMED
    elif state in FAILED | {NoticeState.REPLACED}:
        assert answer is Answer.BOUNCED
    elif state in SENT:
        assert answer is (Answer.SILENT if now >= datetime(2026, 3, 17, tzinfo=UTC) else Answer.SENT)
    else:
        assert answer is Answer.SENDING


def test_silence_begins_when_the_last_day_has_ended() -> None:
    """The last minute of the last day is in time, the first of the next one is silence."""
    row, midnight = notice(0, state=NoticeState.ACCEPTED), datetime(2026, 3, 17, tzinfo=UTC)
    assert answer_of(row, round_(), midnight - timedelta(minutes=1)) is Answer.SENT
    assert answer_of(row, round_(), midnight) is Answer.SILENT


def test_why_it_was_not_reached_is_kept() -> None:
    """What the channel said of a failure goes along, and of nothing else."""
    row = notice(0, state=NoticeState.BOUNCED).model_copy(update={"detail": "550 unknown"})
    assert asked_of(row, round_(), AT).detail == "550 unknown"
    pressed = row.model_copy(update={"state": NoticeState.ACKNOWLEDGED, "settled_at": AT})
    assert (asked_of(pressed, round_(), AT).detail, asked_of(pressed, round_(), AT).confirmed_on) == ("", TODAY)


@given(st.lists(DECIDED, min_size=1, max_size=5), st.integers(0, 3))
def test_the_newest_round_that_says_anything_counts(newest_first: list[Answer], waiting: int) -> None:
    """Rounds that still wait change nothing, and a confirmation of a newer round mends an older failure."""
    days = [TODAY - number * DAY for number in range(len(newest_first))]
    said = [asked(Answer.SENT, TODAY + DAY)] * waiting + [asked(a, d) for a, d in zip(newest_first, days, strict=True)]
    found = unreached(said, None)
    if newest_first[0] is Answer.CONFIRMED:
        assert found is None
    else:
        assert found is not None
        assert (found.answer, found.opened_on) == (newest_first[0], TODAY)
        assert unreached(said, TODAY) is None
        assert unreached(said, TODAY - DAY) == found
    confirmed = [d for a, d in zip(newest_first, days, strict=True) if a is Answer.CONFIRMED]
    assert confirmed_on(said) == max(confirmed, default=None)


def test_what_was_never_answered_says_nothing() -> None:
    """An address that nobody asked, or that still has time, is in order as far as rounds go."""
    assert unreached([], None) is None
    assert unreached([asked(Answer.SENT), asked(Answer.SENDING)], None) is None


def found(chain: tuple[Contact, ...], **answers: Answer) -> list[tuple[str, Weight]]:
    """Return what readiness finds of an agreement's contacts, whose addresses begin with the names of the answers."""
    one = agreement(0).model_copy(update={"chain": chain})
    said = {f"{name}@one.example": [asked(answer)] for name, answer in answers.items()}
    findings = readiness([one], TODAY, said)
    return [(each.what, each.severity) for each in findings if "deputy" not in each.what]


def test_a_failure_weighs_more_when_nobody_is_left() -> None:
    """One address that came back is a weakness; a chain that came back as a whole would tell nobody."""
    both = (contact("a@one.example", TODAY - 9 * DAY), contact("b@one.example", TODAY - 9 * DAY))
    day = TODAY.isoformat()
    failed, other = f"a@one.example was not reached in the round of {day}", "b@one.example"
    assert found(both, a=Answer.BOUNCED) == [(failed, Weight.WEAK)]
    assert found(both, a=Answer.BOUNCED, b=Answer.BOUNCED) == [
        (failed, Weight.MISSING),
        (f"{other} was not reached in the round of {day}", Weight.MISSING),
    ]
    assert found(both, a=Answer.SILENT) == [(f"a@one.example has not confirmed in the round of {day}", Weight.WEAK)]
    assert found(both, a=Answer.CONFIRMED, b=Answer.CONFIRMED) == []


def test_a_confirmation_is_good_for_a_year() -> None:
    """Who confirmed in a round counts as confirmed on that day, and is old a year later."""
    never = (contact("a@one.example"),)
    assert found(never) == [("1 contact was never confirmed", Weight.INFO)]
    assert found(never, a=Answer.CONFIRMED) == []
    one = agreement(0).model_copy(update={"chain": never})
    later = readiness([one], TODAY + 400 * DAY, {"a@one.example": [asked(Answer.CONFIRMED)]})
    assert f"a@one.example was last confirmed on {TODAY.isoformat()}" in {each.what for each in later}


def opening(actor: Actor = DARA, **deed: object) -> Act:
    """Return an act that opens a round."""
    wanted = Probe.model_validate({"answer_by": TODAY + DAY, **deed})
    return Act(act_id=ActId("act-1"), incident_id=ROUND, actor=actor, at=AT, deed=wanted)


@given(st.integers(-400, 400))
def test_the_last_day_lies_ahead_and_not_too_far(days: int) -> None:
    """It is a day after today, and one on which an answer still says something."""
    act = opening(answer_by=TODAY + days * DAY)
    if 0 < days <= LONGEST.days:
        assert admit_round(act, AT) == act.deed
    else:
        with pytest.raises(Refused, match="give a day after today"):
            admit_round(act, AT)


@pytest.mark.parametrize("role", Role)
def test_who_may_open_a_round(role: Role) -> None:
    """An approver or an admin, and nobody in a drill."""
    act = opening(DARA.model_copy(update={"roles": frozenset({role})}))
    if role in {Role.APPROVER, Role.ADMIN}:
        assert admit_round(act, AT) == act.deed
        with pytest.raises(Refused, match="a drill writes to nobody"):
            admit_round(act, AT, drill=True)
    else:
        with pytest.raises(Refused, match="only an approver or an admin"):
            admit_round(act, AT)


def test_a_round_takes_no_other_act() -> None:
    """What is done to incidents is not done to rounds."""
    act = opening().model_copy(update={"deed": AddNote(text="seen")})
    with pytest.raises(Refused, match="nobody can note it"):
        admit_round(act, AT)


def test_the_ids_and_numbers_of_rounds_are_their_own() -> None:
    """Asked for twice on a day it is the same round; its letters' numbers look like no notice's."""
    one = round_id_of(b"k" * 32, TODAY, (agreement(0).agreement_id, agreement(1).agreement_id))
    assert one == round_id_of(b"k" * 32, TODAY, (agreement(1).agreement_id, agreement(0).agreement_id))
    assert len({one, round_id_of(b"k" * 32, TODAY, ()), round_id_of(b"k" * 32, TODAY + DAY, ())}) == 3
    assert (is_round(one), is_round("inc-abc")) == (True, False)
    assert probe_number(NoticeId("ntc-abcdefgh")) == "P-ABCD-EFGH"
