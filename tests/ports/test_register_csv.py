"""The register as CSV: whatever a spreadsheet makes of it is read, and every mistake is named with its line."""

import csv
import io
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.adapters.register_csv import COLUMNS, Weight, read_register, readiness, write_register
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Trigger
from tocsin.domain.register import Agreement, Discharge, NoticeClause, OnLift

KEY = b"k" * 32
HEADER = "agreement,party,notify,contact\n"
BIRCH = "A-1,Birch Clinic,72h from confirmation,Beth Arden <privacy@birch.example>\n"
EXAMPLE = Path(__file__).parents[2] / "examples" / "register.csv"


def read(text: str) -> list[Agreement]:
    """Read a register given as text."""
    return read_register(text.encode(), KEY)


def mistakes(source: str | bytes) -> str:
    """Return what the register is refused with."""
    with pytest.raises(Refused) as refused:
        read_register(source.encode() if isinstance(source, str) else source, KEY)
    return str(refused.value)


def sheet(**cells: str) -> str:
    """Return a register of one line about Birch Clinic, with cells changed or added."""
    row = {
        "agreement": "A-1",
        "party": "Birch Clinic",
        "notify": "72h from confirmation",
        "contact": "Beth Arden <privacy@birch.example>",
    } | cells
    out = io.StringIO()
    writer = csv.DictWriter(out, row)
    writer.writeheader()
    writer.writerow(row)
    return out.getvalue()


def test_full_line() -> None:
    """Every column of a line arrives in its field of the agreement."""
    (agreement,) = read(
        sheet(
            role="sub-processor",
            notify="promptly from awareness; 48h from confirmation",
            discharge="Delivered",
            on_lift="restart full",
            language="DE",
            time_zone="Europe/Berlin",
            services="records-api; archive",
            deputies="Ravi Nair <Ravi@Birch.EXAMPLE>; desk@birch.example",
            copies="Legal <legal@birch.example>",
            phone="+44 20 7946 0101",
            starts_on="2024-02-29",
            ends_on="2026-12-31",
        )
    )
    assert agreement.party_name == "Birch Clinic"
    assert agreement.our_role == "sub-processor"
    assert [limb.trigger for limb in agreement.clause.limbs] == [Trigger.AWARENESS, Trigger.CONFIRMATION]
    assert (agreement.clause.discharge, agreement.clause.on_lift) == (Discharge.DELIVERED, OnLift.RESTART_FULL)
    assert (agreement.language, agreement.time_zone) == ("de", "Europe/Berlin")
    assert agreement.services == ("records-api", "archive")
    assert [contact.name for contact in agreement.chain] == ["Beth Arden", "Ravi Nair", "desk@birch.example"]
    assert agreement.chain[1].email == "Ravi@birch.example"
    assert [contact.email for contact in agreement.copies] == ["legal@birch.example"]
    assert agreement.phone == "+44 20 7946 0101"
    assert (date(2024, 2, 29), date(2026, 12, 31)) == (agreement.starts_on, agreement.ends_on)


def test_blank_cells_get_defaults() -> None:
    """Only agreement, party and notify must be filled in; nobody to write to is no mistake."""
    (agreement,) = read(sheet(contact="", role="", discharge="", on_lift="", language="", time_zone="", phone=""))
    assert agreement.chain == ()
    assert (
        agreement.our_role,
        agreement.language,
        agreement.time_zone,
        agreement.phone,
    ) == ("processor", "en", "UTC", None)
    assert NoticeClause(limbs=agreement.clause.limbs) == agreement.clause


