"""The state machine of an incident: each act that is refused, why, and what each admitted act changes."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from tocsin.domain.act import (
    Act,
    Actor,
    AddAffected,
    AddNote,
    Attach,
    Close,
    Confirm,
    Deed,
    Dismiss,
    Draft,
    Handover,
    Release,
    Reopen,
    Report,
    Resume,
    Revise,
    Role,
    Stop,
)
from tocsin.domain.clock import ClockSpec
from tocsin.domain.errors import Refused
from tocsin.domain.hold import HoldKind
from tocsin.domain.holding import Lift, PlaceHold
from tocsin.domain.incident import Basis, Facts, Status, Translation, Trigger, TriggerFact
from tocsin.domain.incident_state import IncidentState, WaveState, admit, apply
from tocsin.domain.notice import WaveKind
from tocsin.domain.reviewing import Approved, SendBack
from tocsin.domain.revising import revised
from tocsin.domain.stated import LONGEST_AGO, SKEW
from tocsin.domain.values import ActId, AgreementId, ClockId, HoldId, IncidentId, PersonId, WaveId

NOW = datetime(2026, 3, 2, 1, 20, tzinfo=UTC)
LATER = NOW + SKEW + timedelta(seconds=1)
TOO_EARLY = NOW - LONGEST_AGO - timedelta(seconds=1)
INCIDENT = IncidentId("inc-1")
WAVE, CLOCK, HOLD = WaveId("wav-1"), ClockId("clk-1"), HoldId("hld-1")
DIGEST = "d" * 64


def person(name: str, *roles: Role) -> Actor:
    """Return somebody with these roles."""
    return Actor(person_id=PersonId(f"per-{name.lower()}"), name=name, roles=frozenset(roles))


ASHA = person("Asha", Role.RESPONDER)
DARA = person("Dara", Role.APPROVER)
NOOR = person("Noor", Role.AUDITOR)
MALLORY = person("Mallory")


def act(deed: Deed, actor: Actor = DARA) -> Act:
    """Return the deed, done now by somebody."""
    return Act(act_id=ActId("act-1"), incident_id=INCIDENT, actor=actor, at=NOW, deed=deed)


def wave(*, released: bool = False, stopped: bool = False, ended: bool = False) -> WaveState:
    """Return a wave that Asha drafted."""
    return WaveState(
        kind=WaveKind.INITIAL,
        drafter=ASHA.person_id,
        digest=DIGEST,
        rows=37,
        draft=Draft(),
        released=released,
        stopped=stopped,
        ended=ended,
    )


def reported(**more: object) -> IncidentState:
    """Return an incident that Asha reported, who named whom it affects."""
    fact = {"report": {"at": NOW}, "discovery": {"at": NOW, "basis": "assumed"}}
    return IncidentState.model_validate(
        {"incident_id": INCIDENT, "triggers": fact, "owner": ASHA.person_id, "audience_known": True} | more
    )


def confirmed(**more: object) -> IncidentState:
    """Return a confirmed incident."""
    return apply(reported(**more), act(Confirm()))


RUNNING = ClockSpec(
    clock_id=CLOCK,
    incident_id=INCIDENT,
    rule_id="contract:72h-from-confirmation",
    title="72 h from confirmation",
    trigger=Trigger.CONFIRMATION,
    trigger_at=NOW,
    deadline_at=NOW + timedelta(hours=72),
    target_at=NOW + timedelta(hours=72),
)
DRAFTED = reported(waves={WAVE: wave()})
SENDING = confirmed(waves={WAVE: wave(released=True)})
STOPPED = confirmed(waves={WAVE: wave(released=True, stopped=True)})
SENT = confirmed(waves={WAVE: wave(released=True, ended=True)})
HELD = reported(holds=(HOLD,))
LATE = reported(reasons_owed=(CLOCK,))
CLOSED = confirmed().model_copy(update={"status": Status.CLOSED})
DISMISSED = apply(reported(), act(Dismiss(reason="a test alert")))
PLACE = PlaceHold(hold_kind=HoldKind.LAW_ENFORCEMENT, issuer="Police of Elmshire", reference="P-77")
RELEASE = Release(wave_id=WAVE, digest=DIGEST)
OTHER = Approved(wave_id=WaveId("wav-2"), digest=DIGEST)
BACK = SendBack(wave_id=WAVE, digest=DIGEST, comment="say which tables")
CLOSE = Close(cause="a stolen token", lessons="shorter lives for tokens")
REPORT = Report(facts=Facts(title="odd sign-ins"), source_key="src-1")


@pytest.mark.parametrize(
    ("state", "deed", "actor", "reason"),
    [
        (DRAFTED, RELEASE, ASHA, "only an approver may release; Asha is responder"),
        (reported(), PLACE, ASHA, "only an approver may hold"),
        (HELD, Lift(hold_id=HOLD), ASHA, "only an approver may lift"),
        (reported(), Confirm(), NOOR, "an auditor reads and changes nothing"),
        (reported(), Confirm(), MALLORY, "Mallory has no role here"),
        (reported(), PLACE, MALLORY, "only an approver may hold; Mallory is without a role"),
        (reported(), Confirm(confirmed_at=LATER), DARA, "confirmation at .* lies in the future"),
        (reported(), Revise(triggers={Trigger.AWARENESS: LATER}), ASHA, "awareness at .* lies in the future"),
        (reported(), AddAffected(everyone=True, known_affected_at=LATER), ASHA, "known affected at .* in the future"),
        (reported(), Confirm(confirmed_at=datetime(1, 1, 1, tzinfo=UTC)), DARA, "more than a hundred years back"),
        (reported(), Revise(triggers={Trigger.AWARENESS: TOO_EARLY}), ASHA, "awareness at .* correct the year"),
        (CLOSED, Confirm(), DARA, "incident inc-1 is closed; reopen it first: tocsin reopen inc-1"),
        (CLOSED, Draft(), ASHA, "reopen it first"),
        (CLOSED, CLOSE, DARA, "reopen it first"),
        (DISMISSED, Confirm(), DARA, "incident inc-1 is dismissed; reopen it first"),
        (DISMISSED, Dismiss(reason="again"), DARA, "reopen it first"),
        (confirmed(), Confirm(), DARA, r"confirmed already, at 2026-03-02T01:20:00\+00:00; `tocsin revise`"),
        (confirmed(), Dismiss(reason="nothing"), DARA, "a confirmed incident is closed, not dismissed"),
        (
            reported(audience_known=False),
            Draft(),
            ASHA,
            "not known who is affected, and nobody .*--everyone",
        ),
        (reported(), RELEASE, DARA, "no wave wav-1 in this incident"),
        (SENDING, RELEASE, DARA, "released already; nothing was sent twice"),
        (DRAFTED, RELEASE.model_copy(update={"also": (OTHER,)}), DARA, "no wave wav-2 in this incident"),
        (DRAFTED, RELEASE.model_copy(update={"also": (OTHER.model_copy(update={"wave_id": WAVE}),)}), DARA, "twice"),
        (DRAFTED, BACK, ASHA, "only an approver may send_back"),
        (DRAFTED, BACK.model_copy(update={"digest": "e" * 64}), DARA, "changed since you read them"),
        (SENDING, BACK, DARA, "a correction is a wave of its own"),
        (
            DRAFTED,
            RELEASE,
            person("Asha", Role.APPROVER),
            "whoever drafted or changed these letters may not release them",
        ),
        (DRAFTED, Release(wave_id=WAVE, digest="e" * 64), DARA, "changed since you reviewed them; .*dddddddddddd"),
        (reported(), Stop(wave_id=WAVE, reason="wrong letter"), DARA, "no wave wav-1 in this incident"),
        (DRAFTED, Stop(wave_id=WAVE, reason="wrong letter"), DARA, "not being sent, so there is nothing to stop"),
        (SENT, Stop(wave_id=WAVE, reason="wrong letter"), DARA, "not being sent"),
        (DRAFTED, Resume(wave_id=WAVE), DARA, "nothing to resume"),
        (STOPPED, Stop(wave_id=WAVE, reason="again"), DARA, "is stopped already"),
        (SENDING, Resume(wave_id=WAVE), DARA, "is running already"),
        (reported(), Lift(hold_id=HOLD), DARA, "hold hld-1 is not in force"),
        (reported(), CLOSE, DARA, "only a confirmed incident is closed"),
        (reported(), Reopen(reason="a reply"), DARA, "it is reported, not closed"),
        (confirmed(), Reopen(reason="a reply"), DARA, "it is confirmed, not closed"),
        (reported(), AddNote(text="we slept", clock_id=CLOCK), ASHA, "clock clk-1 owes no reason"),
    ],
)
def test_refused_acts(state: IncidentState, deed: Deed, actor: Actor, reason: str) -> None:
    """An act that must not happen is refused at once, with the reason and what to do instead."""
    with pytest.raises(Refused, match=reason):
        admit(state, act(deed, actor), NOW)


@pytest.mark.parametrize(
    ("state", "deed", "actor"),
    [
        (reported(), Confirm(), ASHA),
        (reported(), Confirm(confirmed_at=NOW + SKEW), ASHA),
        (reported(), Dismiss(reason="a test alert"), ASHA),
        (reported(), Revise(facts={"severity": "high"}), ASHA),
        (reported(audience_known=False), AddAffected(everyone=True), ASHA),
        (reported(), Draft(), ASHA),
        (DRAFTED, RELEASE, DARA),
        (DRAFTED, BACK, DARA),
        (SENDING, Stop(wave_id=WAVE, reason="wrong letter"), ASHA),
        (STOPPED, Resume(wave_id=WAVE), ASHA),
        (reported(), PLACE, DARA),
        (reported(), PlaceHold(hold_kind=HoldKind.LAW, issuer="s. 4", reference="1", review_at=LATER), DARA),
        (HELD, Lift(hold_id=HOLD), DARA),
        (LATE, AddNote(text="we slept", clock_id=CLOCK), ASHA),
        (CLOSED, AddNote(text="a reply came"), ASHA),
        (CLOSED, Attach(name="reply.eml", media_type="message/rfc822", sha256=DIGEST, size=1), ASHA),
        (CLOSED, Handover(to=DARA.person_id, to_name="Dara"), ASHA),
        (CLOSED, Reopen(reason="a bounce came"), ASHA),
        (DISMISSED, Reopen(reason="it was one"), ASHA),
        (SENT, CLOSE, DARA),
        (confirmed(), CLOSE, person("Edo", Role.ADMIN)),
        (reported(), Confirm(), person("Noor", Role.AUDITOR, Role.RESPONDER)),
    ],
)
def test_admitted_acts(state: IncidentState, deed: Deed, actor: Actor) -> None:
    """What may happen is admitted; late notes, files and hand-overs even to a closed incident."""
    admit(state, act(deed, actor), NOW)


def test_everything_that_keeps_an_incident_open_is_named_at_once() -> None:
    """Closing is refused with every clock, wave, hold, task and missing reason that is in the way."""
    state = confirmed(
        clocks={CLOCK: RUNNING},
        waves={WAVE: wave(released=True), WaveId("wav-2"): wave()},
        holds=(HOLD,),
        blocking_tasks=2,
        reasons_owed=(ClockId("clk-2"),),
    )
    with pytest.raises(Refused) as refused:
        admit(state, act(CLOSE), NOW)
    for expected in (
        "1 clock(s) still run: 72 h from confirmation",
        "wave(s) still being sent: wav-1;",
        "hold(s) still in force: hld-1",
        "2 task(s) still open",
        "the reason is missing why clk-2 passed",
    ):
        assert expected in str(refused.value)


def test_naive_instants_never_become_an_act() -> None:
    """A confirmation at a wall-clock time without a zone is refused before anybody looks at the incident."""
    with pytest.raises(ValidationError, match="has no time zone"):
        Confirm(confirmed_at=datetime(2026, 3, 2))  # noqa: DTZ001 - the mistake under test


def test_report_stands_in_for_discovery_and_awareness() -> None:
    """Until a person states other instants, the report is taken for discovery and awareness, and marked as assumed."""
    state = apply(IncidentState(incident_id=INCIDENT), act(REPORT, ASHA))
    assert state.triggers == {
        Trigger.REPORT: TriggerFact(at=NOW),
        Trigger.DISCOVERY: TriggerFact(at=NOW, basis=Basis.ASSUMED),
        Trigger.AWARENESS: TriggerFact(at=NOW, basis=Basis.ASSUMED),
    }
    assert (state.status, state.owner) == (Status.REPORTED, ASHA.person_id)


def test_stated_instants_replace_assumed_ones() -> None:
    """An awareness stated in the report is a stated one, and the report's own instant stays."""
    earlier = NOW - timedelta(hours=9)
    stated = REPORT.model_copy(update={"triggers": {Trigger.AWARENESS: earlier}})
    triggers = apply(IncidentState(incident_id=INCIDENT), act(stated, ASHA)).triggers
    assert triggers[Trigger.AWARENESS] == TriggerFact(at=earlier, basis=Basis.STATED)
    assert triggers[Trigger.REPORT].at == NOW


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({}, False),
        ({"everyone": True}, True),
        ({"affected": (AgreementId("agr-1"),)}, True),
        ({"facts": Facts(title="odd sign-ins", services=("records-api",))}, True),
    ],
)
def test_audience_of_a_report(change: dict[str, object], known: bool) -> None:
    """Who is affected is known once parties, a service or everyone is named, and not before."""
    state = apply(IncidentState(incident_id=INCIDENT), act(REPORT.model_copy(update=change), ASHA))
    assert state.audience_known is known


