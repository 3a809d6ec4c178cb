"""What a drill plays: an incident, the acts of people by the hour, when they sleep, and what breaks meanwhile."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from tocsin.domain.act import Role
from tocsin.domain.hold import HoldKind
from tocsin.domain.ladder import Who
from tocsin.domain.notice import WaveKind
from tocsin.domain.values import Value

Hour = Annotated[float, Field(ge=0)]
LONGEST = 24 * 60
"""Hours of a scenario, at most: sixty days."""


class Player(Value):
    """Somebody who acts in it, and the spans of hours in which they cannot be reached."""

    name: str
    roles: frozenset[Role]
    asleep: tuple[tuple[Hour, Hour], ...] = ()
    rung: Who | None = None
    """Where they stand on the ladder; pages call them as that."""

    def awake_at(self, hour: float) -> float:
        """Return the first hour from `hour` on at which they can be reached."""
        for begin, end in sorted(self.asleep):
            if begin <= hour < end:
                hour = end
        return hour


class Turn(Value):
    """One act: at which hour somebody is to do it; they do it then, or once they are awake."""

    hour: Hour
    who: str


class ReportTurn(Turn):
    """Tell of the incident."""

    do: Literal["report"]
    title: str
    kind: str = "general"
    services: tuple[str, ...] = ()
    everyone: bool = False
    summary: str | None = None
    from_party: str | None = None
    """The agreement of the party whose notice it passes on."""


class ConfirmTurn(Turn):
    """State that it is a security incident."""

    do: Literal["confirm"]
    statement: str = ""


class DismissTurn(Turn):
    """State that it is none."""

    do: Literal["dismiss"]
    reason: str


class ReviseTurn(Turn):
    """Say what has been found: facts by name."""

    do: Literal["revise"]
    facts: dict[str, str | int | tuple[str, ...]]


class AffectedTurn(Turn):
    """Name agreements found to be affected."""

    do: Literal["affected"]
    agreements: tuple[str, ...]


class DraftTurn(Turn):
    """Have letters written."""

    do: Literal["draft"]
    wave: WaveKind = WaveKind.INITIAL


class ReleaseTurn(Turn):
    """Release the letters that were drafted last."""

    do: Literal["release"]


class HoldTurn(Turn):
    """Record an order not to tell."""

    do: Literal["hold"]
    ground: HoldKind
    issuer: str
    reference: str


class LiftTurn(Turn):
    """Record that the order has ended."""

    do: Literal["lift"]
    reason: str = ""


class AnswerTurn(Turn):
    """Answer the pages."""

    do: Literal["answer"]


class DoneTurn(Turn):
    """Finish every task that is open, with an outcome."""

    do: Literal["tasks"]
    outcome: str
    proof: str = "call 0912-77"
    """For notices that a person delivered: a reference number."""


class ReasonTurn(Turn):
    """Say why each clock was missed that was."""

    do: Literal["reason"]
    text: str


class CloseTurn(Turn):
    """End the incident."""

    do: Literal["close"]
    cause: str
    lessons: str


AnyTurn = Annotated[
    ReportTurn
    | ConfirmTurn
    | DismissTurn
    | ReviseTurn
    | AffectedTurn
    | DraftTurn
    | ReleaseTurn
    | HoldTurn
    | LiftTurn
    | AnswerTurn
    | DoneTurn
    | ReasonTurn
    | CloseTurn,
    Field(discriminator="do"),
]
APPROVING = (ReleaseTurn, HoldTurn, LiftTurn)


class MailFails(Value):
    """The mail provider answers with an error."""

    what: Literal["mail"]
    begin: Hour
    end: Hour
    status: Annotated[int, Field(ge=400, le=599)] = 500


class WorkerDies(Value):
    """The worker's process is killed, and started again at the end."""

    what: Literal["worker"]
    begin: Hour
    end: Hour


Fault = Annotated[MailFails | WorkerDies, Field(discriminator="what")]


class Scenario(Value):
    """A whole drill."""

    title: str
    about: str = ""
    hours: Annotated[float, Field(gt=0, le=LONGEST)] = 72
    register_csv: str
    """The register of agreements, as `tocsin register import` reads it."""
    people: dict[str, Player]
    act: tuple[AnyTurn, ...]
    fault: tuple[Fault, ...] = ()

    def mistakes(self) -> Iterator[tuple[str, str]]:
        """Yield what contradicts itself: the place, and what is wrong with the fix."""
        if not self.act or not isinstance(min(self.act, key=lambda turn: turn.hour), ReportTurn):
            yield "act", 'the first act must be a report; add one with do = "report" before all others'
        for number, turn in enumerate(self.act, start=1):
            yield from ((f"act {number} ({turn.do})", what) for what in self._mistakes_of(turn))
        for number, fault in enumerate(self.fault, start=1):
            if not fault.begin < fault.end:
                yield f"fault {number}", f"it begins at {fault.begin:g} and ends at {fault.end:g}; let it end later"
            if fault.begin >= self.hours:
                yield f"fault {number}", f"it begins after the last hour, {self.hours:g}; let it begin earlier"
        for user, player in self.people.items():
            for begin, end in player.asleep:
                if not begin < end:
                    yield f"people.{user}.asleep", f"[{begin:g}, {end:g}] ends before it begins; write [from, to]"

    def _mistakes_of(self, turn: AnyTurn) -> Iterator[str]:
        player = self.people.get(turn.who)
        if player is None:
            yield f"{turn.who!r} is nobody in [people]; name one of {', '.join(sorted(self.people))}"
        elif isinstance(turn, APPROVING) and Role.APPROVER not in player.roles:
            yield f"only an approver may {turn.do}; give {turn.who} the role, or name another person"
        if turn.hour > self.hours:
            yield f"hour {turn.hour:g} is after the last one, {self.hours:g}; do it earlier, or raise `hours`"
