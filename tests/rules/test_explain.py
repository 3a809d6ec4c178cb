"""From facts to duties: what applies, by when, what is open, what was narrowly missed, and what to ask first."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.adapters.holiday_calendars import holiday_calendar
from tocsin.domain.applicability import Answer
from tocsin.domain.explain import explain
from tocsin.domain.explain_facts import case_of
from tocsin.domain.explanation import Case, ExplainedDuty, Explanation, Standing
from tocsin.domain.fact import FactValue
from tocsin.domain.incident import Basis, Facts, Trigger, TriggerFact
from tocsin.domain.organisation import Organisation
from tocsin.domain.policy import Kind, PolicyId
from tocsin.domain.register import Affected, Agreement, Limb, NoticeClause
from tocsin.domain.values import AgreementId, PartyId
from tocsin.policies import load_policies

PACK = load_policies()
CALENDARS = cache(holiday_calendar)
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
"""A Saturday."""
AWARE = NOW - timedelta(hours=5)

GERMAN = Organisation(
    lead_authority="DE",
    facts={
        "org.roles": ("controller",),
        "org.establishments": ("DE",),
        "org.serves": ("DE",),
        "org.data_in": ("DE",),
        "org.kinds": (),
        "org.nis2": "none",
    },
)
BREACH: dict[str, FactValue | None] = {"incident.roles": ("controller",), "incident.personal_data": True}


def at(trigger: Trigger, moment: datetime = AWARE) -> dict[Trigger, TriggerFact]:
    """Return one event as stated."""
    return {trigger: TriggerFact(at=moment)}


def case(
    facts: dict[str, FactValue | None] | None = None,
    org: Organisation = GERMAN,
    triggers: dict[Trigger, TriggerFact] | None = None,
    **more: object,
) -> Case:
    """Return a case: the German controller, aware for five hours, unless it is said otherwise."""
    given = {"profile": org, "facts": {**BREACH, **(facts or {})}, "triggers": triggers or at(Trigger.AWARENESS)}
    return Case.model_validate(given | more)


def found(one: Case, *, everything: bool = False, now: datetime = NOW) -> Explanation:
    """Explain a case against all policies that ship."""
    return explain(PACK, one, CALENDARS, now, everything=everything)


def duty(one: Case, duty_id: str) -> ExplainedDuty:
    """Return one duty of a case."""
    return next(duty for duty in found(one).duties if duty.id == duty_id)


def agreement(reference: str, *limbs: Limb) -> Agreement:
    """Return an agreement that promises this."""
    return Agreement(
        agreement_id=AgreementId(f"agr-{reference}"),
        reference=reference,
        party_id=PartyId(f"pty-{reference}"),
        party_name=f"Party {reference}",
        clause=NoticeClause(limbs=limbs),
    )


CONFIRMED_72H = Limb(trigger=Trigger.CONFIRMATION, period=timedelta(hours=72))
DISCOVERED = Limb(trigger=Trigger.DISCOVERY)


def test_the_seventy_two_hours() -> None:
    """The authority's 72 hours are elapsed hours from awareness; the other readings stand beside and delay nothing."""
    one = duty(case(), "EU-GDPR-33-1")
    assert (Answer.YES, AWARE + timedelta(hours=72)) == (one.applies, one.deadline_at)
    assert one.deadline_local == "2026-11-24T05:00:00+01:00"
    assert one.target_at == one.deadline_at == one.readings["elapsed"]
    assert one.readings["next_full_hour"] == AWARE + timedelta(hours=73)
    assert one.calendar is not None
    assert "EU-DE" in one.calendar
    assert any("art. 3(4)" in step for step in one.steps)


def test_why_it_applies() -> None:
    """Each duty says which facts made it apply."""
    because = {reason.fact: reason.value for reason in duty(case(), "EU-GDPR-33-1").because}
    assert because["incident.personal_data"] == "yes"
    assert because["org.roles"] == "controller"