def test_confirmation_instant() -> None:
    """The confirmation's instant is the stated one, or else the act's."""
    earlier = NOW - timedelta(hours=1)
    assert confirmed().triggers[Trigger.CONFIRMATION] == TriggerFact(at=NOW)
    stated = apply(reported(), act(Confirm(confirmed_at=earlier)))
    assert (stated.status, stated.triggers[Trigger.CONFIRMATION].at) == (Status.CONFIRMED, earlier)


def test_revision_changes_named_triggers_only() -> None:
    """A revision states the instants it names and leaves the others."""
    earlier = NOW - timedelta(hours=5)
    state = apply(reported(), act(Revise(triggers={Trigger.DISCOVERY: earlier})))
    assert state.triggers == reported().triggers | {Trigger.DISCOVERY: TriggerFact(at=earlier)}


def test_life_of_a_wave() -> None:
    """A wave is released, stopped and resumed."""
    state = apply(DRAFTED, act(RELEASE))
    assert state.waves[WAVE] == wave(released=True)
    state = apply(state, act(Stop(wave_id=WAVE, reason="wrong letter")))
    assert state.waves[WAVE] == wave(released=True, stopped=True)
    assert apply(state, act(Resume(wave_id=WAVE))).waves[WAVE] == wave(released=True)


