"""Checks of acts: against the log, and of whatever follows from them alone."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

from pydantic import ValidationError

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.pack import Pack
from tocsin.adapters.evidence.result import Finding
from tocsin.audit.entry import Entry, salted
from tocsin.domain.act import (
    Act,
    Assess,
    Attach,
    Close,
    Decide,
    Envelope,
    Report,
    Revise,
    TaskAdd,
    TaskAssign,
    TaskDone,
)
from tocsin.domain.errors import TocsinError
from tocsin.domain.explain_decision import proposal_of
from tocsin.domain.gdpr_decision import rests_on_the_same
from tocsin.domain.hold import Hold
from tocsin.domain.holding import HoldProvisionally, Lift, PlaceHold
from tocsin.domain.incident import Facts
from tocsin.domain.incident_state import IncidentState, apply, hold_id_of, lapsed
from tocsin.domain.privilege import LEFT_OUT, Redaction
from tocsin.domain.revising import revised
from tocsin.domain.task import Task, TaskKind, TaskState, task_id_of
from tocsin.domain.values import HoldId
from tocsin.domain.word_deeds import LiftPrivilege, Privilege

_MOVING = {
    "report",
    "confirm",
    "dismiss",
    "revise",
    "affected_add",
    "hold",
    "hold_provisional",
    "hold_confirm",
    "lift",
    "handover",
    "close",
    "reopen",
    "told",
    "absorb",
    "merge_into",
    "decide",
}
"""The acts that alone change these fields of an incident."""
_FOLLOWING = ("status", "triggers", "owner", "audience_known", "holds", "provisional", "linked_to", "sources", "told")
_RELATED = ("relatives", "merged_into", "decision")


def acts_in_log(pack: Pack) -> Iterator[Finding]:
    """Compare acts with entries, both ways."""
    left_out = {one.act_id: one.act_sha256 for one in pack.omissions}
    entries = {str(entry.draft.data.get("act")): entry for entry in _act_entries(pack)}
    for act_id, envelope in pack.acts.items():
        entry = entries.get(str(act_id))
        if entry is None:
            yield Finding(file=layout.ACTS, what=f"{_what(envelope.act)} has no entry in the log")
        else:
            yield from _unlike(envelope, entry, pack.salt, left_out.get(act_id))
    for key, entry in entries.items():
        if key not in pack.acts:
            what = f"act {key} ({entry.draft.kind}) is in the log and not here: it was taken out"
            yield Finding(file=layout.ACTS, entry=entry.number, what=what)


def state_follows(pack: Pack) -> Iterator[Finding]:
    """Do the acts again, in the log's order, and compare where they lead."""
    state, facts = IncidentState(incident_id=pack.incident.incident_id), None
    for act in in_order(pack):
        if isinstance(deed := act.deed, Decide) and not _rests(deed, facts):
            what = f"{_what(act)} holds another proposal than the facts of that moment give"
            yield Finding(file=layout.ACTS, what=what)
        try:
            state = apply(state, act) if act.deed.kind in _MOVING else state
            facts = _facts_after(facts, act)
        except (TocsinError, ValidationError) as error:
            yield Finding(file=layout.ACTS, what=f"{_what(act)} does not fit those before it: {error}")
    for hold_id in _lapses(pack):
        state = lapsed(state, hold_id)
    for field in (*_FOLLOWING, *_RELATED):
        if getattr(state, field) != getattr(pack.incident, field):
            yield Finding(file=layout.INCIDENT, what=f"its {field} is not the one that the acts lead to")
    if facts is not None and facts != pack.facts:
        changed = [name for name in Facts.model_fields if getattr(facts, name) != getattr(pack.facts, name)]
        yield Finding(file=layout.FACTS, what=f"{', '.join(changed)} is not what the acts lead to")


def work_follows(pack: Pack) -> Iterator[Finding]:
    """Compare tasks, holds and attachments with the acts that made them what they are."""
    yield from (finding for task in pack.tasks for finding in _task_fault(pack, task))
    yield from (finding for hold in pack.holds for finding in _hold_fault(pack, hold))
    yield from _attachment_faults(pack)


