"""The register of breaches: every incident has its entry, told or not, with facts, effects, remedies and reasons."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.ports.story import AT, CLOCK, HOUR, agreement_id, clock, duty, hold, note, notice, state, task
from tocsin.domain.act import Act, Actor, Close, Confirm, Decide, Deed, Dismiss, Envelope, Reopen, Role
from tocsin.domain.breach_register import Breach, Decided, Party, Records, breach, reported_between
from tocsin.domain.duty import DutyState, decide_duty
from tocsin.domain.gdpr_decision import propose
from tocsin.domain.gdpr_duties import not_owed_by
from tocsin.domain.gdpr_factors import BreachFacts
from tocsin.domain.incident import Facts, Status, Trigger, TriggerFact
from tocsin.domain.notice import ContactRole, NoticeState
from tocsin.domain.task import TaskKind, TaskState
from tocsin.domain.values import ActId, IncidentId, PersonId

FACTS = Facts(title="Backup share open to the internet")
PARTIES = {agreement_id(0): Party("Birch Clinic", "BIRCH-0"), agreement_id(1): Party("Cedar Bank", "CEDAR-1")}


def entry(**records: Any) -> Breach:
    """Return the entry of an incident of which the store holds this."""
    return breach(Records(state=state(), facts=FACTS, parties=PARTIES)._replace(**records))


def did(deed: Deed, hours: int = 0) -> Envelope:
    """Return what Dara did, so many hours after the report."""
    dara = Actor(person_id=PersonId("per-dara"), name="Dara Okafor", roles=frozenset({Role.APPROVER}))
    at = AT + hours * HOUR
    act = Act(act_id=ActId(f"act-{hours}"), incident_id=IncidentId("inc-backupshare"), actor=dara, at=at, deed=deed)
    return Envelope(act=act, expires_at=at + HOUR)


def test_an_entry_from_one_line() -> None:
    """A report of one line has its entry at once; what is not yet known is None, never a guess."""
    made = entry()
    assert (made.title, made.status, made.reported_at) == (FACTS.title, Status.REPORTED, AT)
    assert (made.effects, made.cause, made.people_affected, made.decision) == (None, None, None, None)
    assert (made.told, made.nobody_told_because) == ((), "no duty to tell anybody is recorded")


def test_facts_effects_and_remedial_action() -> None:
    """Art. 33(5): the facts of the breach, its effects, and the remedial action taken, done mitigation included."""
    known = FACTS.model_copy(update={"consequences": "Fraud", "cause": "A wrong setting", "measures": ("closed",)})
    done = task("keys", title="Replace the keys").model_copy(
        update={"kind": TaskKind.MITIGATION, "state": TaskState.DONE}
    )
    still_open = task("more", title="Tell search engines").model_copy(update={"kind": TaskKind.MITIGATION})
    made = entry(facts=known, tasks=(done, still_open, task("logs")))
    assert (made.effects, made.cause) == ("Fraud", "A wrong setting")
    assert made.remedial_action == ("closed", "Replace the keys")


def test_each_instant_its_own() -> None:
    """When it happened, was discovered, known and confirmed are kept apart, and never filled from one another."""
    triggers = {Trigger.REPORT: TriggerFact(at=AT), Trigger.AWARENESS: TriggerFact(at=AT - HOUR)}
    made = entry(state=state().model_copy(update={"triggers": triggers}))
    assert (made.reported_at, made.aware_at, made.occurred_at, made.confirmed_at) == (AT, AT - HOUR, None, None)


def test_a_dismissed_incident_has_its_reason() -> None:
    """An incident that was dismissed is in the register with the reason, who gave it and when."""
    acts = (did(Dismiss(reason="A test by Noor"), 2),)
    not_owed = duty(0, state=DutyState.NOT_OWED).model_copy(update={"proof": "the report was dismissed"})
    made = entry(state=state(status=Status.DISMISSED), acts=acts, duties=(not_owed,))
    assert made.nobody_told_because == "dismissed: A test by Noor"
    assert made.history == (Decided(what="dismissed", at=AT + 2 * HOUR, by="Dara Okafor", because="A test by Noor"),)
    assert [(one.whom, one.because) for one in made.not_told] == [("Birch Clinic", "the report was dismissed")]


def test_the_last_reason_counts() -> None:
    """What was dismissed, taken up again and dismissed once more gives the last reason, and all of its history."""
    acts = (did(Dismiss(reason="A test"), 1), did(Reopen(reason="It was none"), 2), did(Dismiss(reason="A drill"), 3))
    made = entry(state=state(status=Status.DISMISSED), acts=acts)
    assert made.nobody_told_because == "dismissed: A drill"
    assert [decided.what for decided in made.history] == ["dismissed", "taken up again", "dismissed"]


def test_who_was_told_when() -> None:
    """Each recipient is there with name, reference, notice number, when and by which way; failed letters are not."""
    sent = notice(0, state=NoticeState.DELIVERED).model_copy(update={"settled_at": AT + 3 * HOUR})
    copy = notice(1, state=NoticeState.TOLD_BY_HAND).model_copy(
        update={"settled_at": AT + 2 * HOUR, "role": ContactRole.COPY}
    )
    made = entry(notices=(sent, copy, notice(2, state=NoticeState.BOUNCED), notice(3)))
    assert [(one.whom, one.reference, one.number, one.at, one.how, one.copy_only) for one in made.told] == [
        ("Cedar Bank", "CEDAR-1", "N-00001", AT + 2 * HOUR, "by hand", True),
        ("Birch Clinic", "BIRCH-0", "N-00000", AT + 3 * HOUR, "outbox", False),
    ]
    assert made.nobody_told_because is None


def test_an_authority_was_told_by_hand() -> None:
    """A duty without an agreement that a person ended with proof shows whom it told and the proof."""
    portal = duty(7, state=DutyState.DISCHARGED).model_copy(
        update={
            "agreement_id": None,
            "title": "Notify the supervisory authority",
            "citation": "GDPR art. 33(1)",
            "ended_at": AT + 4 * HOUR,
            "proof": "reference 2026-117",
        }
    )
    (told,) = entry(duties=(portal,)).told
    assert (told.whom, told.number, told.at, told.how) == (
        "Notify the supervisory authority (GDPR art. 33(1))",
        None,
        AT + 4 * HOUR,
        "reference 2026-117",
    )


def test_one_notice_is_one_line() -> None:
    """A duty that a notice discharged is not told a second time beside the notice."""
    sent = notice(0, state=NoticeState.ACCEPTED)
    assert len(entry(notices=(sent,), duties=(duty(0, state=DutyState.DISCHARGED),)).told) == 1


def test_who_was_not_told_and_why() -> None:
    """An open duty is there with its deadline, and with the order not to tell where there is one."""
    made = entry(duties=(duty(0), duty(1)), holds=(hold(scope=(agreement_id(1),)),))
    assert [(one.whom, one.because) for one in made.not_told] == [
        ("Birch Clinic", "not told yet"),
        ("Cedar Bank", "an order not to tell is in force (Inspector Quill, Harbour Police, HP/2026/117)"),
    ]
    assert (made.nobody_told_because or "").startswith("2 open: not told yet; an order")
    assert [(one.issuer, one.until) for one in made.holds] == [("Inspector Quill, Harbour Police", None)]


def test_a_waived_duty_says_on_what() -> None:
    """Nobody told because the other party waived it: the reason is what proves it."""
    waived = duty(0, state=DutyState.WAIVED).model_copy(update={"proof": "their letter, sha256 9f28"})
    assert entry(duties=(waived,)).nobody_told_because == "waived: their letter, sha256 9f28"


def test_the_duty_to_decide_is_nobody_elses() -> None:
    """Confirming or dismissing is owed to ourselves and is no recipient that was not told."""
    assert entry(duties=(decide_duty(IncidentId("inc-backupshare"), state().triggers),)).not_told == ()


def test_late_and_why() -> None:
    """A deadline that passed is there with the reason that was noted, or with none given yet."""
    missed = clock().model_copy(update={"late": True, "late_reason": ActId("act-why")})
    (late,) = entry(clocks=(missed,), acts=(note("act-why", "Their mail server was down"),)).late
    assert (late.duty, late.deadline_at, late.reason) == (
        "72 h from confirmation",
        AT + 72 * HOUR,
        "Their mail server was down",
    )
    (unexplained,) = entry(clocks=(clock().model_copy(update={"late": True}), clock())).late
    assert unexplained.reason is None


def test_told_late() -> None:
    """A notice that came after the deadline of its duty is marked."""
    late = duty(0, state=DutyState.DISCHARGED).model_copy(update={"late": True})
    (told,) = entry(notices=(notice(0, state=NoticeState.ACCEPTED),), duties=(late,)).told
    assert told.late
    assert late.clock_id == CLOCK


def test_cause_and_lessons_of_the_closing() -> None:
    """The cause and lessons that closed the incident stand in its entry; the facts' own go before them."""
    acts = (did(Confirm(statement="The logs show it"), 1), did(Close(cause="A setting", lessons="Check it"), 9))
    made = entry(acts=acts)
    assert (made.cause, made.lessons) == ("A setting", "Check it")
    assert entry(acts=acts, facts=FACTS.model_copy(update={"cause": "Malice"})).cause == "Malice"
    assert [(one.what, one.because) for one in made.history] == [
        ("confirmed", "The logs show it"),
        ("closed", "A setting"),
    ]


