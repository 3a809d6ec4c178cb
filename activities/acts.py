"""Recording what people did: envelope checked, then act, projection and log entry in one transaction."""

from collections.abc import Callable

from temporalio import activity

from activities.commitments import signed
from activities.deciding import assessed, refuse_an_old_proposal
from activities.glass import refuse_unless_needed
from activities.pinning import (
    absorbed_pins,
    found_affected,
    named_in_report,
    refuse_unless_absorbed,
    source_pins,
    sources_of,
)
from activities.releasing import release_rows, rows_of
from tocsin.audit.entry import EntryDraft, salted_digest
from tocsin.domain.act import (
    Absorb,
    Act,
    AddAffected,
    AddNote,
    Assess,
    Close,
    Decide,
    Dismiss,
    DutyEnd,
    EndDuty,
    Envelope,
    Handover,
    MergeInto,
    Release,
    Report,
    Resume,
    Revise,
    Stop,
    Told,
)
from tocsin.domain.breaking_glass import BreakGlass
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.hold import Hold
from tocsin.domain.holding import CONFIRM_WITHIN, ConfirmHold, HoldProvisionally, Lift, PlaceHold
from tocsin.domain.incident import Facts
from tocsin.domain.incident_state import IncidentState, hold_id_of
from tocsin.domain.law_pin import LawPin
from tocsin.domain.notice import NoticeState, step, wave_digest
from tocsin.domain.privilege import Redaction
from tocsin.domain.register import Discharge
from tocsin.domain.repinning import Recompute
from tocsin.domain.revising import revised
from tocsin.domain.statutory import policy_of
from tocsin.domain.task import Task
from tocsin.domain.values import HoldId, IncidentId, PersonId, Value, WaveId
from tocsin.ports import Door, Notary, Sealer, Stamp, Store, Transaction
from tocsin.wire import incident_workflow, response_workflow


class ActToRecord(Value):
    """An admitted act and the state it leads to."""

    stamp: Stamp
    envelope: Envelope
    state: IncidentState


class Recorded(Value):
    """Whether the act was new."""

    already: bool = False


class Projection(Value):
    """A state to show, after something that no person did."""

    stamp: Stamp
    state: IncidentState
    kind: str
    data: dict[str, str | int] = {}


class Lapsing(Value):
    """A provisional hold that nobody confirmed in time, and the state after it."""

    stamp: Stamp
    state: IncidentState
    hold_id: HoldId


class Recalled(Value):
    """What the store knows of an incident, None for a new one, and the last write of its workflow."""

    state: IncidentState | None
    sequence: int = 0


class RecalledTasks(Value):
    """The tasks that the store holds, and a sequence above every one they were written with."""

    tasks: tuple[Task, ...]
    sequence: int


