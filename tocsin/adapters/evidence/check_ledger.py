"""Checks of the ledger against the log and the releasing acts."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.check_waves import BY_GLASS, BY_SILENCE
from tocsin.adapters.evidence.layout import LedgerRow
from tocsin.adapters.evidence.listed import HeldRows
from tocsin.adapters.evidence.pack import Pack, place_of
from tocsin.adapters.evidence.result import Finding
from tocsin.audit.entry import Entry
from tocsin.domain.act import Envelope, Release
from tocsin.domain.breaking_glass import BreakGlass
from tocsin.domain.errors import Broken
from tocsin.domain.incident_state import wave_id_of
from tocsin.domain.notice import (
    FAILED,
    SETTLED,
    TRANSITIONS,
    ContactRole,
    Notice,
    NoticeState,
    notice_id_of,
    notice_number,
    wave_digest,
)
from tocsin.domain.values import ENGINE, WaveId

S = NoticeState
_UNLOGGED = frozenset({S.DRAFTED, S.RELEASED, S.CLAIMED, S.BY_HAND, S.REPLACED, S.TOLD_BY_HAND, S.WITHDRAWN})
"""States that a notice may enter without an entry of its own: an act, or an entry of its wave, stands for them."""
_MOVING = frozenset({"wave.fell_back", "wave.taken_back"})
"""The entries of a wave that stand for notices that moved."""


def waves_bound(pack: Pack) -> Iterator[Finding]:
    """Compare each wave's digest with its rows, the log and the act that released it."""
    for held in pack.ledger:
        yield from _digest_faults(pack, held)
        yield from _release_faults(pack, held)
    known = {held.wave.wave_id for held in pack.ledger}
    for entry in pack.deeds:
        if entry.draft.kind == "wave.drafted" and entry.draft.data.get("wave") not in known:
            what = f"wave {entry.draft.data.get('wave')} is in the log and not here: it was taken out"
            yield Finding(file=layout.LEDGER, entry=entry.number, what=what)


def ledger_in_log(pack: Pack) -> Iterator[Finding]:
    """Compare each row with its last entry, and each ended wave with its last count."""
    for held in pack.ledger:
        for row in held.rows:
            yield from _row_faults(pack, row)
            yield from _identity_faults(pack, held, row)
        ended = _last(pack, "wave.ended", held.wave.wave_id)
        if (ended is None) is not (held.wave.ended_at is None):
            yield Finding(file=layout.LEDGER, what=f"wave {held.wave.wave_id}: log and ledger differ on its end")
        elif ended is not None and _counted(pack, held, ended) != ended.draft.data.get("states"):
            what = f"wave {held.wave.wave_id} has other counts than those with which it ended"
            yield Finding(file=layout.LEDGER, entry=ended.number, what=what)
    for notice_id in sorted(one for one in pack.entries.notices if one not in pack.rows):
        what = f"notice {notice_id} is in the log and not here: it was taken out"
        yield Finding(file=layout.LEDGER, entry=pack.said_of(notice_id)[0][0].number, what=what)


def _digest_faults(pack: Pack, held: HeldRows) -> Iterator[Finding]:
    wave = held.wave
    if wave.digest is None:
        return
    drafted = _last(pack, "wave.drafted", wave.wave_id)
    if wave.digest != _digest_of_rows(held):
        what = f"the rows of wave {wave.wave_id} do not give its digest: a letter, contact or place was changed"
        yield Finding(file=layout.LEDGER, what=what)
    if drafted is None or drafted.draft.data.get("digest") != wave.digest:
        what = f"wave {wave.wave_id} has another digest than the log recorded when it was drafted"
        yield Finding(file=layout.LEDGER, entry=drafted.number if drafted else None, what=what)