def test_no_number_no_date() -> None:
    """Without a number in the text there is never a deadline, only elapsed time and a target that is called ours."""
    one = duty(case(org=GERMAN.model_copy(update={"facts": {**GERMAN.facts, "org.roles": ("processor",)}}),
                    facts={"incident.roles": ("processor",)}), "EU-GDPR-33-2")  # fmt: skip
    assert (None, None, AWARE + timedelta(hours=4)) == (one.deadline_at, one.deadline_local, one.target_at)
    assert "our own target" in one.steps[-1]


def test_a_register_entry_presses_nobody() -> None:
    """The register is due in every case, and has neither a date nor a target."""
    one = duty(case({"incident.risk_unlikely": True}), "EU-GDPR-33-5")
    assert (one.kind, one.applies, one.deadline_at, one.target_at) == (Kind.REGISTER, Answer.YES, None, None)
    assert found(case({"incident.risk_unlikely": True})).decision.register_due


def test_near_miss() -> None:
    """A duty that a fact of the incident kept out is a near miss with that fact; a law of others is out of scope."""
    explained = found(case({"incident.risk_unlikely": True}), everything=True)
    near = {one.id: [reason.fact for reason in one.because] for one in explained.near_misses}
    assert near["EU-GDPR-33-1"] == ["incident.risk_unlikely"]
    far = {one.id: one for one in explained.out_of_scope or ()}
    assert "IN-CERT-6H" in far
    assert any(reason.fact.startswith("org.") for reason in far["IN-CERT-6H"].because)
    assert not set(near) & set(far)


def test_one_person_makes_the_difference() -> None:
    """Exactly 500 residents of California keep the Attorney General out, and 501 do not."""
    org = GERMAN.model_copy(update={"facts": {**GERMAN.facts, "org.serves": ("US-CA",)}})
    facts: dict[str, FactValue | None] = {"incident.places": ("US-CA",), "incident.encryption_sound": False}
    few, many = (found(case(facts | {"incident.residents.US-CA": n}, org)) for n in (500, 501))
    assert "US-CA-82-AG" in {one.id for one in few.near_misses}
    assert "US-CA-82-AG" in {one.id for one in many.duties}


def test_nothing_is_dropped_without_all() -> None:
    """Each policy is a duty, a near miss, out of scope or inactive: with `everything` none goes missing."""
    explained = found(case(), everything=True)
    lists = (explained.duties, explained.near_misses, explained.out_of_scope or (), explained.inactive or ())
    assert sorted((p.id, p.version) for p in PACK.policies) == sorted((o.id, o.version) for rows in lists for o in rows)
    plain = found(case())
    assert (plain.out_of_scope, plain.inactive) == (None, None)


def test_what_is_no_law_starts_no_clock() -> None:
    """Bills, rules from memory and rules not yet in force are listed with their reason, and never as duties."""
    explained = found(Case(triggers=at(Trigger.AWARENESS)), everything=True)
    inactive = {one.id: one.reason for one in explained.inactive or ()}
    assert {"UK-CSRB", "IN-DPDP-BRD-2", "US-CIRCIA-INC", "EU-OMNIBUS-GDPR-33-1"} <= set(inactive)
    assert all(inactive.values())
    assert not {one.id for one in explained.duties} & set(inactive) - {"UK-PECR-5A", "US-SEC-SP-CUST"}


def test_the_law_of_the_day_of_the_event() -> None:
    """A provider that was aware on 19 August 2025 has 24 hours under PECR, and one day later 72."""
    org = Organisation(facts={"org.kinds": ("electronic_communications_provider",), "org.establishments": ("GB",),
                              "org.serves": ("GB",), "org.roles": ("controller",)})  # fmt: skip
    before, since = datetime(2025, 8, 19, 12, tzinfo=UTC), datetime(2025, 8, 20, 12, tzinfo=UTC)
    periods = [
        duty(case(org=org, triggers=at(Trigger.AWARENESS, moment)), "UK-PECR-5A").period for moment in (before, since)
    ]
    assert periods == ["24 hours", "72 hours"]


def test_counsel_marks() -> None:
    """What rests on secondary sources alone is marked for counsel, and what was read in the text is not."""
    duties = {one.id: one.counsel_check for one in found(Case(triggers=at(Trigger.AWARENESS))).duties}
    assert (duties["IN-CERT-6H"], duties["EU-GDPR-33-1"]) == (True, False)


