"""Checks of waves: each field against the acts that drafted, released, stopped and resumed it, and the log."""

from collections.abc import Iterator

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.check_acts import in_order
from tocsin.adapters.evidence.listed import HeldRows
from tocsin.adapters.evidence.pack import Pack
from tocsin.adapters.evidence.result import Finding
from tocsin.audit.entry import Entry
from tocsin.domain.act import Draft, Release, Resume, Stop
from tocsin.domain.incident_state import WaveState, wave_id_of
from tocsin.domain.values import ENGINE, WaveId

BY_SILENCE = "wave.released_by_silence"
"""The entry of a wave that no person released; it names the clauses that allow it."""
BY_GLASS = "wave.released_by_glass"
"""The entry of a wave that somebody had sent without a second person."""


def waves_follow(pack: Pack) -> Iterator[Finding]:
    """Compare the waves of the ledger, and those that the incident remembers, with acts and log."""
    for held in pack.ledger:
        wave_id = held.wave.wave_id
        yield from (
            Finding(file=layout.LEDGER, entry=entry.number if entry else None, what=f"wave {wave_id}: {what}")
            for entry, what in _ledger_faults(pack, held)
        )
    known = {held.wave.wave_id for held in pack.ledger}
    for held in pack.ledger:
        if held.wave.released_at is not None and held.wave.wave_id not in pack.incident.waves:
            yield Finding(file=layout.INCIDENT, what=f"wave {held.wave.wave_id} was released, and is not named here")
    for wave_id, wave in pack.incident.waves.items():
        differ = _unlike(pack, wave_id, wave) if wave_id in known else ["its being there"]
        if differ:
            what = f"wave {wave_id}: {', '.join(differ)} is not what acts and log say"
            yield Finding(file=layout.INCIDENT, what=what)


def _ledger_faults(pack: Pack, held: HeldRows) -> Iterator[tuple[Entry | None, str]]:
    wave, wave_id = held.wave, held.wave.wave_id
    act = next((entry for entry in pack.deeds if _drafts(pack, entry, wave_id)), None)
    envelope = pack.act_of(act) if act else None
    drafted = _of_wave(pack, "wave.drafted", wave_id)
    if wave.drafter == ENGINE and drafted:
        act = None
    elif act is None or envelope is None or not isinstance(deed := envelope.act.deed, Draft):
        yield None, "no act drafted it"
        return
    elif (wave.kind, wave.drafter) != (deed.wave_kind, envelope.act.actor.person_id):
        yield act, "its kind or drafter is not the act's"
    if (act and wave.drafted_at < act.draft.at) or (drafted and wave.drafted_at > drafted[0].draft.at):
        yield act, "it was not drafted between the act and the log's entry"
    if (
        wave.digest
        and drafted
        and (len(held.rows), str(wave.kind)) != (drafted[-1].draft.data["rows"], drafted[-1].draft.data["kind"])
    ):
        yield drafted[-1], "it has other rows, or another kind, than when it was drafted"
    counted = all(row.notice.ordinal == ordinal for ordinal, row in enumerate(held.rows))
    if not counted or len(held.rows) != wave.rows:
        yield None, f"it says that it has {wave.rows} rows, and has others"
    if wave.released_at != _released_at(pack, wave_id):
        yield None, f"released_at is {wave.released_at}, and the log has its release at another instant, or never"
    if wave.stopped is not _is_stopped(pack, wave_id):
        yield None, "acts and ledger differ on whether it is stopped"
    ended = _of_wave(pack, "wave.ended", wave_id)
    if ended and wave.ended_at != ended[-1].draft.at:
        yield ended[-1], "it ended at another instant than the log says"
    released = {other.wave.wave_id for other in pack.ledger if other.wave.released_at is not None}
    if wave.previous is not None and wave.previous not in released - {wave_id}:
        yield None, f"{wave.previous} is no wave that was released before it"


def _unlike(pack: Pack, wave_id: WaveId, wave: WaveState) -> list[str]:
    """Return the fields of a remembered wave that differ. Its end, and its new digest, are heard of a little later."""
    entry = next((entry for entry in pack.deeds if _drafts(pack, entry, wave_id)), None)
    envelope = pack.act_of(entry) if entry else None
    drafted = [(e.draft.data["digest"], e.draft.data["rows"]) for e in _of_wave(pack, "wave.drafted", wave_id)]
    digests = {
        d.approved[wave_id] for a in in_order(pack) if isinstance(d := a.deed, Release) and wave_id in d.approved
    }
    digests |= {str(entry.draft.data["digest"]) for entry in _by_itself(pack, wave_id)}
    changed_by = {entry.draft.data["by"] for entry in _of_wave(pack, "wave.changed", wave_id)}
    agree = {
        "kind": wave.draft == (envelope.act.deed if envelope else Draft()) and wave.kind == wave.draft.wave_kind,
        "drafter": wave.drafter == (envelope.act.actor.person_id if envelope else ENGINE),
        "digest": (wave.digest, wave.rows) in drafted and (not digests or wave.digest in digests),
        "released": wave.released is bool(digests),
        "stopped": wave.stopped is _is_stopped(pack, wave_id),
        "ended": not wave.ended or bool(_of_wave(pack, "wave.ended", wave_id)),
        "co_drafters": set(wave.co_drafters) == changed_by,
    }
    return [field for field, agrees in agree.items() if not agrees]


def _drafts(pack: Pack, entry: Entry, wave_id: WaveId) -> bool:
    envelope = pack.act_of(entry)
    return envelope is not None and isinstance(envelope.act.deed, Draft) and wave_id_of(envelope.act) == wave_id


def _released_at(pack: Pack, wave_id: WaveId) -> object:
    """Return when the log has the act that released the wave, or None."""
    for entry in pack.deeds:
        envelope = pack.act_of(entry)
        if envelope is not None and isinstance(deed := envelope.act.deed, Release) and wave_id in deed.approved:
            return entry.draft.at
    return next((entry.draft.at for entry in _by_itself(pack, wave_id)), None)


def _by_itself(pack: Pack, wave_id: WaveId) -> list[Entry]:
    """Return the entries of a release that no act of releasing stands for."""
    return [*_of_wave(pack, BY_SILENCE, wave_id), *_of_wave(pack, BY_GLASS, wave_id)]


def _is_stopped(pack: Pack, wave_id: WaveId) -> bool:
    deeds = [act.deed for act in in_order(pack) if isinstance(act.deed, Stop | Resume)]
    own = [deed for deed in deeds if deed.wave_id == wave_id]
    return bool(own) and isinstance(own[-1], Stop)


def _of_wave(pack: Pack, kind: str, wave_id: WaveId) -> list[Entry]:
    return [e for e in pack.deeds if e.draft.kind == kind and e.draft.data.get("wave") == wave_id]
