"""`decide`: whom GDPR articles 33 and 34 want told, as a person decides it beside the engine's proposal."""

from typing import Annotated

import typer

from tocsin.cli import explain_page, lookup
from tocsin.cli.acting import act
from tocsin.cli.arguments import Incident, Json, YesNo
from tocsin.cli.explain_page import facts_in_words
from tocsin.cli.render import bullets, complain, emit, heading, say, when
from tocsin.cli.session import Session, session
from tocsin.domain.act import Decide
from tocsin.domain.applicability import Answer
from tocsin.domain.errors import Refused
from tocsin.domain.explanation import Decision
from tocsin.domain.gdpr_decision import Proposal, against, in_words
from tocsin.domain.values import IncidentId, Instant, Value

commands = typer.Typer()


class Version(Value):
    """A decision that was taken; the last one counts."""

    at: Instant
    by: str
    what: str
    reason: str
    against: tuple[str, ...]


@commands.command()
def decide(
    ctx: typer.Context,
    incident: Incident,
    authority: Annotated[YesNo | None, typer.Option(help="Is the authority told (art. 33)?")] = None,
    subjects: Annotated[YesNo | None, typer.Option(help="Are the people told (art. 34)?")] = None,
    reason: Annotated[str, typer.Option(help="Why; asked for where you decide against the proposal.")] = "",
    as_json: Json = False,
) -> None:
    """Decide whether the authority and the people concerned are told; without a decision, show what is proposed.

    The breach is entered in the register in every case. A later decision takes the place of this one; both are kept.
    """
    if (authority is None) is not (subjects is None):
        raise typer.BadParameter("give both, --authority and --subjects: the one does not follow from the other")
    work = session(ctx)
    state = lookup.incident(work, incident)
    proposed = work.explanation(state).decision
    if authority is None or subjects is None:
        _show(state.incident_id, proposed, _versions(work, state.incident_id), as_json)
        return
    if proposed.binds is Answer.NO:
        raise Refused(f"the controllers take this decision, not you: {facts_in_words(proposed.because)}")
    told = (authority is YesNo.YES, subjects is YesNo.YES)
    proposal = Proposal.model_validate({name: getattr(proposed, name) for name in Proposal.model_fields})
    deed = Decide(authority=told[0], subjects=told[1], reason=reason, proposal=proposal)
    act(work, deed, state.incident_id, as_json)
    if not as_json:
        say(f"Decided: {in_words(*told)}. The register has it: tocsin breaches export")
    if (contrary := against(proposal, *told)) and not reason:
        complain(f"This goes against the proposal ({'; '.join(contrary)}). Say why: {command(state.incident_id, deed)}")


def command(incident_id: IncidentId, deed: Decide) -> str:
    """Return the command that takes a decision again, with its reason."""
    authority, subjects = ("yes" if said else "no" for said in (deed.authority, deed.subjects))
    return f"tocsin decide {incident_id} --authority {authority} --subjects {subjects} --reason '…'"


def _versions(work: Session, incident_id: IncidentId) -> list[Version]:
    with work.store.reading() as tx:
        acts = [envelope.act for envelope in tx.incidents.acts(incident_id)]
    return [
        Version(
            at=one.at,
            by=one.actor.name,
            what=in_words(one.deed.authority, one.deed.subjects),
            reason=one.deed.reason,
            against=against(one.deed.proposal, one.deed.authority, one.deed.subjects),
        )
        for one in acts
        if isinstance(one.deed, Decide)
    ]


def _show(incident_id: IncidentId, proposed: Decision, versions: list[Version], as_json: bool) -> None:
    if as_json:
        emit({"incident_id": incident_id, "proposed": proposed, "decisions": versions})
        return
    say("The decision under GDPR articles 33 and 34", style="bold")
    explain_page.proposal(proposed)
    heading("Decided" if versions else "Not decided yet")
    for one in versions:
        say(f"{when(one.at)}, {one.by}: {one.what}", indent=2)
        bullets([*([one.reason] if one.reason else ["no reason given yet"]), *one.against], indent=4)
    if not versions and proposed.binds is not Answer.NO:
        say(f"tocsin decide {incident_id} --authority yes|no --subjects yes|no --reason '…'", indent=2)
