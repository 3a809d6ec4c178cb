"""The register as TOML, and what takes several rows of CSV: both say the same, and mistakes are named by their path."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.adapters.register_csv import read_register, write_register
from tocsin.adapters.register_file import Format, stream_file, write_file
from tocsin.adapters.register_toml import stream_toml, write_toml
from tocsin.domain.clause import ExemptionKind, Method, OnSilence, OwedBy, Possession
from tocsin.domain.errors import Refused
from tocsin.domain.governing import versions
from tocsin.domain.register import Agreement

KEY = b"k" * 32
EXAMPLE = Path(__file__).parents[2] / "examples" / "register.toml"
ONE = '[[agreement]]\nagreement = "A-1"\nparty = "Birch Clinic"\ncontact = "b@birch.example"\n'
CLAUSE = '[[agreement.clause]]\nnotify = "72h from awareness"\n'
CSV_HEADER = "agreement,party,notify,contact,clause,version,starts_on,clause_copies,clause_recipients\n"


def read(text: str) -> list[Agreement]:
    """Read a register given as TOML."""
    return list(stream_toml(text.encode(), KEY))


def mistakes(text: str) -> str:
    """Return what TOML is refused with."""
    with pytest.raises(Refused) as refused:
        read(text)
    return str(refused.value)


def test_example() -> None:
    """The example's tables arrive as two versions, two clauses, an order, a sub-processor and an ended agreement."""
    clinics, order, sub, ended = stream_file(EXAMPLE, KEY)
    assert [one.version for one in versions(clinics)] == ["2023", "2026"]
    main, secrets = clinics.clauses
    assert (main.delivered_within, secrets.delivered_within) == (timedelta(hours=2), None)
    assert (main.on_silence, main.exceptions[0].kind) == (OnSilence.RELEASE_MINIMAL, ExemptionKind.UNSUCCESSFUL)
    assert "failed; no data" in main.exceptions[0].text
    assert secrets.methods == (Method.POST, Method.MAIL)
    assert (secrets.possession, secrets.data) == (Possession.OURS_OR_SUBPROCESSORS, ("trade secrets",))
    assert [contact.name for contact in secrets.recipients] == ["Company secretary", "Counsel"]
    assert (secrets.copies, main.copies) == ((), None)
    assert secrets.calendar is not None
    assert date(2026, 1, 26) in secrets.calendar.holidays
    assert clinics.chain[0].confirmed_on == date(2025, 11, 3)
    assert order.under == clinics.reference
    assert (sub.is_subprocessing, sub.clause.owed_by, sub.location) == (True, OwedBy.THEM, "Frankfurt, Germany")
    assert ended.data_held_until == date(2026, 12, 31)


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    """What TOML says, CSV says in more rows: either form, written and read, gives the same agreements and bytes."""
    agreements = list(stream_file(EXAMPLE, KEY))
    for form in Format:
        file = tmp_path / f"register.{form}"
        file.write_bytes(write_file(agreements, form))
        again = list(stream_file(file, KEY))
        assert agreements == again
        assert file.read_bytes() == write_file(again, form)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12)
NAMES = TEXTS.filter(lambda text: text.strip() and not set(text) & set("<>;"))
ITEMS = st.lists(TEXTS.filter(str.strip), max_size=3)
DATES = st.dates(date(2020, 1, 1), date(2030, 1, 1))
CONTACTS = st.builds(lambda name, n: f"{name} <c{n}@birch.example>", NAMES, st.integers(1, 10**9))
CLAUSES = st.fixed_dictionaries(
    {
        "notify": st.sampled_from(
            [["72h from awareness"], ["promptly from discovery", "5 calendar days from awareness"]]
        )
    },
    optional={
        "data": ITEMS,
        "possession": st.sampled_from([*Possession]),
        "methods": st.lists(st.sampled_from([*Method]), min_size=1, max_size=3),
        "subject": st.sampled_from(["confidentiality", "security_incident"]),
        "owed_by": st.sampled_from([*OwedBy]),
        "language": st.sampled_from(["de", "pt-BR"]),
        "time_zone": st.just("Asia/Kolkata"),
        "calendar": st.just("IN"),
        "on_silence": st.sampled_from([*OnSilence]),
        "delivered_within": st.sampled_from(["5min", "2h", "72h"]),
        "exceptions": st.lists(st.builds(lambda text: {"kind": "no_risk", "text": text}, TEXTS), max_size=2),
        "recipients": st.lists(CONTACTS, max_size=2),
        "copies": st.lists(CONTACTS, max_size=2),
    },
)
AGREEMENTS = st.fixed_dictionaries(
    {"party": NAMES},
    optional={
        "regions": ITEMS,
        "subprocessors": ITEMS,
        "data_categories": ITEMS,
        "governing_law": TEXTS,
        "location": TEXTS,
        "under": TEXTS.filter(lambda text: text.strip() != "A-1"),
        "their_role": st.sampled_from(["controller", "sub-processor"]),
        "data_held": st.booleans(),
        "data_held_until": DATES,
        "starts_on": DATES,
        "deputies": st.lists(CONTACTS, max_size=2),
    },
)


def toml(value: Any) -> str:
    """Write a value as TOML."""
    if isinstance(value, str):
        from tocsin.adapters.register_toml import _quoted

        return _quoted(str(value))
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {toml(one)}' for key, one in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return str(value).lower()


