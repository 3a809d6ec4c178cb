"""A person's deadlines as a calendar (RFC 5545): ids, rules' titles and instants only; a feed is copied around."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from icalendar import Calendar, Event

from tocsin.domain.values import Instant, Value

ASK_EVERY = timedelta(minutes=15)
"""How often a calendar is asked to look again."""


class Entry(Value):
    """Something that falls due."""

    uid: str
    """The same in every feed and for ever, so that a moved deadline moves in the calendar."""
    at: Instant
    title: str
    text: str = ""
    link: str


def as_calendar(entries: Iterable[Entry], now: datetime) -> bytes:
    """Return the calendar of these entries."""
    calendar = Calendar()
    calendar.add("prodid", "-//Tocsin//deadlines//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", "Tocsin: deadlines")
    calendar.add("refresh-interval", ASK_EVERY, parameters={"value": "DURATION"})
    calendar.add("x-published-ttl", "PT15M")
    for entry in entries:
        calendar.add_component(_event(entry, now))
    return bytes(calendar.to_ical())


def _event(entry: Entry, now: datetime) -> Event:
    event = Event()
    event.add("uid", f"{entry.uid}@tocsin")
    event.add("dtstamp", now)
    event.add("dtstart", entry.at)
    event.add("summary", entry.title)
    event.add("description", entry.text)
    event.add("url", entry.link)
    event.add("transp", "TRANSPARENT")
    return event
