"""What happened, in one plain sentence each: the acts of people and the deeds of the engine."""

from typing import Any

from tocsin.adapters.evidence.names import Names
from tocsin.audit.entry import EntryDraft
from tocsin.domain import act, breaking_glass, holding
from tocsin.domain.clock import Mark
from tocsin.domain.gdpr_decision import against, in_words
from tocsin.domain.notice import NoticeState
from tocsin.domain.repinning import Recompute
from tocsin.domain.reviewing import SendBack
from tocsin.domain.severity import severity
from tocsin.domain.word_deeds import LiftPrivilege, Privilege

_ENGINE = {
    "clock.ended": "The clock “{clock_name}” ended: {outcome}.",
    "clock.missed": "The deadline of the clock “{clock_name}” passed with duties open; a person was paged.",
    "clock.warned": "A person was paged: {mark} of the time of the clock “{clock_name}” had passed.",
    "clocks.kept": "{clocks} clock(s) run.",
    "duties.resolved": (
        "Duties were resolved: {owed} owed on {clock_count} clock(s); "
        "{added} new, {moved_count} moved, {withdrawn} ended or fell away."
    ),
    "duty.opened_again": "The duty {duty} is open again: the notice that was its proof is {state}.",
    "erasure.asked": "Asked that the incident be erased, since it is past its retention.",
    "erasure.confirmed": "Confirmed that the incident is erased.",
    "erasure.completed": "The incident was erased: {destroyed} destroyed, {unreadable} left without a key.",
    "erasure.reached": "{destroyed} more file(s) of the erased incident were destroyed on another machine.",
    "bounce.questioned": "A failure came that may be of the notice {notice}; a person has to say whose it is.",
    "evidence.kept": "The evidence pack as of then was written: {size} bytes, SHA-256 {sha256}.",
    "glass.unreviewed": "Nobody had reviewed the break-glass release of the wave {wave}: everyone was called.",
    "glass.void": "The broken glass sent nothing: nobody was left whom the wave {wave} would have told.",
    "hold.lapsed": "No approver confirmed the provisional hold {hold} in time: it lapsed.",
    "incident.heard": "The incident took note of {count} report(s) from its parts: {events}.",
    "ladder.called": "The {who} was called about the clock “{clock_name}”: {share} % of its time had passed.",
    "tasks.promised": "{tasks} task(s) were set for what the letters promise to tell later.",
    "probe.opened": "A round of {letters} letter(s) to contacts of the register began; answers until {answer_by}.",
    "probe.closed": "The last day of answers of a round of the register has passed: {answers_counted}.",
    "sweep.missing": "A part of the incident did not run and a person was paged: {workflow}.",
    "sweep.reset": "Somebody set a part of the incident back in Temporal, and a person was paged: {workflow}.",
    "tasks.handed_over": "A notice became a task for a person.",
    "tasks.opened": "The playbook “{playbook}” set {tasks} task(s).",
    "tasks.reminded": "The owner of a task that was due was reminded.",
    "wave.changed": "A revision changed the letters of the wave {wave}; whoever made it may not release them either.",
    "incident.read": "Looked at the incident, first by way of {way}.",
    "wave.drafted": "The letters of the {kind} wave {wave} were written: {rows} row(s), digest {digest}.",
    "wave.dropped": "The wave {wave}, which waited for release, is void.",
    "wave.ended": "The wave {wave} has nothing more to do: {counts}.",
    "wave.fell_back": (
        "In the wave {wave}, {replaced} row(s) changed because a contact was not reached; {by_hand} wait for a person."
    ),
    "wave.released_by_glass": (
        "The minimal letters of the wave {wave} were released without a second person, {rows} row(s), because somebody "
        "broke the glass."
    ),
    "wave.released_by_silence": (
        "Nobody had released a letter in time: the minimal letters of the wave {wave} were released by silence, "
        "{rows} row(s), as {clauses_count} clause(s) say."
    ),
    "wave.rerouted": "In the wave {wave}, {rows} unsent letter(s) went from the channel {from} to {to}, unchanged.",
    "wave.taken_back": "In the wave {wave}, {withdrawn} row(s) that had not left were taken back.",
    "wave.ready": "The wave {wave} waits for review.",
}