@pytest.mark.parametrize(
    "content",
    [
        ("\ufeff" + HEADER + BIRCH).encode(),
        (HEADER + BIRCH).replace("\n", "\r\n").encode(),
        (HEADER + BIRCH).replace("\n", "\r").encode(),
        (HEADER + BIRCH).replace(",", ";").encode(),
        ("\ufeff" + (HEADER + BIRCH).replace(",", "\t").replace("\n", "\r\n")).encode(),
        (HEADER + "\n,,,\n" + BIRCH + "\n").encode(),
        (" Contact ,NOTIFY,party,agreement\n" + ",".join(reversed(BIRCH.strip().split(",")))).encode(),
        (HEADER.replace("party", '"party"') + BIRCH.rstrip()).encode(),
    ],
    ids=["mark", "crlf", "cr", "semicolons", "tabs", "blank lines", "any order", "quotes, no last newline"],
)
def test_spreadsheets_habits(content: bytes) -> None:
    """The same register is read whatever separators, line ends, marks and order of columns it was saved with."""
    assert read(HEADER + BIRCH) == read_register(content, KEY)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"agreement": " "}, "line 2: agreement: it is blank"),
        ({"party": ""}, "line 2: party: it is blank"),
        ({"notify": ""}, "line 2: notify: it is blank"),
        ({"notify": "72h from dawn"}, "line 2: notify: the trigger 'dawn' is unknown"),
        ({"notify": "2 fortnights from awareness"}, "line 2: notify: the period '2 fortnights' is unknown"),
        ({"contact": "Beth <privacy@birch>"}, "line 2: contact: 'privacy@birch' is no mail address"),
        ({"contact": "Beth privacy@birch.example"}, "is not `Name <address>`"),
        ({"contact": "Beth <büro@birch.example>"}, "'büro@birch.example' is no mail address"),
        ({"deputies": "Beth <PRIVACY@birch.example>"}, "PRIVACY@birch.example is named twice"),
        ({"copies": "X <not an address>"}, "line 2: copies: 'not an address' is no mail address"),
        ({"role": "procesor"}, "did you mean processor?"),
        ({"discharge": "read"}, "the discharge 'read' is unknown; known: accepted, delivered, acknowledged"),
        ({"on_lift": "resume"}, "the effect on lifting 'resume' is unknown"),
        ({"language": "english"}, "line 2: language: the language 'english'"),
        ({"time_zone": "Europe/Berln"}, "did you mean Europe/Berlin?"),
        ({"phone": "4.42079E+11"}, "format the column as text"),
        ({"starts_on": "01.02.2026"}, "'01.02.2026' is no date; write year-month-day"),
        ({"starts_on": "2026-02-30"}, "'2026-02-30' is no date"),
        ({"starts_on": "2026-02-01", "ends_on": "2026-01-31"}, "lies before starts_on"),
        (
            {"notify": "3 working days from awareness"},
            "line 2: calendar: it is blank, but the clause counts working days",
        ),
        ({"calendar": "Narnia"}, "line 2: calendar: calendar 'NARNIA' is unknown"),
        ({"clause": "1st!"}, "'1st!' is no key"),
        ({"methods": "post and pigeon"}, "the method 'pigeon' is unknown"),
        ({"their_role": "friend"}, "their role 'friend' is unknown"),
        ({"under": "A-1"}, "an agreement cannot stand under itself"),
        ({"data_held": "maybe"}, "'maybe' is neither yes nor no"),
        ({"possession": "hers"}, "the possession 'hers' is unknown"),
        ({"contact": "Beth <b@birch.example> confirmed lately"}, "'lately' is no date"),
        ({"party": "Birch\nBcc: mallory@elsewhere.example"}, "line 2: party: "),
    ],
)
def test_wrong_cell(cells: dict[str, str], expected: str) -> None:
    """A wrong cell is refused with its line, its column, what is wrong and the fix."""
    assert expected in mistakes(sheet(**cells))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", "line 1: the file is empty"),
        ("\n\n", "line 1: the file is empty"),
        (HEADER, "line 2: there is no agreement below the header"),
        ("agreement,party,contact\nA-1,Birch,\n", "line 1: the column 'notify' is missing"),
        ("agreement,party,notfy,contact\n", "the column 'notfy' is unknown (did you mean notify?)"),
        ("agreement,party,party,notify,contact\n", "the column 'party' is there 2 times"),
        (HEADER + "A-1,Birch, Cedar and sons,72h from awareness,\n", "line 2: cells: there are 5, the header has 4"),
        (HEADER + "A-1,Birch,72h from awareness\n", "line 2: cells: there are 3, the header has 4"),
        (HEADER + BIRCH + BIRCH, "line 3: agreement: 'A-1' stands in line 2 already"),
        (HEADER + BIRCH + BIRCH.replace("A-1", "A-2") + BIRCH, "line 4: agreement: 'A-1' stands in line 2 already"),
        (HEADER + '\n\nA-1,"Birch,72h from awareness,\n', "line 4: "),
        (HEADER + f"A-1,{'x' * 200_000},72h from awareness,\n", "line 2: field larger than field limit"),
        (b"\xff\xfea\x00g\x00", "it is UTF-16, not UTF-8; save it again as `CSV UTF-8"),
        ((HEADER + "A-1,B\x00rch,,").encode(), "line 2: byte 37 is NUL"),
        ((HEADER + "A-1,Büro").encode("latin-1"), "line 2: byte 37 (0xfc) is not UTF-8"),
        (("\ufeff" + HEADER + "A-1,B").encode() + b"\xfc", "line 2: byte 40 (0xfc) is not UTF-8"),
    ],
)
def test_wrong_file(source: str | bytes, expected: str) -> None:
    """A file that is no register is refused with the line and what to do."""
    assert expected in mistakes(source)