def test_the_last_decision_counts() -> None:
    """The last decision stands in the entry, with its reasoning and what was shown; the one before in the history."""
    proposal = propose(BreachFacts(personal_data=True, sensitive_data=True))
    acts = (
        did(Decide(authority=True, subjects=False, proposal=proposal), 1),
        did(Decide(authority=False, subjects=False, reason="The data were encrypted", proposal=proposal), 2),
    )
    made = entry(acts=acts)
    assert made.decision is not None
    assert (made.decision.what, made.decision.because) == ("register only: nobody is told", "The data were encrypted")
    assert made.decision.against_proposal[0] == "authority: proposed cannot be ruled out, decided no"
    assert "for telling: the data are sensitive" in " ".join(made.decision.factors)
    assert [one.what for one in made.history] == [
        "decided: the authority is told, the people concerned are not",
        "decided: register only: nobody is told",
    ]


def test_why_a_decision_ended_a_duty() -> None:
    """A duty that a decision ended stands with the provision and the reasoning of the act that it names."""
    act = did(Decide(authority=False, subjects=False, reason="A safe key", proposal=propose(BreachFacts())), 1)
    proof = not_owed_by("GDPR art. 33(1)", act.act.act_id)
    ended = duty(0).model_copy(update={"state": DutyState.NOT_OWED, "ended_at": AT, "proof": proof})
    assert entry(acts=(act,), duties=(ended,)).not_told[0].because == (
        "GDPR art. 33(1): decided not to tell, A safe key"
    )


@pytest.mark.parametrize(
    ("first", "before", "there"),
    [
        (None, None, True),
        (AT, None, True),
        (AT + timedelta(seconds=1), None, False),
        (None, AT, False),
        (None, AT + timedelta(seconds=1), True),
        (AT, AT, False),
    ],
)
def test_reported_between(first: datetime | None, before: datetime | None, there: bool) -> None:
    """The first instant counts, the last does not, so that adjoining periods share no incident and lose none."""
    assert reported_between(entry(), first, before) is there


def test_no_report_instant_leaves_nothing_out() -> None:
    """An incident without the instant of its report is in every export rather than in none."""
    bare = entry(state=state().model_copy(update={"triggers": {}}))
    assert reported_between(bare, datetime(2030, 1, 1, tzinfo=UTC), None)
