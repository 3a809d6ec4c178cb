"""Resolving duties, counting what is open, and keeping each clock's row."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from temporalio import activity

from activities.acts import engine_entry
from activities.family import Family
from activities.silence import silent
from tocsin.domain.act import AnswerPage
from tocsin.domain.audience import NOBODY, MayBeAffected, may_be_affected
from tocsin.domain.clock import ClockRow, ClockSpec, ClockState, Mark, covered_by, group
from tocsin.domain.duty import (
    DECIDE_RULE,
    MERGED,
    Difference,
    Duty,
    DutyState,
    decide_duty,
    difference,
    duties_digest,
    resolve,
)
from tocsin.domain.gdpr_decision import WhomToTell
from tocsin.domain.gdpr_duties import BY_DECISION, not_owed_by
from tocsin.domain.gdpr_duties import told as told_under
from tocsin.domain.incident import OVER, Status, Triggers
from tocsin.domain.ladder import Ladder
from tocsin.domain.law_pin import LawPin
from tocsin.domain.owed_to_us import owed_to_us, told
from tocsin.domain.statutory import RULE_OUT, policy_of, submitted
from tocsin.domain.values import AgreementId, ClockId, DutyId, IncidentId, Instant, Value, derived_id
from tocsin.ports import Law, Stamp, Store, Transaction
from tocsin.wire import ResolvedDuties, clock_workflow

DISMISSED = "the report was dismissed"
"""The proof of a duty that a dismissal ended; taken up again, the incident owes it again."""

INTERNAL = frozenset({DECIDE_RULE, RULE_OUT})
"""What we owe ourselves: open as often as there is something to decide."""


class Resolving(Value):
    """What duties are resolved from, beside the pins and holds in the store."""

    stamp: Stamp
    status: Status
    triggers: Triggers
    sources: tuple[AgreementId, ...] = ()
    told: dict[AgreementId, Instant] = {}
    relatives: tuple[IncidentId, ...] = ()
    merged_into: IncidentId | None = None
    decision: WhomToTell | None = None


class ClockCount(Value):
    """How a clock stands: duties in all, still open, and of those under a hold."""

    open: int
    total: int
    held: int
    may_be: MayBeAffected = NOBODY
    """Those that it would be owed to while nobody has said who is affected."""
    silent_at: Instant | None = None
    """When minimal letters go by themselves, where clauses say so and nobody has released any; None: never."""


class Marking(Value):
    """A clock's warning about its target went out."""

    stamp: Stamp
    clock_id: ClockId
    target_at: Instant
    mark: Mark
    missed: bool


class Ending(Value):
    """A clock believes that it is done."""

    stamp: Stamp
    clock_id: ClockId


class Ended(Value):
    """Whether the clock is really done, and how it ended."""

    ended: bool
    outcome: str = ""
    missed: bool = False
    """Its deadline passed with duties open, and nobody has been told so yet: a reason is owed."""


class ResumedClock(Value):
    """Where a clock stood whose run was lost."""

    sent: tuple[Mark, ...]
    sequence: int
    unanswered: Mark | None = None
    """The last warning that was sent, if nobody has answered it since."""


class Duties:
    """The deeds around the store's duties and clocks."""

    def __init__(self, store: Store, law: Law, ladder: Ladder) -> None:
        self._store = store
        self._law = law
        self._ladder = ladder

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.resolve, self.resume_clock, self.count, self.mark, self.end_clock]

    @activity.defn(name="duties.resolve")
    def resolve(self, order: Resolving) -> ResolvedDuties:
        """Resolve again from the triggers, pins and lifted holds; keep what has ended, move what moved."""
        return self._store.once(order.stamp, order, lambda tx: _resolve(tx, order, self._law), ResolvedDuties)

    @activity.defn(name="duties.resume_clock")
    def resume_clock(self, spec: ClockSpec) -> ResumedClock:
        """Return what a new run of a lost clock must know: the marks that were sent, and the last write's number."""
        with self._store.reading() as tx:
            row = tx.duties.clock(spec.clock_id)
            sequence = tx.last_sequence(clock_workflow(spec.incident_id, spec.clock_id))
            unanswered = _unanswered(tx, spec, row.sent) if row else None
            return ResumedClock(sent=row.sent if row else (), sequence=sequence, unanswered=unanswered)

    @activity.defn(name="duties.count")
    def count(self, spec: ClockSpec) -> ClockCount:
        """Count a clock's duties, and those that a hold covers now."""
        with self._store.reading() as tx:
            return counted(tx, spec, self._ladder)

    @activity.defn(name="duties.mark")
    def mark(self, order: Marking) -> None:
        """Record that a warning went out, and with it the earlier ones that it overtook."""
        self._store.once(order.stamp, order, lambda tx: _mark(tx, order), Ended)

    @activity.defn(name="duties.end_clock")
    def end_clock(self, order: Ending) -> Ended:
        """End the clock unless a duty was added in the meantime; the count and the end are one transaction."""
        return self._store.once(order.stamp, order, lambda tx: _end(tx, order), Ended)


