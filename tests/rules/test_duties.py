"""Duties: what is owed to whom, since when and by when, and what a hold and its lifting do to it."""

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.domain.clock import group
from tocsin.domain.duty import DECIDE_TARGET, PROMPT_TARGET, DutyState, clock_id_of, decide_duty, difference, resolve
from tocsin.domain.hold import Hold, HoldKind, deadline_after_lift
from tocsin.domain.incident import Basis, Trigger, TriggerFact, Triggers
from tocsin.domain.register import Affected, Agreement, NoticeClause, OnLift
from tocsin.domain.register_text import parse_limbs
from tocsin.domain.values import ActId, AgreementId, HoldId, IncidentId, PartyId

INCIDENT = IncidentId("inc-1")
H = timedelta(hours=1)
ZERO = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
FOUNDING = "promptly from discovery; 72h from confirmation"


def agreed(party: str, notify: str = FOUNDING, on_lift: OnLift = OnLift.DUE_IMMEDIATELY) -> Agreement:
    """Return an agreement with a party, with this clause."""
    return Agreement(
        agreement_id=AgreementId(f"agr-{party}"),
        reference=party,
        party_id=PartyId(f"pty-{party}"),
        party_name=party,
        clause=NoticeClause(limbs=parse_limbs(notify), on_lift=on_lift),
    )


def pinned(agreement: Agreement, known_after: float | None = None, *, confirmed: bool = True) -> Affected:
    """Return a pin of the agreement's third revision."""
    known_at = None if known_after is None else ZERO + known_after * H
    return Affected(agreement=agreement, revision=3, known_affected_at=known_at, confirmed=confirmed)


def happened(**after: float) -> Triggers:
    """Return triggers, each so many hours after zero."""
    return {Trigger(name): TriggerFact(at=ZERO + hours * H) for name, hours in after.items()}


def hold(
    placed: float, lifted: float | None, *, scope: tuple[str, ...] | None = None, on_lift: OnLift | None = None
) -> Hold:
    """Return a hold placed and lifted so many hours after zero."""
    return Hold(
        hold_id=HoldId(f"hld-{placed}"),
        kind=HoldKind.LAW_ENFORCEMENT,
        issuer="Police of Elmshire",
        reference="P-77",
        scope=scope and tuple(AgreementId(f"agr-{party}") for party in scope),
        placed_at=ZERO + placed * H,
        placed_by=ActId("act-1"),
        on_lift=on_lift,
        lifted_at=None if lifted is None else ZERO + lifted * H,
    )


def test_only_triggers_that_happened_make_duties() -> None:
    """Before confirmation only the prompt duty from discovery exists; with it comes the one of 72 hours."""
    pin = pinned(agreed("birch"))
    before = resolve(INCIDENT, happened(discovery=0), [pin])
    after = resolve(INCIDENT, happened(discovery=0, confirmation=5), [pin])
    assert [duty.deadline_at for duty in before] == [None]
    assert {None, ZERO + 77 * H} == {duty.deadline_at for duty in after}
    assert {duty.duty_id for duty in before} < {duty.duty_id for duty in after}


def test_every_trigger_its_own_clock() -> None:
    """The contract runs from confirmation, the stricter one from awareness, the prompt one from discovery."""
    triggers = happened(discovery=0, awareness=1, confirmation=5)
    pins = [pinned(agreed("birch")), pinned(agreed("cedar", "24h from awareness")), pinned(agreed("dogwood"))]
    clocks = group(resolve(INCIDENT, triggers, pins))
    assert [(clock.trigger, clock.target_at, clock.deadline_at) for clock in clocks] == [
        (Trigger.DISCOVERY, ZERO + PROMPT_TARGET, None),
        (Trigger.AWARENESS, ZERO + 25 * H, ZERO + 25 * H),
        (Trigger.CONFIRMATION, ZERO + 77 * H, ZERO + 77 * H),
    ]


def test_promptly_has_a_target_and_no_deadline() -> None:
    """A duty without a number shows our own target, says that it is no deadline, and invents none."""
    (duty,) = resolve(INCIDENT, happened(awareness=0), [pinned(agreed("nettle", "promptly from awareness"))])
    assert (duty.deadline_at, duty.target_at) == (None, ZERO + PROMPT_TARGET)
    assert "not a deadline" in duty.computation.steps[-1]


def test_computation_can_be_checked() -> None:
    """A deadline comes with its rule, the register's revision, the inputs and each step in words."""
    triggers = {Trigger.AWARENESS: TriggerFact(at=ZERO, basis=Basis.ASSUMED)}
    (duty,) = resolve(INCIDENT, triggers, [pinned(agreed("cedar", "24h from awareness"))])
    assert (duty.computation.rule_id, duty.computation.rule_version) == ("contract:24h-from-awareness", "3")
    assert {"trigger": ZERO.isoformat(), "basis": "assumed", "revision": "3"} == duty.computation.inputs
    assert duty.computation.steps == (
        "awareness: 2026-03-02T01:00:00+00:00 (assumed)",
        "2026-03-02T01:00:00+00:00 + 24h elapsed = 2026-03-03T01:00:00+00:00",
    )
    assert duty.title == "24 h from awareness"


