"""A report to an authority as it is read from a real store, and written as text, JSON and PDF."""

import json
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from tests.ports.pdf_text import text_of
from tests.ports.story import AT, CLOCK, HOUR, INCIDENT, clock, facts, note, notice, state, task, wave
from tocsin.adapters.authority_reports import as_json, as_pdf, as_text
from tocsin.adapters.dossier import governing, read_dossier, timing
from tocsin.adapters.sql import SqlStore
from tocsin.domain.authority_report import AuthorityReport, Timing, authority_report
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Facts, Trigger, TriggerFact
from tocsin.domain.notice import NoticeState
from tocsin.domain.organisation import Organisation
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.report_contents import Dossier
from tocsin.domain.task import TaskKind, TaskState
from tocsin.domain.values import ActId, IncidentId
from tocsin.policies import load_policies

AWARE = {Trigger.AWARENESS: TriggerFact(at=AT)}


@cache
def pack() -> PolicyPack:
    """Return the policies that ship."""
    return load_policies()


def dossier(**more: object) -> Dossier:
    """Return what is known of the open share."""
    known = {"incident_id": INCIDENT, "facts": facts(), "triggers": AWARE, "contact_point": "Dara, privacy@p.example"}
    return Dossier.model_validate(known | more)


def report(policy_id: str = "EU-GDPR-33-1", hours: int = 10, **more: object) -> AuthorityReport:
    """Return the report made so many hours after awareness."""
    found, policy = dossier(**more), pack().policy(policy_id)
    return authority_report(policy, found, timing(pack(), policy, found, Organisation()), AT + hours * HOUR)


def test_the_dossier_of_an_incident(store: SqlStore) -> None:
    """Facts, mitigation done and not done, improvements, reasons for delay and notices come out of the store."""
    mitigated = task("keys", title="Replace the keys").model_copy(
        update={"kind": TaskKind.MITIGATION, "state": TaskState.DONE}
    )
    improved = task("train", title="Train the desk").model_copy(update={"kind": TaskKind.IMPROVEMENT})
    with store.writing() as tx:
        tx.incidents.put_state(state(), AT)
        tx.incidents.put_facts(INCIDENT, facts(), AT, ActId("act-1"))
        tx.incidents.add_act(note("act-why", "The logs came late"), 2)
        tx.tasks.put([mitigated, task("more").model_copy(update={"kind": TaskKind.MITIGATION}), improved], 1)
        tx.duties.put_clock(clock(CLOCK).model_copy(update={"late": True, "late_reason": ActId("act-why")}))
        tx.ledger.put_wave(wave(rows=2, released=True))
        tx.ledger.plan([notice(0, state=NoticeState.DELIVERED), notice(1)])
    with store.reading() as tx:
        found = read_dossier(tx, INCIDENT, "Processor Ltd", "desk@processor.example")
    assert (found.measures_taken, found.measures_intended) == (("Replace the keys",), (task("more").title,))
    assert (found.prevention, found.delay_reasons) == (("Train the desk",), ("The logs came late",))
    assert (found.notices_given, found.contact_point) == ("1 party was told", "desk@processor.example")


def test_the_facts_name_the_contact(store: SqlStore) -> None:
    """A contact point in the incident's facts goes before our desk's."""
    with store.writing() as tx:
        tx.incidents.put_state(state(), AT)
        tx.incidents.put_facts(INCIDENT, Facts(title="x", contact_point="Noor"), AT, ActId("act-1"))
    with store.reading() as tx:
        assert read_dossier(tx, INCIDENT, "", "desk").contact_point == "Noor"


def test_no_such_incident(store: SqlStore) -> None:
    """An unknown incident is refused with the command that lists them."""
    with store.reading() as tx, pytest.raises(Refused, match="tocsin list"):
        read_dossier(tx, IncidentId("inc-nothing"), "", "")


def test_the_period_is_the_one_that_explain_computes() -> None:
    """72 hours of art. 33(1) are elapsed hours from awareness; which authority's clock it is, is not known yet."""
    policy = pack().policy("EU-GDPR-33-1")
    assert timing(pack(), policy, dossier(), Organisation()) == Timing(
        trigger_at=AT, trigger_basis="stated", deadline_at=AT + timedelta(hours=72), zone="UTC"
    )
    german = Organisation(lead_authority="DE")
    assert timing(pack(), policy, dossier(), german).zone == "Europe/Berlin"


