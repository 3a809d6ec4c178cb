"""Checks of duties and clocks: their deadlines against the log, their ends against what proves them."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.pack import Pack
from tocsin.adapters.evidence.result import Finding
from tocsin.audit.entry import Entry
from tocsin.domain.clock import ClockRow, ClockState
from tocsin.domain.duty import Duty, DutyState
from tocsin.domain.notice import NoticeState, discharges

_DECIDING = {"act.confirm", "act.dismiss"}

Targets = dict[str, list[tuple[datetime, int]]]
"""By clock id, each instant that the log says it counted to, with the entry that says so."""


def clocks_in_log(pack: Pack) -> Iterator[Finding]:
    """Compare each target with those recorded when duties were resolved, and each clock's end with the log's."""
    logged = _targets(pack)
    counts = Counter(record.duty.clock_id for record in pack.duties)
    for row in pack.clocks:
        yield from _clock_faults(pack, row, logged)
        if counts[row.spec.clock_id] != row.total_duties:
            what = f"{_clock(row)} had {row.total_duties} duties, and {counts[row.spec.clock_id]} are in duties.json"
            yield Finding(file=layout.CLOCKS, what=what)
    for clock_id in sorted(logged.keys() - {row.spec.clock_id for row in pack.clocks}):
        what = f"clock {clock_id} is in the log and not here: it was taken out"
        yield Finding(file=layout.CLOCKS, entry=logged[clock_id][0][1], what=what)
    for duty in (record.duty for record in pack.duties):
        targets = [at for at, _ in logged.get(duty.clock_id, ())]
        if duty.target_at not in targets or (duty.deadline_at is not None and duty.deadline_at != duty.target_at):
            yield Finding(file=layout.DUTIES, what=f"{_what(duty)} has a deadline that the log never recorded")


def duties_proved(pack: Pack) -> Iterator[Finding]:
    """Find for each duty that ended what ended it, at that instant, and whether it was late; and count them."""
    duties = [record.duty for record in pack.duties]
    for duty in duties:
        if duty.state is DutyState.OPEN:
            continue
        late = duty.ended_at is not None and duty.deadline_at is not None and duty.ended_at > duty.deadline_at
        if duty.late is not late:
            what = f"{_what(duty)} is marked {'late' if duty.late else 'in time'}, and was not"
            yield Finding(file=layout.DUTIES, what=what)
        if duty.state is DutyState.DISCHARGED:
            yield from _proof_faults(pack, duty)
    yield from _count_faults(pack, duties)


def _targets(pack: Pack) -> Targets:
    logged: Targets = {}
    for entry in pack.entries:
        if entry.draft.kind == "duties.resolved":
            for clock in entry.draft.data.get("clocks", ()):
                logged.setdefault(clock["clock"], []).append((datetime.fromisoformat(clock["target"]), entry.number))
    return logged


def _clock_faults(pack: Pack, row: ClockRow, logged: Targets) -> Iterator[Finding]:
    clock_id, recorded = row.spec.clock_id, logged.get(row.spec.clock_id, [])
    if not recorded:
        yield Finding(file=layout.CLOCKS, what=f"{_clock(row)} was never recorded in the log")
    elif recorded[-1][0] != row.spec.target_at:
        what = f"{_clock(row)} counts to another instant than the log recorded"
        yield Finding(file=layout.CLOCKS, entry=recorded[-1][1], what=what)
    ended = any(e.draft.kind == "clock.ended" and e.draft.data.get("clock") == clock_id for e in pack.entries)
    if ended is not (row.state is ClockState.ENDED):
        yield Finding(file=layout.CLOCKS, what=f"{_clock(row)}: log and clock differ on whether it ended")
    missed = any(e.draft.kind == "clock.missed" and e.draft.data.get("clock") == clock_id for e in pack.entries)
    if missed is not row.late:
        yield Finding(file=layout.CLOCKS, what=f"{_clock(row)}: log and clock differ on whether it was missed")


def _proof_faults(pack: Pack, duty: Duty) -> Iterator[Finding]:
    if duty.proved_by is None:
        decided = duty.agreement_id is None and any(entry.draft.kind in _DECIDING for entry in pack.entries)
        if not decided:
            yield Finding(file=layout.DUTIES, what=f"{_what(duty)} is discharged without a proof")
        return
    row = pack.rows.get(duty.proved_by)
    if row is None or duty.duty_id not in row.notice.duty_ids:
        what = f"{_what(duty)} is discharged by {duty.proved_by}, which is not a notice that answers it"
        yield Finding(file=layout.DUTIES, what=what)
    elif not _proofs(pack, duty):
        what = f"{_what(duty)} ended at {duty.ended_at}, when the log says nothing of notice {row.notice.number}"
        yield Finding(file=layout.DUTIES, what=what)


def _proofs(pack: Pack, duty: Duty) -> list[Entry]:
    """Return the entries that say of the duty's notice what the clause asks for, at the instant the duty ended."""
    notice_id = duty.proved_by or ""
    found = [entry for entry, state in pack.of_notice.get(notice_id, ()) if discharges(state, duty.discharge)]
    if notice_id in pack.told_by_hand and discharges(NoticeState.TOLD_BY_HAND, duty.discharge):
        found.append(pack.told_by_hand[notice_id])
    return [entry for entry in found if entry.draft.at == duty.ended_at]


def _count_faults(pack: Pack, duties: list[Duty]) -> Iterator[Finding]:
    """Compare how many duties were open after the last resolving with how many the log says were owed."""
    resolved = [entry for entry in pack.entries if entry.draft.kind == "duties.resolved"]
    if not resolved:
        return
    last = resolved[-1]
    after = [d for d in duties if d.state is DutyState.OPEN or any(e.number > last.number for e in _proofs(pack, d))]
    if last.draft.data.get("owed") != len(after):
        what = f"{last.draft.data.get('owed')} duties were owed after this entry, and {len(after)} of them are here"
        yield Finding(file=layout.DUTIES, entry=last.number, what=what)


def _what(duty: Duty) -> str:
    return f"duty {duty.duty_id} ({duty.title})"


def _clock(row: ClockRow) -> str:
    return f"clock {row.spec.clock_id} ({row.spec.title})"