def _act_entries(pack: Pack) -> list[Entry]:
    return [entry for entry in pack.deeds if entry.draft.kind.startswith("act.")]


def in_order(pack: Pack) -> list[Act]:
    """Return the acts that the log has, in its order."""
    found = map(pack.act_of, pack.deeds)
    return [envelope.act for envelope in found if envelope is not None]


def omissions_by_rule(pack: Pack) -> Iterator[Finding | str]:
    """Find for each paragraph that was left out the act that marked it, which nobody has lifted since."""
    entries = {str(entry.draft.data.get("act")): entry for entry in _act_entries(pack)}
    redaction = Redaction(act for act in in_order(pack) if isinstance(act.deed, Privilege | LiftPrivilege))
    for one in pack.omissions:
        envelope, entry = pack.acts.get(one.act_id), entries.get(str(one.marked_in))
        itself = entry is not None and bool(entry.draft.data.get("privileged"))
        later = redaction.markings.get(one.paragraph_sha256)
        if envelope is None or LEFT_OUT not in envelope.model_dump_json():
            yield Finding(file=layout.OMISSIONS, what=f"nothing is left out of act {one.act_id}, or it is not here")
        elif not itself and (later is None or later.act_id != one.marked_in):
            what = f"no act marked a paragraph of act {one.act_id} as privileged: its words were taken out"
            yield Finding(file=layout.OMISSIONS, entry=one.entry, what=what)
        else:
            where = "" if one.entry is None else f", log entry {one.entry}"
            yield (
                f"left out: a paragraph of act {one.act_id}{where}, marked as privileged by {one.marked_by} at "
                f"{one.marked_at:%Y-%m-%dT%H:%M:%SZ} (SHA-256 {one.paragraph_sha256})"
            )


def _unlike(envelope: Envelope, entry: Entry, salt: bytes, left_out: str | None) -> Iterator[Finding]:
    act, draft = envelope.act, entry.draft
    logged = (draft.kind, draft.actor, draft.authenticated, draft.inputs_digest)
    whole = sha256(envelope.canonical()).hexdigest() if left_out is None else left_out
    digest = salted(salt, bytes.fromhex(whole))
    given = (f"act.{act.deed.kind}", act.actor.person_id, act.actor.authenticated, digest)
    if given != logged:
        names = ("kind", "actor", "authentication", "digest")
        differ = [name for name, one, other in zip(names, given, logged, strict=True) if one != other]
        what = f"{_what(act)} is not the one that was recorded: {', '.join(differ)} differs"
        yield Finding(file=layout.ACTS, entry=entry.number, what=what)


def _facts_after(facts: Facts | None, act: Act) -> Facts | None:
    match act.deed:
        case Report() as deed:
            return deed.facts
        case Revise() as deed if facts is not None and (deed.facts or deed.answers):
            return revised(facts, deed)
        case Assess() as deed if facts is not None:
            return facts.model_copy(update={"enisa": deed.inputs})
        case Close() as deed if facts is not None:
            return facts.model_copy(update={"cause": deed.cause, "lessons": deed.lessons})
        case _:
            return facts


def _rests(deed: Decide, facts: Facts | None) -> bool:
    return facts is not None and rests_on_the_same(deed.proposal, proposal_of(facts))


def _task_fault(pack: Pack, task: Task) -> Iterator[Finding]:
    for field, value in _given(pack, task).items():
        if value is not None and getattr(task, field) != value:
            what = f"task {task.task_id}: its {field} is not what the act or the notice that set it says"
            yield Finding(file=layout.TASKS, what=what)
    if task.state is not TaskState.DONE:
        if any(isinstance(d := e.act.deed, TaskDone) and d.task_id == task.task_id for e in pack.acts.values()):
            yield Finding(
                file=layout.TASKS, what=f"task {task.task_id} is {task.state}, but an act says that it is done"
            )
        return
    envelope = pack.acts.get(task.done_by) if task.done_by else None
    deed = envelope.act.deed if envelope else None
    if task.kind is TaskKind.PROMISE and task.done_by is None and _kept_by_a_wave(pack, task):
        return
    if not isinstance(deed, TaskDone):
        yield Finding(file=layout.TASKS, what=f"task {task.task_id} is done, but no act says so")
    elif (deed.task_id, deed.outcome, deed.proof) != (task.task_id, task.outcome, task.proof):
        yield Finding(file=layout.TASKS, what=f"task {task.task_id}: its outcome or proof is not what the act says")


