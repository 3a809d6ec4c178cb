"""Erasing an incident after its retention: who may ask, what forbids it, what is reached and what is not. Pure.

It happens beside the incident's workflow, which has ended. Two persons: one asks, another one confirms.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.domain.act import Actor, Envelope, Role
from tocsin.domain.erasure_deeds import AskErasure, ConfirmErasure
from tocsin.domain.errors import Refused
from tocsin.domain.incident import OVER
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.values import HoldId, IncidentId, Instant, PersonId, Value

MAY_ERASE = frozenset({Role.APPROVER, Role.ADMIN})
ASKED_FOR = timedelta(days=30)
"""How long a request may wait for the second person; then somebody asks anew."""


class Fate(StrEnum):
    """What became of a copy."""

    DESTROYED = "destroyed"
    """It was deleted."""
    UNREADABLE = "unreadable"
    """It stays, and its key is gone."""
    OUT_OF_REACH = "out_of_reach"
    """It is not ours to delete, or not from here."""


class Copy(Value):
    """What holds something of an incident, and what became of it."""

    what: str
    where: str
    fate: Fate
    count: int | None = None
    """None: nobody knows how many."""
    until: Instant | None = None
    """When it goes by itself, where that is known."""


class Erasure(Value):
    """That an incident is to be erased, and how far that has come."""

    incident_id: IncidentId
    asked: Envelope
    confirmed: Envelope | None = None
    completed_at: Instant | None = None
    copies: tuple[Copy, ...] = ()

    @property
    def reason(self) -> str:
        """Why it was asked for."""
        return self.asked.act.deed.reason if isinstance(self.asked.act.deed, AskErasure) else ""

    @property
    def sealed_off(self) -> bool:
        """Whether nothing of the incident may be read or done any more."""
        return self.confirmed is not None

    def lapsed(self, now: datetime) -> bool:
        """Say whether nobody confirmed it in time."""
        return self.confirmed is None and now >= self.asked.act.at + ASKED_FOR


class Standing(Value):
    """What decides whether an incident may be erased."""

    state: IncidentState
    changed_at: Instant
    """When anything about it was last written."""
    open_duties: int = 0
    holds: tuple[HoldId, ...] = ()
    """Those that nobody has lifted."""
    needed_by: tuple[IncidentId, ...] = ()
    """Incidents that count its notices as their own, and are not past their own retention."""


def due_at(changed_at: datetime, kept_for: timedelta) -> datetime:
    """Return when an incident that is over may be erased: `kept_for` after the last thing that happened to it."""
    return changed_at + kept_for


def admit_request(standing: Standing, envelope: Envelope, before: Erasure | None, kept_for: timedelta) -> None:
    """Check that somebody may ask for an erasure.

    Raises:
        Refused: with everything that forbids it.
    """
    act, key = envelope.act, standing.state.incident_id
    _check(envelope, AskErasure, key)
    if before is not None and before.confirmed is not None:
        raise Refused(words(before))
    if before is not None and not before.lapsed(act.at):
        raise Refused(
            f"{before.asked.act.actor.name} asked for it already, on {day(before.asked.act.at)}; another approver or "
            f"admin confirms: tocsin erase {key} --confirm"
        )
    _refuse_while_needed(standing, act.at, kept_for)


def admit_confirmation(standing: Standing, envelope: Envelope, asked: Erasure | None, kept_for: timedelta) -> None:
    """Check that somebody may confirm an erasure that another person asked for.

    Raises:
        Refused: with everything that forbids it.
    """
    act, key = envelope.act, standing.state.incident_id
    _check(envelope, ConfirmErasure, key)
    if asked is None or asked.lapsed(act.at):
        raise Refused(f"nobody has asked for it within {ASKED_FOR.days} days; ask: tocsin erase {key} --reason '…'")
    if asked.confirmed is not None:
        raise Refused(words(asked))
    deed = act.deed
    if isinstance(deed, ConfirmErasure) and deed.request != asked.asked.act.act_id:
        raise Refused(f"it was asked for anew since you looked; look again: tocsin erase {key}")
    if act.actor.person_id == asked.asked.act.actor.person_id:
        raise Refused(f"{act.actor.name} asked for it; another approver or admin must confirm")
    # Things may have changed since it was asked for.
    _refuse_while_needed(standing, act.at, kept_for)


def words(erasure: Erasure, names: dict[PersonId, str] | None = None) -> str:
    """Return in one sentence that an incident was erased, by whom and when, or is being erased."""
    assert erasure.confirmed is not None
    asked, confirmed = erasure.asked.act, erasure.confirmed.act
    by = f"asked for by {_name(asked.actor, names)} on {day(asked.at)}, confirmed by {_name(confirmed.actor, names)}"
    if erasure.completed_at is None:
        return (
            f"incident {erasure.incident_id} is being erased ({by} on {day(confirmed.at)}); "
            f"go on with it: tocsin erase {erasure.incident_id}"
        )
    return (
        f"incident {erasure.incident_id} was erased on {day(erasure.completed_at)} ({by}); what was said cannot be "
        f"read again, its entries of the log stay: tocsin erase {erasure.incident_id} shows what was reached"
    )


def day(at: datetime) -> str:
    """Return a day, in UTC, as it is written in a sentence."""
    return f"{at:%Y-%m-%d}"


def merged(known: Iterable[Copy], found: Iterable[Copy]) -> tuple[Copy, ...]:
    """Return copies once each; one that was counted before it was destroyed keeps the larger count."""
    kept: dict[tuple[str, str], Copy] = {}
    for copy in (*known, *found):
        before = kept.get((copy.what, copy.where))
        if before is None or (copy.count or 0) >= (before.count or 0):
            kept[copy.what, copy.where] = copy
    return tuple(kept.values())


def _check(envelope: Envelope, kind: type[Value], incident_id: IncidentId) -> None:
    act = envelope.act
    if act.incident_id != incident_id or not isinstance(act.deed, kind):
        raise Refused(f"this act is {act.deed.kind} upon {act.incident_id}; it was sent for {incident_id}")
    if not act.actor.roles & MAY_ERASE:
        raise Refused(f"only an approver or an admin may have an incident erased; {act.actor.name} is neither")


def _refuse_while_needed(standing: Standing, now: datetime, kept_for: timedelta) -> None:
    state, waits = standing.state, []
    if state.status not in OVER:
        waits.append(f"it is {state.status}, and only one that is over is erased")
    if standing.holds:
        waits.append(f"hold(s) in force: {', '.join(standing.holds)}")
    if standing.open_duties:
        waits.append(f"{standing.open_duties} duty or duties still open; `tocsin duty list` shows them")
    if standing.needed_by:
        waits.append(f"its notices prove for {', '.join(standing.needed_by)}, which is still kept")
    due = due_at(standing.changed_at, kept_for)
    if now < due:
        waits.append(
            f"it is kept until {due:%Y-%m-%dT%H:%MZ}, {kept_for.days} days after its last change "
            "(TOCSIN_RETENTION_INCIDENT_DAYS)"
        )
    if waits:
        raise Refused(f"incident {state.incident_id} cannot be erased yet: " + "; ".join(waits))


def _name(actor: Actor, names: dict[PersonId, str] | None) -> str:
    return (names or {}).get(actor.person_id, actor.name)
