"""The incident that the tests of the store tell: what Asha reports, whom it touches, and what is written to them."""

from datetime import UTC, date, datetime, timedelta

from pydantic import JsonValue

from tocsin.audit.entry import EntryDraft
from tocsin.domain.act import Act, Actor, AddNote, Envelope, Role
from tocsin.domain.clock import ClockRow, ClockSpec
from tocsin.domain.duty import Computation, Duty, DutyState
from tocsin.domain.hold import Hold, HoldKind
from tocsin.domain.incident import Facts, Severity, Status, Trigger, TriggerFact
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.letter import Letter
from tocsin.domain.notice import ContactRole, Notice, NoticeState, WaveKind
from tocsin.domain.probing import Round
from tocsin.domain.register import Agreement, Contact, Limb, NoticeClause
from tocsin.domain.task import Task, TaskKind
from tocsin.domain.values import (
    ActId,
    AgreementId,
    ClockId,
    ContactId,
    DutyId,
    HoldId,
    IncidentId,
    NoticeId,
    PartyId,
    PersonId,
    TaskId,
    WaveId,
)
from tocsin.ports import Stamp, WaveRow

AT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
INCIDENT = IncidentId("inc-backupshare")
OTHER_INCIDENT = IncidentId("inc-lostlaptop")
WAVE = WaveId("wav-first")
ROUND = IncidentId("prb-spring")
CLOCK = ClockId("clk-72h")
CONTROLLERS = ("Birch Clinic", "Cedar Bank", "Dogwood School", "Elm Insurance", "Fir Housing", "Gorse Library")


def round_(**change: object) -> Round:
    """Return a round of letters to three addresses, with answers until the end of 16 March."""
    said = {"round_id": ROUND, "wave_id": "wav-round", "opened_at": AT, "opened_by": "per-dara", "letters": 3}
    return Round.model_validate({**said, "answer_by": date(2026, 3, 16), **change})


def agreement_id(number: int) -> AgreementId:
    """Return the id of the agreement with the controller of this number."""
    return AgreementId(f"agr-{number:05}")


def agreement(number: int, *, language: str = "en") -> Agreement:
    """Return the agreement with the controller of this number."""
    name = CONTROLLERS[number % len(CONTROLLERS)]
    address = f"privacy-{number}@{name.lower().replace(' ', '-')}.example"
    return Agreement(
        agreement_id=agreement_id(number),
        reference=f"{name.split()[0].upper()}-{number}",
        party_id=PartyId(f"pty-{number:05}"),
        party_name=name,
        clause=NoticeClause(limbs=(Limb(trigger=Trigger.CONFIRMATION, period=72 * HOUR),)),
        language=language,
        chain=(Contact(contact_id=ContactId(f"con-{number:05}"), name=f"Desk of {name}", email=address),),
        phone="+44 20 7946 0018",
    )


def stamp(sequence: int, *, workflow_id: str = "tocsin/incident/inc-backupshare") -> Stamp:
    """Return the stamp of a write."""
    return Stamp(workflow_id=workflow_id, run_id="run-1", sequence=sequence, at=AT, incident_id=INCIDENT)


def state(
    sequence: int = 1,
    *,
    incident_id: IncidentId = INCIDENT,
    status: Status = Status.REPORTED,
    reported_at: datetime = AT,
) -> IncidentState:
    """Return the projection of an incident."""
    triggers = {Trigger.REPORT: TriggerFact(at=reported_at)}
    return IncidentState(incident_id=incident_id, sequence=sequence, status=status, triggers=triggers)


def facts(title: str = "Backup share open to the internet") -> Facts:
    """Return what Asha knows."""
    return Facts(title=title, severity=Severity.HIGH, summary="Found by Asha on the night shift", people_affected=1_200)


def note(act: str, text: str = "Dara was called at home") -> Envelope:
    """Return Asha's note in its envelope."""
    asha = Actor(person_id=PersonId("per-asha"), name="Asha Raman", roles=frozenset({Role.RESPONDER}))
    body = Act(act_id=ActId(act), incident_id=INCIDENT, actor=asha, at=AT, deed=AddNote(text=text))
    return Envelope(act=body, expires_at=AT + HOUR)


