"""The organisation profile: read with every mistake at once, written as questions, laid under the facts of a case."""

from pathlib import Path

import pytest

from tocsin.adapters.organisation import load_organisation, write_default_organisation
from tocsin.domain.authority import seat_of
from tocsin.domain.errors import Refused
from tocsin.domain.fact import WhoKnows
from tocsin.domain.organisation import Organisation, with_facts
from tocsin.policies import load_policies

PACK = load_policies()


def profile(folder: Path, text: str) -> Organisation:
    """Read a profile of this text."""
    path = folder / "org.toml"
    path.write_text(text, encoding="utf-8")
    return load_organisation(path, PACK.facts)


def refused(folder: Path, text: str) -> str:
    """Return what a profile of this text is refused with."""
    with pytest.raises(Refused) as caught:
        profile(folder, text)
    return str(caught.value)


def test_what_it_says_are_facts(tmp_path: Path) -> None:
    """Every key but name, zone and lead authority is the fact of that name; what is not there is not known."""
    found = profile(tmp_path, 'name = "Birch Clinic"\nroles = ["controller"]\nkinds = []\nlead_authority = "DE"\n')
    assert found.facts == {"org.roles": ("controller",), "org.kinds": ()}
    assert (found.name, found.lead_authority, found.time_zone) == ("Birch Clinic", "DE", "UTC")


def test_every_mistake_at_once(tmp_path: Path) -> None:
    """Unknown keys, wrong types, words that are no choice, places, zone and authority are all named together."""
    text = """
        roles = ["controler"]
        establishments = ["UK", "Germany"]
        serves = "DE"
        sektor = "health"
        turnover_aud = true
        time_zone = "Europe/Bonn"
        lead_authority = "US"
        name = ""
    """
    told = refused(tmp_path, text)
    for what in (
        "did you mean controller?",
        "'UK' is no place; write GB",
        "'Germany' is no place",
        "serves is 'DE', but it must be a list",
        "the key 'sektor' is unknown",
        "turnover_aud is True, but it must be a whole number",
        "time_zone is 'Europe/Bonn'",
        "lead_authority is 'US'",
        "name is ''",
    ):
        assert what in told


@pytest.mark.parametrize("content", [b"roles = [", b"\xff\xfe", b"a" + b"=[" * 5000, b"\x00"])
def test_what_is_no_toml(tmp_path: Path, content: bytes) -> None:
    """Bytes that are no TOML are refused in one sentence that names the file."""
    path = tmp_path / "org.toml"
    path.write_bytes(content)
    with pytest.raises(Refused, match=r"org\.toml"):
        load_organisation(path, PACK.facts)


def test_no_file(tmp_path: Path) -> None:
    """Where there is none, the command that writes one is named."""
    with pytest.raises(Refused, match="tocsin init"):
        load_organisation(tmp_path / "org.toml", PACK.facts)


def test_the_first_file_knows_nothing_and_asks_everything(tmp_path: Path) -> None:
    """What `init` writes holds each fact as a question in a comment, answers none, and is kept once it is there."""
    path = tmp_path / "org.toml"
    assert write_default_organisation(path, PACK.facts)
    assert load_organisation(path, PACK.facts).facts == {}
    text = path.read_text()
    asked = [fact for fact in PACK.facts.facts if fact.who is WhoKnows.ORG]
    assert [fact.key for fact in asked if f"# {fact.key.removeprefix('org.')} = " not in text] == []
    path.write_text('time_zone = "Asia/Kolkata"\n')
    assert not write_default_organisation(path, PACK.facts)
    assert load_organisation(path, PACK.facts).time_zone == "Asia/Kolkata"


def test_every_example_in_the_first_file_can_be_used(tmp_path: Path) -> None:
    """Removing the # from every line that sets something gives a file without a mistake."""
    path = tmp_path / "org.toml"
    write_default_organisation(path, PACK.facts)
    lines = path.read_text().splitlines()
    assert profile(tmp_path, "\n".join(line.removeprefix("# ") for line in lines if " = " in line)).facts


def test_a_case_speaks_over_the_profile() -> None:
    """Facts of one case replace those of the profile; None makes a fact unknown again."""
    base = Organisation(facts={"org.roles": ("controller",), "org.nis2": "none"})
    found = with_facts(base, {"org.roles": ("processor",), "org.nis2": None})
    assert found.facts == {"org.roles": ("processor",)}


@pytest.mark.parametrize(
    ("policy", "org", "zone", "calendar"),
    [
        ("IN-CERT-6H", Organisation(), "Asia/Kolkata", "IN"),
        ("UK-GDPR-33-1", Organisation(), "Europe/London", "GB"),
        ("US-TX-AG", Organisation(), "America/Chicago", "US"),
        ("US-HIPAA-IND", Organisation(), "America/New_York", "US"),
        ("EU-GDPR-33-1", Organisation(lead_authority="DE"), "Europe/Berlin", "EU-DE"),
        ("EU-GDPR-33-1", Organisation(facts={"org.establishments": ("US", "IE")}), "Europe/Dublin", "EU-IE"),
        ("EU-GDPR-33-1", Organisation(facts={"org.establishments": ("IE", "DE", "FI")}), "Europe/Helsinki", None),
        ("EU-GDPR-33-1", Organisation(facts={"org.serves": ("FR", "PT")}), "Europe/Paris", None),
        ("EU-GDPR-33-1", Organisation(), "Europe/Helsinki", None),
    ],
)
def test_where_the_authority_sits(policy: str, org: Organisation, zone: str, calendar: str | None) -> None:
    """Days end on the authority's clocks; where it is open which it is, on the clocks on which they end first."""
    seat = seat_of(PACK.policy(policy), org)
    assert (zone, calendar) == (seat.zone, seat.calendar_id)


def test_every_law_has_a_seat() -> None:
    """Each place whose law ships has an authority with a time zone of its own."""
    assert [policy.id for policy in PACK.policies if not policy.doubts() and _unseated(policy.id)] == []


def _unseated(policy_id: str) -> bool:
    doubt = seat_of(PACK.policy(policy_id), Organisation(lead_authority="DE")).doubt
    return doubt is not None
