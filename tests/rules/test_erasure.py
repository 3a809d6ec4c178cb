"""Whether an incident may be erased: two persons, no hold, no open duty, not before its day."""

from datetime import datetime, timedelta

import pytest

from tests.ports.story import AT, HOUR, INCIDENT, OTHER_INCIDENT, state
from tocsin.domain.act import Act, Actor, Envelope, Role
from tocsin.domain.erasure import (
    ASKED_FOR,
    Copy,
    Erasure,
    Fate,
    Standing,
    admit_confirmation,
    admit_request,
    merged,
    words,
)
from tocsin.domain.erasure_deeds import AskErasure, ConfirmErasure
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Status
from tocsin.domain.incident_state import admit
from tocsin.domain.values import ActId, HoldId, IncidentId, PersonId

KEPT_FOR = timedelta(days=100)
DUE = AT + KEPT_FOR
OVER = Standing(state=state(status=Status.CLOSED), changed_at=AT)


def person(name: str, *roles: Role) -> Actor:
    """Return one of the characters."""
    return Actor(person_id=PersonId(f"per-{name.lower()}"), name=name, roles=frozenset(roles))


DARA, ADA, ASHA = person("Dara", Role.APPROVER), person("Ada", Role.ADMIN), person("Asha", Role.RESPONDER)


def envelope(by: Actor, deed: AskErasure | ConfirmErasure, at: datetime, about: IncidentId = INCIDENT) -> Envelope:
    """Return an act in its envelope."""
    act = Act(act_id=ActId(f"act-{by.name}-{at:%d%H}"), incident_id=about, actor=by, at=at, deed=deed)
    return Envelope(act=act, expires_at=at + HOUR)


def asked(by: Actor = DARA, at: datetime = DUE) -> Envelope:
    """Return a request."""
    return envelope(by, AskErasure(reason="its time is over"), at)


REQUEST = Erasure(incident_id=INCIDENT, asked=asked())


def confirmed(by: Actor = ADA, at: datetime = DUE, request: str | None = None) -> Envelope:
    """Return a confirmation."""
    return envelope(by, ConfirmErasure(request=ActId(request or REQUEST.asked.act.act_id)), at)


def test_two_persons_may_erase_what_is_past_its_retention() -> None:
    """On the day, an approver may ask and an admin may confirm."""
    admit_request(OVER, asked(), None, KEPT_FOR)
    admit_confirmation(OVER, confirmed(), REQUEST, KEPT_FOR)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"changed_at": AT + HOUR}, r"it is kept until 2026-06-10T04:00Z, 100 days after its last change"),
        ({"holds": (HoldId("hld-police"),)}, r"hold\(s\) in force: hld-police"),
        ({"open_duties": 2}, "2 duty or duties still open"),
        ({"state": state(status=Status.CONFIRMED)}, "it is confirmed, and only one that is over"),
        ({"needed_by": (OTHER_INCIDENT,)}, f"its notices prove for {OTHER_INCIDENT}"),
    ],
)
def test_what_forbids_it_is_said(change: dict[str, object], why: str) -> None:
    """Each thing that forbids an erasure stands in the refusal, of the request and of the confirmation alike."""
    standing = OVER.model_copy(update=change)

    with pytest.raises(Refused, match=why):
        admit_request(standing, asked(), None, KEPT_FOR)
    with pytest.raises(Refused, match=why):
        admit_confirmation(standing, confirmed(), REQUEST, KEPT_FOR)


def test_one_person_is_not_enough() -> None:
    """Whoever asked may not confirm, a responder may do neither, and nobody asks twice at once."""
    with pytest.raises(Refused, match="Dara asked for it; another approver or admin must confirm"):
        admit_confirmation(OVER, confirmed(DARA), REQUEST, KEPT_FOR)
    with pytest.raises(Refused, match="only an approver or an admin"):
        admit_request(OVER, asked(ASHA), None, KEPT_FOR)
    with pytest.raises(Refused, match="only an approver or an admin"):
        admit_confirmation(OVER, confirmed(ASHA), REQUEST, KEPT_FOR)
    with pytest.raises(Refused, match=r"Dara asked for it already, on 2026-06-10.*--confirm"):
        admit_request(OVER, asked(ADA), REQUEST, KEPT_FOR)


def test_a_confirmation_is_bound_to_its_request() -> None:
    """A request that nobody made, that grew old, or that is another one than was looked at, is not confirmed."""
    with pytest.raises(Refused, match="nobody has asked for it"):
        admit_confirmation(OVER, confirmed(), None, KEPT_FOR)
    with pytest.raises(Refused, match="nobody has asked for it within 30 days"):
        admit_confirmation(OVER, confirmed(at=DUE + ASKED_FOR), REQUEST, KEPT_FOR)
    with pytest.raises(Refused, match="asked for anew since you looked"):
        admit_confirmation(OVER, confirmed(request="act-other"), REQUEST, KEPT_FOR)
    admit_request(OVER, asked(ADA, DUE + ASKED_FOR), REQUEST, KEPT_FOR)


def test_an_act_of_another_kind_or_incident_erases_nothing() -> None:
    """An envelope counts for the incident and for the step that it names."""
    with pytest.raises(Refused, match="it was sent for"):
        admit_request(OVER, confirmed(), None, KEPT_FOR)
    with pytest.raises(Refused, match="it was sent for"):
        admit_request(OVER, envelope(DARA, AskErasure(reason=""), DUE, OTHER_INCIDENT), None, KEPT_FOR)


def test_the_incidents_own_workflow_takes_none() -> None:
    """An erasure that is sent to an incident as an act is refused, with the command that does it."""
    open_one = state(status=Status.CONFIRMED)
    with pytest.raises(Refused, match="tocsin erase INCIDENT"):
        admit(open_one, asked().act, DUE)


def test_it_is_told_who_erased_and_when() -> None:
    """The sentence names both persons and the days, and says so while it is under way."""
    underway = REQUEST.model_copy(update={"confirmed": confirmed()})
    assert "is being erased (asked for by Dara on 2026-06-10, confirmed by Ada" in words(underway)
    done = underway.model_copy(update={"completed_at": DUE + HOUR})
    said = words(done, {PersonId("per-ada"): "Ada Min"})
    assert "was erased on 2026-06-10 (asked for by Dara on 2026-06-10, confirmed by Ada Min)" in said


def test_what_was_counted_before_it_went_stays_counted() -> None:
    """A second run that finds fewer copies does not make the first one's count smaller."""
    three = Copy(what="letters", where="outbox", fate=Fate.DESTROYED, count=3)
    one = three.model_copy(update={"count": 1})
    more = Copy(what="packs", where="evidence", fate=Fate.DESTROYED, count=1)

    assert merged([three], [one, more]) == (three, more)
