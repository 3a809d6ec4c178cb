"""The act that takes in newer inputs than those that an incident is pinned to."""

from typing import Literal

from tocsin.domain.values import Value


class Recompute(Value):
    """Accept newer inputs than those that the duties were computed from: law, calendars, agreements."""

    kind: Literal["recompute"] = "recompute"
    law: str
    """The digest of the pack of policies that a person has seen the difference of."""
    calendars: str
    revision: int
    """The register's revision."""
    reason: str = ""
