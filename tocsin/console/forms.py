"""From the fields of a form to the deed that it stands for. What is missing or cannot be read is refused in words."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import ValidationError

from tocsin.cli.answers import answers
from tocsin.cli.arguments import facts_of
from tocsin.domain.act import (
    AddAffected,
    AddNote,
    AnswerPage,
    Close,
    Confirm,
    Deed,
    Dismiss,
    Draft,
    DutyEnd,
    EndDuty,
    Handover,
    Reopen,
    Resume,
    Revise,
    Stop,
    TaskAdd,
    TaskAssign,
    TaskDone,
    Told,
)
from tocsin.domain.breaking_glass import BreakGlass, Recall, ReviewGlass
from tocsin.domain.errors import Refused
from tocsin.domain.hold import HoldKind
from tocsin.domain.holding import ConfirmHold, HoldProvisionally, Lift, PlaceHold
from tocsin.domain.incident import Facts, Trigger
from tocsin.domain.notice import WaveKind
from tocsin.domain.register import OnLift
from tocsin.domain.rights import Action
from tocsin.domain.task import TaskKind
from tocsin.domain.values import AgreementId, ClockId, DutyId, HoldId, PersonId, TaskId, WaveId

Agreements = Callable[[list[str]], tuple[AgreementId, ...]]
"""From a person's own references to agreements. Raises Refused, naming those that the register does not have."""

NUMBERS = ("people_affected", "records_affected")
LISTS = ("data_categories", "measures", "services")
WORDS = ("summary", "consequences", "cause", "contact_point")
UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class Form(NamedTuple):
    """What a form sent, and what its words are looked up in."""

    fields: Mapping[str, str]
    agreements: Agreements
    names: Mapping[PersonId, str]

    def get(self, name: str) -> str:
        """Return a field's words, without space around them."""
        return self.fields.get(name, "").strip()

    def need(self, name: str, what: str) -> str:
        """Return a field that must not be empty. Raises Refused."""
        given = self.get(name)
        if not given:
            raise Refused(f"{what} is missing; fill it in, and send it again")
        return given

    def at(self, name: str) -> datetime | None:
        """Return an instant, typed in UTC, or None for an empty field. Raises Refused."""
        given = self.get(name)
        if not given:
            return None
        try:
            found = datetime.fromisoformat(given)
        except ValueError:
            raise Refused(f"{given!r} is no instant; write it in UTC, like 2026-11-21T03:10") from None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

    def references(self, name: str) -> tuple[AgreementId, ...]:
        """Return the agreements of a list of references, separated by commas or lines. Raises Refused."""
        given = [word.strip() for word in self.get(name).replace("\n", ",").split(",") if word.strip()]
        return self.agreements(given) if given else ()


def deed_of(action: Action, form: Form) -> Deed:
    """Return the deed of a form. Raises Refused."""
    try:
        return DEEDS[action](form)
    except (ValidationError, ValueError) as error:
        raise Refused(f"this cannot be read: {_first(error)}") from None


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        return f"{' '.join(map(str, found['loc']))}: {found['msg']}"
    return str(error)


def facts_in(form: Form) -> dict[str, str | int | tuple[str, ...] | None]:
    """Return the facts that a form states; an empty field states nothing, `unknown` takes one back."""
    found: dict[str, str | int | tuple[str, ...] | None] = {}
    for name in (*NUMBERS, *LISTS, *WORDS):
        given = form.get(name)
        if not given:
            continue
        if given.casefold() == "unknown":
            found[name] = () if name in {"measures", "services"} else None
        elif name in NUMBERS:
            found[name] = _number(name, given)
        elif name in LISTS:
            found[name] = tuple(part.strip() for part in given.replace("\n", ",").split(",") if part.strip())
        else:
            found[name] = given
    return found


def new_facts(form: Form) -> Facts:
    """Return the facts of a report. Raises Refused."""
    title = form.need("title", "what happened")
    more = {name: form.get(name) for name in ("kind", "severity") if form.get(name)}
    return facts_of({"title": title, **more, **facts_in(form)})


def _number(name: str, given: str) -> int:
    if not given.replace(" ", "").replace(",", "").isdigit():
        raise Refused(f"{name.replace('_', ' ')} is a whole number, or unknown; {given!r} is neither")
    return int(given.replace(" ", "").replace(",", ""))


def _revise(form: Form) -> Deed:
    asked = [name for name in form.fields if name.startswith("answer.") and form.get(name)]
    given = answers([f"{name.removeprefix('answer.')}={form.get(name)}" for name in asked]) if asked else {}
    triggers = {trigger: at for trigger in Trigger if (at := form.at(f"trigger.{trigger}")) is not None}
    facts = facts_in(form)
    if not (facts or given or triggers):
        raise Refused("nothing was filled in; answer a question or state a fact")
    return Revise(facts=facts, answers=given, triggers=triggers)


