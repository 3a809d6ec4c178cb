"""A report to an authority: what its text asks for, what is known, what is not, and that nothing ever blocks it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tocsin.domain.authority_report import (
    AuthorityReport,
    Item,
    ItemState,
    Timing,
    authority_report,
    known_contents,
)
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Basis, Facts, Trigger, TriggerFact
from tocsin.domain.policy import Content, Kind, Lateness, Policy
from tocsin.domain.report_contents import PARTS, PARTS_OF, UNPRESCRIBED, Dossier, known
from tocsin.domain.values import IncidentId
from tocsin.policies import load_policies

PACK = load_policies()
GDPR = PACK.policy("EU-GDPR-33-1")
AWARE_AT = datetime(2026, 11, 18, 3, 10, tzinfo=UTC)
DUE_AT = AWARE_AT + timedelta(hours=72)
TIMING = Timing(trigger_at=AWARE_AT, trigger_basis=Basis.ASSUMED, deadline_at=DUE_AT)

ONE_LINE = Facts(title="Records share open to the internet")
ALL_KNOWN = ONE_LINE.model_copy(
    update={
        "summary": "A share was open from 14 to 18 November.",
        "data_categories": ("names", "birth dates"),
        "people_affected": 12_400,
        "records_affected": 31_000,
        "consequences": "Fraud in the names of patients.",
    }
)


def dossier(facts: Facts = ONE_LINE, **more: Any) -> Dossier:
    """Return what is known, with a contact point, as the command line always has one."""
    more = {"contact_point": "Dara Okafor, privacy@processor.example", "organisation": "Processor Ltd"} | more
    return Dossier(incident_id=IncidentId("inc-backupshare"), facts=facts, **more)


def report(facts: Facts = ONE_LINE, *, policy: Policy = GDPR, hours: float = 10, **more: Any) -> AuthorityReport:
    """Return the report made so many hours after awareness."""
    given = more.pop("given", None)
    return authority_report(policy, dossier(facts, **more), TIMING, AWARE_AT + timedelta(hours=hours), given)


def item(made: AuthorityReport, key: str) -> Item:
    """Return one content of a report."""
    (found,) = [one for one in made.items if one.key == key]
    return found


def made_up(**fields: Any) -> Policy:
    """Return a rule for what no law of the pack shows."""
    return GDPR.model_copy(update={"id": "XX-1", **fields})


def test_one_line_is_enough_for_a_report() -> None:
    """With a title alone the report is ready: it says what is not yet known, and misses nothing."""
    made = report()
    assert {one.key: one.state for one in made.items} == {
        "nature": ItemState.PARTLY,
        "subjects": ItemState.NOT_YET_KNOWN,
        "records": ItemState.NOT_YET_KNOWN,
        "contact_point": ItemState.GIVEN,
        "consequences": ItemState.NOT_YET_KNOWN,
        "measures": ItemState.NOT_YET_KNOWN,
        "reasons_for_delay": ItemState.NOT_NEEDED,
    }
    assert (made.ready, made.missing, made.late) == (True, (), False)


def test_every_content_in_the_order_of_the_text() -> None:
    """Each content that art. 33(3) asks for is there once, in its order, with the citation."""
    made = report()
    assert [(one.key, one.text) for one in made.items] == [(one.key, one.text) for one in GDPR.required_contents]
    assert {one.citation for one in made.items} == {GDPR.citation}
    assert made.prescribed


def test_what_is_known_is_said() -> None:
    """Facts come out in words under the content that asks for them; numbers are grouped."""
    made = report(ALL_KNOWN, measures_taken=("share closed", "keys replaced"), measures_intended=("tell patients",))
    assert item(made, "consequences").value == "Fraud in the names of patients."
    assert item(made, "records").value == (
        "Categories of data: names, birth dates\nApproximate number of records: 31,000"
    )
    assert item(made, "measures").value == ("Taken: share closed; keys replaced\nProposed or under way: tell patients")
    assert item(made, "contact_point").value == (
        "Organisation: Processor Ltd\nContact: Dara Okafor, privacy@processor.example"
    )


def test_known_in_part() -> None:
    """An answer of which one part is known says so of the other; the kinds of people are recorded nowhere yet."""
    subjects = item(report(ALL_KNOWN), "subjects")
    assert subjects.state is ItemState.PARTLY
    assert [(part.label, part.value) for part in subjects.parts] == [
        ("Categories of people", None),
        ("Approximate number of people", "12,400"),
    ]
    assert "Categories of people: not yet known" in (subjects.value or "")


def test_measures_need_not_be_taken_and_intended() -> None:
    """The text asks for measures taken or proposed: one of them is an answer."""
    made = report(measures_intended=("tell patients",))
    assert (item(made, "measures").state, item(made, "measures").value) == (ItemState.GIVEN, "tell patients")


def test_no_contact_is_missing() -> None:
    """Whom to ask may not be left unknown; without it the report is not ready, and is made all the same."""
    made = report(ALL_KNOWN, contact_point="")
    assert item(made, "contact_point").state is ItemState.MISSING
    assert (made.ready, made.missing) == (False, ("contact_point",))


def test_a_person_supplies_a_content() -> None:
    """What is supplied with the report takes the place of what is recorded."""
    made = report(given={"subjects": "Patients, about 12,400", "contact_point": "Noor"}, contact_point="")
    assert (item(made, "subjects").state, item(made, "subjects").value) == (ItemState.GIVEN, "Patients, about 12,400")
    assert made.ready


def test_supplied_as_not_yet_known() -> None:
    """What a person says is not yet known is a value where the text allows it, and missing where it does not."""
    made = report(ALL_KNOWN, given={"consequences": None, "contact_point": None})
    assert item(made, "consequences").state is ItemState.NOT_YET_KNOWN
    assert item(made, "contact_point").state is ItemState.MISSING


def test_a_key_that_is_none() -> None:
    """A key that the report does not have is refused, with the one that was meant."""
    with pytest.raises(Refused, match=r"no content 'consequence' \(did you mean consequences\?\)"):
        report(given={"consequence": "x"})


@pytest.mark.parametrize(("hours", "late"), [(71.9, False), (72, False), (72.1, True)])
def test_reasons_for_the_delay(hours: float, late: bool) -> None:
    """Art. 33(1): reasons accompany a report made later than 72 hours, to the second; an earlier one needs none."""
    made = report(hours=hours)
    state = ItemState.MISSING if late else ItemState.NOT_NEEDED
    assert (made.late, item(made, "reasons_for_delay").state) == (late, state)


def test_reasons_that_were_given() -> None:
    """A reason noted for a missed clock is the report's reason; one given with the report goes before it."""
    noted = report(hours=80, delay_reasons=("The logs came late.",))
    assert item(noted, "reasons_for_delay").value == "The logs came late."
    assert noted.ready
    given = report(hours=80, delay_reasons=("The logs came late.",), given={"reasons_for_delay": "An order."})
    assert item(given, "reasons_for_delay").value == "An order."


