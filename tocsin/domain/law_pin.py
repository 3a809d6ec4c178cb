"""Which law an incident's duties are computed from: pinned at its first resolving, moved by a person alone."""

from tocsin.domain.values import Value


class LawPin(Value):
    """The inputs of the law's deadlines that may change while an incident runs."""

    law: str
    """The digest of the pack of policies (`PolicyPack.digest`)."""
    calendars: str
    """The version of the package that the public holidays come from, as `holidays 0.109`."""