class Acts:
    """The deeds around the store's incidents."""

    def __init__(self, store: Store, door: Door, sealer: Sealer, notary: Notary) -> None:
        self._store = store
        self._door = door
        self._sealer = sealer
        self._notary = notary

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.recall, self.recall_tasks, self.last_sequence, self.record, self.project, self.lapse]

    @activity.defn(name="acts.recall")
    def recall(self, incident_id: IncidentId) -> Recalled:
        """Return the state that the store holds, so that a new run goes on where the last one ended."""
        with self._store.reading() as tx:
            sequence = tx.last_sequence(incident_workflow(incident_id))
            return Recalled(state=tx.incidents.state(incident_id), sequence=sequence)

    @activity.defn(name="acts.recall_tasks")
    def recall_tasks(self, incident_id: IncidentId) -> RecalledTasks:
        """Return the tasks, so that a reopened incident takes them up again."""
        with self._store.reading() as tx:
            sequence = tx.last_sequence(response_workflow(incident_id))
            return RecalledTasks(tasks=tuple(tx.tasks.of(incident_id)), sequence=sequence)

    @activity.defn(name="acts.last_sequence")
    def last_sequence(self, workflow_id: str) -> int:
        """Return the number of a workflow's last write, so that a new run of it numbers on."""
        with self._store.reading() as tx:
            return tx.last_sequence(workflow_id)

    @activity.defn(name="acts.record")
    def record(self, order: ActToRecord) -> Recorded:
        """Verify the envelope, then write act, projection and log entry together.

        Raises:
            Refused: if the envelope does not hold, or a fact, a party or a letter is not as the act says.
        """
        refuse_misdirected(order.envelope.act, order.stamp)
        self._door.admit(order.envelope, order.stamp.at)
        self._sealer.ensure(order.stamp.incident_id)
        return self._store.once(order.stamp, order, lambda tx: self._write(tx, order), Recorded)

    @activity.defn(name="acts.project")
    def project(self, order: Projection) -> None:
        """Write the projection and a log entry for something the engine did."""
        self._store.once(order.stamp, order, lambda tx: self._show(tx, order), Recorded)

    @activity.defn(name="acts.lapse")
    def lapse(self, order: Lapsing) -> None:
        """End a provisional hold that nobody confirmed, with its entry in the log."""
        self._store.once(order.stamp, order, lambda tx: self._lapse(tx, order), Recorded)

    def _lapse(self, tx: Transaction, order: Lapsing) -> Recorded:
        _change_hold(tx, order.stamp.incident_id, order.hold_id, lifted_at=order.stamp.at, lapsed=True)
        return self._show(
            tx,
            Projection(stamp=order.stamp, state=order.state, kind="hold.lapsed", data={"hold": order.hold_id}),
        )

    def _write(self, tx: Transaction, order: ActToRecord) -> Recorded:
        act = order.envelope.act
        if tx.incidents.act(act.act_id) is not None:
            return Recorded(already=True)
        if isinstance(act.deed, BreakGlass):
            refuse_unless_needed(tx, act, act.deed, order.stamp.at)
        tx.incidents.put_state(order.state, order.stamp.at)
        tx.incidents.add_act(order.envelope, order.stamp.sequence)
        tx.incidents.join(act.incident_id, joining(act), order.stamp.at)
        self._consequences(tx, order, act)
        tx.log.append([act_entry(order.stamp, order.envelope, self._sealer)])
        if isinstance(act.deed, Close):
            # A log that does not go on keeps nobody from closing: the sweep finds it, and calls a person.
            signed(tx, self._notary, order.stamp.at)
        return Recorded()

    def _show(self, tx: Transaction, order: Projection) -> Recorded:
        tx.incidents.put_state(order.state, order.stamp.at)
        tx.log.append([engine_entry(order.stamp, order.kind, dict(order.data))])
        return Recorded()

    def _consequences(self, tx: Transaction, order: ActToRecord, act: Act) -> None:
        incident_id, at = act.incident_id, order.stamp.at
        match act.deed:
            case Report() as deed:
                tx.incidents.put_facts(incident_id, deed.facts, at, act.act_id)
                tx.register.pin(incident_id, named_in_report(tx, deed, act))
                tx.register.pin(incident_id, source_pins(tx, incident_id, sources_of(deed)))
            case Revise() as deed if deed.facts or deed.answers:
                tx.incidents.put_facts(incident_id, _revise(_facts(tx, incident_id), deed), at, act.act_id)
            case Close() as deed:
                facts = _facts(tx, incident_id).model_copy(update={"cause": deed.cause, "lessons": deed.lessons})
                tx.incidents.put_facts(incident_id, facts, at, act.act_id)
            case Decide() as deed:
                refuse_an_old_proposal(incident_id, _facts(tx, incident_id), deed)
            case Assess() as deed:
                tx.incidents.put_facts(incident_id, assessed(_facts(tx, incident_id), deed), at, act.act_id)
            case Absorb() as deed:
                tx.register.pin(incident_id, absorbed_pins(tx, incident_id, deed))
            case MergeInto() as deed:
                refuse_unless_absorbed(tx, incident_id, deed)
            case Recompute() as deed:
                _repin(tx, deed, order)
            case Told() as deed:
                tx.register.pin(incident_id, source_pins(tx, incident_id, (deed.agreement_id,)))
            case AddAffected() as deed:
                tx.register.pin(incident_id, found_affected(tx, incident_id, deed, act))
            case PlaceHold() | HoldProvisionally() as deed:
                tx.duties.put_hold(incident_id, _placed(act, deed))
            case ConfirmHold() as deed:
                _change_hold(tx, incident_id, deed.hold_id, confirmed_by=act.act_id)
            case Lift() as deed:
                _change_hold(tx, incident_id, deed.hold_id, lifted_at=at)
            case AddNote(clock_id=clock_id) if clock_id is not None:
                row = tx.duties.clock(clock_id)
                if row is not None:
                    tx.duties.put_clock(row.model_copy(update={"late_reason": act.act_id}))
            case Release() as deed:
                _release(tx, deed, act, order)
            case Dismiss():
                _withdraw_unsent(tx, incident_id)
            case EndDuty() as deed:
                _end_duty(tx, deed, order)
            case Stop(wave_id=wave_id):
                _set_stopped(tx, wave_id, stopped=True)
            case Resume(wave_id=wave_id):
                _set_stopped(tx, wave_id, stopped=False)
            case _:
                pass