def _affected(form: Form) -> Deed:
    everyone, named = form.get("everyone") == "yes", form.references("references")
    if everyone is bool(named):
        raise Refused("say either that everyone may be affected, or name those who are")
    return AddAffected(agreements=named, everyone=everyone, only=form.get("only") == "yes")


def _draft(form: Form) -> Deed:
    return Draft(
        wave_kind=WaveKind(form.get("wave_kind") or "initial"), agreements=form.references("references") or None
    )


def _hold(kind: type[PlaceHold | HoldProvisionally]) -> Callable[[Form], Deed]:
    def hold(form: Form) -> Deed:
        return kind(
            hold_kind=HoldKind(form.need("hold_kind", "the ground of the order")),
            issuer=form.need("issuer", "who gave the order"),
            reference=form.need("reference", "its reference"),
            agreements=form.references("references") or None,
            review_at=form.at("review_at"),
            on_lift=OnLift(form.get("on_lift")) if form.get("on_lift") else None,
        )

    return hold


def _task(form: Form) -> Deed:
    unit = form.get("unit") or "h"
    return TaskAdd(
        title=form.need("title", "what is to be done"),
        task_kind=TaskKind(form.get("task_kind") or "investigation"),
        owner=form.need("owner", "who does it"),
        due_in=_number("due in", form.need("due", "by when")) * UNITS[unit if unit in UNITS else "h"],
    )


def _handover(form: Form) -> Deed:
    to = PersonId(form.need("to", "to whom"))
    if to not in form.names:
        raise Refused("that is nobody here; choose a person from the list")
    return Handover(to=to, to_name=form.names[to], note=form.get("note"))


def _told(form: Form) -> Deed:
    (party,) = form.references("reference") or (None,)
    if party is None:
        raise Refused("say which party told us, by your reference of its agreement")
    return Told(agreement_id=party, told_at=form.at("told_at"), their_awareness_at=form.at("their_awareness_at"))


DEEDS: dict[Action, Callable[[Form], Deed]] = {
    Action.CONFIRM: lambda form: Confirm(confirmed_at=form.at("confirmed_at"), statement=form.get("statement")),
    Action.DISMISS: lambda form: Dismiss(reason=form.need("reason", "the reason")),
    Action.REVISE: _revise,
    Action.AFFECTED_ADD: _affected,
    Action.DRAFT: _draft,
    Action.STOP: lambda form: Stop(wave_id=WaveId(form.get("wave_id")), reason=form.need("reason", "the reason")),
    Action.RESUME: lambda form: Resume(wave_id=WaveId(form.get("wave_id"))),
    Action.HOLD: _hold(PlaceHold),
    Action.HOLD_PROVISIONAL: _hold(HoldProvisionally),
    Action.HOLD_CONFIRM: lambda form: ConfirmHold(hold_id=HoldId(form.get("hold_id"))),
    Action.LIFT: lambda form: Lift(hold_id=HoldId(form.get("hold_id")), reason=form.get("reason")),
    Action.BREAK_GLASS: lambda form: BreakGlass(clock_id=ClockId(form.get("clock_id")), reason=form.get("reason")),
    Action.RECALL: lambda form: Recall(wave_id=WaveId(form.get("wave_id")), reason=form.get("reason")),
    Action.GLASS_REVIEW: lambda form: ReviewGlass(
        wave_id=WaveId(form.get("wave_id")), text=form.need("text", "what you found")
    ),
    Action.NOTE: lambda form: AddNote(
        text=form.need("text", "the note"), clock_id=ClockId(form.get("clock_id")) if form.get("clock_id") else None
    ),
    Action.DUTY_END: lambda form: EndDuty(
        duty_id=DutyId(form.get("duty_id")), how=DutyEnd.DISCHARGED, proof=form.need("proof", "the proof")
    ),
    Action.TASK_ADD: _task,
    Action.TASK_ASSIGN: lambda form: TaskAssign(
        task_id=TaskId(form.get("task_id")), owner=form.need("owner", "the new owner")
    ),
    Action.TASK_DONE: lambda form: TaskDone(
        task_id=TaskId(form.get("task_id")),
        outcome=form.need("outcome", "what came of it"),
        proof=form.get("proof") or None,
    ),
    Action.HANDOVER: _handover,
    Action.CLOSE: lambda form: Close(
        cause=form.need("cause", "the cause"), lessons=form.need("lessons", "the lessons")
    ),
    Action.REOPEN: lambda form: Reopen(reason=form.need("reason", "the reason")),
    Action.TOLD: _told,
    Action.PAGE_ACK: lambda _: AnswerPage(),
}
"""The acts that have a form. What is rarer (merging, recomputing, scoring) is done by the command line or the API."""
