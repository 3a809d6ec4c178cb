"""Scenarios: those that ship can be read, and one with mistakes is refused with all of them at once."""

from pathlib import Path

import pytest

from tocsin.domain.errors import Refused
from tocsin.domain.scenario import Player
from tocsin.drill.scenario_file import read_scenario, shipped

WRONG = """\
title = "Wrong"
register_csv = "agreement,party,notify,contact\\nBIRCH-1,Birch Clinic,soon,\\n"
[people.asha]
name = "Asha"
roles = ["responder"]
asleep = [[8, 4]]

[[act]]
hour = 1
who = "asha"
do = "release"

[[act]]
hour = 80
who = "dara"
do = "confirm"

[[fault]]
what = "worker"
begin = 9
end = 9
"""


@pytest.mark.parametrize("name", shipped())
def test_what_ships_can_be_read(name: str) -> None:
    """Each scenario that ships has no mistake."""
    assert read_scenario(name).title


def test_six_ship() -> None:
    """The six that are promised are there."""
    promised = {"ransomware", "credential_stuffing", "misdirected_mail", "stolen_laptop"}
    assert set(shipped()) == promised | {"subprocessor_breach", "law_enforcement_hold"}


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    """Whoever writes one hears of every mistake, with its place, in one go."""
    path = tmp_path / "wrong.toml"
    path.write_text(WRONG)
    with pytest.raises(Refused) as refused:
        read_scenario(str(path))
    said = str(refused.value)
    for words in (
        "the first act must be a report",
        "line 8, act 1 (release): only an approver may release",
        "line 13, act 2 (confirm): 'dara' is nobody in [people]",
        "hour 80 is after the last one, 72",
        "line 18, fault 1: it begins at 9 and ends at 9",
        "people.asha.asleep: [8, 4] ends before it begins",
        "register_csv: line 2",
    ):
        assert words in said, said


def test_an_unknown_name_tells_those_that_ship() -> None:
    """A name that is none says which there are."""
    with pytest.raises(Refused, match="these ship: credential_stuffing"):
        read_scenario("nothing")


def test_sleepers_wake_at_the_end_of_their_sleep() -> None:
    """Somebody who sleeps is there at its end, and at once when two sleeps do not touch the hour."""
    dara = Player(name="Dara", roles=frozenset(), asleep=((4, 8), (8, 9), (20, 30)))
    assert (dara.awake_at(3), dara.awake_at(5), dara.awake_at(9), dara.awake_at(29.5)) == (3, 9, 9, 30)
