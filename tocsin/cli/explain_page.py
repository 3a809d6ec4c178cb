"""An explanation as a page: what is due, nearest first; what cannot be ruled out, with the questions; near misses."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby

from tocsin.cli.render import bullets, heading, say, urgency
from tocsin.domain.applicability import Answer, Reason
from tocsin.domain.counting import local
from tocsin.domain.explanation import Decide, Decision, ExplainedDuty, Explanation, Question, Source, Standing
from tocsin.domain.gdpr_decision import in_words as in_words_of
from tocsin.domain.gdpr_factors import Factor, Side
from tocsin.domain.incident import Basis
from tocsin.domain.policy import Kind
from tocsin.domain.tempo import in_words, time_left

QUESTIONS = 7
"""As many questions as a person can take in at once; the rest come with `--json`, or once these are answered."""

FEW = 6
"""Names in a row before the rest is only counted."""

PRESSING = frozenset({Kind.NOTICE, Kind.ASSESSMENT})

_SAID = {Answer.YES: "yes", Answer.NO: "no", Answer.CANNOT_BE_RULED_OUT: "cannot be ruled out"}


def show(found: Explanation, *, why: bool) -> None:
    """Print an explanation; with `why` every step of every deadline."""
    say(found.subject, style="bold")
    say(f"As of {_both(found.at, 'UTC')}. This is no legal advice.")
    bullets(found.remarks, indent=0)
    yes = [duty for duty in found.duties if duty.applies is Answer.YES]
    running = [duty for duty in yes if duty.standing is Standing.RUNNING]
    dated = [duty for duty in running if duty.target_at is not None]
    _due(dated, found.at, why)
    _short("Stands without a date", [_undated(duty) for duty in running if duty.target_at is None])
    _short("Not running yet", _waiting([duty for duty in yes if duty.standing is Standing.NOT_YET_RUNNING]))
    if found.decide:
        _open(found.decide, [d for d in found.duties if d.applies is Answer.CANNOT_BE_RULED_OUT], found.at)
    _short("Near misses", [f"{one.id}: {facts_in_words(one.because, asked=True)}" for one in found.near_misses])
    _decision(found.decision)
    if found.severity is not None:
        heading("Severity by ENISA's method")
        bullets([*found.severity.score.steps, *(f"flag: {flag}" for flag in found.severity.score.flags)])
    _rest(found)


def _due(duties: Sequence[ExplainedDuty], now: datetime, why: bool) -> None:
    heading(f"Due, nearest first ({len(duties)})" if duties else "Nothing is known to be due.")
    # Parties to whom the same is owed until the same instant stand together.
    for _, group in groupby(
        duties, key=lambda d: (d.source, d.title, d.target_at, d.id if d.source is Source.POLICY else "")
    ):
        _one(list(group), now, why)


def _one(group: Sequence[ExplainedDuty], now: datetime, why: bool) -> None:
    duty = group[0]
    until = duty.target_at or now
    say()
    say(_headline(duty, now), style=urgency(until, duty.trigger_at or now, now))
    say(duty.title if duty.source is Source.POLICY else f"{duty.title}, by contract", indent=2, style="bold")
    lines = [
        f"owed by {duty.owed_by} to {_recipients(group)}",
        _period(duty),
        f"because {facts_in_words(duty.because)}" if duty.source is Source.POLICY else "",
        _missing(duty),
        f"hold: {duty.hold.words} ({duty.hold.citation})" if duty.hold and duty.hold.words else "",
        _citation(group),
    ]
    bullets([line for line in lines if line], indent=2)
    if why:
        bullets([f"- {step}" for step in duty.steps], indent=4)
        bullets([f"- note: {note}" for note in duty.notes], indent=4)


def _headline(duty: ExplainedDuty, now: datetime) -> str:
    until = duty.target_at or now
    if duty.deadline_at is not None:
        return f"{time_left(until, now)}: by {_both(until, duty.zone)}"
    since = (
        f", {in_words(now - duty.trigger_at)} since {duty.trigger.words}" if duty.trigger_at and duty.trigger else ""
    )
    return f"No date in the text{since}; our own target: {time_left(until, now)}"


def _period(duty: ExplainedDuty) -> str:
    at, assumed = duty.trigger_at, duty.trigger_basis is Basis.ASSUMED
    happened = f", {_both(at, duty.zone)}" if at else ""
    doubt = " (assumed: nobody has stated it)" if assumed else ""
    if duty.source is Source.CONTRACT:
        return f"{duty.title}{happened}{doubt}"
    words = ["without undue delay"] if duty.without_undue_delay else []
    words += [duty.period] if duty.period != "no number" or not words else []
    event = f" from {_event(duty)}" if duty.trigger else ""
    return f"{', at the latest '.join(words)}{event}{happened}{doubt}"


def _event(duty: ExplainedDuty) -> str:
    words = duty.trigger.words if duty.trigger else ""
    return f"{words} ({duty.trigger_words})" if duty.trigger_words else words


def _recipients(group: Sequence[ExplainedDuty]) -> str:
    return _few(list(dict.fromkeys(duty.to for duty in group)))


def _few(words: Sequence[str]) -> str:
    shown = ", ".join(words[:FEW])
    return f"{shown} and {len(words) - FEW} more" if len(words) > FEW else shown


def _citation(group: Sequence[ExplainedDuty]) -> str:
    duty = group[0]
    if duty.source is Source.CONTRACT:
        return f"agreement {_few([one.id.partition('@')[2] for one in group])}"
    counsel = "; known from secondary sources: check with counsel" if duty.counsel_check else ""
    return f"{duty.id}: {duty.citation}{counsel}"


def _missing(duty: ExplainedDuty) -> str:
    missing = [content.text for content in duty.required_contents if content.missing]
    if not missing:
        return "all that it must hold is there" if duty.required_contents else ""
    return f"not known yet of what it must hold: {'; '.join(missing)}"


def facts_in_words(because: Iterable[Reason], *, asked: bool = False) -> str:
    """Return reasons as a person reads them; with `asked` also what was asked."""
    words = (
        reason.words if asked or reason.value is None else f"{reason.fact} is {reason.value}" for reason in because
    )
    return "; ".join(dict.fromkeys(words))


def _undated(duty: ExplainedDuty) -> str:
    kind = {Kind.VOLUNTARY: "voluntary: ", Kind.REGISTER: "register: "}.get(duty.kind, "")
    return f"{duty.id}: {kind}{duty.title} ({duty.citation})"


def _waiting(duties: Iterable[ExplainedDuty]) -> Iterator[str]:
    contracts: dict[tuple[str, str], list[str]] = {}
    for duty in duties:
        if duty.source is Source.CONTRACT:
            contracts.setdefault((duty.title, duty.starts_when or ""), []).append(duty.to)
        else:
            yield f"{duty.id}: {duty.title}, {duty.period}; starts with: {duty.starts_when}"
    for (title, starts_when), parties in contracts.items():
        yield f"{title}, by contract, to {_few(parties)}; starts with: {starts_when}"


def _open(decide: Decide, duties: Sequence[ExplainedDuty], now: datetime) -> None:
    heading(f"Cannot be ruled out ({decide.duties}): one thing to decide")
    if decide.deadline_at is not None and decide.zone is not None:
        by = f"{time_left(decide.deadline_at, now)}: by {_both(decide.deadline_at, decide.zone)}"
        say(f"{by}, the earliest of them ({decide.deadline_of})", indent=2)
    elif decide.target_at is not None:
        say(f"None of them has a date; our own target: {time_left(decide.target_at, now)}", indent=2)
    say("Answer these first:", indent=2)
    for number, question in enumerate(decide.questions[:QUESTIONS], start=1):
        say(f"{number}. {question.question}", indent=2)
        say(f"{question.fact}: {_settles(question)}", indent=5)
    say(f"They are: {_few([duty.id for duty in duties if duty.kind in PRESSING])}", indent=2)


def _settles(question: Question) -> str:
    certain, possible = len(question.settles), len(question.may_settle)
    parts = [f"settles {certain}"] if certain else []
    parts += [f"may settle {possible}"] if possible else []
    return ", ".join(parts) or "leads on to further questions"


def _decision(decision: Decision) -> None:
    heading("The decision under GDPR articles 33 and 34")
    if decision.decided is not None:
        said = in_words_of(decision.decided.authority, decision.decided.subjects)
        say(f"Decided {_both(decision.decided.at, 'UTC')}: {said}", indent=2)
    proposal(decision)


def proposal(decision: Decision) -> None:
    """Print what the facts speak for, and whose decision it is."""
    if decision.binds is Answer.NO:
        kept_out = [reason for reason in decision.because if reason.fact.endswith(".roles")]
        say(f"The controllers take it, not you: {facts_in_words(kept_out or decision.because)}", indent=2)
        return
    if decision.binds is Answer.CANNOT_BE_RULED_OUT:
        unknown = list(dict.fromkeys(reason.fact for reason in decision.because))
        say(f"Whether it is yours is not known yet: {_few(unknown)}", indent=2)
    proposed = f"authority: {_SAID[decision.authority]}; people: {_SAID[decision.subjects]}"
    say(f"Proposed, for a person to decide: register: yes; {proposed}", indent=2)
    for side in (Side.FOR, Side.AGAINST, Side.UNKNOWN):
        words = [_factor(factor) for factor in decision.factors if factor.side is side]
        say(f"{side.capitalize()}: {'; '.join(words)}", indent=2) if words else None


def _factor(factor: Factor) -> str:
    if factor.side is Side.UNKNOWN:
        return factor.words.removeprefix("not yet known: ")
    return f"{factor.words} ({factor.citation})"


def _rest(found: Explanation) -> None:
    if found.out_of_scope is not None:
        lines = [f"{one.id}: {facts_in_words(one.because, asked=True)}" for one in found.out_of_scope]
        _short(f"Out of scope ({len(lines)})", lines)
    if found.inactive is not None:
        _short(f"Starts no clock ({len(found.inactive)})", [f"{one.id}: {one.reason}" for one in found.inactive])


def _short(title: str, lines: Iterable[str]) -> None:
    listed = list(lines)
    if listed:
        heading(title)
        bullets(listed)


def _both(at: datetime, zone: str) -> str:
    """Return an instant on the clocks of a zone, and in UTC."""
    utc = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
    return utc if zone == "UTC" else f"{local(at, zone).strftime('%a %d %b %H:%M')} {zone} ({utc})"