def test_a_reason_in_time_is_not_reported() -> None:
    """A reason for another clock's delay is no part of a report that is in time."""
    made = report(delay_reasons=("The logs came late.",))
    assert item(made, "reasons_for_delay").value is None


def test_late_where_the_text_takes_reasons_without_listing_them() -> None:
    """A text that lets a late report stand with its reasons gets them, even if it does not list them as a content."""
    soft = made_up(required_contents=(), lateness=Lateness.SOFT)
    assert item(report(policy=soft, hours=80), "reasons_for_delay").state is ItemState.MISSING
    assert all(one.key != "reasons_for_delay" for one in report(policy=soft).items)
    hard = made_up(required_contents=(), lateness=Lateness.HARD)
    assert all(one.key != "reasons_for_delay" for one in report(policy=hard, hours=80).items)


def test_no_deadline_is_never_late() -> None:
    """Without a number there is no date, and so no late."""
    made = authority_report(GDPR, dossier(), Timing(), AWARE_AT + timedelta(days=400))
    assert not made.late


def test_recorded_nowhere_is_missing() -> None:
    """What nobody could have recorded is not passed off as not yet known: a person must supply it, or say so."""
    dora = PACK.policy("EU-DORA-INIT")
    made = report(ALL_KNOWN, policy=dora)
    assert {"report", "criteria", "how_discovered", "continuity", "reclassification"} == set(made.missing)
    assert item(made, "code").value == "inc-backupshare"
    supplied = report(ALL_KNOWN, policy=dora, given=dict.fromkeys(made.missing))
    assert supplied.ready


def test_times_are_those_of_the_text() -> None:
    """DORA asks for detection and classification first, and for occurrence and recovery in the intermediate report."""
    triggers = {
        Trigger.DETECTION: TriggerFact(at=AWARE_AT),
        Trigger.OCCURRENCE: TriggerFact(at=AWARE_AT - timedelta(days=4), basis=Basis.ASSUMED),
    }
    first = item(report(policy=PACK.policy("EU-DORA-INIT"), triggers=triggers), "times")
    assert first.value == "Detected: 2026-11-18 03:10 UTC (stated)\nClassified: not yet known"
    second = item(report(policy=PACK.policy("EU-DORA-INTER"), triggers=triggers), "times")
    assert second.value == "Happened: 2026-11-14 03:10 UTC (assumed)\nRecovered: not yet known"