def _release_faults(pack: Pack, held: HeldRows) -> Iterator[Finding]:
    wave = held.wave
    released = [e for e in pack.acts.values() if _digest_of(e, wave.wave_id) is not None]
    silent = _last(pack, BY_SILENCE, wave.wave_id)
    broken = _last(pack, BY_GLASS, wave.wave_id)
    if bool(released or silent or broken) is not (wave.released_at is not None):
        yield Finding(
            file=layout.LEDGER, what=f"wave {wave.wave_id}: acts and ledger differ on whether it was released"
        )
    if silent and (silent.draft.data["digest"], ENGINE, bool(silent.draft.data["clauses"])) != (
        wave.digest,
        wave.releaser,
        True,
    ):
        what = f"wave {wave.wave_id} has another digest or releaser than its release by silence, or no clause allows it"
        yield Finding(file=layout.LEDGER, entry=silent.number, what=what)
    if broken:
        yield from _glass_faults(pack, held, broken)
    for envelope in released:
        if (_digest_of(envelope, wave.wave_id), envelope.act.actor.person_id) != (wave.digest, wave.releaser):
            what = f"wave {wave.wave_id} has another digest or releaser than act {envelope.act.act_id}"
            yield Finding(file=layout.LEDGER, what=what)
        if envelope.act.actor.person_id == wave.drafter:
            yield Finding(file=layout.ACTS, what=f"wave {wave.wave_id} was released by the person who drafted it")


def _digest_of_rows(held: HeldRows) -> str | None:
    try:
        return wave_digest(row.notice for row in held.rows)
    except Broken:  # they do not stand by ordinal
        return None


def _glass_faults(pack: Pack, held: HeldRows, broken: Entry) -> Iterator[Finding]:
    """Compare a wave with the act by which somebody had it sent without a second person."""
    wave = held.wave
    acts = (e.act for e in pack.acts.values() if isinstance(e.act.deed, BreakGlass))
    by = next((act.actor.person_id for act in acts if wave_id_of(act) == wave.wave_id), None)
    said = (broken.draft.data["digest"], broken.draft.data["by"], by)
    if said != (wave.digest, wave.releaser, wave.releaser):
        what = f"wave {wave.wave_id} has another digest or releaser than its break-glass release, or no act broke it"
        yield Finding(file=layout.LEDGER, entry=broken.number, what=what)


def _digest_of(envelope: Envelope, wave_id: WaveId) -> str | None:
    """Return the digest with which an act released a wave; None: it did not."""
    return envelope.act.deed.approved.get(wave_id) if isinstance(envelope.act.deed, Release) else None


def _row_faults(pack: Pack, row: LedgerRow) -> Iterator[Finding]:
    notice, entries = row.notice, pack.said_of(row.notice.notice_id)
    for entry, _ in entries:
        if entry.draft.data.get("letter") != (notice.letter_sha256 or ""):
            what = f"notice {notice.number} has another letter digest than the log recorded"
            yield Finding(file=layout.LEDGER, entry=entry.number, what=what)
    last, state = entries[-1] if entries else (None, _as_drafted(notice))
    number = last.number if last else None
    if notice.state not in _reachable(state) | (set() if last else _reachable(S.DRAFTED)):
        what = f"notice {notice.number} is {notice.state}, but the log left it at {state if last else 'nothing sent'}"
        yield Finding(file=layout.LEDGER, entry=number, what=what)
    elif last is not None and notice.state is state:
        logged = (last.draft.data.get("attempt"), last.draft.data.get("possible_duplicate"))
        if logged != (notice.attempts, notice.possible_duplicate):
            what = f"notice {notice.number} has other attempts, or another mark as duplicate, than the log recorded"
            yield Finding(file=layout.LEDGER, entry=number, what=what)
    if notice.settled_at not in _settled(pack, row, entries):
        what = f"notice {notice.number} was settled at {notice.settled_at}, when the log says nothing of it"
        yield Finding(file=layout.LEDGER, entry=number, what=what)
    if notice.state is S.TOLD_BY_HAND and notice.notice_id not in pack.told_by_hand:
        yield Finding(file=layout.LEDGER, what=f"notice {notice.number} was told by hand, but no act says so")