def duty(number: int, *, state: DutyState = DutyState.OPEN, due: datetime = AT + 72 * HOUR) -> Duty:
    """Return the duty towards the controller of this number."""
    return Duty(
        duty_id=DutyId(f"dty-{number:05}"),
        incident_id=INCIDENT,
        clock_id=CLOCK,
        rule_id="contract:72h-from-confirmation",
        title="72 h from confirmation",
        agreement_id=agreement_id(number),
        party_id=PartyId(f"pty-{number:05}"),
        trigger=Trigger.CONFIRMATION,
        anchor=Trigger.CONFIRMATION,
        trigger_at=AT,
        deadline_at=due,
        target_at=due,
        citation=f"agreement {agreement_id(number)}, notice clause",
        because="the report names the party as affected",
        computation=Computation(rule_id="contract:72h-from-confirmation", rule_version="1", inputs={}, steps=()),
        state=state,
    )


def clock(clock_id: ClockId = CLOCK, *, due: datetime = AT + 72 * HOUR) -> ClockRow:
    """Return a running clock."""
    spec = ClockSpec(
        clock_id=clock_id,
        incident_id=INCIDENT,
        rule_id="contract:72h-from-confirmation",
        title="72 h from confirmation",
        trigger=Trigger.CONFIRMATION,
        trigger_at=AT,
        deadline_at=due,
        target_at=due,
    )
    return ClockRow(spec=spec)


def hold(name: str = "hld-police", *, scope: tuple[AgreementId, ...] | None = None) -> Hold:
    """Return an order of the police not to tell."""
    return Hold(
        hold_id=HoldId(name),
        kind=HoldKind.LAW_ENFORCEMENT,
        issuer="Inspector Quill, Harbour Police",
        reference="HP/2026/117",
        scope=scope,
        placed_at=AT,
        placed_by=ActId("act-hold"),
    )


def wave(wave_id: WaveId = WAVE, *, rows: int = 0, released: bool = False) -> WaveRow:
    """Return a wave that Asha drafted and, if released, Dara released."""
    drafted = WaveRow(
        wave_id=wave_id,
        incident_id=INCIDENT,
        kind=WaveKind.INITIAL,
        drafted_at=AT,
        drafter=PersonId("per-asha"),
        rows=rows,
    )
    return drafted.model_copy(update={"released_at": AT + HOUR, "releaser": PersonId("per-dara")} if released else {})


def notice(number: int, *, state: NoticeState = NoticeState.DRAFTED, wave_id: WaveId = WAVE, place: int = 0) -> Notice:
    """Return the ledger row of the controller of this number; its ordinal is the same number."""
    return Notice(
        notice_id=NoticeId(f"ntc-{wave_id}-{number:05}"),
        incident_id=INCIDENT,
        wave_id=wave_id,
        ordinal=number,
        number=f"N-{number:05}",
        agreement_id=agreement_id(number),
        contact_id=ContactId(f"con-{number:05}"),
        role=ContactRole.CHAIN,
        chain_position=place,
        duty_ids=(DutyId(f"dty-{number:05}"),),
        state=state,
        channel="outbox",
        message_id=f"<{wave_id}-{number}@notices.example>",
    )


def letter(row: Notice) -> Letter:
    """Return the letter of a ledger row."""
    party = agreement(row.ordinal)
    return Letter(
        from_name="Incident desk",
        from_address="incident-desk@processor.example",
        reply_to=None,
        to_name=party.chain[0].name,
        to_address=party.chain[0].email,
        subject=f"Security incident: notice {row.number}",
        text=f"To {party.party_name}: personal data of yours was exposed.",
        html=f"<p>To {party.party_name}: personal data of yours was exposed.</p>",
        language="en",
        message_id=row.message_id,
        notice_number=row.number,
        notice_id=row.notice_id,
    )


def written(row: Notice) -> tuple[Notice, Letter, bytes]:
    """Return a row with its letter and the bytes its channel would be given."""
    words = letter(row)
    return row.model_copy(update={"letter_sha256": words.fingerprint()}), words, words.text.encode()


def task(name: str, *, title: str = "Ask Noor for the access records", due: datetime = AT + HOUR) -> Task:
    """Return an investigation step."""
    return Task(
        task_id=TaskId(f"tsk-{name}"),
        incident_id=INCIDENT,
        kind=TaskKind.INVESTIGATION,
        key=name,
        title=title,
        owner="Asha Raman",
        due_at=due,
    )


def entry(
    key: str, *, incident_id: IncidentId | None = INCIDENT, data: dict[str, JsonValue] | None = None
) -> EntryDraft:
    """Return an entry for the log."""
    return EntryDraft(key=key, at=AT, kind="act.note", incident_id=incident_id, actor="per-asha", data=data or {})