def _kept_by_a_wave(pack: Pack, task: Task) -> bool:
    """Say whether a wave that was released has told what the task promises."""
    released = (held.wave.wave_id for held in pack.ledger if held.wave.released_at is not None)
    return task.outcome in {f"wave {wave_id} told them" for wave_id in released}


def _given(pack: Pack, task: Task) -> dict[str, str | None]:
    """Return title and owner as far as acts and ledger give them; those of a playbook's task stand in the playbook."""
    title = owner = None
    row = pack.rows.get(task.notice_id or "")
    if row is not None:
        # The reason behind the number is the engine's own words.
        start = f"Deliver notice {row.notice.number} by hand:"
        title, owner = task.title if task.title.startswith(start) else start, "approver"
    for act in in_order(pack):
        match act.deed:
            case TaskAdd() as deed if task.task_id == task_id_of(act.incident_id, act.act_id):
                title, owner = deed.title, deed.owner
            case TaskAssign() as deed if deed.task_id == task.task_id:
                owner = deed.owner
    return {"title": title, "owner": owner}


def _hold_fault(pack: Pack, hold: Hold) -> Iterator[Finding]:
    envelope = pack.acts.get(hold.placed_by)
    deed = envelope.act.deed if envelope else None
    if (
        envelope is None
        or not isinstance(deed, PlaceHold | HoldProvisionally)
        or hold_id_of(envelope.act) != hold.hold_id
    ):
        yield Finding(file=layout.HOLDS, what=f"hold {hold.hold_id} was placed by no act")
        return
    said = (deed.hold_kind, deed.issuer, deed.reference, deed.agreements, deed.review_at, deed.on_lift)
    if said != (hold.kind, hold.issuer, hold.reference, hold.scope, hold.review_at, hold.on_lift):
        yield Finding(file=layout.HOLDS, what=f"hold {hold.hold_id} is not the one that the act placed")
    if hold.placed_at != envelope.act.at:
        yield Finding(file=layout.HOLDS, what=f"hold {hold.hold_id} was placed at another instant than the act says")
    if hold.lifted_at != _lifted_at(pack, hold):
        what = f"hold {hold.hold_id}: log and hold differ on whether, or when, it was lifted"
        yield Finding(file=layout.HOLDS, what=what)


def _lifted_at(pack: Pack, hold: Hold) -> datetime | None:
    """Return when the log has the last act that lifted the hold, or None."""
    lifted = None
    for entry in pack.deeds:
        envelope = pack.act_of(entry)
        if envelope is not None and isinstance(deed := envelope.act.deed, Lift) and deed.hold_id == hold.hold_id:
            lifted = entry.draft.at
    return _lapses(pack).get(hold.hold_id, lifted)


def _lapses(pack: Pack) -> dict[HoldId, datetime]:
    """Return the provisional holds that the log has as lapsed, each with its instant."""
    entries = (entry.draft for entry in pack.entries if entry.draft.kind == "hold.lapsed")
    return {HoldId(str(draft.data.get("hold"))): draft.at for draft in entries}


def _attachment_faults(pack: Pack) -> Iterator[Finding]:
    here = {name: pack.sha256(name) for name in sorted(pack.names()) if name.startswith(f"{layout.ATTACHMENTS}/")}
    named = {e.act.deed.sha256: e.act.deed.name for e in pack.acts.values() if isinstance(e.act.deed, Attach)}
    for name, digest in here.items():
        if digest not in named:
            yield Finding(file=name, what="no act attached a file with these bytes")
    for digest, name in named.items():
        if digest not in here.values():
            what = f"the attached file {name!r} with this digest is not here"
            yield Finding(file=layout.attachment_name(digest, name), what=what)


def _what(act: Act) -> str:
    return f"act {act.act_id} ({act.deed.kind})"