@settings(deadline=None, max_examples=150)
@given(AGREEMENTS, st.lists(CLAUSES, max_size=3))
def test_whatever_is_read_is_written_alike(agreement: dict[str, Any], clauses: list[dict[str, Any]]) -> None:
    """Whatever TOML was read goes through CSV and through TOML, and comes back exactly."""
    lines = ["[[agreement]]", 'agreement = "A-1"', *(f"{key} = {toml(value)}" for key, value in agreement.items())]
    for number, clause in enumerate(clauses):
        lines += ["[[agreement.clause]]", f'key = "clause_{number}"']
        lines += [f"{key} = {toml(value)}" for key, value in clause.items()]
    try:
        found = read("\n".join(lines))
    except Refused:  # as two contacts with one address
        return
    assert found == read_register(write_register(found), KEY)
    assert found == list(stream_toml(write_toml(found), KEY))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "at least one, and nothing else; it has nothing"),
        ("agreements = 3", "it has 'agreements'"),
        ("agreement = 3", "holds [[agreement]] tables"),
        ("agreement = [1]", "agreement[1]: agreement: it is no table"),
        ("[[agreement]\n", "is not TOML"),
        ("x = " + "[" * 50_000, "it nests too deeply"),
        ("x = " + "9" * 10_000, "TOML"),
        (ONE + "phone = 44207\n", "agreement[1]: phone: 44207 is no text; write it in quotes"),
        (ONE + 'phnoe = "+44 20 7946"\n', "agreement[1]: phnoe: the key is unknown (did you mean phone?)"),
        (ONE + 'clause = "x"\n', "agreement[1]: clause: it is no list of tables"),
        (ONE + "starts_on = 2026-01-01T00:00:00Z\n", "agreement[1]: starts_on: "),
        (ONE + 'regions = ["EU", 3]\n', "agreement[1]: regions: 3 is no text"),
        (ONE + 'party_name = "x"\n', "agreement[1]: party_name: the key is unknown"),
        (ONE + 'deputies = ["a@b.example; c@d.example"]\n', "holds a separator"),
        (ONE + 'location = ["x"]\n', "agreement[1]: location: it is a list"),
        (ONE + f'location = "{"x" * 100_001}"\n', "agreement[1]: location: it is longer than"),
        (ONE + 'location = "a\\u0007b"\n', "agreement[1]: location: "),
        (ONE + CLAUSE + CLAUSE, "agreement[1].clause[2]: agreement: 'A-1' stands in agreement[1] already"),
        (
            ONE + CLAUSE + CLAUSE + 'key = "two"\nexceptions = [3]\n',
            "agreement[1].clause[2]: exceptions: an exception is",
        ),
        (
            ONE + CLAUSE + CLAUSE.replace("72h", "soon") + 'key = "b"\n',
            "agreement[1].clause[2]: notify: the period 'soon'",
        ),
        (ONE + CLAUSE + ONE.replace("b@", "@"), "agreement[2]: contact: '@birch.example' is no mail address"),
    ],
)
def test_wrong_toml(text: str, expected: str) -> None:
    """Whatever is no register is refused with the path of what is wrong and the fix, however hostile."""
    assert expected in mistakes(text)


def test_an_agreement_without_a_clause() -> None:
    """It is read, promises nothing, and reads back from CSV likewise."""
    (agreement,) = read(ONE)
    assert agreement.clause.limbs == ()
    assert [agreement] == read_register(write_register([agreement]), KEY)


def test_rows_of_one_contract() -> None:
    """Further rows add a clause or a version; what a clause's row leaves blank, its agreement's row says."""
    (agreement,) = read_register(
        (
            CSV_HEADER
            + "A-1,Birch,72h from awareness,b@birch.example,,2024,2024-01-01,,\n"
            + "A-1,Birch,24h from awareness,b@birch.example,,2026,2026-01-01,,\n"
            + "A-1,,48h from awareness,,secrets,2026,,nobody,x@birch.example\n"
        ).encode(),
        KEY,
    )
    assert (agreement.version, [one.version for one in agreement.other_versions]) == ("2026", ["2024"])
    assert [clause.key for clause in agreement.clauses] == ["security_incident", "secrets"]
    assert agreement.clauses[1].copies == ()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("A-1,Cedar,48h from awareness,,secrets,,,,\n", "line 3: party: 'Cedar' is not what line 2 says"),
        ("A-1,,48h from awareness,,SECURITY INCIDENT,,,,\n", "line 3: agreement: 'A-1' stands in line 2 already"),
        ("A-1,Birch,48h from awareness,,,2,,,\n", "line 3: starts_on: another version starts on the same day"),
        ("A-1,Cedar,48h from awareness,,,2,2026-01-01,,\n", "line 3: party: it is 'Birch' in another version"),
        ("A-1,,,,secrets,,,,\n", "line 3: notify: it is blank"),
    ],
)
def test_rows_that_do_not_fit_together(rows: str, expected: str) -> None:
    """A further row that contradicts its agreement is named with its line."""
    with pytest.raises(Refused) as refused:
        read_register((CSV_HEADER + "A-1,Birch,72h from awareness,,,,,,\n" + rows).encode(), KEY)
    assert expected in str(refused.value)