def test_a_follow_up_waits_for_the_report() -> None:
    """The month of NIS2's final report exists only once the notification was submitted, and runs from that."""
    org = GERMAN.model_copy(update={"facts": {**GERMAN.facts, "org.nis2": "essential"}})
    facts: dict[str, FactValue | None] = {
        fact.key: True for fact in PACK.facts.facts if fact.key in {"incident.nis2_significant", "incident.significant"}
    }
    waiting = duty(case(facts, org), "EU-NIS2-FR")
    assert (waiting.standing, waiting.deadline_at, waiting.target_at) == (Standing.NOT_YET_RUNNING, None, None)
    assert waiting.starts_when is not None
    assert "EU-NIS2-IN" in waiting.starts_when
    sent = case(facts, org, submitted={PolicyId("EU-NIS2-IN"): NOW - timedelta(days=1)})
    running = duty(sent, "EU-NIS2-FR")
    assert (running.standing, running.deadline_local) == (Standing.RUNNING, "2026-12-21T00:00:00+01:00")
    assert "EU-NIS2-IN" in running.steps[0]


def test_a_report_of_another_rule_starts_nothing() -> None:
    """Submitting one rule's report leaves the follow-ups of all others waiting."""
    sent = Case(triggers=at(Trigger.AWARENESS), submitted={PolicyId("EU-NIS2-IN"): AWARE})
    standing = {one.id: one.standing for one in found(sent).duties}
    assert standing["EU-DORA-INTER"] == Standing.NOT_YET_RUNNING
    assert standing["EU-CRA-I-F"] == Standing.NOT_YET_RUNNING


def test_an_event_that_nobody_stated() -> None:
    """Whoever is aware has reason to believe: awareness stands in for it, marked assumed, until that is stated."""
    org = Organisation(facts={"org.roles": ("processor",), "org.data_in": ("SG",)})
    facts: dict[str, FactValue | None] = {"incident.roles": ("processor",), "incident.places": ("SG",)}
    assumed = duty(case(facts, org), "SG-PDPA-DI")
    assert (assumed.trigger_at, assumed.trigger_basis) == (AWARE, Basis.ASSUMED)
    assert "stands in for it" in assumed.steps[0]
    earlier = AWARE - timedelta(hours=2)
    stated = duty(
        case(facts, org, at(Trigger.AWARENESS) | at(Trigger.REASON_TO_BELIEVE, earlier)),
        "SG-PDPA-DI",
    )
    assert (earlier, Basis.STATED) == (stated.trigger_at, stated.trigger_basis)


@pytest.mark.parametrize(
    "trigger", [Trigger.CLASSIFICATION_MAJOR, Trigger.PAYMENT_MADE, Trigger.DETERMINATION_MATERIAL]
)
def test_a_deed_has_no_stand_in(trigger: Trigger) -> None:
    """What somebody must do, such as classifying or paying, has not happened until they say so."""
    waiting = [one for one in found(Case(triggers=at(Trigger.AWARENESS))).duties if one.trigger is trigger]
    assert waiting
    assert {Standing.NOT_YET_RUNNING} == {one.standing for one in waiting}


def test_a_missing_calendar_is_said_and_not_guessed() -> None:
    """Where a rule needs a calendar that is not known, there is no date, and the step says what to do."""
    org = Organisation(facts={"org.kinds": ("us_issuer",)})
    one = case({"incident.material_to_investors": True}, org, at(Trigger.DETERMINATION_MATERIAL))

    def nowhere(calendar_id: str, first: int, last: int) -> object:
        return holiday_calendar(f"{calendar_id}-NOWHERE", first, last)

    explained = explain(PACK, one, nowhere, NOW)  # type: ignore[arg-type]
    filing = next(duty for duty in explained.duties if duty.id == "US-SEC-8K-105")
    assert (filing.applies, filing.deadline_at) == (Answer.YES, None)
    assert any("work it out by hand now" in step for step in filing.steps)
    assert filing.target_at is not None
    assert str(duty(one, "US-SEC-8K-105").deadline_at).replace(" ", "T") == "2026-11-28T05:00:00+00:00"


