"""What today's inputs would make of an incident's duties: computed beside the running ones, changing nothing."""

from collections.abc import Iterable
from datetime import datetime

from tocsin.adapters.law import ReadOnlyShelf
from tocsin.domain.duty import Duty, DutyState, resolve
from tocsin.domain.errors import Refused
from tocsin.domain.law_pin import LawPin
from tocsin.domain.owed_to_us import owed_to_us
from tocsin.domain.register import Affected
from tocsin.domain.statutory import POLICY, RULE_OUT, submitted
from tocsin.domain.values import DutyId, IncidentId, Instant, Value
from tocsin.ports import Law, Transaction


class Changed(Value):
    """A duty that today's inputs would add, move or take away, with both computations."""

    duty_id: DutyId
    title: str
    change: str
    """`added`, `moved` or `withdrawn`."""
    was_at: Instant | None = None
    would_be_at: Instant | None = None
    was: tuple[str, ...] = ()
    """The steps of the computation that runs."""
    would_be: tuple[str, ...] = ()


class Recomputed(Value):
    """What is pinned, what there is today, and what would change."""

    incident_id: IncidentId
    pinned: LawPin
    today: LawPin
    outdated_agreements: int
    """Agreements of the incident of which the register has a newer version."""
    revision: int
    """The register's newest revision."""
    changes: tuple[Changed, ...] = ()

    @property
    def is_newer(self) -> bool:
        """Whether any input has a newer version than the pinned one."""
        return self.pinned != self.today or self.outdated_agreements > 0


def recomputed(tx: Transaction, law: Law, incident_id: IncidentId, now: datetime) -> Recomputed:
    """Return the difference that accepting today's inputs would make.

    Raises:
        Refused: if the incident's duties were never resolved.
    """
    pinned, revision = tx.law.pinned(incident_id), tx.register.revision()
    if pinned is None:
        raise Refused(f"the duties of incident {incident_id} were not resolved yet; nothing is pinned")
    before = tx.duties.of(incident_id)
    after = _owed(tx, law, incident_id, before, now)
    return Recomputed(
        incident_id=incident_id,
        pinned=pinned,
        today=law.current,
        outdated_agreements=tx.register.outdated(incident_id),
        revision=revision,
        changes=tuple(_changes(before, after)),
    )


def _owed(tx: Transaction, law: Law, incident_id: IncidentId, before: list[Duty], now: datetime) -> list[Duty]:
    state, facts = tx.incidents.state(incident_id), tx.incidents.facts(incident_id)
    if state is None or facts is None:
        raise Refused(f"there is no incident {incident_id}; `tocsin list` shows those that exist")
    pins = [_newest(tx, pin) for pin in tx.register.pinned(incident_id)]
    lifted = [hold for hold in tx.duties.holds(incident_id) if hold.lifted_at is not None]
    owed = resolve(incident_id, state.triggers, pins, lifted)
    owed += owed_to_us(incident_id, state.triggers, pins, state.sources)
    books = ReadOnlyShelf(tx.law)
    owed += law.duties(
        books, law.current, incident_id, facts, state.triggers, pins, submitted(before), now, state.decision
    )
    return owed


def _newest(tx: Transaction, pin: Affected) -> Affected:
    newest = tx.register.agreement(pin.agreement.agreement_id)
    return pin if newest is None else pin.model_copy(update={"agreement": newest, "revision": tx.register.revision()})


def _changes(before: Iterable[Duty], after: Iterable[Duty]) -> Iterable[Changed]:
    old = {duty.duty_id: duty for duty in before}
    new = {duty.duty_id: duty for duty in after}
    for key, duty in new.items():
        known = old.get(key)
        if known is None:
            yield _changed("added", None, duty)
        elif known.state is DutyState.OPEN and (known.deadline_at, known.target_at) != (
            duty.deadline_at,
            duty.target_at,
        ):
            yield _changed("moved", known, duty)
    for key, duty in old.items():
        if key not in new and duty.state is DutyState.OPEN and _from_inputs(duty):
            yield _changed("withdrawn", duty, None)


def _from_inputs(duty: Duty) -> bool:
    return duty.agreement_id is not None or duty.rule_id.startswith(POLICY) or duty.rule_id == RULE_OUT


def _changed(change: str, was: Duty | None, would_be: Duty | None) -> Changed:
    duty = would_be or was
    assert duty is not None
    return Changed(
        duty_id=duty.duty_id,
        title=duty.title,
        change=change,
        was_at=was.target_at if was else None,
        would_be_at=would_be.target_at if would_be else None,
        was=was.computation.steps if was else (),
        would_be=would_be.computation.steps if would_be else (),
    )
