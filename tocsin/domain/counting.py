"""What every way of counting shares: the result with its steps, local days and their ends, and elapsed time."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.domain.calendar import ONE_DAY, day_in_words
from tocsin.domain.errors import Refused
from tocsin.domain.values import Instant, Value, as_utc


class Computed(Value):
    """A deadline, how it came about, and what other readings of the same text would give."""

    deadline_at: Instant | None
    """None: the text has no number, or what the period runs from is not known."""
    steps: tuple[str, ...]
    """In order, each with the article or paragraph it applies."""
    readings: dict[str, Instant | None] = {}
    """Shown beside the deadline, never used to delay. None: the reading gives nothing here."""


def local(at: datetime, zone: str) -> datetime:
    """Return the instant on the clocks of `zone`, an IANA name. Raises Refused: naive instant, unknown zone."""
    try:
        return as_utc(at).astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if at.utcoffset() is None:
            raise Refused(str(error)) from None
        raise Refused(f"the time zone {zone!r} is unknown; write an IANA name such as Europe/Berlin") from None


def start_of_day(day: date, zone: str) -> datetime:
    """Return the instant at which `day` begins on the clocks of `zone`, in UTC.

    Where the clocks skip midnight the day begins at the jump; where they show it twice, at the first.
    """
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def end_of_day(day: date, zone: str) -> datetime:
    """Return the instant at which the last hour of `day` expires, 24:00 on the clocks of `zone`, in UTC."""
    return start_of_day(day + ONE_DAY, zone)


def spoken(at: datetime, zone: str) -> str:
    """Return an instant as it is written in a step: in UTC, and on the clocks of `zone`."""
    there = local(at, zone)
    clock = there.strftime("%H:%M:%S").removesuffix(":00")
    return f"{as_utc(at).isoformat()} ({day_in_words(there.date())} {clock} {zone})"


def ends(day: date, zone: str) -> str:
    """Return the last step of a period in days: when its last day ends."""
    return f"ends with the last hour of {day_in_words(day)}: 24:00 {zone} = {end_of_day(day, zone).isoformat()}"


def elapsed_hours(at: datetime, hours: int, zone: str = "UTC") -> Computed:
    """Return the instant `hours` real hours after `at`: the default for every period in hours, contracts included.

    Nothing is added for weekends, holidays or clock changes; `zone` serves the wording alone.
    """
    deadline_at = as_utc(local(at, zone)) + timedelta(hours=hours)
    steps = (
        f"from {spoken(at, zone)}",
        f"+ {hours} h of elapsed time, weekends, holidays and clock changes making no difference",
        f"= {spoken(deadline_at, zone)}",
    )
    return Computed(deadline_at=deadline_at, steps=steps)
