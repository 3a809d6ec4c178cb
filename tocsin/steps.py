"""A notice's step from state to state: its row, its log entry and the duties it discharges, in one transaction."""

from collections.abc import Iterable
from datetime import datetime

from tocsin.audit.entry import EntryDraft
from tocsin.domain.breaker import ChannelState, Heard, after
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.notice import ContactRole, Notice, NoticeState, step
from tocsin.domain.proving import failed_as_proof, proved, unproved
from tocsin.domain.values import DutyId
from tocsin.ports import Transaction

LONGEST_CHAIN = 50
"""Rows before and after a notice among which the others of its party lie: they are planned side by side."""


def record(tx: Transaction, rows: Iterable[Notice], at: datetime) -> None:
    """Put rows that took a step, write it into the log, and end the duties whose proof they now are.

    Each counts from its own `settled_at`; `at` is for one that has none. The log comes last: every writer takes its
    head as the last lock, so that none waits for another in a circle.
    """
    changed = list(rows)
    tx.ledger.put(changed)
    opened = discharge(tx, changed, at)
    tx.log.append([*(_entry(row, row.settled_at or at) for row in changed), *(_opened(d, n, at) for d, n in opened)])


def listen(tx: Transaction, words: Iterable[tuple[str, Heard | None]], at: datetime) -> None:
    """Change what is known of channels by what letters said, in their order; nothing is locked where nothing changes.

    A channel that stops is written into the log.
    """
    by_channel: dict[str, list[Heard]] = {}
    for name, heard in words:
        if heard is not None:
            by_channel.setdefault(name, []).append(heard)
    known = {state.name: state for state in tx.channels.all()}
    for name, said in sorted(by_channel.items()):
        before = known.get(name, ChannelState(name=name))
        if after(before, said, at) != before:
            before = tx.channels.locked(name)
            now = after(before, said, at)
            tx.channels.put([now])
            if before.stopped != now.stopped:
                tx.log.append([channel_entry(now, at)])


def channel_entry(state: ChannelState, at: datetime, actor: str = "engine") -> EntryDraft:
    """Return the log entry of a channel that stopped, or takes letters again."""
    what = "stopped" if state.stopped else "opened"
    return EntryDraft(
        key=f"channel:{state.name}:{what}:{at.isoformat()}",
        at=at,
        kind=f"channel.{what}",
        incident_id=None,
        actor=actor,
        data={"channel": state.name},
    )


def moved(row: Notice, to: NoticeState, at: datetime, **change: object) -> Notice:
    """Return the row after a step. Raises Broken where the table of transitions forbids it."""
    return row.model_copy(update={"state": step(row.state, to), "settled_at": at, **change})


def discharge(tx: Transaction, rows: Iterable[Notice], at: datetime) -> list[tuple[Duty, Notice]]:
    """End each open duty whose clause takes the state of these notices as proof; open again those whose proof failed.

    Returns:
        The duties that are open again, each with the notice that failed.
    """
    by_duty: dict[DutyId, list[Notice]] = {}
    for row in rows:
        for duty_id in row.duty_ids if row.role is ContactRole.CHAIN else ():
            by_duty.setdefault(duty_id, []).append(row)
    before = tx.duties.by_id(by_duty)
    failed = {duty.duty_id: row for duty in before for row in by_duty[duty.duty_id] if failed_as_proof(duty, row)}
    changed = [
        (duty, _otherwise_proved(tx, unproved(duty, by_duty[duty.duty_id]), failed[duty.duty_id], at))
        if duty.duty_id in failed
        else (duty, proved(duty, by_duty[duty.duty_id], at) if duty.state is DutyState.OPEN else duty)
        for duty in before
    ]
    tx.duties.put(new for old, new in changed if new is not old)
    ended = [(old, new) for old, new in changed if old.state is DutyState.DISCHARGED]
    return [(new, failed[new.duty_id]) for _, new in ended if new.state is DutyState.OPEN]


def _otherwise_proved(tx: Transaction, duty: Duty, failed: Notice, at: datetime) -> Duty:
    """Return the duty as another notice of the same chain proves it, if one does: the one that was replaced, say."""
    first, last = max(0, failed.ordinal - LONGEST_CHAIN), failed.ordinal + LONGEST_CHAIN
    rows = tx.ledger.notices(failed.wave_id, first=first, last=last)
    others = [row for row in rows if duty.duty_id in row.duty_ids and row.notice_id != failed.notice_id]
    return proved(duty, others, at)


def _opened(duty: Duty, row: Notice, at: datetime) -> EntryDraft:
    return EntryDraft(
        key=f"duty.opened_again:{duty.duty_id}:{row.notice_id}:{at.isoformat()}",
        at=at,
        kind="duty.opened_again",
        incident_id=row.incident_id,
        actor="engine",
        data={"duty": duty.duty_id, "clock": duty.clock_id, "notice": row.notice_id, "state": str(row.state)},
    )


def _entry(row: Notice, at: datetime) -> EntryDraft:
    return EntryDraft(
        key=f"{row.notice_id}#{row.attempts}#{row.state}#{at.isoformat()}",
        at=at,
        kind=f"notice.{row.state}",
        incident_id=row.incident_id,
        actor="engine",
        data={
            "notice": row.notice_id,
            "wave": row.wave_id,
            "attempt": row.attempts,
            "letter": row.letter_sha256 or "",
            "possible_duplicate": row.possible_duplicate,
        },
    )
