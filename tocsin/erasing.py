"""Erasing an incident: asked for, confirmed by a second person, then carried out in steps that may each be run again.

The order is what a crash needs: what is there is counted and written down, then files go, then the rows, then the key;
the last transaction says that it is done. Whoever runs it again after a crash ends with the same.
"""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tocsin.audit.entry import EntryDraft
from tocsin.domain.act import Actor, Envelope
from tocsin.domain.duty import DutyState
from tocsin.domain.erasure import (
    Copy,
    Erasure,
    Fate,
    Standing,
    admit_confirmation,
    admit_request,
    due_at,
    merged,
)
from tocsin.domain.errors import Refused
from tocsin.domain.incident import OVER
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.read import Way
from tocsin.domain.values import IncidentId
from tocsin.noting import READ
from tocsin.ports import Copies, Destroyer, Door, Sealer, Store, Transaction


def ask(store: Store, door: Door, sealer: Sealer, envelope: Envelope, now: datetime, kept_for: timedelta) -> Erasure:
    """Write down that somebody asks for an erasure. Raises Refused with everything that forbids it."""
    key = envelope.act.incident_id
    door.admit(envelope, now)
    with store.writing() as tx:
        admit_request(standing(tx, key, now, kept_for), envelope, tx.erasures.of(key), kept_for)
        erasure = Erasure(incident_id=key, asked=envelope)
        tx.erasures.put(erasure)
        tx.log.append([_entry("asked", envelope, sealer)])
    return erasure


def confirm(
    store: Store, door: Door, sealer: Sealer, envelope: Envelope, now: datetime, kept_for: timedelta
) -> Erasure:
    """Write down that a second person confirms it. Raises Refused with everything that forbids it."""
    key = envelope.act.incident_id
    door.admit(envelope, now)
    with store.writing() as tx:
        asked = tx.erasures.of(key)
        if asked is not None and asked.confirmed is not None:
            return asked
        admit_confirmation(standing(tx, key, now, kept_for), envelope, asked, kept_for)
        assert asked is not None
        confirmed = asked.model_copy(update={"confirmed": envelope})
        tx.erasures.put(confirmed)
        tx.log.append([_entry("confirmed", envelope, sealer)])
    return confirmed


def carry_out(
    store: Store, destroyer: Destroyer, copies: Copies, incident_id: IncidentId, by: Actor, now: datetime
) -> Erasure:
    """Destroy what is reached from here; again and again changes nothing, on another machine it reaches that one.

    Raises:
        Refused: if nobody has confirmed it, or a disk refuses.
    """
    with store.reading() as tx:
        erasure, left = tx.erasures.of(incident_id), tx.erasures.left(incident_id)
        if erasure is None or erasure.confirmed is None:
            raise Refused(f"nobody has confirmed that incident {incident_id} is erased")
        found = known(tx, copies, incident_id, now)
    if erasure.completed_at is not None:
        return _once_more(store, copies, erasure, by, now)
    with store.writing() as tx:
        # Before anything goes: what a crash interrupts is still told in full.
        erasure = _current(tx, incident_id).model_copy(update={"copies": merged(erasure.copies, found)})
        tx.erasures.put(erasure)
    copies.destroy(incident_id, left)
    with store.writing() as tx:
        tx.erasures.forget(incident_id)
    destroyer.destroy(incident_id)
    with store.writing() as tx:
        erasure = _current(tx, incident_id)
        if erasure.completed_at is None:
            erasure = erasure.model_copy(update={"completed_at": now})
            tx.erasures.put(erasure)
            tx.log.append([_completed(erasure, by, now)])
    return erasure


def known(tx: Transaction, copies: Copies, incident_id: IncidentId, now: datetime) -> tuple[Copy, ...]:
    """Return every copy that is known of, and what becomes of each."""
    changed_at = tx.erasures.changed_at(incident_id) or now
    here = [*tx.erasures.kept(incident_id), *copies.found(incident_id, tx.erasures.left(incident_id))]
    return (*here, *_taken(tx, incident_id), *copies.elsewhere(changed_at, now))