def counted(tx: Transaction, spec: ClockSpec, ladder: Ladder) -> ClockCount:
    """Count a clock's duties, and those that a hold covers now."""
    duties = tx.duties.of(spec.incident_id, clock_id=spec.clock_id)
    holds = tx.duties.holds(spec.incident_id)
    still_open = [duty for duty in duties if duty.state is DutyState.OPEN]
    ours = [(d, d.agreement_id) for d in still_open if d.agreement_id and not d.owed_to_us]
    held = [d for d, agreement_id in ours if any(hold.covers(agreement_id) for hold in holds)]
    goes = bool(silent(tx, spec.incident_id, duties))
    return ClockCount(
        open=len(still_open),
        total=len(duties),
        held=len(held),
        may_be=_may_be_affected(tx, spec.incident_id, still_open),
        silent_at=spec.target_at - ladder.silence_margin(spec.target_at - spec.trigger_at) if goes else None,
    )


def _resolve(tx: Transaction, order: Resolving, law: Law) -> ResolvedDuties:
    incident_id = order.stamp.incident_id
    rows = {row.spec.clock_id: row for row in tx.duties.clocks(incident_id)}
    before = {duty.duty_id: duty for duty in tx.duties.of(incident_id)}
    family, pin = Family(tx, order.relatives), _pinned(tx, order, law)
    owed_now = _owed(tx, order, law, pin, before.values())
    resolved = [family.proved(_placed(_as_proved(duty, before), rows)) for duty in owed_now]
    resolved = [duty for duty in resolved if duty.duty_id not in before or _may_be_open(before[duty.duty_id])]
    owed = [duty for duty in resolved if duty.state is DutyState.OPEN]
    proved = [duty for duty in resolved if duty.state is not DutyState.OPEN]
    still_open = [duty for duty in before.values() if duty.state is DutyState.OPEN]
    changed = difference(still_open, resolved)
    gone = [_fallen_away(before[duty_id], order) for duty_id in changed.withdrawn]
    tx.duties.put([*resolved, *gone])
    specs = group(owed)
    for spec in specs:
        _show_clock(tx, rows.get(spec.clock_id), spec)
    digest = duties_digest((before | {duty.duty_id: duty for duty in (*resolved, *gone)}).values())
    summary = _summary(changed, owed, specs) | {"digest": digest, **pin.model_dump()}
    if proved:
        summary["settled"] = [_settled(duty) for duty in proved]
    tx.log.append([engine_entry(order.stamp, "duties.resolved", summary)])
    return ResolvedDuties(
        clocks=tuple(specs),
        difference=_bounded(changed),
        duties=len(owed),
        added=len(changed.added),
        moved=len(changed.moved),
        withdrawn=len(changed.withdrawn) + sum(duty.duty_id in before for duty in proved),
        may_be_affected=_may_be_affected(tx, incident_id).agreements,
    )


def _unanswered(tx: Transaction, spec: ClockSpec, sent: Sequence[Mark]) -> Mark | None:
    """Return the last mark that was sent, unless a person answered it."""
    last = max(sent, key=list(Mark).index, default=None)
    acts = (envelope.act for envelope in tx.incidents.acts(spec.incident_id))
    answers = [act.at for act in acts if isinstance(act.deed, AnswerPage) and _is_about(act.deed, spec.clock_id)]
    return None if last is None or max(answers, default=spec.trigger_at) > spec.mark_at(last) else last