def test_life_of_a_hold() -> None:
    """A hold placed is in force until it is the one that is lifted."""
    placed = apply(HELD, act(PLACE))
    assert placed.holds[0] == HOLD
    assert len(placed.holds) == 2
    assert apply(placed, act(Lift(hold_id=HOLD))).holds == placed.holds[1:]


def test_reason_for_being_late() -> None:
    """A note that answers for a clock settles that one; any other note settles none."""
    assert apply(LATE, act(AddNote(text="we slept", clock_id=CLOCK))).reasons_owed == ()
    assert apply(LATE, act(AddNote(text="it rains"))).reasons_owed == (CLOCK,)


@pytest.mark.parametrize(("state", "status"), [(CLOSED, Status.CONFIRMED), (DISMISSED, Status.REPORTED)])
def test_reopening(state: IncidentState, status: Status) -> None:
    """A closed incident is confirmed again; a dismissed one is undecided again."""
    assert apply(state, act(Reopen(reason="a reply came"))).status is status


def test_other_acts_change_what_they_name() -> None:
    """Closing, dismissing, handing over and naming the affected change one thing each."""
    assert apply(confirmed(), act(CLOSE)) == confirmed().model_copy(update={"status": Status.CLOSED})
    assert reported().model_copy(update={"status": Status.DISMISSED}) == DISMISSED
    handed = apply(reported(), act(Handover(to=DARA.person_id, to_name="Dara")))
    assert handed == reported().model_copy(update={"owner": DARA.person_id})
    assert apply(reported(audience_known=False), act(AddAffected(everyone=True))) == reported()
    assert apply(reported(), act(AddNote(text="it rains"))) == reported()


