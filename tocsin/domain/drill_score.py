"""How a drill went: each clock's margin, when each person was needed and answered, and a score with its reasons."""

from collections.abc import Iterable
from datetime import timedelta

from tocsin.domain.clock import ClockRow
from tocsin.domain.hold import Hold
from tocsin.domain.ladder import Who
from tocsin.domain.tempo import in_words
from tocsin.domain.values import Instant, Value

PROMPT = timedelta(hours=2, minutes=15)
"""Within how long of being needed a person counts as having answered: two hours, and what a drill takes to notice."""
NEAR = timedelta(hours=8)
"""A clock that ended with less left would not have survived one more night's sleep."""
WEIGHTS = {"clocks kept": 60, "people who answered in time": 20, "recipients told": 20}


class Answered(Value):
    """An act of a person: when they were needed for it, and when it was done; None: it never was."""

    who: str
    what: str
    needed_at: Instant
    answered_at: Instant | None = None
    refused: str = ""

    @property
    def took(self) -> timedelta | None:
        """How long they were waited for."""
        return None if self.answered_at is None else max(self.answered_at - self.needed_at, timedelta())

    @property
    def in_time(self) -> bool:
        """Whether they answered within `PROMPT`."""
        return self.took is not None and self.took <= PROMPT


class Called(Value):
    """Somebody was called by a page, and did something next; None: they never did."""

    who: str
    rung: Who
    at: Instant
    about: str = ""
    """The clock's title; nothing, when everybody was called about something else."""
    answered_at: Instant | None = None


class Margin(Value):
    """A clock and what was left of it, at its end or now; None: it has no date."""

    title: str
    left: timedelta | None
    ended: bool
    excuse: str = ""
    """Why passing its deadline is nobody's failure: it was under a hold then, or the drill could be no quicker."""

    @property
    def late(self) -> bool:
        """Whether its deadline passed before it ended."""
        return self.left is not None and self.left < timedelta()

    @property
    def missed(self) -> bool:
        """Whether that is a failure."""
        return self.late and not self.excuse


class Outcome(Value):
    """What came of a drill."""

    title: str
    began_at: Instant
    ended_at: Instant
    status: str
    margins: tuple[Margin, ...]
    answers: tuple[Answered, ...]
    calls: tuple[Called, ...] = ()
    told: int
    recipients: int
    pages: int
    by_silence: int = 0
    """Letters that left because nobody had released any in time."""
    stopped: bool = False
    """Whether somebody ended it before its time."""
    floors: tuple[str, ...] = ()
    """What took longer than its scenario hours, since it cannot be compressed."""

    @property
    def shares(self) -> dict[str, float]:
        """Return the share of each part that went well, from 0 to 1."""
        dated = [margin for margin in self.margins if margin.left is not None]
        return {
            "clocks kept": _share(sum(not margin.missed for margin in dated), len(dated)),
            "people who answered in time": _share(sum(one.in_time for one in self.answers), len(self.answers)),
            "recipients told": _share(self.told, self.recipients),
        }

    @property
    def score(self) -> int:
        """Return the score, of 100."""
        return round(sum(WEIGHTS[name] * share for name, share in self.shares.items()))

    def missed(self) -> list[str]:
        """Return, in sentences, what was missed, and what would have been with a little less luck."""
        found = [words for margin in self.margins if (words := _in_words(margin))]
        if self.by_silence:
            found.append(f"{self.by_silence} letter(s) left by silence: nobody had released any in time")
        found += [f"{one.who} never did: {one.what}" for one in self.answers if one.answered_at is None]
        if self.told < self.recipients:
            found.append(f"{self.recipients - self.told} of {self.recipients} recipients were not told")
        return found


def margin_of(row: ClockRow, now: Instant, holds: Iterable[Hold], floor: timedelta) -> Margin:
    """Return a clock's margin at its end, or now.

    `floor` is how long in the scenario the shortest of what cannot be compressed takes: less than that is not late.
    """
    due = row.spec.deadline_at
    left = None if due is None else due - (row.ended_at or now)
    excuse = ""
    if due is not None and any(
        one.placed_at <= due and (one.lifted_at is None or one.lifted_at > due) for one in holds
    ):
        excuse = "under a hold"
    elif left is not None and -floor < left < timedelta():
        excuse = "by less than what cannot be compressed"
    return Margin(title=row.spec.title, left=left, ended=row.ended_at is not None, excuse=excuse)


def _in_words(margin: Margin) -> str:
    """Return what is to be learnt from a margin; nothing if all is well."""
    if margin.left is None or (margin.late and margin.excuse.startswith("by less")):
        return ""
    if margin.late:
        return f"{margin.title}: missed by {in_words(margin.left)}{f', {margin.excuse}' * bool(margin.excuse)}"
    if margin.ended and margin.left < NEAR:
        return f"{margin.title}: {in_words(margin.left)} were left; one more night's sleep would have missed it"
    return ""


def _share(good: int, whole: int) -> float:
    return good / whole if whole else 1.0