def test_every_mistake_with_its_physical_line() -> None:
    """All mistakes are named at once, by the line of the file, also after cells that span lines."""
    message = mistakes(
        HEADER
        + 'A-1,"Birch\nClinic",72h from awareness,\n'
        + "A-2,Cedar Bank,soon,<nobody>\n"
        + "\n"
        + "A-2,Dogwood School,24h from awarenes,\n"
    )
    expected = [(2, "party"), (4, "notify"), (4, "contact"), (6, "agreement"), (6, "notify")]
    assert "5 mistakes, nothing imported" in message
    named = [line.strip().split(": ")[:2] for line in message.splitlines()[1:]]
    assert [[f"line {line}", column] for line, column in expected] == named


def test_missing_file(tmp_path: Path) -> None:
    """A path that leads nowhere is refused with the path."""
    with pytest.raises(Refused, match=r"cannot read the register .*nowhere\.csv"):
        read_register(tmp_path / "nowhere.csv", KEY)


def test_ids_are_opaque_and_stable() -> None:
    """Ids depend on the key and the reference, party or address alone, whatever else changes or however it is typed."""
    (before,) = read(sheet())
    (after,) = read(sheet(party="BIRCH CLINIC", notify="24h from awareness", contact="B <privacy@BIRCH.example>"))
    (other,) = read_register(sheet().encode(), b"x" * 32)
    assert (before.agreement_id, before.party_id) == (after.agreement_id, after.party_id)
    assert before.chain[0].contact_id == after.chain[0].contact_id
    assert not {before.agreement_id, before.party_id} & {other.agreement_id, other.party_id}
    assert "birch" not in before.model_dump_json(include={"agreement_id", "party_id"}).casefold()


def test_composed_and_decomposed_names_are_one_party() -> None:
    """A name typed on another kind of keyboard is still the same party."""
    composed, decomposed = read(sheet(party="Caf\u00e9 Elm"))[0], read(sheet(party="Cafe\u0301 Elm"))[0]
    assert composed == decomposed


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="<>;"), min_size=1
).filter(str.strip)


@settings(deadline=None)
@given(reference=NAMES, party=NAMES, contact=NAMES, service=st.sampled_from(["", "api", "api; archive"]))
def test_writing_reads_back(reference: str, party: str, contact: str, service: str) -> None:
    """Whatever was read is written so that it reads back exactly, formulas, quotes and separators included."""
    agreements = read(sheet(agreement=reference, party=party, contact=f"{contact} <a@b.example>", services=service))
    assert agreements == read_register(write_register(agreements), KEY)


def test_export_leaves_cells_exact() -> None:
    """A cell that a spreadsheet takes for a formula is exported as it is."""
    (agreement,) = read(sheet(party="=Birch & Sons", phone="+44 20 7946 0101"))
    assert b",=Birch & Sons," in write_register([agreement])
    assert b",+44 20 7946 0101," in write_register([agreement])


def test_export_refuses_what_would_not_read_back() -> None:
    """A contact's name with a separator in it is refused rather than exported as two contacts."""
    (agreement,) = read(sheet())
    renamed = agreement.chain[0].model_copy(update={"name": "Beth; Ravi"})
    with pytest.raises(Refused, match="rename it"):
        write_register([agreement.model_copy(update={"chain": (renamed,)})])