def test_what_has_not_happened_has_no_deadline() -> None:
    """A period whose event has not happened has no deadline."""
    policy = pack().policy("EU-DORA-INIT")
    assert timing(pack(), policy, dossier(triggers={}), Organisation()).deadline_at is None


def test_the_law_of_the_day() -> None:
    """The version of the rule is that of the day on which its event happened; case does not matter in its id."""
    assert governing(pack(), "eu-gdpr-33-1", dossier(), AT).id == "EU-GDPR-33-1"
    with pytest.raises(Refused, match="did you mean"):
        governing(pack(), "EU-GDPR-33-11", dossier(), AT)


def test_text_for_a_portal() -> None:
    """The text names recipient, rule, period and each content with its mark and its answer."""
    text = as_text(report()).decode()
    for line in (
        "NOTIFY THE SUPERVISORY AUTHORITY OF A PERSONAL DATA BREACH",
        "Deadline:   2026-03-05 03:00 UTC, 2 d 14 h left",
        "[x] The nature of the breach (given)",
        "    What happened: Found by Asha on the night shift",
        "[~] Where possible, the categories and approximate number of people concerned (partly known)",
        "    Approximate number of people: 1,200",
        "[?] The likely consequences of the breach (not yet known)\n    not yet known",
        "[-] If later than 72 hours after awareness: the reasons for the delay (not needed)",
        "    2026-03-02 03:00 UTC  Awareness (stated)",
    ):
        assert line in text
    assert "!" not in text


def test_a_late_report_says_send_it_now() -> None:
    """Late, or with something missing, a report is loud and still goes out."""
    text = as_text(report(hours=80)).decode()
    assert "! It is late. Send it now; what is missing may follow." in text
    assert "! Still missing: 1 of 7, marked below. It may go out all the same." in text
    assert "[ ] If later than 72 hours after awareness: the reasons for the delay (missing)" in text
    assert "8 h overdue" in text


def test_doubts_are_told() -> None:
    """A rule from secondary sources, one that is not law, and a text without contents say so."""
    doubted = next(p for p in pack().policies if p.counsel_check and p.kind == "notice" and not p.doubts())
    assert "check with counsel" in as_text(report(doubted.id)).decode()
    asleep = next(p for p in pack().policies if p.inactive_because and p.kind == "notice")
    assert "This rule starts no clock here" in as_text(report(asleep.id)).decode()
    assert "The text names no contents" in as_text(report("EU-GDPR-33-4")).decode()


def test_json_is_an_interface() -> None:
    """JSON names its form and types what is not yet known as such."""
    read = json.loads(as_json(report()))
    assert read["format"] == "tocsin.authority-report/1"
    items = {item["key"]: item for item in read["items"]}
    assert (items["consequences"]["state"], items["consequences"]["value"]) == ("not yet known", None)
    assert (read["ready"], read["missing"], read["timing"]["deadline_at"]) == (True, [], "2026-03-05T03:00:00Z")


def test_pdf_says_the_same() -> None:
    """The PDF holds what the text holds, and the same report gives the same bytes."""
    made = report(hours=80)
    pdf = as_pdf(made)
    assert pdf == as_pdf(made)
    text = text_of(pdf)
    for item in made.items:
        assert item.text[1:] in text
        assert all((part.value or "………" if item.state == "missing" else "") in text for part in item.parts)
    assert "It is late. Send it now; what is missing may follow." in text
    assert "REPORT TO AN AUTHORITY · LATE" in text
    assert "as of 2026-03-05 11:00 UTC" in text


def test_names_of_all_europe_in_a_pdf() -> None:
    """An organisation and its people are named in their own letters."""
    name = "Ελληνική Κλινική · Клініка Київ · Öğrenci Sağlık · ქართული"
    assert name in text_of(as_pdf(report(organisation=name)))


def test_as_of_its_own_instant() -> None:
    """The date in a report is the instant as of which it was made, never that of the machine."""
    made = report().model_copy(update={"made_at": datetime(2031, 5, 4, 3, 2, tzinfo=UTC)})
    assert b"/CreationDate (D:20310504030200Z)" in as_pdf(made)
    assert "As of:      2031-05-04 03:02 UTC" in as_text(made).decode()
