"""What the register lacks: duties that only a person can end, and contacts that serve several parties."""

import pytest

from tocsin.adapters.register_csv import read_register
from tocsin.domain.readiness import Finding, Weight, readiness

HEADER = "agreement,party,notify,discharge,owed_by,contact,deputies\n"


def found(*lines: str) -> list[Finding]:
    """Return what is found in a register of these lines."""
    return readiness(read_register((HEADER + "\n".join(lines) + "\n").encode(), b"k" * 32))


@pytest.mark.parametrize("discharge", ["delivered", "acknowledged"])
def test_what_only_a_person_can_end(discharge: str) -> None:
    """A clause that asks for more than the channel's acceptance is weak: it says so, and which command ends it."""
    (finding,) = found(f"A-1,Birch Clinic,72h from awareness,{discharge},,a@birch.example,b@birch.example")
    assert (finding.reference, finding.severity) == ("A-1", Weight.WEAK)
    assert f"its clause ends only once the notice is {discharge}" in finding.what
    assert "tocsin duty done INCIDENT DUTY --proof" in finding.fix


def test_what_ends_by_itself() -> None:
    """Acceptance ends a duty of ours, and what the other party owes us is theirs to end."""
    assert not found("A-1,Birch Clinic,72h from awareness,accepted,us,a@birch.example,b@birch.example")
    assert not found("A-1,Birch Clinic,72h from awareness,delivered,them,a@birch.example,b@birch.example")


def test_shared_contacts_are_one_finding() -> None:
    """Contacts that serve other parties, too, are named once for each agreement, with their addresses."""
    (finding,) = found(
        "A-1,Birch Clinic,72h from awareness,,,ines@advisers.example,jo@advisers.example",
        "A-2,Cedar Bank,72h from awareness,,,INES@advisers.example,jo@advisers.example",
        "A-3,Dogwood School,72h from awareness,,,jo@advisers.example,dan@dogwood.example",
    )
    assert (finding.reference, finding.severity) == ("A-1", Weight.INFO)
    assert finding.what == (
        "its contact ines@advisers.example is also the contact of Cedar Bank; "
        "its contact jo@advisers.example is also the contact of Cedar Bank, Dogwood School"
    )
