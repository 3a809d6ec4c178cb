"""Registers for these tests: a small one, and any number of controllers."""

HEADER = "agreement,party,notify,language,services,contact,deputies,copies,phone"
TREES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ivy", "Juniper")
TRADES = ("Clinic", "Bank", "School", "Logistics", "Bakery", "Museum")


def one(clause: str = "72h from confirmation") -> str:
    """Return a register of Birch Clinic alone."""
    return f"{HEADER}\nBIRCH-1,Birch Clinic,{clause},en,records-api,Bea Birch <bea@birch.example>,,,\n"


def many(count: int) -> str:
    """Return a register of `count` controllers, each with one contact."""
    return "\n".join([HEADER, *(_line(number) for number in range(count))]) + "\n"


def _line(number: int) -> str:
    name = f"{TREES[number % len(TREES)]} {TRADES[number % len(TRADES)]} {number:03}"
    contact = f"Desk {number:03} <desk-{number:03}@party.example>"
    return f"AGR-{number:03},{name},72h from confirmation,en,records-api,{contact},,,"