def _is_about(deed: AnswerPage, clock_id: ClockId) -> bool:
    return deed.clock_id in {None, clock_id}


def _may_be_open(duty: Duty) -> bool:
    """Say whether resolving may (still or again) hold the duty open: what was proved, waived or decided stays ended."""
    if duty.rule_id in INTERNAL:
        return True
    by_the_facts = duty.state is DutyState.WITHDRAWN or (duty.state is DutyState.NOT_OWED and duty.proof == DISMISSED)
    by_decision = duty.state is DutyState.NOT_OWED and BY_DECISION in (duty.proof or "")
    return duty.state is DutyState.OPEN or by_the_facts or by_decision


def _as_proved(duty: Duty, before: Mapping[DutyId, Duty]) -> Duty:
    """Return the duty with what is proved of it already, where several methods are required."""
    known = before.get(duty.duty_id)
    return duty.model_copy(update={"proofs": known.proofs}) if known is not None and known.proofs else duty


def _pinned(tx: Transaction, order: Resolving, law: Law) -> LawPin:
    """Return the law of the incident: what the worker has today at its first resolving, and ever after that."""
    pin = tx.law.pinned(order.stamp.incident_id)
    if pin is None:
        pin = law.current
        tx.law.keep(pin, law.content(), order.stamp.at)
        tx.law.pin(order.stamp.incident_id, pin, order.stamp.at)
    return pin


def _owed(tx: Transaction, order: Resolving, law: Law, pin: LawPin, before: Iterable[Duty]) -> list[Duty]:
    incident_id, facts = order.stamp.incident_id, tx.incidents.facts(order.stamp.incident_id)
    if order.status in OVER:
        return []
    pins = tx.register.pinned(incident_id)
    lifted = [hold for hold in tx.duties.holds(incident_id) if hold.lifted_at is not None and not hold.lapsed]
    owed = resolve(incident_id, order.triggers, pins, lifted)
    owed += [told(duty, order.told) for duty in owed_to_us(incident_id, order.triggers, pins, order.sources)]
    if facts is not None:
        owed += law.duties(
            tx.law, pin, incident_id, facts, order.triggers, pins, submitted(before), order.stamp.at, order.decision
        )
    if order.status is Status.REPORTED:
        owed.append(decide_duty(incident_id, order.triggers))
    return owed


def _may_be_affected(tx: Transaction, incident_id: IncidentId, duties: Iterable[Duty] | None = None) -> MayBeAffected:
    """Count those who cannot be ruled out while nobody has said who is affected: all, or whom these duties are for."""
    state = tx.incidents.state(incident_id)
    if state is None or state.audience_known:
        return NOBODY
    owed = None if duties is None else {duty.agreement_id for duty in duties if not duty.owed_to_us}
    if owed is not None and not owed - {None}:
        return NOBODY
    pins = tx.register.pinned(incident_id)
    return may_be_affected(pin for pin in pins if owed is None or pin.agreement.agreement_id in owed)


def _placed(duty: Duty, rows: dict[ClockId, ClockRow]) -> Duty:
    """Return the duty on a clock that has not ended: duties that come after the end get a clock of their own."""
    clock_id, generation = duty.clock_id, 1
    while clock_id in rows and rows[clock_id].state is ClockState.ENDED:
        generation += 1
        clock_id = ClockId(derived_id("clk", duty.clock_id, str(generation)))
    return duty.model_copy(update={"clock_id": clock_id})


def _fallen_away(duty: Duty, order: Resolving) -> Duty:
    if order.merged_into is not None:
        state, proof = DutyState.SUPERSEDED, f"{MERGED}{order.merged_into}"
    elif duty.rule_id == DECIDE_RULE:
        state, proof = DutyState.DISCHARGED, f"decided: {order.status}"
    elif order.status is Status.DISMISSED:
        state, proof = DutyState.NOT_OWED, DISMISSED
    elif order.decision is not None and told_under(policy_of(duty), order.decision) is False:
        state, proof = DutyState.NOT_OWED, not_owed_by(duty.citation, order.decision.act_id)
    elif duty.rule_id == RULE_OUT:
        state, proof = DutyState.DISCHARGED, "nothing is left to rule out"
    else:
        state, proof = DutyState.WITHDRAWN, "it no longer follows from the facts"
    late = duty.deadline_at is not None and order.stamp.at > duty.deadline_at
    return duty.model_copy(update={"state": state, "ended_at": order.stamp.at, "proof": proof, "late": late})


