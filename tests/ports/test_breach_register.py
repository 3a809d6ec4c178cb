"""The register of breaches out of a real store, as CSV and JSON."""

import csv
import io
import json
from datetime import timedelta

import pytest

from tests.ports.story import AT, HOUR, INCIDENT, OTHER_INCIDENT, agreement, duty, facts, note, notice, state, wave
from tocsin.adapters.breach_register import COLUMNS, LISTED, as_csv, as_json, read_breaches
from tocsin.adapters.sql import SqlStore
from tocsin.domain.breach_register import Breach, Records, Told, breach
from tocsin.domain.incident import Facts, Status
from tocsin.domain.notice import NoticeState
from tocsin.domain.register import Affected
from tocsin.domain.values import ActId


def kept(store: SqlStore) -> None:
    """Keep one incident of which Birch Clinic was told, and a newer one that was dismissed."""
    with store.writing() as tx:
        tx.incidents.put_state(state(), AT)
        tx.incidents.put_facts(INCIDENT, facts(), AT, ActId("act-1"))
        tx.incidents.add_act(note("act-2"), 2)
        newer = state(incident_id=OTHER_INCIDENT, status=Status.DISMISSED, reported_at=AT + 24 * HOUR)
        tx.incidents.put_state(newer, AT)
        revision = tx.register.publish([agreement(0)], AT)
        tx.register.pin(INCIDENT, [Affected(agreement=agreement(0), revision=revision)])
        tx.duties.put([duty(0)])
        tx.ledger.put_wave(wave(rows=1, released=True))
        tx.ledger.plan([notice(0, state=NoticeState.DELIVERED)])


def rows(content: bytes) -> list[dict[str, str]]:
    """Read a CSV file as a spreadsheet does."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))


def an_entry(title: str = "A share was open", **fields: object) -> Breach:
    """Return an entry with this title."""
    return breach(Records(state=state(), facts=Facts(title="A share"))).model_copy(update={"title": title, **fields})


def test_every_incident_is_in_it(store: SqlStore) -> None:
    """Each incident is there, oldest report first, with the names behind its ids."""
    kept(store)
    with store.reading() as tx:
        entries = read_breaches(tx)
    assert [entry.incident_id for entry in entries] == [INCIDENT, OTHER_INCIDENT]
    assert [told.whom for told in entries[0].told] == [agreement(0).party_name]
    assert entries[1].nobody_told_because == "dismissed"


def test_no_drill_is_in_it(store: SqlStore) -> None:
    """A drill whose incident stands in the store was no breach: neither form of the register has it."""
    drill = state(incident_id=OTHER_INCIDENT).model_copy(update={"drill": True})
    with store.writing() as tx:
        tx.incidents.put_state(state(), AT)
        tx.incidents.put_facts(INCIDENT, facts(), AT, ActId("act-1"))
        tx.incidents.put_state(drill, AT)
        tx.incidents.put_facts(OTHER_INCIDENT, facts("DRILL: files are encrypted"), AT, ActId("act-2"))
    with store.reading() as tx:
        assert tx.incidents.state(OTHER_INCIDENT) == drill
        entries = read_breaches(tx)
    assert [entry.incident_id for entry in entries] == [INCIDENT]
    assert b"DRILL" not in as_csv(entries) + as_json(entries, AT)


def test_a_period(store: SqlStore) -> None:
    """Only the incidents reported within the period are there."""
    kept(store)
    with store.reading() as tx:
        later = read_breaches(tx, AT + HOUR)
        earlier = read_breaches(tx, None, AT + HOUR)
    assert [entry.incident_id for entry in (*earlier, *later)] == [INCIDENT, OTHER_INCIDENT]


def test_csv_has_a_line_for_each(store: SqlStore) -> None:
    """A line for each incident; what nobody knows or decided is said, not left blank."""
    kept(store)
    with store.reading() as tx:
        read = rows(as_csv(read_breaches(tx)))
    assert len(read) == 2
    assert tuple(read[0]) == COLUMNS
    assert (read[0]["cause"], read[0]["decision"]) == ("not yet known", "no decision recorded yet")
    assert read[0]["people_affected"] == "1200"
    assert "notice N-00000: delivered, outbox" in read[0]["told"]


def test_csv_is_known_as_utf_8() -> None:
    """Spreadsheets know the file for UTF-8 by its mark, and every letter comes back."""
    content = as_csv([an_entry("Žluťoučký kůň, Ελλάδα, 北京")])
    assert content.startswith(b"\xef\xbb\xbf")
    assert rows(content)[0]["title"] == "Žluťoučký kůň, Ελλάδα, 北京"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " =", "\n=", "＝", "\ufeff=", "\u00a0@"])
def test_no_cell_is_a_formula(start: str) -> None:
    """Mallory's title is text in a spreadsheet, whatever it begins with."""
    cell = rows(as_csv([an_entry(f"{start}HYPERLINK(1)")]))[0]["title"]
    assert cell == f"'{start}HYPERLINK(1)"


def test_harmless_cells_stay_as_they_are() -> None:
    """Quotes, commas and line breaks come back; an apostrophe or a sign within a text is not touched."""
    for title in ('A "share", open\nfor days', "Keys = lost", "O'Neill", "1-2"):
        assert rows(as_csv([an_entry(title)]))[0]["title"] == title


def test_many_recipients_do_not_fit_a_cell() -> None:
    """A cell names a few recipients and counts the rest; JSON has them all."""
    told = tuple(
        Told(whom=f"Party {n}", reference=None, number=None, at=AT + timedelta(seconds=n), how="mail", state="accepted")
        for n in range(LISTED + 1_000)
    )
    entry = an_entry(told=told)
    cell = rows(as_csv([entry]))[0]["told"].splitlines()
    assert len(cell) == LISTED + 1
    assert cell[-1] == "and 1,000 more; the JSON form has them all"
    assert len(json.loads(as_json([entry], AT))["breaches"][0]["told"]) == LISTED + 1_000


def test_json_is_an_interface() -> None:
    """JSON names its form, has instants in UTC, and says what is not known with null."""
    read = json.loads(as_json([an_entry()], AT))
    assert (read["format"], read["made_at"]) == ("tocsin.breaches/1", "2026-03-02T03:00:00Z")
    assert read["breaches"][0]["decision"] is None
    assert set(read["breaches"][0]) == set(Breach.model_fields)


def test_an_empty_register() -> None:
    """Without incidents there is a header, or an empty list."""
    assert rows(as_csv([])) == []
    assert json.loads(as_json([], AT))["breaches"] == []
