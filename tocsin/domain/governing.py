"""Which version of a contract governs at an instant, and which clauses an order takes over from its master."""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from tocsin.domain.clause import NoticeClause, OwedBy
from tocsin.domain.register import Affected, Agreement

BEFORE_ALL = date.min


def versions(agreement: Agreement) -> tuple[Agreement, ...]:
    """Return every version of the contract, the oldest first."""
    return (*agreement.other_versions, agreement)


def governing(agreement: Agreement, at: datetime) -> Agreement | None:
    """Return the version in force at `at`: of those that have begun and not ended, the one that began last.

    After the end of all of them the last one still governs while the party's data is held. None: the contract had
    not begun, or it had ended and the data was gone.
    """
    if not agreement.other_versions and agreement.starts_on is None and agreement.ends_on is None:
        return agreement  # most of a register
    begun = [one for one in versions(agreement) if (one.starts_on or BEFORE_ALL) <= _day(one, at)]
    in_force = [one for one in begun if one.ends_on is None or _day(one, at) <= one.ends_on]
    if in_force:
        return in_force[-1]
    ended = max(begun, key=lambda one: one.ends_on or date.max, default=None)
    return ended if ended is not None and data_held(agreement, _day(agreement, at)) else None


def at_or_newest(agreement: Agreement, at: datetime) -> Agreement:
    """Return the version in force at `at`, or else the newest: a party that a person named is always written to."""
    return governing(agreement, at) or agreement


def has_ended(agreement: Agreement, day: date) -> bool:
    """Say whether every version has ended before `day`."""
    return all(one.ends_on is not None and one.ends_on < day for one in versions(agreement))


def data_held(agreement: Agreement, day: date) -> bool:
    """Say whether the party's data is still held on `day`. Where nobody has said, it must be assumed."""
    if agreement.data_held_until is not None:
        return day <= agreement.data_held_until
    return agreement.data_held is not False


def may_be_owed(agreement: Agreement, at: datetime) -> bool:
    """Say whether we may owe the party a notice at `at`: a version governs, and it does not only bind the party."""
    found = governing(agreement, at)
    return found is not None and any(clause.owed_by is OwedBy.US for clause in found.clauses)


class Precedence:
    """Orders over their master agreements, among the pins of one incident."""

    def __init__(self, affected: Iterable[Affected]) -> None:
        self._orders: dict[str, list[Affected]] = {}
        for pin in affected:
            masters = {one.under for one in versions(pin.agreement) if one.under} if not pin.excluded else set()
            for master in masters:
                self._orders.setdefault(master, []).append(pin)

    def order_over(self, pin: Affected, clause: NoticeClause, at: datetime) -> Agreement | None:
        """Return the order whose clause governs instead of `clause` at `at`, if there is one.

        It must promise on the same subject for all of the same data: where they overlap only in part, both bind.
        An order of which it is not known yet whether it is touched displaces nothing that is known to be.
        """
        for other in self._orders.get(pin.agreement.reference, ()):
            order = governing(other.agreement, at)
            if order is None or order.under != pin.agreement.reference or (pin.confirmed and not other.confirmed):
                continue
            if any(_displaces(own, clause) for own in order.clauses):
                return order
        return None


def _displaces(own: NoticeClause, other: NoticeClause) -> bool:
    same = (own.subject, own.owed_by) == (other.subject, other.owed_by)
    return same and bool(own.limbs) and own.covers_all_of(other)


def _day(agreement: Agreement, at: datetime) -> date:
    return at.astimezone(ZoneInfo(agreement.time_zone)).date()
