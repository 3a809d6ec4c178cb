"""What the store holds of one incident, as a report to an authority needs it, and how the report's period runs."""

from collections.abc import Iterable
from datetime import datetime

from tocsin.adapters.holiday_calendars import holiday_calendar
from tocsin.domain.act import AddNote
from tocsin.domain.applicability import Answer, Verdict
from tocsin.domain.authority import seat_of
from tocsin.domain.authority_report import Timing
from tocsin.domain.errors import Refused
from tocsin.domain.explain_facts import case_of
from tocsin.domain.explain_policy import Policies
from tocsin.domain.incident import Facts
from tocsin.domain.notice import SENT, Notice
from tocsin.domain.organisation import Organisation
from tocsin.domain.policy import Policy
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.privilege import Redaction
from tocsin.domain.report_contents import Dossier
from tocsin.domain.task import Task, TaskKind, TaskState
from tocsin.domain.values import IncidentId
from tocsin.ports import Transaction


def read_dossier(tx: Transaction, incident_id: IncidentId, organisation: str, contact_point: str) -> Dossier:
    """Read what a report may say.

    Args:
        tx: a transaction that reads.
        incident_id: the incident.
        organisation: our name.
        contact_point: whom to ask, unless the incident's facts name somebody.

    Raises:
        Refused: if there is no such incident.
    """
    state, facts = tx.incidents.state(incident_id), tx.incidents.facts(incident_id) or Facts(title="(no facts yet)")
    if state is None:
        raise Refused(f"there is no incident {incident_id}; `tocsin list` shows those that exist")
    redaction = Redaction(one.act for one in tx.incidents.acts(incident_id))
    facts, tasks = redaction.told(facts), [redaction.model(task) for task in tx.tasks.of(incident_id)]
    done = tuple(task.title for task in _of(tasks, TaskKind.MITIGATION) if task.state is TaskState.DONE)
    return Dossier(
        incident_id=incident_id,
        facts=facts,
        triggers=state.triggers,
        organisation=organisation,
        contact_point=facts.contact_point or contact_point,
        measures_taken=(*facts.measures, *done),
        measures_intended=tuple(
            task.title for task in _of(tasks, TaskKind.MITIGATION) if task.state is not TaskState.DONE
        ),
        prevention=tuple(task.title for task in _of(tasks, TaskKind.IMPROVEMENT)),
        delay_reasons=tuple(map(redaction.text, _delay_reasons(tx, incident_id))),
        notices_given=_told(tx.ledger.of(incident_id)),
    )


def governing(pack: PolicyPack, policy_id: str, dossier: Dossier, now: datetime) -> Policy:
    """Return the policy in the version of the day on which its event happened, or of today.

    Raises:
        Refused: if there is no such policy.
    """
    newest = pack.policy(policy_id.upper())
    event = _policies(pack, dossier, Organisation()).event(newest)
    return pack.policy(newest.id, (event.at if event else now).date())


def timing(pack: PolicyPack, policy: Policy, dossier: Dossier, profile: Organisation) -> Timing:
    """Return how the period of a policy runs for this incident, as `explain` computes it."""
    policies = _policies(pack, dossier, profile)
    duty = policies.duty(policy, Verdict(answer=Answer.YES), policies.event(policy))
    doubted = seat_of(policy, profile).doubt is not None
    return Timing(
        trigger_at=duty.trigger_at,
        trigger_basis=duty.trigger_basis,
        deadline_at=duty.deadline_at,
        zone="UTC" if doubted else duty.zone,
    )


def _policies(pack: PolicyPack, dossier: Dossier, profile: Organisation) -> Policies:
    case, _ = case_of(dossier.facts, dossier.triggers, (), profile, pack.facts)
    facts = pack.facts.derive({**case.facts, **case.profile.facts}, case.triggers)
    return Policies(pack, case, facts, holiday_calendar)


def _of(tasks: Iterable[Task], kind: TaskKind) -> list[Task]:
    return [task for task in tasks if task.kind is kind]


def _delay_reasons(tx: Transaction, incident_id: IncidentId) -> Iterable[str]:
    for row in tx.duties.clocks(incident_id):
        given = tx.incidents.act(row.late_reason) if row.late_reason else None
        if given is not None and isinstance(given.act.deed, AddNote):
            yield given.act.deed.text


def _told(notices: Iterable[Notice]) -> str:
    told = {notice.agreement_id for notice in notices if notice.state in SENT}
    return f"{len(told):,} {'party was' if len(told) == 1 else 'parties were'} told" if told else ""