def joining(act: Act) -> set[PersonId]:
    """Return whom an act puts on the incident's team: whoever did it, and to whom it was handed."""
    return {act.actor.person_id, *([act.deed.to] if isinstance(act.deed, Handover) else [])}


def refuse_misdirected(act: Act, stamp: Stamp) -> None:
    """Refuse an act upon another incident than the one it was sent to: a signature is good for its own only."""
    if act.incident_id != stamp.incident_id:
        raise Refused(f"this act is upon incident {act.incident_id}, but it was sent to {stamp.incident_id}")


def act_entry(stamp: Stamp, envelope: Envelope, sealer: Sealer) -> EntryDraft:
    """Return the log entry of a person's act."""
    act = envelope.act
    return EntryDraft(
        key=f"{stamp.workflow_id}#{stamp.sequence}",
        at=stamp.at,
        kind=f"act.{act.deed.kind}",
        incident_id=stamp.incident_id,
        actor=act.actor.person_id,
        authenticated=act.actor.authenticated,
        workflow_id=stamp.workflow_id,
        run_id=stamp.run_id,
        sequence=stamp.sequence,
        inputs_digest=salted_digest(sealer.salt(stamp.incident_id), envelope.canonical()),
        data={"act": act.act_id, "acted_at": act.at.isoformat()} | _marks_itself(act),
    )


def _marks_itself(act: Act) -> dict[str, int]:
    """Return how many paragraphs an act marks as privileged as it writes them; nothing, if none."""
    own = Redaction([act]).of(act)
    return {"privileged": len(own)} if own else {}


def engine_entry(stamp: Stamp, kind: str, data: dict[str, object]) -> EntryDraft:
    """Return the log entry of something the engine did; `data` holds ids, counts and instants only."""
    return EntryDraft(
        key=f"{stamp.workflow_id}#{stamp.sequence}",
        at=stamp.at,
        kind=kind,
        incident_id=stamp.incident_id,
        actor="engine",
        workflow_id=stamp.workflow_id,
        run_id=stamp.run_id,
        sequence=stamp.sequence,
        data=data,
    )


def _facts(tx: Transaction, incident_id: IncidentId) -> Facts:
    facts = tx.incidents.facts(incident_id)
    if facts is None:
        raise Refused(f"incident {incident_id} has no facts yet; report it first")
    return facts


def _revise(facts: Facts, deed: Revise) -> Facts:
    try:
        return revised(facts, deed)
    except ValueError as error:
        raise Refused(f"the revision does not fit the facts: {error}") from error


def _repin(tx: Transaction, deed: Recompute, order: ActToRecord) -> None:
    pin = LawPin(law=deed.law, calendars=deed.calendars)
    if not tx.law.knows(pin):
        raise Refused(f"no worker has brought the law {deed.law[:12]} yet; restart the workers, then look again")
    if deed.revision != tx.register.revision():
        raise Refused("the register has changed since the difference was shown; look at it again")
    tx.law.pin(order.stamp.incident_id, pin, order.stamp.at)
    tx.register.repin(order.stamp.incident_id, deed.revision)