def test_what_the_report_lacks() -> None:
    """Each required content says whether anything is known about it."""
    one = duty(case(contents=frozenset({"nature"})), "EU-GDPR-33-1")
    missing = {content.key: content.missing for content in one.required_contents}
    assert (missing["nature"], missing["consequences"]) == (False, True)


def test_a_one_line_report_pages_once() -> None:
    """With nothing known but a report, all duties share one deadline to decide, with few questions, not a hundred."""
    one = Case(triggers={t: TriggerFact(at=AWARE) for t in (Trigger.REPORT, Trigger.DISCOVERY, Trigger.AWARENESS)})
    explained = found(one)
    assert {Answer.CANNOT_BE_RULED_OUT} == {duty.applies for duty in explained.duties}
    decide = explained.decide
    assert decide is not None
    assert decide.duties > 100
    assert decide.deadline_at == min(duty.deadline_at for duty in explained.duties if duty.deadline_at)
    assert decide.deadline_of in {duty.id for duty in explained.duties if duty.deadline_at == decide.deadline_at}
    assert 1 <= len(decide.questions) < 12


def test_the_first_question_settles_most() -> None:
    """Questions come in the order of how many duties they settle, and every open duty has one."""
    explained = found(Case(triggers=at(Trigger.AWARENESS)))
    assert explained.decide is not None
    weights = [len(one.settles) + len(one.may_settle) / 2 for one in explained.decide.questions]
    assert weights == sorted(weights, reverse=True)
    asked = {duty_id for one in explained.decide.questions for duty_id in (*one.settles, *one.may_settle)}
    pressing = {duty.id for duty in explained.duties if duty.kind in {Kind.NOTICE, Kind.ASSESSMENT}}
    assert pressing == asked


def test_an_answer_settles_what_it_says() -> None:
    """A duty that a question settles is decided by yes and by no alike."""
    unsure: dict[str, FactValue | None] = {"incident.personal_data": None}
    explained = found(case(unsure))
    assert explained.decide is not None
    first = next(one for one in explained.decide.questions if one.fact == "incident.personal_data")
    assert "EU-GDPR-33-1" in first.settles
    for answer in (True, False):
        again = found(case({"incident.personal_data": answer}))
        open_ = {one.id for one in again.duties if one.applies is Answer.CANNOT_BE_RULED_OUT}
        assert not open_ & set(first.settles)


def test_nothing_open_nothing_to_decide() -> None:
    """When every fact is known there is no deadline to decide."""
    facts: dict[str, FactValue | None] = {
        fact.key: False for fact in PACK.facts.facts if fact.type == "bool" and fact.who == "incident"
    }
    explained = found(case({**facts, "incident.personal_data": True, "incident.places": ("DE",)}))
    assert not [one for one in explained.duties if one.applies is not Answer.YES and one.kind is Kind.NOTICE]
    assert explained.decide is None


def test_contract_and_statute_together() -> None:
    """A contract's 72 hours from confirmation wait while the statute's run; once confirmed both are there."""
    pins = (Affected(agreement=agreement("BIRCH", CONFIRMED_72H, DISCOVERED), revision=3),)
    before = {one.id: one for one in found(case(affected=pins)).duties}
    waiting = before["contract:72h-from-confirmation@BIRCH"]
    assert (waiting.standing, waiting.starts_when) == (Standing.NOT_YET_RUNNING, "confirmation")
    assert before["EU-GDPR-33-1"].standing == Standing.RUNNING
    confirmed = at(Trigger.AWARENESS) | at(Trigger.CONFIRMATION, NOW)
    after = duty(case(triggers=confirmed, affected=pins), "contract:72h-from-confirmation@BIRCH")
    assert (NOW + timedelta(hours=72), "Party BIRCH") == (after.deadline_at, after.to)


def test_who_is_affected_is_one_question() -> None:
    """While nobody knows who is affected, all contracts are open together and one question settles them."""
    pins = tuple(Affected(agreement=agreement(f"A{n}", DISCOVERED), revision=1, confirmed=False) for n in range(30))
    explained = found(case(triggers=at(Trigger.DISCOVERY), affected=pins))
    assert explained.decide is not None
    question = next(one for one in explained.decide.questions if one.fact == "affected")
    assert len(question.settles) == 30


