"""`explain`: who must be told, by when, and why. It reads, and changes nothing."""

from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from tocsin.adapters.facts_file import read_case
from tocsin.adapters.organisation import load_organisation
from tocsin.cli import explain_page, lookup
from tocsin.cli.arguments import Json
from tocsin.cli.render import emit
from tocsin.cli.session import Place, Session, session
from tocsin.domain.calendar import Calendar
from tocsin.domain.explain import explain as explained
from tocsin.domain.explain_facts import case_of
from tocsin.domain.explanation import Explanation
from tocsin.domain.facts_schema import facts_schema
from tocsin.domain.incident import Facts
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.organisation import Organisation
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.read import Way
from tocsin.domain.statutory import submitted
from tocsin.policies import load_policies

commands = typer.Typer()

Subject = Annotated[
    str | None,
    typer.Argument(
        metavar="FACTS.toml|INCIDENT", help="A facts file; or an incident: its id, the beginning of it, or `last`."
    ),
]


@commands.command()
def explain(
    ctx: typer.Context,
    subject: Subject = None,
    why: Annotated[bool, typer.Option("--why", help="How each deadline came about, step by step.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also what is out of scope or starts no clock.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of a facts file.")] = False,
    as_json: Json = False,
) -> None:
    """Say who must be told, by when and why: what the law and the contracts make of the facts."""
    work = session(ctx)
    pack = policies(work)
    if schema:
        emit(facts_schema(pack))
        return
    if subject is None:
        raise typer.BadParameter("name a facts file, or an incident; `--schema` describes the file")
    if _is_file(subject):
        found = _of_file(work, pack, subject, everything)
    else:
        found = work.explanation(lookup.looked_at(work, subject, Way.SHOW), everything=everything)
    if as_json:
        emit(found)
    else:
        explain_page.show(found, why=why)


def policies(work: Place) -> PolicyPack:
    """Return the policies that ship, with those in the home's own folder."""
    return load_policies(work.home / "policies")


def _is_file(subject: str) -> bool:
    return subject.endswith(".toml") or Path(subject).is_file()


def _of_file(work: Session, pack: PolicyPack, given: str, everything: bool) -> Explanation:
    file = read_case(Path(given), pack, _profile(work, pack)[0])
    at = file.at or work.now()
    return explained(pack, file.case, _calendar, at, subject=file.title, everything=everything)


def of_incident(work: Place, pack: PolicyPack, state: IncidentState, *, everything: bool = False) -> Explanation:
    """Return the explanation of an incident as it stands."""
    from tocsin.adapters.law import PolicyLaw, ReadOnlyShelf  # noqa: PLC0415 - holidays take a while to load

    profile, remarks = _profile(work, pack)
    law = PolicyLaw(pack, profile)
    with work.store.reading() as tx:
        facts = tx.incidents.facts(state.incident_id) or Facts(title=state.incident_id)
        pins, before = tx.register.pinned(state.incident_id), tx.duties.of(state.incident_id)
        # The clocks run by the law that the incident is pinned to; explaining by another would mislead.
        pin, shelf = tx.law.pinned(state.incident_id) or law.current, ReadOnlyShelf(tx.law)
        pinned = law.pack_of(shelf, pin)
        case, unread = case_of(facts, state.triggers, pins, profile, pinned.facts)
        more = {
            "sources": state.sources,
            "submitted": submitted(before),
            "decided": state.decision,
            "severity": facts.enisa,
        }
        case = case.model_copy(update=more)
        if pin != law.current:
            remarks += (f"newer law or holidays are here; see: tocsin recompute {state.incident_id}",)
        return explained(
            pinned,
            case,
            law.calendars_of(shelf, pin),
            work.now(),
            subject=f"{state.incident_id}: {facts.title}",
            everything=everything,
            remarks=(*remarks, *unread),
        )


def _profile(work: Place, pack: PolicyPack) -> tuple[Organisation, tuple[str, ...]]:
    path = work.home / "org.toml"
    if not path.exists():
        return Organisation(), (f"nothing is known of the organisation: there is no {path}; `tocsin init` writes one",)
    profile = load_organisation(path, pack.facts)
    answered = () if profile.facts else (f"nothing is known of the organisation: answer the questions in {path}",)
    return profile, answered


@cache
def _calendar(calendar_id: str, first_year: int, last_year: int) -> Calendar:
    from tocsin.adapters.holiday_calendars import holiday_calendar  # noqa: PLC0415 - holidays take a while to load

    return holiday_calendar(calendar_id, first_year, last_year)