def _identity_faults(pack: Pack, held: HeldRows, row: LedgerRow) -> Iterator[Finding]:
    """Ids are made from ids, and a notice answers its own party's duties."""
    notice = row.notice
    notice_id = notice_id_of(held.wave.wave_id, notice.agreement_id, notice.contact_id, notice.method)
    given = (notice.notice_id, notice.number, notice.wave_id, notice.message_id.partition("@")[0])
    if given != (notice_id, notice_number(notice_id), held.wave.wave_id, f"<{notice_id}"):
        what = (
            f"notice {notice.number}: its id, number, message id or wave is not made from wave, agreement and contact"
        )
        yield Finding(file=layout.LEDGER, what=what)
    if any(hash((duty_id, notice.agreement_id)) not in pack.owed for duty_id in notice.duty_ids):
        what = f"notice {notice.number} names duties that are not here, or are owed to others"
        yield Finding(file=layout.LEDGER, what=what)
    copy_answers = notice.role is ContactRole.COPY and notice.duty_ids
    if copy_answers or place_of(notice) in pack.unlike:
        what = f"notice {notice.number} answers other duties than the chain that it stands in"
        yield Finding(file=layout.LEDGER, what=what)


def _settled(pack: Pack, row: LedgerRow, entries: list[tuple[Entry, NoticeState]]) -> set[datetime | None]:
    """Return the instants at which, says the log, the notice may have come to the state that it is in."""
    notice = row.notice
    hand = pack.told_by_hand.get(notice.notice_id)
    if notice.state is S.TOLD_BY_HAND and hand is not None:
        return {hand.draft.at}
    if entries and notice.state is entries[-1][1]:
        return {entries[-1][0].draft.at}
    ofwave = (e for e in pack.deeds if e.draft.kind in _MOVING and e.draft.data.get("wave") == notice.wave_id)
    return {None} | {e.draft.at for e in ofwave} | {entry.draft.at for entry, _ in entries}


def _as_drafted(notice: Notice) -> NoticeState:
    # Releasing a wave drops at once, by the act alone, whoever the channel could not even prepare a letter to.
    return S.DROPPED if notice.contact_id is not None and notice.letter_sha256 is None else S.DRAFTED


def _reachable(state: NoticeState) -> set[NoticeState]:
    """Return where a notice may stand whose last entry says `state`."""
    found, ahead = {state}, [state]
    while ahead:
        new = TRANSITIONS[ahead.pop()] & _UNLOGGED - found
        found |= new
        ahead += new
    return found


def _counted(pack: Pack, held: HeldRows, ended: Entry) -> dict[str, int]:
    """Count the rows as they stood when the wave ended, deputies who were not needed left out."""
    states = ((_state_at(pack, row, ended.number), row.notice.chain_position) for row in held.rows)
    return dict(Counter(str(state) for state, place in states if not (state is S.DRAFTED and place > 0)))


def _state_at(pack: Pack, row: LedgerRow, number: int) -> NoticeState:
    notice_id = row.notice.notice_id
    entries, hand = pack.said_of(notice_id), pack.told_by_hand.get(notice_id)
    if not any(entry.number > number for entry in (*(entry for entry, _ in entries), hand) if entry is not None):
        return row.notice.state
    # Something happened to it after the wave had ended: go back to where the end found it.
    before = [state for entry, state in entries if entry.number < number]
    if before and before[-1] in SETTLED:
        return before[-1]
    handed_over = notice_id in pack.handed_over
    return S.REPLACED if before and before[-1] in FAILED and not handed_over else S.BY_HAND


def _last(pack: Pack, kind: str, wave_id: str) -> Entry | None:
    found = [e for e in pack.deeds if e.draft.kind == kind and e.draft.data.get("wave") == wave_id]
    return found[-1] if found else None
