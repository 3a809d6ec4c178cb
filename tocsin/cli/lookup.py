"""From what a person types to the id that is meant: the beginning of an id, `last`, or their own reference."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from tocsin.cli.session import Place, Session
from tocsin.domain.erasure import words
from tocsin.domain.errors import Refused
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.notice import Notice
from tocsin.domain.read import Way
from tocsin.domain.register import Agreement
from tocsin.domain.values import AgreementId, ClockId, HoldId, IncidentId, TaskId, WaveId
from tocsin.ports import WaveRow

_AGREEMENT = re.compile(r"\bagr-[a-z2-7]+")

SHORTEST_DIGEST = 12
"""Hex digits of a digest that are enough to say which one was reviewed."""


def incident(session: Session, given: str) -> IncidentState:
    """Return the incident that is meant. Raises Refused if there is none, more than one, or it was erased."""
    state = even_erased(session, given)
    with session.store.reading() as tx:
        erasure = tx.erasures.of(state.incident_id)
    if erasure is not None and erasure.sealed_off:
        raise Refused(words(erasure))
    return state


def even_erased(session: Session, given: str) -> IncidentState:
    """Return the incident that is meant, also an erased one. Raises Refused if there is none, or more than one."""
    with session.store.reading() as tx:
        known = {state.incident_id: state for state in tx.incidents.all()}
    if given == "last":
        if not known:
            raise Refused("there is no incident yet; report one: tocsin report 'what happened'")
        return next(iter(known.values()))
    return known[IncidentId(meant(given, known, "incident", "`tocsin list` shows those that exist"))]


def looked_at(session: Session, given: str, way: Way) -> IncidentState:
    """Return the incident that is meant, and write into the log that the user looks at it."""
    state = incident(session, given)
    session.looks_at(state.incident_id, way)
    return state


def wave(session: Session, incident_id: IncidentId, given: str) -> WaveRow:
    """Return the wave of an incident that is meant."""
    with session.store.reading() as tx:
        known = {row.wave_id: row for row in tx.ledger.waves(incident_id)}
    return known[WaveId(meant(given, known, "wave", f"`tocsin show {incident_id}` lists its waves"))]


def notice(session: Session, incident_id: IncidentId, given: str) -> Notice:
    """Return the notice of an incident whose number is meant, as printed in its letter."""
    with session.store.reading() as tx:
        known = {row.number: row for row in tx.ledger.of(incident_id)}
    wanted = given.strip().upper()
    return known[meant(wanted, known, "notice", f"`tocsin receipts list {incident_id}` lists those that left")]


def task(session: Session, incident_id: IncidentId, given: str) -> TaskId:
    """Return the task of an incident that is meant, by id or by the key that its playbook gives it."""
    with session.store.reading() as tx:
        tasks = tx.tasks.of(incident_id)
    named = [task.task_id for task in tasks if task.key == given]
    if named:
        return named[0]
    known = [task.task_id for task in tasks]
    return TaskId(meant(given, known, "task", f"`tocsin task list {incident_id}` shows those that exist"))


def hold(session: Session, incident_id: IncidentId, given: str) -> HoldId:
    """Return the hold in force that is meant."""
    with session.store.reading() as tx:
        known = [hold.hold_id for hold in tx.duties.holds(incident_id) if hold.lifted_at is None]
    return HoldId(meant(given, known, "hold in force", f"`tocsin show {incident_id}` lists those in force"))


def clock(session: Session, incident_id: IncidentId, given: str) -> ClockId:
    """Return the clock that is meant."""
    with session.store.reading() as tx:
        known = [row.spec.clock_id for row in tx.duties.clocks(incident_id)]
    return ClockId(meant(given, known, "clock", f"`tocsin show {incident_id}` lists its clocks"))


def agreements(session: Session, references: Iterable[str]) -> tuple[AgreementId, ...]:
    """Return the agreements by the user's own references.

    Raises:
        Refused: naming every reference that the register does not have, each with those that look like it.
    """
    wanted = session.agreement_ids(references)
    with session.store.reading() as tx:
        unknown = [reference for reference, found in wanted.items() if tx.register.agreement(found) is None]
        known = [agreement.reference for agreement in tx.register.agreements()] if unknown else []
    if unknown:
        raise Refused("the register has no " + "; no ".join(_with_matches(reference, known) for reference in unknown))
    return tuple(wanted.values())


def party(session: Place, given: str) -> Agreement:
    """Return the agreement of the party that is meant, by the user's reference or by the party's name.

    Raises:
        Refused: if the register has no such party, or several agreements with it.
    """
    with session.store.reading() as tx:
        known = list(tx.register.agreements())
    found = [one for one in known if one.reference == given]
    found = found or [one for one in known if one.party_name.casefold() == given.strip().casefold()]
    if not found:
        names = [name for one in known for name in (one.reference, one.party_name)]
        raise Refused(f"the register has no {_with_matches(given, names)}")
    if len(found) > 1:
        references = ", ".join(one.reference for one in found)
        raise Refused(f"{given} has {len(found)} agreements ({references}); say which by its reference")
    return found[0]


def with_references(session: Session, text: str) -> str:
    """Return the engine's words with the user's own references for the ids of agreements, which alone it knows."""
    with session.store.reading() as tx:
        known = {found: tx.register.agreement(AgreementId(found)) for found in set(_AGREEMENT.findall(text))}
    return _AGREEMENT.sub(lambda match: one.reference if (one := known[match[0]]) else match[0], text)


def digest(row: WaveRow, given: str) -> str:
    """Return the whole digest if `given` is the beginning of the stored one; else `given`, which the engine refuses."""
    if row.digest is not None and len(given) >= SHORTEST_DIGEST and row.digest.startswith(given.lower()):
        return row.digest
    return given


def meant(given: str, known: Iterable[str], what: str, fix: str) -> str:
    """Return the one id that `given` is, or is the beginning of (with or without its prefix).

    Raises:
        Refused: if it is none of them, or the beginning of several.
    """
    ids = list(known)
    exact = [key for key in ids if given in {key, key.partition("-")[2]}]
    found = exact or [
        key for key in ids if given and (key.startswith(given) or key.partition("-")[2].startswith(given))
    ]
    if not found:
        raise Refused(f"there is no {what} {given}; {fix}")
    if len(found) > 1:
        raise Refused(f"{given} is the beginning of {len(found)} ids: {', '.join(found[:5])}; write one character more")
    return found[0]


def _with_matches(reference: str, known: list[str]) -> str:
    near = get_close_matches(reference, known, n=3, cutoff=0.5)
    fix = f"did you mean {' or '.join(near)}?" if near else "`tocsin register export` prints those it has"
    return f"{reference} ({fix})"