def _show_clock(tx: Transaction, row: ClockRow | None, spec: ClockSpec) -> None:
    if row is None:
        tx.duties.put_clock(ClockRow(spec=spec))
    elif row.spec != spec:
        # The deadline moved: what was warned about before was another deadline.
        tx.duties.put_clock(row.model_copy(update={"spec": spec, "sent": ()}))


def _summary(changed: Difference, owed: list[Duty], specs: list[ClockSpec]) -> dict[str, object]:
    return {
        "owed": len(owed),
        "clocks": [{"clock": s.clock_id, "rule": s.rule_id, "target": s.target_at.isoformat()} for s in specs],
        "added": len(changed.added),
        "moved": [
            {"duty": key, "was": was.isoformat() if was else None, "now": now.isoformat() if now else None}
            for key, was, now in changed.moved[:100]
        ],
        "moved_count": len(changed.moved),
        "withdrawn": len(changed.withdrawn),
    }


def _settled(duty: Duty) -> dict[str, str]:
    """Return what ended a duty as it was resolved: their notice to us, or a notice of an incident beside this one."""
    ended = duty.ended_at.isoformat() if duty.ended_at else ""
    target = duty.target_at.isoformat()
    return {"duty": duty.duty_id, "clock": duty.clock_id, "target": target, "ended": ended, "proof": duty.proof or ""}


def _bounded(changed: Difference) -> Difference:
    """Return the first hundred of each kind: a message must stay small however many parties there are.

    How many there are in truth is counted beside it.
    """
    return Difference(
        added=changed.added[:100],
        moved=changed.moved[:100],
        withdrawn=changed.withdrawn[:100],
    )


def marked(tx: Transaction, order: Marking) -> bool:
    """Record that a warning went out, in the clock's row and in the log; return whether that was a missed deadline."""
    row = tx.duties.clock(order.clock_id)
    # A deadline that moved in the meantime was not warned about, nor missed.
    stands = row is not None and row.spec.target_at == order.target_at
    if row is not None and stands:
        sent = _in_order({*row.sent, *covered_by(order.mark)})
        tx.duties.put_clock(row.model_copy(update={"sent": sent, "late": row.late or order.missed}))
    kind = "clock.missed" if order.missed and stands else "clock.warned"
    tx.log.append([engine_entry(order.stamp, kind, {"clock": order.clock_id, "mark": str(order.mark)})])
    return order.missed and stands


def _mark(tx: Transaction, order: Marking) -> Ended:
    marked(tx, order)
    return Ended(ended=False)


def _in_order(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    order = list(Mark)
    return tuple(sorted(marks, key=order.index))


def _end(tx: Transaction, order: Ending) -> Ended:
    row = tx.duties.clock(order.clock_id)
    if row is not None and row.open_duties:
        return Ended(ended=False)
    duties = tx.duties.of(order.stamp.incident_id, clock_id=order.clock_id)
    outcome = _outcome(duties)
    # Their lateness is recorded with the duty; a reason is owed for ours.
    missed = row is not None and not row.late and any(duty.late and not duty.owed_to_us for duty in duties)
    if row is not None:
        ended = {"state": ClockState.ENDED, "ended_at": order.stamp.at, "outcome": outcome, "late": row.late or missed}
        tx.duties.put_clock(row.model_copy(update=ended))
    tx.log.append([engine_entry(order.stamp, "clock.ended", {"clock": order.clock_id, "outcome": outcome})])
    return Ended(ended=True, outcome=outcome, missed=missed)


def _outcome(duties: list[Duty]) -> str:
    late = sum(duty.late for duty in duties)
    states = sorted({str(duty.state) for duty in duties}) or ["withdrawn"]
    return " and ".join(states) + (f", {late} late" if late else "")
