"""Who is affected: a selection from the register by what agreements say of themselves, or by name, with counts."""

import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from tocsin.domain.errors import Refused
from tocsin.domain.governing import at_or_newest, may_be_owed
from tocsin.domain.register import Affected, Agreement
from tocsin.domain.values import AgreementId, IncidentId, Value

CRITERIA = ("services", "regions", "subprocessors", "data_categories")
"""What an agreement says of itself; within one, any word will do, and every one that is given must hold."""


class Audience(Value):
    """Whom to select. Words are compared whatever their case."""

    services: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    subprocessors: tuple[str, ...] = ()
    data_categories: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    """Agreements by the user's own references: they are in, whatever else is asked."""
    tenants: tuple[str, ...] = ()
    """Parties by name, or agreements by reference: in likewise."""

    @property
    def criteria(self) -> dict[str, frozenset[str]]:
        """The criteria that are given, each with its words."""
        given = {name: frozenset(map(str.casefold, getattr(self, name))) for name in CRITERIA}
        return {name: wanted for name, wanted in given.items() if wanted}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.criteria or self.references or self.tenants)


class Selection(Value):
    """Who was selected, and how that came about."""

    agreements: tuple[AgreementId, ...] = ()
    parties: int = 0
    by_criteria: int = 0
    by_name: int = 0
    out_of: int = 0
    """Agreements in the register."""
    silent: tuple[str, ...] = ()
    """References of agreements that fit as far as they say anything, but say nothing on one of the criteria."""


SERVICES_SHOWN = 5
"""As many services as a person at night chooses between; the others are named by hand."""


class MayBeAffected(Value):
    """How many cannot be ruled out while nobody has said who is affected."""

    agreements: int = 0
    parties: int = 0
    services: dict[str, int] = {}
    """The services that most of them use, each with how many agreements do."""


NOBODY = MayBeAffected()
"""It is known who is affected."""


def may_be_affected(pins: Iterable[Affected]) -> MayBeAffected:
    """Count the pins of which nobody has said that they are affected, nor that they are not."""
    open_ = [pin.agreement for pin in pins if not pin.confirmed and not pin.excluded]
    used = Counter(service for agreement in open_ for service in agreement.services)
    most = sorted(used.items(), key=lambda one: (-one[1], one[0]))[:SERVICES_SHOWN]
    return MayBeAffected(
        agreements=len(open_), parties=len({agreement.party_id for agreement in open_}), services=dict(most)
    )


def unnamed(incident_id: IncidentId, agreements: int) -> str:
    """Return why nobody can be written to yet, and what to do."""
    counts = f": {agreements} agreements may be" if agreements else ""
    return (
        f"it is not known who is affected{counts}, and nobody is written to until a person says who: "
        f"`tocsin affected add {incident_id} REF…`, `--service NAME`, or `--everyone`"
    )


def naming(incident_id: IncidentId, services: Mapping[str, int]) -> tuple[str, ...]:
    """Return the commands that say who is affected, each with how many agreements it names."""
    add = f"tocsin affected add {incident_id}"
    by_service = (f"{add} --service {shlex.quote(name)} ({count} agreements)" for name, count in services.items())
    return (f"{add} --everyone", *by_service, f"{add} REF… (by your own references)")


def select(audience: Audience, agreements: Iterable[Agreement], at: datetime) -> Selection:
    """Return the agreements that fit. Reads the register once and keeps only what is selected.

    An agreement whose end has come and whose data is gone, or that binds only the other party, fits by name alone.

    Raises:
        Refused: naming each reference and tenant that the register does not have.
    """
    criteria, named = audience.criteria, _Names(audience)
    chosen: list[AgreementId] = []
    parties: set[str] = set()
    silent: list[str] = []
    by_name = count = 0
    for agreement in agreements:
        count += 1
        is_named, fits = named.hold(agreement), _fits(criteria, agreement, at)
        by_name += is_named
        if is_named or fits:
            chosen.append(agreement.agreement_id)
            parties.add(agreement.party_id)
        elif fits is None:
            silent.append(agreement.reference)
    named.refuse_unknown()
    return Selection(
        agreements=tuple(chosen),
        parties=len(parties),
        by_criteria=len(chosen) - by_name,
        by_name=by_name,
        out_of=count,
        silent=tuple(silent),
    )


class _Names:
    """The names that are asked for, and which of them were found."""

    def __init__(self, audience: Audience) -> None:
        self._references = frozenset(audience.references)
        self._tenants = {tenant.casefold(): tenant for tenant in audience.tenants}
        self._found: set[str] = set()

    def hold(self, agreement: Agreement) -> bool:
        if not (self._references or self._tenants):
            return False
        tenants = {agreement.reference.casefold(), agreement.party_name.casefold()} & self._tenants.keys()
        self._found |= {self._tenants[name] for name in tenants}
        if agreement.reference in self._references:
            self._found.add(agreement.reference)
            return True
        return bool(tenants)

    def refuse_unknown(self) -> None:
        unknown = sorted({*self._references, *self._tenants.values()} - self._found)
        if unknown:
            shown = ", ".join(unknown[:20]) + (f" and {len(unknown) - 20} more" if len(unknown) > 20 else "")
            raise Refused(f"the register has no {shown}; `tocsin register export` prints those it has")


def _fits(criteria: dict[str, frozenset[str]], agreement: Agreement, at: datetime) -> bool | None:
    """Say whether every criterion holds; None: it may, but the agreement does not say."""
    if not criteria:
        return False
    version = at_or_newest(agreement, at)
    answers = {_holds(wanted, getattr(version, name)) for name, wanted in criteria.items()}
    if False in answers or not may_be_owed(agreement, at):
        return False
    return None if None in answers else True


def _holds(wanted: frozenset[str], said: Collection[str]) -> bool | None:
    return None if not said else not wanted.isdisjoint(map(str.casefold, said))
