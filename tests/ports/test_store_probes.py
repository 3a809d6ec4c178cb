"""Rounds in the store, on both databases: written once, sent as notices are, and no part of any incident."""

import json
from datetime import datetime, timedelta

import pytest

from activities.probing import Letters, RoundStep
from tests.ports.drafted_round import ASKED, begun, opened, order, probing, stamp
from tests.ports.story import AT, HOUR, ROUND, agreement, round_
from tocsin import probing as reading
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.sql.engine import create_engine_for
from tocsin.adapters.sql.figures import read_figures
from tocsin.adapters.vault import Vault
from tocsin.domain.errors import Refused
from tocsin.domain.notice import NoticeState
from tocsin.domain.probing import Answer
from tocsin.domain.register import Agreement
from tocsin.domain.values import IncidentId
from tocsin.must_run import must_run

OTHER = IncidentId("prb-autumn")
DAY = timedelta(days=1)


@pytest.fixture
def registered(store: SqlStore) -> SqlStore:
    """A store whose register has four parties."""
    with store.writing() as tx:
        tx.register.publish(ASKED, AT)
    return store


def answers_at(store: SqlStore, now: datetime) -> dict[str, Answer]:
    """Return each reference with what came of asking its contact."""
    with store.reading() as tx:
        sheet = reading.sheet(tx, ROUND, now)
    assert sheet is not None
    return {line.reference: line.answer for line in sheet.lines}


def test_rounds_are_listed_newest_first(store: SqlStore) -> None:
    """A round is read as it was written, until it is closed."""
    newer = round_(round_id=OTHER, opened_at=AT + HOUR)
    with store.writing() as tx:
        for one in (round_(), newer):
            tx.probes.put(one)
        assert tx.probes.all() == [newer, round_()]
        tx.probes.put(newer.model_copy(update={"closed_at": AT + DAY}))
    with store.reading() as tx:
        assert tx.probes.all(open_only=True) == [round_()]
        assert tx.probes.one(OTHER) == newer.model_copy(update={"closed_at": AT + DAY})
        assert tx.probes.one(IncidentId("prb-nowhere")) is None


def test_what_is_begun_again_changes_nothing(registered: SqlStore, vault: Vault) -> None:
    """Opening, writing and setting free are each done once, whatever was sent in between."""
    round_, _ = begun(registered, vault, AT)
    before = answers_at(registered, AT)
    deeds = probing(registered, vault, "Another desk")
    assert deeds.open(order(AT)) == round_
    deeds.write(Letters(round_id=ROUND, first=0, last=100))
    assert deeds.release(RoundStep(stamp=stamp(3, AT))) == round_
    assert answers_at(registered, AT) == before
    with registered.reading() as tx:
        letters = [tx.ledger.letter(row.notice_id) for row in tx.ledger.notices(round_.wave_id)]
        assert {letter.from_name for letter in letters if letter} == {"Incident desk"}
        recalled = deeds.recall(ROUND)
        assert (recalled.round, recalled.sent, recalled.sequence) == (round_, False, 3)
        kinds = [json.loads(entry.body)["kind"] for entry in tx.log.entries(incident_id=ROUND)]
    assert kinds == ["act.probe", "probe.opened"]


def test_a_round_is_no_incident(registered: SqlStore, vault: Vault, store_url: str) -> None:
    """Nothing that lists or counts incidents knows of it; what must run for it is known."""
    round_, _ = begun(registered, vault, AT)
    with registered.reading() as tx:
        assert tx.incidents.all() == []
        assert tx.erasures.due(AT + 4000 * DAY) == []
        assert tx.duties.running_clocks() == []
        assert sorted(must_run(tx)) == [f"tocsin/probe/{ROUND}", f"tocsin/wave/{ROUND}/{round_.wave_id}"]
    engine = create_engine_for(store_url)
    with engine.connect() as connection:
        found = read_figures(connection, AT)
    engine.dispose()
    assert (found.open_incidents, dict(found.notices)) == (0, {})


