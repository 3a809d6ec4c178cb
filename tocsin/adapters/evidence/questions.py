"""The questions that an auditor asks of every incident, answered from its record, with where in the pack it stands."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.layout import LedgerRow
from tocsin.adapters.evidence.record import Record
from tocsin.domain.act import UNVERIFIED_LOCAL, AddNote, Confirm, Envelope, Release, Report, Revise, Told
from tocsin.domain.duty import Duty
from tocsin.domain.incident import Basis, Trigger
from tocsin.domain.notice import NoticeState
from tocsin.domain.values import Value


class Point(Value):
    """One part of an answer, and where in the pack it stands."""

    what: str
    where: tuple[str, ...]


class Answer(Value):
    """A question with its answer; without points, the answer is that there is nothing of the kind."""

    question: str
    points: tuple[Point, ...]


def questions(record: Record) -> list[Answer]:
    """Answer every question."""
    asked: list[tuple[str, Callable[[Record], Iterator[Point]]]] = [
        ("When did we become aware, and on whose word?", _aware),
        ("Which rule applied, in which version, and how was its deadline computed?", _rules),
        ("Who approved which bytes?", _approved),
        ("Who received what, by which proof?", _received),
        ("What was late, and why?", _late),
        ("Who could have changed this record, and how would it show?", _changeable),
    ]
    return [Answer(question=question, points=tuple(answer(record))) for question, answer in asked]


def _aware(record: Record) -> Iterator[Point]:
    for trigger, fact in sorted(record.state.triggers.items(), key=lambda pair: pair[1].at):
        act = next((act for act in reversed(record.acts) if _states(act, trigger, fact.at)), None)
        how = "stated by" if fact.basis is Basis.STATED else "assumed from the report of"
        who = f", {how} {_who(act)} at {_utc(act.act.at)}" if act is not None else f", {fact.basis}"
        where = (f"{layout.INCIDENT} triggers.{trigger}", *(_of_act(record, act) if act is not None else ()))
        yield Point(what=f"{trigger.words} at {_utc(fact.at)}{who}", where=where)


def _states(envelope: Envelope, trigger: Trigger, at: datetime) -> bool:
    """Say whether an act gave this instant to a trigger, by saying so or by itself."""
    match envelope.act.deed:
        case Report() | Revise() as deed if trigger in deed.triggers:
            return deed.triggers[trigger] == at
        case Report():
            return envelope.act.at == at
        case Confirm() as deed:
            return trigger is Trigger.CONFIRMATION and at in {deed.confirmed_at, envelope.act.at}
        case Told() as deed:
            return at in {deed.told_at, deed.their_awareness_at, envelope.act.at}
        case _:
            return False


def _rules(record: Record) -> Iterator[Point]:
    first: dict[tuple[str, str, datetime], Duty] = {}
    counts = Counter(_key(first.setdefault(_key(one.duty), one.duty)) for one in record.duties)
    for key, duty in sorted(first.items(), key=lambda pair: (pair[1].target_at, pair[1].duty_id)):
        computation = duty.computation
        what = (
            f"{duty.title}: {computation.rule_id}, version {computation.rule_version} ({duty.citation}), "
            f"for {counts[key]} duty(ies); {'; '.join(computation.steps)}"
        )
        law = (layout.LAW,) if duty.agreement_id is None else (f"{layout.AGREEMENTS} {duty.agreement_id}",)
        yield Point(what=what, where=(f"{layout.DUTIES} {duty.duty_id}", *law))


def _key(duty: Duty) -> tuple[str, str, datetime]:
    return duty.computation.rule_id, duty.computation.rule_version, duty.target_at


def _approved(record: Record) -> Iterator[Point]:
    for act in record.acts:
        if not isinstance(deed := act.act.deed, Release):
            continue
        for wave_id, digest in deed.approved.items():
            wave = next((wave for wave in record.waves if wave.wave_id == wave_id), None)
            drafter = record.names.person(wave.drafter) if wave is not None else "nobody that is known"
            rows = f"{wave.rows} row(s), " if wave is not None else ""
            what = f"{_who(act)} released {rows}drafted by {drafter}, digest {digest}, at {_utc(act.act.at)}"
            yield Point(what=what, where=(f"{layout.LEDGER} {wave_id}", *_of_act(record, act)))


def _received(record: Record) -> Iterator[Point]:
    by_hand = {task.notice_id: task for task in record.tasks if task.notice_id is not None and task.done_by is not None}
    last = {entry.draft.data["notice"]: entry.number for entry in record.entries if "notice" in entry.draft.data}
    for row in record.rows:
        if row.letter is None and row.notice.state is not NoticeState.TOLD_BY_HAND:
            continue
        letters = tuple(name for name in (row.letter, row.as_sent) if name)
        where = (f"{layout.LEDGER} {row.notice.notice_id}", *letters, *_entry(last.get(row.notice.notice_id)))
        what, task = _reached(row), by_hand.get(row.notice.notice_id)
        if task is not None:
            what += f": {task.outcome}" + (f", proof: {task.proof}" if task.proof else "")
            done = f"{layout.ACTS} {task.done_by}", *_entry(record.act_entries.get(str(task.done_by)))
            where = (*where, f"{layout.TASKS} {task.task_id}", *done)
        yield Point(what=what, where=where)


def _reached(row: LedgerRow) -> str:
    notice = row.notice
    at = f" at {_utc(notice.settled_at)}" if notice.settled_at else ""
    letter = f", letter {notice.letter_sha256}" if notice.letter_sha256 else ""
    to = f"{row.recipient_name} <{row.recipient_address}>" if row.recipient_address else "nobody by mail"
    state = str(notice.state).replace("_", " ")
    return f"{row.party} ({row.reference}): notice {notice.number} to {to}: {state}{at}{letter}"


def _late(record: Record) -> Iterator[Point]:
    for one in record.duties:
        if one.duty.late or (one.duty.ended_at is None and _was_missed(record, one.duty)):
            ended = f"ended at {_utc(one.duty.ended_at)}" if one.duty.ended_at else "is still open"
            deadline = _utc(one.duty.deadline_at) if one.duty.deadline_at else "none"
            what = f"{one.duty.title} towards {one.party or 'ourselves or an authority'}: deadline {deadline}, {ended}"
            yield Point(what=what, where=(f"{layout.DUTIES} {one.duty.duty_id}",))
    for act in record.acts:
        if isinstance(deed := act.act.deed, AddNote) and deed.clock_id is not None:
            name = record.names.clocks.get(deed.clock_id, deed.clock_id)
            where = (f"{layout.CLOCKS} {deed.clock_id}", *_of_act(record, act))
            yield Point(what=f"reason for “{name}”, by {_who(act)}: {deed.text}", where=where)


def _was_missed(record: Record, duty: Duty) -> bool:
    return any(row.late for row in record.clocks if row.spec.clock_id == duty.clock_id)


def _changeable(record: Record) -> Iterator[Point]:
    yield Point(
        what=f"the log has {record.head.size} entries and the root {record.head.root()}: an entry changed, removed "
        "or put in another order gives another root than the signed checkpoint has",
        where=(layout.LOG, layout.CHECKPOINT, layout.PROOFS),
    )
    yield Point(
        what="whoever holds the key of the log and can write the store could rewrite both as a whole: only a "
        "checkpoint that was kept elsewhere at the time shows it (tocsin verify --head)",
        where=(layout.CHECKPOINT, layout.KEY),
    )
    for row, pin in record.witnessed:
        yield Point(
            what=f"outside, {pin.witness} took the checkpoint of {row.head.size} entries at {_utc(pin.at)}: what it "
            "still holds shows whether the log was rewritten since",
            where=(f"{layout.WITNESSES} {row.head.size}", layout.CHECKPOINT),
        )
    left_out = list(record.omissions)
    if left_out:
        people = ", ".join(sorted({one.marked_by for one in left_out}))
        what = (
            f"{len(left_out)} privileged paragraph(s) are left out, marked by {people}; the log vouches for the whole"
        )
        where = tuple(f"{layout.OMISSIONS} {one.act_id}" for one in left_out)
        yield Point(what=what, where=where)
    unverified = [act for act in record.acts if act.act.actor.authenticated == UNVERIFIED_LOCAL]
    if unverified:
        people = ", ".join(sorted({act.act.actor.name for act in unverified}))
        yield Point(
            what=f"{len(unverified)} of {len(record.acts)} acts are marked `{UNVERIFIED_LOCAL}` ({people}): whoever "
            "could log in to that machine could have typed them",
            where=(layout.ACTS,),
        )


def _who(envelope: Envelope) -> str:
    actor = envelope.act.actor
    return f"{actor.name} ({actor.authenticated})"


def _of_act(record: Record, envelope: Envelope) -> tuple[str, ...]:
    act_id = envelope.act.act_id
    return (f"{layout.ACTS} {act_id}", *_entry(record.act_entries.get(str(act_id))))


def _entry(number: int | None) -> tuple[str, ...]:
    return () if number is None else (f"{layout.LOG} entry {number}",)


def _utc(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