def test_a_party_that_is_excluded_is_owed_nothing() -> None:
    """Once a person has said that a party is not affected, nothing towards it is listed."""
    pin = Affected(agreement=agreement("ELM", CONFIRMED_72H, DISCOVERED), revision=1, excluded=True)
    explained = found(case(triggers=at(Trigger.DISCOVERY), affected=(pin,)))
    assert [one.id for one in explained.duties if "ELM" in one.id] == []


def test_the_decision_is_the_controllers() -> None:
    """A processor sees that the decision under articles 33 and 34 is not theirs; for a controller it is proposed."""
    processor = GERMAN.model_copy(update={"facts": {**GERMAN.facts, "org.roles": ("processor",)}})
    theirs = found(case({"incident.roles": ("processor",)}, processor)).decision
    ours = found(case({"incident.grave_consequences": True})).decision
    assert theirs.binds == Answer.NO
    assert (ours.binds, ours.authority, ours.subjects) == (Answer.YES, Answer.YES, Answer.YES)


def test_the_decision_reads_the_facts() -> None:
    """Sound encryption, a safe key and a good backup speak against telling; the register is due all the same."""
    safe = dict.fromkeys(("encryption_sound", "key_safe", "backup_good"), True) | dict.fromkeys(
        ("integrity", "grave_consequences"), False
    )
    proposal = found(case({f"incident.{key}": value for key, value in safe.items()})).decision
    assert (proposal.authority, proposal.subjects, proposal.register_due) == (Answer.NO, Answer.NO, True)


def test_from_an_incident_of_the_store() -> None:
    """An incident's facts and answers become a case; an answer that cannot be read is named and keeps nothing off."""
    facts = Facts(
        title="exports at night",
        summary="copied",
        people_affected=12,
        answers={
            "incident.personal_data": True,
            "org.roles": ("controller",),
            "incident.malicious": "perhaps",
            "incident.colour": True,
        },
    )
    made, remarks = case_of(facts, at(Trigger.AWARENESS), (), Organisation(), PACK.facts)
    assert made.facts == {"incident.people_affected": 12, "incident.personal_data": True}
    assert made.profile.facts == {"org.roles": ("controller",)}
    assert "nature" in made.contents
    assert "measures" not in made.contents
    assert len(remarks) == 2


def test_json_is_whole_and_repeatable() -> None:
    """The same case gives the same JSON, which reads back to the same explanation."""
    first, again = (found(case(), everything=True).model_dump_json(by_alias=True) for _ in range(2))
    assert first == again
    assert json.loads(first)["decision"]["register"] is True
    assert found(case(), everything=True) == Explanation.model_validate_json(first)


@settings(deadline=None, max_examples=15)
@given(hours=st.integers(min_value=0, max_value=200))
def test_a_later_event_never_gives_an_earlier_deadline(hours: int) -> None:
    """Moving awareness later moves no deadline to an earlier instant."""
    later = found(Case(triggers=at(Trigger.AWARENESS, AWARE + timedelta(hours=hours))))
    before = {one.id: one.deadline_at for one in found(Case(triggers=at(Trigger.AWARENESS))).duties}
    for one in later.duties:
        was = before[one.id]
        assert (was is None) == (one.deadline_at is None)
        assert was is None or (one.deadline_at is not None and one.deadline_at >= was)


@settings(deadline=None, max_examples=15)
@given(known=st.sets(st.sampled_from([fact.key for fact in PACK.facts.facts if fact.type == "bool"])))
def test_knowing_less_drops_no_duty(known: set[str]) -> None:
    """Forgetting facts never takes a duty off the list: what is unknown keeps it there."""
    everything: dict[str, FactValue | None] = {
        fact.key: True for fact in PACK.facts.facts if fact.type == "bool" and "unlikely" not in fact.key
    }
    less = {key: value for key, value in everything.items() if key in known}
    listed = {one.id for one in found(case(less)).duties}
    assert {one.id for one in found(case(everything)).duties} <= listed