def test_example_register() -> None:
    """The example holds what the demo shows: 40 controllers, the periods, 3 on another service, one without contact."""
    agreements = read_register(EXAMPLE, KEY)
    assert EXAMPLE.read_bytes() == write_register(agreements)
    assert len({agreement.party_id for agreement in agreements}) == 40
    assert Counter(service for a in agreements for service in a.services) == {"records-api": 37, "archive": 3}
    numbers = {limb.period for agreement in agreements for limb in agreement.clause.limbs}
    assert {None, *(timedelta(hours=hours) for hours in (24, 36, 48, 72))} == numbers
    assert sum(all(limb.period is None for limb in a.clause.limbs) for a in agreements) == 1
    (unreachable,) = (agreement for agreement in agreements if not agreement.chain)
    assert unreachable.phone
    shared = Counter(contact.email for agreement in agreements for contact in agreement.chain)
    assert [count for count in shared.values() if count > 1] == [2]


def test_readiness() -> None:
    """What is missing, what is weak and what is shared is found, each with a fix."""
    agreements = read(
        HEADER.replace("\n", ",deputies,phone,ends_on\n")
        + "A-1,Birch Clinic,72h from awareness,,,+44 20 7946 0101,\n"
        + "A-2,Cedar Bank,72h from awareness,Ines <ines@advisers.example>,Jonas <jonas@cedar.example>,,2025-12-31\n"
        + "A-3,Dogwood School,72h from awareness,Ines <INES@advisers.example>,,,2026-01-01\n"
    )
    found = [(finding.reference, finding.severity, finding.what) for finding in readiness(agreements, date(2026, 1, 1))]
    assert found == [
        ("A-1", Weight.MISSING, "there is nobody to write to"),
        ("A-2", Weight.WEAK, "the agreement ended on 2025-12-31"),
        ("A-2", Weight.INFO, "2 contacts were never confirmed"),
        ("A-3", Weight.WEAK, "the contact has no deputy"),
        ("A-3", Weight.INFO, "1 contact was never confirmed"),
        ("A-2", Weight.INFO, "its contact ines@advisers.example is also the contact of Dogwood School"),
    ]


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        ({"data_held": "no"}, "the agreement ended on 2025-12-31 and its data is gone"),
        ({"data_held": "yes"}, "the agreement ended on 2025-12-31, and its data is still held"),
        ({"data_held_until": "2026-06-30"}, "the agreement ended on 2025-12-31, and its data is still held"),
        (
            {"contact": "Beth <beth@birch.example> confirmed 2024-12-30"},
            "beth@birch.example was last confirmed on 2024",
        ),
        ({"clause_recipients": "Desk <desk@birch.example>"}, "the contact of the clause security_incident has no"),
    ],
)
def test_readiness_of_what_ages(cells: dict[str, str], what: str) -> None:
    """Ended agreements, what became of their data, and old confirmations are found."""
    found = [finding.what for finding in readiness(read(sheet(ends_on="2025-12-31", **cells)), date(2026, 1, 1))]
    assert any(one.startswith(what) for one in found)


def test_a_fresh_confirmation_is_no_finding() -> None:
    """Contacts that somebody made sure of within a year are not mentioned."""
    cells = {
        "contact": "B <b@birch.example> confirmed 2025-12-31",
        "deputies": "<c@birch.example> confirmed 2025-02-01",
    }
    assert readiness(read(sheet(**cells)), date(2026, 1, 1)) == []


def test_readiness_of_a_clause_without_promise() -> None:
    """An agreement whose clause promises nothing is missing its clause."""
    (agreement,) = read(sheet(deputies="Ravi <ravi@birch.example>"))
    (finding,) = readiness(iter([agreement.model_copy(update={"clause": NoticeClause(limbs=())})]))
    assert (finding.severity, finding.what) == (Weight.MISSING, "the clause promises nothing")


def test_large_register() -> None:
    """Ten thousand lines are read, written and judged, with nothing quadratic in the way."""
    text = HEADER + "".join(
        f"A-{n},Party {n},promptly from discovery; 72h from confirmation,Desk <desk@p{n}.example>\n"
        for n in range(10_000)
    )
    agreements = read(text)
    assert 10_000 == len(agreements) == len(readiness(agreements))
    assert len(COLUMNS) - 1 == write_register(agreements).splitlines()[-1].count(b",")