def _change_hold(tx: Transaction, incident_id: IncidentId, hold_id: HoldId, **change: object) -> None:
    for hold in tx.duties.holds(incident_id):
        if hold.hold_id == hold_id:
            tx.duties.put_hold(incident_id, hold.model_copy(update=change))


def _placed(act: Act, deed: PlaceHold | HoldProvisionally) -> Hold:
    return Hold(
        hold_id=hold_id_of(act),
        kind=deed.hold_kind,
        issuer=deed.issuer,
        reference=deed.reference,
        scope=deed.agreements,
        placed_at=act.at,
        placed_by=act.act_id,
        review_at=deed.review_at,
        on_lift=deed.on_lift,
        provisional_until=act.at + CONFIRM_WITHIN if isinstance(deed, HoldProvisionally) else None,
    )


def _release(tx: Transaction, deed: Release, act: Act, order: ActToRecord) -> None:
    for wave_id, digest in deed.approved.items():
        wave = tx.ledger.wave(wave_id)
        if wave is None or wave_digest(rows_of(tx, wave)) != digest:
            raise Refused(f"the stored letters of wave {wave_id} are not those of digest {digest[:12]}; draft again")
        release_rows(tx, wave.model_copy(update={"digest": digest}), act.actor.person_id, order.stamp.at)


def _withdraw_unsent(tx: Transaction, incident_id: IncidentId) -> None:
    """Take back what has not left yet: a report that was dismissed is no reason to write to anybody."""
    waiting = (NoticeState.RELEASED, NoticeState.BY_HAND)
    for wave in tx.ledger.waves(incident_id):
        if wave.released_at is not None and wave.ended_at is None:
            rows = tx.ledger.notices(wave.wave_id, states=waiting)
            tx.ledger.put(row.model_copy(update={"state": step(row.state, NoticeState.WITHDRAWN)}) for row in rows)


def _end_duty(tx: Transaction, deed: EndDuty, order: ActToRecord) -> None:
    duty = next((duty for duty in tx.duties.by_id([deed.duty_id])), None)
    if duty is None or duty.incident_id != order.stamp.incident_id:
        raise Refused(f"there is no duty {deed.duty_id} in this incident; `tocsin duty list` shows those that are")
    if duty.state is not DutyState.OPEN:
        raise Refused(f"duty {deed.duty_id} has ended already: {duty.state}, {duty.proof}")
    if duty.agreement_id is None and policy_of(duty) is None:
        raise Refused(f"{duty.title} is owed to ourselves; it ends by being done, not by a decision")
    by_notice = duty.agreement_id is not None and not duty.owed_to_us and duty.discharge is Discharge.ACCEPTED
    if deed.how is DutyEnd.DISCHARGED and by_notice:
        raise Refused("a contract's duty is discharged by its notice, or by the task that delivers it by hand")
    if deed.how is DutyEnd.WAIVED:
        _refuse_waiving(tx, duty, deed)
    late = duty.deadline_at is not None and order.stamp.at > duty.deadline_at
    ended = {"state": DutyState(deed.how), "ended_at": order.stamp.at, "proof": deed.proof, "late": late}
    tx.duties.put([duty.model_copy(update=ended)])


def _refuse_waiving(tx: Transaction, duty: Duty, deed: EndDuty) -> None:
    if duty.agreement_id is None:
        raise Refused("only a contract's duty can be waived, by the other party; the law's cannot")
    attached = {attachment.sha256 for attachment in tx.incidents.attachments(duty.incident_id)}
    if deed.proof not in attached:
        raise Refused("a waiver needs the other party's writing: `tocsin attach` it, and give its SHA-256 as the proof")


def _set_stopped(tx: Transaction, wave_id: WaveId, *, stopped: bool) -> None:
    wave = tx.ledger.wave(wave_id)
    if wave is not None:
        tx.ledger.put_wave(wave.model_copy(update={"stopped": stopped}))