def standing(tx: Transaction, incident_id: IncidentId, now: datetime, kept_for: timedelta) -> Standing:
    """Return what decides whether an incident may be erased. Raises Refused if there is none."""
    state, changed_at = tx.incidents.state(incident_id), tx.erasures.changed_at(incident_id)
    if state is None or changed_at is None:
        raise Refused(f"there is no incident {incident_id}; `tocsin list` shows those that exist")
    erasure = tx.erasures.of(incident_id)
    if erasure is not None and erasure.sealed_off:
        return Standing(state=state, changed_at=changed_at)  # what was said of it can no longer be read
    duties = tx.duties.of(incident_id, open_only=True)
    return Standing(
        state=state,
        changed_at=changed_at,
        open_duties=sum(duty.state is DutyState.OPEN for duty in duties),
        holds=tuple(hold.hold_id for hold in tx.duties.holds(incident_id) if hold.lifted_at is None),
        needed_by=tuple(_needed_by(tx, incident_id, now, kept_for)),
    )


def _needed_by(tx: Transaction, incident_id: IncidentId, now: datetime, kept_for: timedelta) -> Iterable[IncidentId]:
    gone = tx.erasures.sealed_off()
    for other in tx.incidents.all():
        if incident_id in other.relatives and other.incident_id not in gone and _is_kept(tx, other, now, kept_for):
            yield other.incident_id


def _is_kept(tx: Transaction, state: IncidentState, now: datetime, kept_for: timedelta) -> bool:
    changed_at = tx.erasures.changed_at(state.incident_id)
    return state.status not in OVER or changed_at is None or now < due_at(changed_at, kept_for)


def _once_more(store: Store, copies: Copies, erasure: Erasure, by: Actor, now: datetime) -> Erasure:
    key = erasure.incident_id
    with store.reading() as tx:
        left = tx.erasures.left(key)
    found = copies.found(key, left)
    if not found:
        return erasure
    copies.destroy(key, left)
    with store.writing() as tx:
        erasure = _current(tx, key).model_copy(update={"copies": merged(erasure.copies, found)})
        tx.erasures.put(erasure)
        count = sum(copy.count or 0 for copy in found)
        what = f"erasure.reached:{key}:{now.isoformat()}"
        entry = _draft(what, "erasure.reached", key, by, now, {"destroyed": count})
        tx.log.append([entry])
    return erasure


def _current(tx: Transaction, incident_id: IncidentId) -> Erasure:
    found = tx.erasures.of(incident_id)
    assert found is not None
    return found


def _taken(tx: Transaction, incident_id: IncidentId) -> Iterable[Copy]:
    """Packs that people took: one entry of the log for each person and hour."""
    read = (json.loads(stored.body) for stored in tx.log.entries(incident_id=incident_id))
    numbers = [str(e["n"]) for e in read if e["kind"] == READ and e.get("data", {}).get("way") == Way.EVIDENCE]
    if numbers:
        where = f"whoever took them: see entries {', '.join(numbers)} of the log"
        yield Copy(what="evidence packs that people took", where=where, fate=Fate.OUT_OF_REACH, count=len(numbers))


def _entry(what: str, envelope: Envelope, sealer: Sealer) -> EntryDraft:
    act = envelope.act
    # Under the key of ids, since the incident's salt is erased with it.
    data = {"request": act.act_id, "envelope": sealer.mark("erasure", envelope.canonical().decode())}
    key = f"erasure.{what}:{act.incident_id}:{act.act_id}"
    return _draft(key, f"erasure.{what}", act.incident_id, act.actor, act.at, data)


def _completed(erasure: Erasure, by: Actor, at: datetime) -> EntryDraft:
    key, counts = erasure.incident_id, dict.fromkeys(map(str, Fate), 0)
    for copy in erasure.copies:
        counts[copy.fate] += copy.count or 1
    data = {"request": erasure.asked.act.act_id, **counts}
    return _draft(f"erasure.completed:{key}:{erasure.asked.act.act_id}", "erasure.completed", key, by, at, data)


def _draft(key: str, kind: str, incident_id: IncidentId, by: Actor, at: datetime, data: dict[str, Any]) -> EntryDraft:
    return EntryDraft(
        key=key,
        at=at,
        kind=kind,
        incident_id=incident_id,
        actor=by.person_id,
        authenticated=by.authenticated,
        data=data,
    )