@pytest.mark.parametrize(("answer", "words"), [(True, "yes"), (False, "no")])
def test_answers_to_the_questions_of_the_law(answer: bool, words: str) -> None:
    """Whether malice is suspected is said as it was answered; a no is an answer, not an absence."""
    facts = ONE_LINE.model_copy(update={"answers": {"incident.malicious": answer, "incident.places": ("DE", "FR")}})
    made = report(facts, policy=PACK.policy("EU-NIS2-EW"))
    assert item(made, "malicious").value == words
    assert item(made, "cross_border").value == "DE, FR"


def test_a_text_that_names_no_contents() -> None:
    """Where the text prescribes nothing, what is known is listed in our own words, and marked as no law's."""
    made = report(ALL_KNOWN, policy=PACK.policy("EU-GDPR-33-4"))
    assert [one.key for one in made.items] == list(UNPRESCRIBED)
    assert {one.citation for one in made.items} == {""}
    assert not made.prescribed


@pytest.mark.parametrize(("kind", "fix"), [(Kind.REGISTER, "tocsin breaches export"), (Kind.HOLD, "that it delays")])
def test_no_report_is_asked_for(kind: Kind, fix: str) -> None:
    """A rule on the register or on holds asks for no report, and says where to go instead."""
    with pytest.raises(Refused, match=fix):
        report(policy=made_up(kind=kind))


def test_a_rule_that_starts_no_clock_says_so() -> None:
    """A report under a rule that is not law, or not sure, can be made and carries the doubt."""
    asleep = next(policy for policy in PACK.policies if policy.inactive_because and policy.kind is Kind.NOTICE)
    assert report(policy=asleep).inactive
    doubted = next(policy for policy in PACK.policies if policy.counsel_check and policy.kind is Kind.NOTICE)
    assert report(policy=doubted).counsel_check
    assert report().inactive is None


def test_the_timeline_is_in_order() -> None:
    """What happened stands in the order of its instants, with how it is known."""
    triggers = {
        Trigger.CONFIRMATION: TriggerFact(at=AWARE_AT + timedelta(hours=5)),
        Trigger.AWARENESS: TriggerFact(at=AWARE_AT, basis=Basis.ASSUMED),
        Trigger.OCCURRENCE: TriggerFact(at=AWARE_AT - timedelta(days=4)),
    }
    moments = [(moment.trigger, moment.basis) for moment in report(triggers=triggers).timeline]
    assert moments == [("occurrence", "stated"), ("awareness", "assumed"), ("confirmation", "stated")]


@pytest.mark.parametrize("policy", PACK.policies, ids=lambda policy: f"{policy.id}-{policy.version}")
def test_every_policy_of_the_pack(policy: Policy) -> None:
    """Each rule that asks for a report gives one from a single line, however late, and none is blocked by it."""
    if policy.kind in {Kind.REGISTER, Kind.HOLD}:
        return
    for hours in (1, 10_000):
        made = report(policy=policy, hours=hours)
        assert made.ready == (not made.missing)
        assert {content.key for content in policy.required_contents} <= {one.key for one in made.items}


def test_the_table_names_what_exists() -> None:
    """Every key of the table is a content of some policy, and every source a fact, answer, trigger or record."""
    keys = {content.key for policy in PACK.policies for content in policy.required_contents}
    assert set(PARTS) <= keys
    pairs = {f"{policy.id}/{content.key}" for policy in PACK.policies for content in policy.required_contents}
    assert set(PARTS_OF) <= pairs
    unprescribed = [part for _, parts in UNPRESCRIBED.values() for part in parts]
    for part in (*unprescribed, *(part for table in (PARTS, PARTS_OF) for parts in table.values() for part in parts)):
        assert known(dossier(), part.source) is None or part.source
        if part.source.startswith("answer:"):
            assert PACK.facts.find(part.source.removeprefix("answer:"))


def test_known_contents() -> None:
    """The contents about which something is recorded are told apart from those about which nothing is."""
    assert known_contents(dossier(), GDPR) == {"nature", "contact_point"}
    assert {"subjects", "records", "consequences"} <= known_contents(dossier(ALL_KNOWN), GDPR)


def test_words_of_spaces_are_no_answer() -> None:
    """A fact or an answer of blanks alone is not yet known."""
    blank = ONE_LINE.model_copy(update={"consequences": "  \n"})
    assert item(report(blank), "consequences").state is ItemState.NOT_YET_KNOWN
    assert item(report(given={"consequences": " "}), "consequences").state is ItemState.NOT_YET_KNOWN


def test_content_that_must_be_known_in_part() -> None:
    """Half of what may not be left unknown is still missing."""
    must = made_up(required_contents=(Content(key="records", text="records", may_be_unknown=False),))
    half = ONE_LINE.model_copy(update={"records_affected": 5})
    assert report(half, policy=must).missing == ("records",)