_NOTICE = {
    NoticeState.RELEASED: "the channel did not take it; it is to be sent again",
    NoticeState.ACCEPTED: "the channel took it",
    NoticeState.DEFERRED: "the recipient's server asked to wait",
    NoticeState.DELIVERED: "the recipient's server took it",
    NoticeState.ACKNOWLEDGED: "the recipient acknowledged it",
    NoticeState.IN_DOUBT: "it is not known whether the channel took it",
    NoticeState.BOUNCED: "it bounced",
    NoticeState.BLOCKED: "it was blocked",
    NoticeState.DROPPED: "the channel will not take it",
}


class _Told(dict[str, Any]):
    """What an entry tells; what it lacks shows as a question mark, since a damaged entry must not hide the others."""

    def __missing__(self, key: str) -> str:
        return "?"


def engine_sentence(draft: EntryDraft, names: Names) -> str:
    """Return what the engine did, or what an entry says that no act explains."""
    if draft.kind.startswith("notice."):
        return _notice_sentence(draft, names)
    if draft.kind.startswith("receipt."):
        return _receipt_sentence(draft, names)
    told = _Told(draft.data)
    states, clocks = draft.data.get("states"), draft.data.get("clocks")
    told["clock_name"] = names.clocks.get(told["clock"], told["clock"])
    told["clock_count"] = len(clocks) if isinstance(clocks, list) else "?"
    answers = draft.data.get("answers")
    told["answers_counted"] = _counts(answers) if isinstance(answers, dict) else "?"
    told["mark"] = "all" if told["mark"] == Mark.DUE else told["mark"]
    told["outcome"] = str(told["outcome"]).replace("_", " ")
    told["counts"] = _counts(states) if isinstance(states, dict) else "?"
    if isinstance(draft.data.get("tasks"), list):
        told["tasks"] = len(draft.data["tasks"])
    if draft.kind == "ladder.called" and (told["everyone"] is True or draft.data.get("clock") is None):
        return f"The {told['who']} was called, at once with everybody on the ladder."
    return _ENGINE.get(draft.kind, f"{draft.kind}.").format_map(told)


def deed_sentence(deed: act.Deed, names: Names) -> str:
    """Return what a person did, without the person."""
    match deed:
        case act.Report():
            by = f", passing on the notice of {names.named_parties((deed.told_by,))}" if deed.told_by else ""
            what = f"reported: {deed.facts.title}{by}"
        case act.Confirm():
            what = "confirmed that it is a security incident" + _said(deed.statement)
        case act.Dismiss():
            what = "dismissed it as no security incident" + _said(deed.reason)
        case act.Revise():
            # Sorted, because an act that was read from a file has its fields in another order than the store's.
            changed = sorted([*deed.facts, *deed.answers, *deed.triggers])
            what = "changed what is known: " + ", ".join(changed).replace("_", " ")
        case act.Decide():
            what = _decided(deed)
        case act.EndDuty():
            what = f"ended duty {deed.duty_id} as {deed.how.replace('_', ' ')}" + _said(deed.proof)
        case act.AddAffected():
            who = "everyone" if deed.everyone else names.named_parties(deed.agreements)
            what = f"named as affected: {who}" + (", and nobody else" if deed.only else "")
        case act.Draft():
            to = "" if deed.agreements is None else f" to {names.named_parties(deed.agreements)}"
            what = f"had the letters of the {deed.wave_kind.replace('_', '-')} wave written{to}"
        case act.Release():
            each = (f"wave {key}: exactly the letters of digest {digest}" for key, digest in deed.approved.items())
            what = f"released the {'; the '.join(each)}"
        case act.Stop():
            what = f"stopped the sending of the wave {deed.wave_id}" + _said(deed.reason)
        case act.Resume():
            what = f"let the sending of the wave {deed.wave_id} go on"
        case holding.PlaceHold():
            over = "everyone" if deed.agreements is None else names.named_parties(deed.agreements)
            what = f"recorded an order not to tell {over}: {deed.issuer}, {deed.reference}"
        case holding.HoldProvisionally():
            over = "everyone" if deed.agreements is None else names.named_parties(deed.agreements)
            what = f"recorded, provisionally, an order not to tell {over}: {deed.issuer}, {deed.reference}"
        case holding.ConfirmHold():
            what = f"confirmed the provisional hold {deed.hold_id}"
        case holding.Lift():
            what = f"recorded that the order not to tell {deed.hold_id} has ended" + _said(deed.reason)
        case _:
            what = _other_deed(deed, names)
    return what


