"""`policy list|show|check`: the law as this installation knows it, with how each rule is known."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.arguments import Json
from tocsin.cli.explain import policies
from tocsin.cli.render import bullets, emit, heading, say
from tocsin.cli.session import session
from tocsin.domain.applicability import AllOf, AnyOf, Condition, Not
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Trigger
from tocsin.domain.policy import Mark, Policy, Recipient
from tocsin.domain.values import Value

commands = typer.Typer(help="The law as data: what is known, how it is known, and what starts no clock.")


class Listed(Value):
    """One line of `policy list`."""

    id: str
    version: str
    instrument: str
    title: str
    owed_by: str
    owed_to: tuple[Recipient, ...]
    to: str
    trigger: Trigger | None
    period: str
    citation: str
    active: bool
    inactive_because: str | None
    counsel_check: bool


@commands.command("list")
def list_(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also those that start no clock, with the reason.")] = False,
    as_json: Json = False,
) -> None:
    """List the policies that are law today, by instrument."""
    work = session(ctx)
    pack, today = policies(work), work.now().date()
    rows = [_listed(policy, None) for policy in pack.in_force(today)]
    rows += [_listed(policy, reason) for policy, reason in pack.inactive(today)] if everything else []
    if as_json:
        emit(rows)
        return
    for instrument in dict.fromkeys(row.instrument for row in rows):
        heading(instrument)
        bullets(_line(row) for row in rows if row.instrument == instrument)
    say()
    say(f"{len(rows)} policies" + ("." if everything else "; `--all` shows those that start no clock, too."))


@commands.command()
def show(
    ctx: typer.Context,
    policy_id: Annotated[str, typer.Argument(metavar="ID", help="As in EU-GDPR-33-1.")],
    as_json: Json = False,
) -> None:
    """Show a policy in every version: what it asks, from when, on which facts, and how each field is known."""
    work = session(ctx)
    pack, today = policies(work), work.now().date()
    current = pack.policy(policy_id.upper(), today)
    versions = [policy for policy in pack.policies if policy.id == current.id]
    if as_json:
        emit(versions)
        return
    for policy in versions:
        _tell(policy, policy.why_inactive(today))


@commands.command()
def check(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="Policies of your own; default: `policies` in the home.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read all policies and name every mistake at once, each with the file, the policy and the fix."""
    work = session(ctx)
    if folder is not None and not folder.is_dir():
        raise Refused(f"{folder} is no folder; give one that holds policy files")
    found = work.law_checked(folder)
    if as_json:
        emit(found)
        return
    say(f"No mistake in {found.policies} policies.")
    say(f"{found.in_force} are in force today, {found.counsel_check} of them to check with counsel.")
    say(f"Their fingerprint is {found.law}.")


def _listed(policy: Policy, reason: str | None) -> Listed:
    shared = {name: getattr(policy, name) for name in Listed.model_fields if name in Policy.model_fields}
    shared |= {"period": policy.period_words, "counsel_check": policy.counsel_check}
    return Listed.model_validate(shared | {"active": reason is None, "inactive_because": reason})


def _line(row: Listed) -> str:
    event = f" from {row.trigger.words}" if row.trigger else ""
    counsel = "; check with counsel" if row.counsel_check and row.active else ""
    starts = "" if row.active else f"; starts no clock: {row.inactive_because}"
    return f"{row.id}: {row.title}; {row.period}{event}{counsel}{starts}"


def _tell(policy: Policy, reason: str | None) -> None:
    heading(f"{policy.id}, version {policy.version}")
    event = policy.trigger.words if policy.trigger else "no event is named"
    words = f", {policy.trigger_words}" if policy.trigger_words else ""
    contents = [f"- must hold: {content.text}" for content in policy.required_contents]
    lines = [
        policy.title,
        policy.instrument,
        f"owed by {policy.owed_by} to {policy.to}",
        f"{'without undue delay; ' if policy.wud else ''}{policy.period_words} from: {event}{words}",
        f"counted by {policy.rule}" + (f", calendar {policy.calendar}" if policy.calendar else ""),
        f"applies if {_condition(policy.applies)}" if policy.applies else "it is not encoded on which facts it binds",
        f"threshold: {policy.threshold.fact} {policy.threshold.words}" if policy.threshold else "",
        *(f"unless {_condition(one.when)}: {one.words} ({one.citation})" for one in policy.unless),
        f"follow-ups: {', '.join(policy.follow_ups)}" if policy.follow_ups else "",
        f"holds: {policy.hold.words} ({policy.hold.citation})" if policy.hold.words else "",
        *contents,
        f"{policy.citation}; sources: {'; '.join(policy.sources)}",
        f"known from: {_marks(policy)}" + ("; check with counsel" if policy.counsel_check else ""),
        f"in force: {_in_force(policy)}",
        *(f"note: {note}" for note in policy.notes),
        "it may start a clock today" if reason is None else f"it starts no clock: {reason}",
    ]
    bullets(line for line in lines if line)


def _marks(policy: Policy) -> str:
    fields: dict[str, Any] = {name: getattr(policy.status, name) for name in type(policy.status).model_fields}
    return ", ".join(f"{name} {_joined(marks)}" for name, marks in fields.items() if marks is not None)


def _joined(marks: Iterable[Mark]) -> str:
    return "+".join(marks) or "nothing"


def _in_force(policy: Policy) -> str:
    days = policy.in_force
    parts = [f"from {days.starts_on}" if days.starts_on else "", f"until {days.ends_on}" if days.ends_on else ""]
    parts += [f"seen on {days.seen_on}" if days.seen_on else ""]
    return ", ".join(part for part in parts if part) or "not known"


def _condition(condition: Condition) -> str:
    match condition:
        case AllOf():
            return " and ".join(map(_nested, condition.all))
        case AnyOf():
            return " or ".join(map(_nested, condition.any))
        case Not():
            return f"not {_nested(condition.not_)}"
        case _:
            return f"{condition.fact} {condition.words}"


def _nested(condition: Condition) -> str:
    words = _condition(condition)
    return f"({words})" if isinstance(condition, AllOf | AnyOf) and " " in words else words
