"""The people file: who may act, in which roles; whatever is wrong with it is named at once."""

import stat
from pathlib import Path

import pytest

from tocsin.adapters.people import People, write_default
from tocsin.domain.act import UNVERIFIED_LOCAL, Role
from tocsin.domain.errors import Refused

KEY = b"k" * 32
EXAMPLE = Path(__file__).parents[2] / "examples" / "people.toml"


def people(tmp_path: Path, text: str) -> People:
    """Load a people file with this text."""
    path = tmp_path / "people.toml"
    path.write_text(text, encoding="utf-8")
    return People.load(path, KEY)


def test_example_people() -> None:
    """In the example Asha reports, Dara approves and Noor audits."""
    everyone = People.load(EXAMPLE, KEY).all()
    assert [
        ("asha", "Asha Rao", frozenset({Role.RESPONDER})),
        ("dara", "Dara Okafor", frozenset({Role.APPROVER})),
        ("noor", "Noor Haddad", frozenset({Role.AUDITOR})),
    ] == [(person.user, person.name, person.roles) for person in everyone]


def test_actor() -> None:
    """An actor carries an opaque id, the name and the roles, and no door has vouched for them yet."""
    known = People.load(EXAMPLE, KEY)
    actor = known.actor("asha")
    assert ("Asha Rao", frozenset({Role.RESPONDER}), UNVERIFIED_LOCAL) == (actor.name, actor.roles, actor.authenticated)
    assert known.person("asha").person_id == actor.person_id
    assert actor.person_id.startswith("per-")
    assert People.load(EXAMPLE, b"x" * 32).actor("asha").person_id != actor.person_id


def test_unknown_user() -> None:
    """Mallory, who is not in the file, is refused, with what to add."""
    with pytest.raises(Refused, match=r"'mallory' is nobody in .*add \[people.mallory\], or set TOCSIN_USER"):
        People.load(EXAMPLE, KEY).actor("mallory")


def test_mistyped_user() -> None:
    """A slip of the keyboard is answered with the name that was probably meant."""
    with pytest.raises(Refused, match=r"did you mean asha\?"):
        People.load(EXAMPLE, KEY).person("ahsa")


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is refused with the command that writes one."""
    with pytest.raises(Refused, match=r"`tocsin init` writes a first one"):
        People.load(tmp_path / "people.toml", KEY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[people.asha\n", "is not TOML: .*line 1"),
        ("x = " + "[" * 5_000, "nested too deeply to read"),
        ("", r"at least one, and nothing else; it has: nothing"),
        ("[people]", r"holds \[people.NAME\] tables"),
        ("[persons.asha]", r"it has: persons"),
        ("people = 1", r"holds \[people.NAME\] tables"),
        ("[people]\nasha = 1", "people.asha is no table"),
    ],
)
def test_wrong_file(tmp_path: Path, text: str, expected: str) -> None:
    """A file that does not hold tables of people is refused with what it should hold."""
    with pytest.raises(Refused, match=expected):
        people(tmp_path, text)


def test_every_mistake_at_once(tmp_path: Path) -> None:
    """Wrong fields, addresses and roles of several people are named in one refusal."""
    with pytest.raises(Refused) as refused:
        people(
            tmp_path,
            '[people.asha]\nname = ""\nemail = "asha"\nroles = ["responder", "aprover"]\nfon = "1"\n'
            '[people.dara]\nname = "Dara\\nBcc: x"\nemail = "dara@processor.example"\nroles = []\nphone = 7\n',
        )
    for expected in (
        "asha: name is missing",
        "asha: 'asha' is no mail address",
        "asha: the role 'aprover' is unknown (did you mean approver?)",
        "asha: 'fon' is unknown",
        "dara: name is missing or not one line",
        "dara: roles is missing",
        "dara: phone is missing",
    ):
        assert expected in str(refused.value)


@pytest.mark.parametrize("user", ["asha", "Asha Rao", "DOMAIN\\asha", "åsa.ek", 'a"b', "..."])
def test_default_file(tmp_path: Path, user: str) -> None:
    """The first file makes whoever set Tocsin up responder and approver, readable to them alone."""
    path = tmp_path / "home" / "people.toml"
    assert write_default(path, user)
    assert {Role.RESPONDER, Role.APPROVER} == People.load(path, KEY).actor(user).roles
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_default_file_replaces_nothing(tmp_path: Path) -> None:
    """A people file that exists is kept as it is."""
    path = tmp_path / "people.toml"
    write_default(path, "asha")
    assert not write_default(path, "mallory")
    assert [person.user for person in People.load(path, KEY).all()] == ["asha"]