def test_party_found_affected_later() -> None:
    """Their period runs from when we knew; the stricter reading stays visible, and the clock is their own."""
    triggers = happened(confirmation=0)
    early, late = resolve(
        INCIDENT,
        triggers,
        [pinned(agreed("birch", "72h from confirmation")), pinned(agreed("kelp", "72h from confirmation"), 30)],
    )
    assert (early.deadline_at, early.stricter_deadline_at) == (ZERO + 72 * H, None)
    assert (late.deadline_at, late.stricter_deadline_at) == (ZERO + 102 * H, ZERO + 72 * H)
    assert early.clock_id != late.clock_id


def test_parties_found_together_share_a_clock() -> None:
    """Two parties found affected at the same instant count down together."""
    pins = [pinned(agreed(name, "72h from confirmation"), 30) for name in ("fern", "kelp")]
    assert len(group(resolve(INCIDENT, happened(confirmation=0), pins))) == 1


def test_known_affected_before_the_trigger() -> None:
    """Knowing a party to be affected before the trigger changes nothing."""
    (duty,) = resolve(INCIDENT, happened(confirmation=5), [pinned(agreed("birch", "72h from confirmation"), 2)])
    assert (duty.deadline_at, duty.stricter_deadline_at) == (ZERO + 77 * H, None)


@pytest.mark.parametrize(
    ("pin", "runs_from"),
    [
        (pinned(agreed("a", "24h from known affected"), 30), 30),
        (pinned(agreed("a", "24h from known affected")), 0),
        (pinned(agreed("a", "24h from known affected"), confirmed=False), None),
    ],
    ids=["found later", "named in the report", "cannot be ruled out"],
)
def test_clause_that_runs_from_known_affected(pin: Affected, runs_from: float | None) -> None:
    """Such a clause runs for each party from when it was known to be affected: the report, later, or not yet."""
    duties = resolve(INCIDENT, happened(report=0, discovery=-9), [pin])
    expected = [] if runs_from is None else [ZERO + (runs_from + 24) * H]
    assert [duty.deadline_at for duty in duties] == expected


def test_clauses_from_known_affected_have_a_clock_for_each_instant() -> None:
    """Parties found at different instants never share a clock whose deadline is only one's."""
    pins = [pinned(agreed(name, "24h from known affected"), hours) for name, hours in (("fern", 3), ("kelp", 9))]
    clocks = group(resolve(INCIDENT, happened(report=0), pins))
    assert [clock.deadline_at for clock in clocks] == [ZERO + 27 * H, ZERO + 33 * H]


def test_party_ruled_out_is_owed_nothing() -> None:
    """A party that a person said is not affected has no duties."""
    pin = pinned(agreed("birch")).model_copy(update={"excluded": True})
    assert resolve(INCIDENT, happened(discovery=0), [pin]) == []


def test_why_a_duty_applies() -> None:
    """Each duty says why: named in the report, found later, or not yet ruled out."""
    agreement = agreed("birch", "72h from confirmation")
    pins = [pinned(agreement), pinned(agreement, 2), pinned(agreement, confirmed=False)]
    reasons = [duty.because for duty in resolve(INCIDENT, happened(confirmation=0), pins)]
    for expected, reason in zip(
        ("report names", "known to be affected since", "cannot be ruled out"), reasons, strict=True
    ):
        assert expected in reason


def test_revised_trigger_moves_the_duty() -> None:
    """An earlier awareness moves the same duty on the same clock, and the difference shows was and now."""
    pins = [pinned(agreed("cedar", "24h from awareness"))]
    before = resolve(INCIDENT, happened(awareness=10), pins)
    after = resolve(INCIDENT, happened(awareness=4), pins)
    assert before[0].clock_id == after[0].clock_id
    changed = difference(before, after)
    assert ((before[0].duty_id, ZERO + 34 * H, ZERO + 28 * H),) == changed.moved
    assert (changed.added, changed.withdrawn) == ((), ())


def test_difference_of_parties() -> None:
    """A party that comes is added; one that falls away is withdrawn, unless its duty had ended already."""
    pins = [pinned(agreed(name, "24h from awareness")) for name in ("birch", "cedar", "dogwood")]
    birch, cedar, dogwood = resolve(INCIDENT, happened(awareness=0), pins)
    told = cedar.model_copy(update={"state": DutyState.DISCHARGED})
    changed = difference([birch, told], [dogwood])
    assert ((dogwood.duty_id,), (birch.duty_id,)) == (changed.added, changed.withdrawn)