def test_revised_facts() -> None:
    """A revision replaces the named facts, keeps the others, and can take one back to not yet known."""
    facts = Facts(title="odd sign-ins", people_affected=9, summary="tokens used from abroad")
    after = revised(facts, Revise(facts={"people_affected": None, "services": ("records-api",)}))
    assert after == Facts(title="odd sign-ins", summary="tokens used from abroad", services=("records-api",))
    assert "people_affected" in after.unknowns()


@pytest.mark.parametrize("wrong", [{"poeple_affected": 9}, {"people_affected": "many"}, {"title": None}])
def test_wrong_facts(wrong: dict[str, str | int | tuple[str, ...] | None]) -> None:
    """A fact with an unknown name or of the wrong type is never taken."""
    with pytest.raises(ValidationError):
        revised(Facts(title="odd sign-ins"), Revise(facts=wrong))


def test_translation_stands_beside_the_fact() -> None:
    """Free text in another language is kept beside the fact; what was said before in either language stays."""
    facts = Facts(title="x", summary="A bucket was public.", people_affected=7)
    german = revised(facts, Revise(language="de", facts={"summary": "Ein Speicher war lesbar."}))

    both = revised(german, Revise(language="de", facts={"cause": "Ein Versehen."}))

    assert (both.summary, both.people_affected) == ("A bucket was public.", 7)
    assert both.translations["de"] == Translation(summary="Ein Speicher war lesbar.", cause="Ein Versehen.")
    with pytest.raises(ValueError, match="people_affected"):
        revised(facts, Revise(language="de", facts={"people_affected": 8}))


def test_what_was_signed_before_there_were_languages_still_is() -> None:
    """A revision without a language, and facts without a translation, have the same canonical form as before."""
    assert b"language" not in Revise(facts={"summary": "x"}).canonical()
    assert b"written_in" not in Facts(title="x").canonical()
    assert b"translations" not in Facts(title="x").canonical()


def test_several_waves_are_released_together() -> None:
    """One release frees every wave that it names, and what is signed of one wave alone is what it always was."""
    both = reported(waves={WAVE: wave(), OTHER.wave_id: wave()})
    state = apply(both, act(RELEASE.model_copy(update={"also": (OTHER,)})))
    assert [one.released for one in state.waves.values()] == [True, True]
    assert set(RELEASE.model_dump()) == {"kind", "wave_id", "digest"}
    assert apply(DRAFTED, act(BACK)) == DRAFTED