def _decided(deed: act.Decide) -> str:
    proposed, decided = deed.proposal, (deed.authority, deed.subjects)
    contrary = "".join(f"; against the proposal, {part}" for part in against(proposed, *decided))
    shown = f"authority {proposed.authority.replace('_', ' ')}, people {proposed.subjects.replace('_', ' ')}"
    what = f"decided under GDPR articles 33 and 34: {in_words(*decided)} (proposed: {shown}{contrary})"
    return what + _said(deed.reason)


def _other_deed(deed: act.Deed, names: Names) -> str:
    match deed:
        case SendBack():
            what = f"sent the letters of the wave {deed.wave_id} back: {deed.comment}"
        case act.AddNote(clock_id=clock_id) if clock_id is not None:
            what = f"gave the reason why “{names.clocks.get(clock_id, clock_id)}” was missed: {deed.text}"
        case act.AddNote():
            what = f"noted: {deed.text}"
        case Privilege():
            what = f"marked {len(deed.paragraphs)} paragraph(s) as privileged" + _said(deed.reason)
        case LiftPrivilege():
            what = f"lifted the privilege of {len(deed.paragraphs)} paragraph(s)" + _said(deed.reason)
        case act.Attach():
            what = f"attached {deed.name} ({deed.size} bytes, SHA-256 {deed.sha256})"
        case act.TaskAdd():
            what = f"added a task for {deed.owner}: {deed.title}"
        case act.TaskAssign():
            what = f"gave the task “{names.tasks.get(deed.task_id, deed.task_id)}” to {deed.owner}"
        case act.TaskDone():
            what = f"finished the task “{names.tasks.get(deed.task_id, deed.task_id)}”: {deed.outcome}"
        case breaking_glass.BreakGlass():
            clock = names.clocks.get(deed.clock_id, deed.clock_id)
            what = f"broke the glass: had the minimal letter sent for “{clock}” without a second person"
            what += _said(deed.reason)
        case breaking_glass.Recall():
            what = f"recalled the break-glass release {deed.wave_id} before it left" + _said(deed.reason)
        case breaking_glass.ReviewGlass():
            what = f"reviewed the break-glass release {deed.wave_id}: {deed.text}"
        case act.Absorb():
            what = f"took incident {deed.source} into this one" + _said(deed.reason)
        case act.MergeInto():
            what = f"made it a part of incident {deed.target}, where it goes on"
        case Recompute():
            what = f"accepted today's inputs: law {deed.law[:12]}, {deed.calendars}, register {deed.revision}"
        case act.Assess():
            score = severity(deed.inputs)
            what = f"scored the severity by ENISA's method: {score.se:g}, {score.band.replace('_', ' ')}"
        case act.Told():
            when = f" at {deed.told_at.isoformat()}" if deed.told_at else ""
            what = f"recorded that {names.named_parties((deed.agreement_id,))} has told us{when}"
        case act.AnswerPage():
            what = "answered the page" + (f" about clock {deed.clock_id}" if deed.clock_id else "")
        case act.Handover():
            what = f"handed the incident over to {deed.to_name}" + _said(deed.note)
        case act.Close():
            what = f"closed it; cause: {deed.cause}; lessons: {deed.lessons}"
        case act.Reopen():
            what = "took it up again" + _said(deed.reason)
        case _:
            what = f"did: {deed.kind}"
    return what


def _notice_sentence(draft: EntryDraft, names: Names) -> str:
    told, state = _Told(draft.data), draft.kind.removeprefix("notice.")
    came = _NOTICE[NoticeState(state)] if state in _NOTICE else state.replace("_", " ")
    again = " It may be a duplicate." if told["possible_duplicate"] is True else ""
    return f"Notice {names.written.words(told['notice'])}, attempt {told['attempt']}: {came}.{again}"


def _receipt_sentence(draft: EntryDraft, names: Names) -> str:
    told, kind = _Told(draft.data), draft.kind.removeprefix("receipt.").replace("_", " ")
    notice = names.written.words(str(told["notice"]))
    if draft.kind == "receipt.assigned":
        return f"Gave the receipt {told['receipt']}, which nobody could assign, to notice {notice}."
    return f"A receipt from {told['source']} for notice {notice}: {kind}."


def _counts(states: dict[str, int]) -> str:
    return ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(states.items())) or "no row"


def _said(words: str) -> str:
    return f": {words}" if words else ""