def test_answers_and_the_close(registered: SqlStore, vault: Vault) -> None:
    """Silence begins with the day after the last, the close counts each answer once, and the log names nobody."""
    begun(registered, vault, AT)
    waiting = {"DOGWOOD-2": Answer.SENT, "ELM-3": Answer.SENT}
    said = {"BIRCH-0": Answer.CONFIRMED, "CEDAR-1": Answer.BOUNCED}
    with registered.reading() as tx:
        before = reading.standing(tx, AT)
    assert answers_at(registered, AT + 13 * DAY) == said | waiting
    later = AT + 15 * DAY
    assert answers_at(registered, later) == said | dict.fromkeys(waiting, Answer.SILENT)
    came = probing(registered, vault).close(RoundStep(stamp=stamp(3, later)))
    assert came.answers == {"confirmed": 1, "bounced": 1, "silent": 2}
    with registered.reading() as tx:
        assert reading.standing(tx, later) != before
        (seen,) = reading.seen(tx, later)
        assert (seen.round.closed_at, seen.answers) == (later, {"confirmed": 1, "bounced": 1, "silent": 2})
        found = reading.answers(tx, later)
        assert {address: each[0].answer for address, each in found.items()}["privacy-1@cedar-bank.example"] == "bounced"
        assert reading.answers(tx, AT + 2000 * DAY) == {}
        assert not [entry for entry in tx.log.entries() if b"example" in entry.body]


def test_one_letter_to_a_desk_of_two_parties(store: SqlStore, vault: Vault) -> None:
    """An address that two parties share gets one letter, in the language of the first, that names both."""
    desk = agreement(0).chain
    shared = agreement(1, language="de").model_copy(update={"chain": desk})
    with store.writing() as tx:
        tx.register.publish([agreement(0), shared], AT)
    found = opened(store, vault, AT)
    assert found.letters == 1
    with store.reading() as tx:
        (row,) = tx.ledger.notices(found.wave_id)
        letter = tx.ledger.letter(row.notice_id)
        assert letter is not None
        assert ("- Birch Clinic\n  - Cedar Bank" in letter.text, letter.language) == (True, "en")
        assert (row.number[0], row.state, row.linked) == ("P", NoticeState.RELEASED, True)
        assert letter.subject.startswith("TEST, no incident")
    assert answers_at(store, AT) == {"BIRCH-0": Answer.SENDING, "CEDAR-1": Answer.SENDING}


def test_nobody_is_asked_by_two_rounds_at_a_time(registered: SqlStore, vault: Vault) -> None:
    """Another round waits for the end of the first, or asks others; an agreement that is not there is named."""
    deeds = probing(registered, vault)
    deeds.open(order(AT, agreements=(agreement(0).agreement_id,)))
    with pytest.raises(Refused, match="1 of these agreements are asked by the round of 2026-03-02"):
        deeds.open(order(AT, round_id=OTHER))
    others = (agreement(1).agreement_id,)
    assert deeds.open(order(AT, round_id=OTHER, agreements=others)).letters == 1
    with pytest.raises(Refused, match="no agreement agr-nowhere"):
        deeds.open(order(AT, round_id=IncidentId("prb-x"), agreements=("agr-nowhere",)))


def test_an_address_that_no_mail_reaches(store: SqlStore, vault: Vault) -> None:
    """What the channel cannot write to is left out of the sending, with the reason, and keeps nobody else back."""
    wrong = agreement(0).chain[0].model_copy(update={"email": "bea@birch.example\nBcc: x@y.example"})
    birch: Agreement = agreement(0).model_copy(update={"chain": (wrong,)})
    with store.writing() as tx:
        tx.register.publish([birch, agreement(1)], AT)
    found = opened(store, vault, AT)
    with store.reading() as tx:
        states = [row.state for row in tx.ledger.notices(found.wave_id)]
    assert states == [NoticeState.DROPPED, NoticeState.RELEASED]
    assert answers_at(store, AT)["BIRCH-0"] is Answer.BOUNCED


def test_what_has_not_left_by_the_last_day_never_leaves(registered: SqlStore, vault: Vault) -> None:
    """A channel that was down all the time sends nothing afterwards: that would be met with silence at once."""
    found = opened(registered, vault, AT)
    came = probing(registered, vault).close(RoundStep(stamp=stamp(3, AT + 15 * DAY)))
    assert came.answers == {"sending": 4}
    with registered.writing() as tx:
        assert tx.ledger.claim(found.wave_id, 0, 4, 4, AT + 15 * DAY).rows == ()
    assert set(answers_at(registered, AT + 15 * DAY).values()) == {Answer.SENDING}
