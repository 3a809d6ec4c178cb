"""A notice's step from state to state: its row, its log entry and the duties it discharges, in one transaction."""

from collections.abc import Iterable
from datetime import datetime

from tocsin.audit.entry import EntryDraft
from tocsin.domain.breaker import ChannelState, Heard, after
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.notice import ContactRole, Notice, NoticeState, discharges, step
from tocsin.ports import Transaction


def record(tx: Transaction, rows: Iterable[Notice], at: datetime) -> None:
    """Put rows that took a step, write it into the log, and end the duties whose proof they now are.

    Each counts from its own `settled_at`; `at` is for one that has none. The log comes last: every writer takes its
    head as the last lock, so that none waits for another in a circle.
    """
    changed = list(rows)
    tx.ledger.put(changed)
    discharge(tx, changed, at)
    tx.log.append(_entry(row, row.settled_at or at) for row in changed)


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


def discharge(tx: Transaction, rows: Iterable[Notice], at: datetime) -> None:
    """End each open duty whose clause takes the state of one of these notices as proof."""
    proofs = {duty_id: row for row in rows if row.role is ContactRole.CHAIN for duty_id in row.duty_ids}
    duties = [duty for duty in tx.duties.by_id(proofs) if duty.state is DutyState.OPEN]
    proved = [(d, proofs[d.duty_id]) for d in duties if discharges(proofs[d.duty_id].state, d.discharge)]
    tx.duties.put(_discharged(duty, row, row.settled_at or at) for duty, row in proved)


def _discharged(duty: Duty, notice: Notice, at: datetime) -> Duty:
    late = duty.deadline_at is not None and at > duty.deadline_at
    change = {
        "state": DutyState.DISCHARGED,
        "ended_at": at,
        "proof": f"notice {notice.number} {notice.state}",
        "proved_by": notice.notice_id,
        "late": late,
    }
    return duty.model_copy(update=change)


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