def test_indecision_is_a_clock() -> None:
    """A report that is neither confirmed nor dismissed is a duty to ourselves, with a target and no deadline."""
    duty = decide_duty(INCIDENT, happened(report=0, discovery=-3))
    assert (duty.trigger_at, duty.deadline_at, duty.target_at) == (ZERO, None, ZERO + DECIDE_TARGET)
    assert (duty.agreement_id, duty.party_id) == (None, None)
    assert [duty.clock_id] == [clock.clock_id for clock in group([duty])]


def test_clock_ids_are_stable() -> None:
    """The same incident, rule and trigger fact always have the same clock."""
    assert clock_id_of(INCIDENT, "rule", "awareness") == clock_id_of(INCIDENT, "rule", "awareness")
    assert clock_id_of(INCIDENT, "rule", "awareness") != clock_id_of(IncidentId("inc-2"), "rule", "awareness")


@pytest.mark.parametrize(
    ("on_lift", "placed", "lifted", "deadline"),
    [
        (OnLift.DUE_IMMEDIATELY, 10, 50, 72),
        (OnLift.DUE_IMMEDIATELY, 10, 100, 100),
        (OnLift.RESUME_REMAINING, 10, 50, 112),
        (OnLift.DUE_IMMEDIATELY, 80, 100, 72),
        (OnLift.RESUME_REMAINING, 80, 100, 72),
        (OnLift.RESTART_FULL, 80, 100, 72),
        (OnLift.RESUME_REMAINING, -40, 50, 122),
        (OnLift.RESTART_FULL, 10, 50, 122),
        (OnLift.RESTART_FULL, 10, 100, 172),
    ],
)
def test_deadline_after_lifting(on_lift: OnLift, placed: float, lifted: float, deadline: float) -> None:
    """A deadline at 72 h after a hold: as agreed; one that was missed before the hold stays missed."""
    moved = deadline_after_lift(ZERO + 72 * H, 72 * H, ZERO + placed * H, ZERO + lifted * H, on_lift)
    assert ZERO + deadline * H == moved


def test_lifted_hold_moves_the_duty() -> None:
    """A lifting moves the held duty's deadline and target, to a clock of its own, with the step in words."""
    pins = [pinned(agreed("birch", "72h from confirmation")), pinned(agreed("cedar", "72h from confirmation"))]
    lifted = hold(10, 100, scope=("cedar",), on_lift=OnLift.RESTART_FULL)
    free, held = resolve(INCIDENT, happened(confirmation=0), pins, [lifted])
    assert (free.deadline_at, held.deadline_at) == (ZERO + 72 * H, ZERO + 172 * H)
    assert held.deadline_at == held.target_at
    assert free.clock_id != held.clock_id
    assert "hold hld-10 lifted" in held.computation.steps[-1]


@pytest.mark.parametrize(
    "lifted",
    [hold(10, None), hold(10, 60), hold(-40, -10, on_lift=OnLift.RESTART_FULL)],
    ids=["in force", "kept", "over"],
)
def test_holds_that_move_nothing(lifted: Hold) -> None:
    """A hold in force, one lifted well before the deadline, and one lifted before the trigger move nothing."""
    pins = [pinned(agreed("birch", "72h from confirmation"))]
    assert resolve(INCIDENT, happened(confirmation=0), pins) == resolve(
        INCIDENT, happened(confirmation=0), pins, [lifted]
    )


def test_a_lifting_that_clauses_answer_differently() -> None:
    """Two clauses with the same period but another effect of lifting get two clocks, each with its own deadline."""
    pins = [
        pinned(agreed(name, "72h from confirmation", on_lift))
        for name, on_lift in (("birch", OnLift.DUE_IMMEDIATELY), ("cedar", OnLift.RESTART_FULL))
    ]
    duties = resolve(INCIDENT, happened(confirmation=0), pins, [hold(10, 100)])
    clocks = {clock.clock_id: clock for clock in group(duties)}
    assert len(clocks) == 2
    assert all(duty.deadline_at == clocks[duty.clock_id].deadline_at for duty in duties)


def test_a_hold_never_gives_a_number_to_promptly() -> None:
    """Lifting a hold does not invent a deadline for a duty without one."""
    (duty,) = resolve(
        INCIDENT, happened(awareness=0), [pinned(agreed("nettle", "promptly from awareness"))], [hold(1, 9)]
    )
    assert duty.deadline_at is None


def test_whom_a_hold_covers() -> None:
    """A hold without a scope covers everyone, also later; with one only those named; lifted, nobody."""
    birch, cedar = AgreementId("agr-birch"), AgreementId("agr-cedar")
    assert hold(0, None).covers(birch)
    assert hold(0, None, scope=("birch",)).covers(birch)
    assert not hold(0, None, scope=("birch",)).covers(cedar)
    assert not hold(0, 1).covers(birch)
