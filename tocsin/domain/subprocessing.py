"""The list of sub-processors, as of a day: what controllers are promised to be shown."""

from collections.abc import Iterable
from datetime import date

from tocsin.domain.governing import has_ended, versions
from tocsin.domain.register import Agreement
from tocsin.domain.values import Value


class SubProcessor(Value):
    """One line of the list."""

    party: str
    agreement: str
    services: tuple[str, ...]
    location: str | None
    regions: tuple[str, ...]
    data_categories: tuple[str, ...]
    since: date | None
    """None: nobody wrote down when it began."""
    until: date | None


def subprocessors(agreements: Iterable[Agreement], on: date) -> list[SubProcessor]:
    """Return those engaged on `on`, by name: each with the version of its agreement that was in force on that day."""
    found = (_line(agreement, on) for agreement in agreements if agreement.is_subprocessing)
    return sorted((line for line in found if line), key=lambda line: (line.party.casefold(), line.agreement))


def _line(agreement: Agreement, on: date) -> SubProcessor | None:
    begun = [one for one in versions(agreement) if one.starts_on is None or one.starts_on <= on]
    if not begun or has_ended(agreement, on):
        return None
    version = next((one for one in reversed(begun) if one.ends_on is None or on <= one.ends_on), None)
    if version is None:
        return None
    return SubProcessor(
        party=version.party_name,
        agreement=version.reference,
        services=version.services,
        location=version.location,
        regions=version.regions,
        data_categories=version.data_categories,
        since=versions(agreement)[0].starts_on,
        until=version.ends_on,
    )
