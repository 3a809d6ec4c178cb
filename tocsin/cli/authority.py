"""`authority report`: what an authority asks for, how far it is known, as text, JSON or PDF for its portal."""

from enum import StrEnum
from typing import Annotated

import typer

from tocsin.adapters.organisation import load_organisation
from tocsin.cli import lookup
from tocsin.cli.arguments import Incident
from tocsin.cli.explain import policies
from tocsin.cli.output import Output, deliver
from tocsin.cli.render import clean
from tocsin.cli.session import Place, session
from tocsin.domain.authority_report import AuthorityReport, authority_report
from tocsin.domain.organisation import Organisation
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.read import Way
from tocsin.domain.values import IncidentId
from tocsin.settings import Settings

commands = typer.Typer(help="Reports to authorities: what must be in them, and what is still missing.")


class Format(StrEnum):
    """How it is written."""

    TEXT = "text"
    JSON = "json"
    PDF = "pdf"


def _given(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise typer.BadParameter(f"{text!r} says nothing; write KEY=TEXT, with a key of the report's contents")
    return key.strip(), None if value.strip() in {"", "unknown"} else value.strip()


@commands.command()
def report(
    ctx: typer.Context,
    incident: Incident,
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="As in EU-GDPR-33-1; `tocsin policy list`.")],
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TEXT,
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=TEXT", help="Answer one of its contents; `unknown` says so. Repeatable."),
    ] = None,
    out: Output = None,
) -> None:
    """Write the report under a policy as a checklist. What is missing is marked; nothing is blocked, nothing sent."""
    work = session(ctx)
    incident_id = lookup.looked_at(work, incident, Way.SHOW).incident_id
    made = made_for(work, work.settings, incident_id, policy, dict(map(_given, given or ())))
    deliver(_content(made, form, to_terminal=out is None), out, _told(made), binary=form is Format.PDF)


def made_for(
    work: Place, chosen: Settings, incident_id: IncidentId, policy_id: str, given: dict[str, str | None]
) -> AuthorityReport:
    """Return the report of an incident under a policy, with what is `given` for its contents."""
    # Holidays and everything they pull in take a while to load, and no other command needs them.
    from tocsin.adapters.dossier import governing, read_dossier, timing  # noqa: PLC0415

    pack, now = policies(work), work.now()
    profile = _profile(work, pack)
    desk = f"{chosen.sender_name}, {chosen.reply_to or chosen.sender_address}"
    with work.store.reading() as tx:
        dossier = read_dossier(tx, incident_id, profile.name or chosen.sender_name, desk)
    policy = governing(pack, policy_id, dossier, now)
    return authority_report(policy, dossier, timing(pack, policy, dossier, profile), now, given)


def _profile(work: Place, pack: PolicyPack) -> Organisation:
    path = work.home / "org.toml"
    return load_organisation(path, pack.facts) if path.exists() else Organisation()


def _content(made: AuthorityReport, form: Format, *, to_terminal: bool) -> bytes:
    from tocsin.adapters import authority_reports as written  # noqa: PLC0415 - a second that only this command needs

    match form:
        case Format.PDF:
            return written.as_pdf(made)
        case Format.JSON:
            return written.as_json(made)
        case Format.TEXT:
            text = written.as_text(made)
            return "\n".join(map(clean, text.decode().split("\n"))).encode() if to_terminal else text


def _told(made: AuthorityReport) -> str:
    left = f"{len(made.missing)} content(s) still missing" if made.missing else "nothing is missing"
    return f"the report under {made.policy_id} ({left})"
