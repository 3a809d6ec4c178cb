"""Limits of financial entities for major ICT incidents: Delegated Regulation (EU) 2025/301, article 5."""

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from tocsin.domain.calendar import Calendar, day_in_words
from tocsin.domain.counting import Computed, elapsed_hours, end_of_day, local, spoken
from tocsin.domain.counting_eu import WITHOUT_ROLL, months_later
from tocsin.domain.values import Value, as_utc

ACT = "Delegated Regulation (EU) 2025/301"

AFTER_AWARENESS = timedelta(hours=24)
"""Art. 5(1)(a): the initial notification is due within this of awareness, besides its period from classification."""

NOON = time(12)
AT_NOON = "noon_of_next_working_day"
"""The reading that is shown where it is not known whether the entity may use it."""


class DoraReport(StrEnum):
    """The three reports of article 5(1)."""

    INITIAL = "initial"
    INTERMEDIATE = "intermediate"
    FINAL = "final"


class DoraEntity(StrEnum):
    """The kinds of financial entity that article 5(5) and (6) tell apart."""

    CREDIT_INSTITUTION = "credit_institution"
    CENTRAL_COUNTERPARTY = "central_counterparty"
    TRADING_VENUE_OPERATOR = "trading_venue_operator"
    NIS2_ESSENTIAL = "nis2_essential"
    NIS2_IMPORTANT = "nis2_important"
    DESIGNATED = "designated"
    """Art. 5(6): the authority has extended the exclusion to it as a significant entity."""
    OTHER = "other"


class Roll(Value):
    """Who reports what where, as far as the noon of the next working day depends on it."""

    report: DoraReport
    entity: tuple[DoraEntity, ...] | None = None
    """Every kind that the entity is; None: not known, and then no time is added."""
    zone: str
    calendar: Calendar | None = None

    def excluded(self) -> bool | None:
        """Say whether article 5(5) or (6) keeps this report from the noon roll; None: nobody has said yet."""
        if self.report is DoraReport.FINAL:
            return False  # art. 5(5) names the initial and the intermediate report alone
        return None if self.entity is None else any(kind is not DoraEntity.OTHER for kind in self.entity)


def dora_initial(classified_at: datetime, aware_at: datetime, hours: int, roll: Roll) -> Computed:
    """Return the limit of the initial notification: `hours` from classification and 24 h from awareness.

    It exists only once the incident is classified as major.
    """
    from_classification, from_awareness = (
        as_utc(classified_at) + timedelta(hours=hours),
        as_utc(aware_at) + AFTER_AWARENESS,
    )
    classified = spoken(classified_at, roll.zone)
    steps = [
        f"{hours} h from classification as major, {classified}: {from_classification.isoformat()}",
        f"24 h from awareness, {spoken(aware_at, roll.zone)}: {from_awareness.isoformat()}",
    ]
    if as_utc(classified_at) <= from_awareness:
        limit_at = min(from_classification, from_awareness)
        steps.append(f"the earlier of the two ({ACT} art. 5(1)(a)) = {spoken(limit_at, roll.zone)}")
    else:
        limit_at = from_classification
        steps.append(
            f"classified later than 24 h after awareness, so from classification alone ({ACT} art. 5(2)) "
            f"= {spoken(limit_at, roll.zone)}"
        )
    return _rolled(limit_at, _days_of(limit_at, roll.zone), steps, roll)


def dora_hours(at: datetime, hours: int, roll: Roll) -> Computed:
    """Return the limit `hours` from `at`, met by noon of the next working day where article 5(4) lets it be."""
    plain = elapsed_hours(at, hours, roll.zone)
    limit_at = as_utc(at) + timedelta(hours=hours)
    return _rolled(limit_at, _days_of(limit_at, roll.zone), [*plain.steps], roll)


def dora_months(at: datetime, months: int, roll: Roll) -> Computed:
    """Return the end of the same date `months` later, met by noon of the next working day (article 5(4)).

    Article 5(4) takes the place of Regulation 1182/71 art. 3(4), which would give the whole of that day.
    """
    day = local(at, roll.zone).date()
    last = months_later(day, months)
    limit_at = end_of_day(last, roll.zone)
    steps = [
        f"from {spoken(at, roll.zone)}",
        f"+ {months} mo = the end of {day_in_words(last)} (Regulation 1182/71 art. 3(2)(c)) = {limit_at.isoformat()}",
    ]
    return _rolled(limit_at, (last,), steps, roll)


def _days_of(limit_at: datetime, zone: str) -> tuple[date, ...]:
    # At midnight a limit belongs to two days; both must be days off before any time is added.
    there = local(limit_at, zone)
    return ((there - timedelta(microseconds=1)).date(), there.date())


def _rolled(limit_at: datetime, days: tuple[date, ...], steps: list[str], roll: Roll) -> Computed:
    """Apply article 5(4) to (6) to a limit that falls on `days`."""
    readings = {WITHOUT_ROLL: limit_at}
    if roll.calendar is None:
        steps.append(f"no calendar is known, so nothing is added for weekends or bank holidays ({ACT} art. 5(4))")
        return Computed(deadline_at=limit_at, steps=tuple(steps), readings=readings)
    offs = [roll.calendar.day_off(day) for day in days]
    if None in offs:
        day = day_in_words(days[offs.index(None)])
        steps.append(f"{day} is a working day ({roll.calendar.source}): no roll ({ACT} art. 5(4))")
        return Computed(deadline_at=limit_at, steps=tuple(steps), readings=readings)
    steps.append(f"{day_in_words(days[-1])} is no working day ({offs[-1]}, {roll.calendar.source})")
    noon_at = _noon_after(days[-1], roll.calendar, roll.zone)
    return _by_noon(limit_at, noon_at, steps, roll)


def _noon_after(day: date, calendar: Calendar, zone: str) -> datetime:
    return as_utc(datetime.combine(calendar.next_working_day(day), NOON, tzinfo=ZoneInfo(zone)))


def _by_noon(limit_at: datetime, noon_at: datetime, steps: list[str], roll: Roll) -> Computed:
    excluded, noon = roll.excluded(), spoken(noon_at, roll.zone)
    if excluded:
        steps.append(f"no roll: the {roll.report} report of such an entity is excluded ({ACT} art. 5(5), (6))")
    elif excluded is None:
        steps.append(
            f"the kind of entity is not known, so no roll; if not excluded by art. 5(5), (6): {noon} (art. 5(4))"
        )
    else:
        steps.append(f"may be met by noon of the next working day ({ACT} art. 5(4)) = {noon}")
    readings = {WITHOUT_ROLL: limit_at} | ({AT_NOON: noon_at} if excluded is None else {})
    return Computed(deadline_at=noon_at if excluded is False else limit_at, steps=tuple(steps), readings=readings)
