"""A model of one incident, and what drives a real one beside it: random acts and hours, compared at every step."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, House, person
from tests.workflow.story import Story, police
from tocsin.audit.entry import leaf_hash
from tocsin.audit.tree import Frontier
from tocsin.client import Underway, Unreachable
from tocsin.domain.act import (
    Actor,
    AddAffected,
    AddNote,
    AnswerPage,
    Confirm,
    Deed,
    Dismiss,
    Draft,
    Envelope,
    Receipt,
    Release,
    Reopen,
    Resume,
    Revise,
    Role,
    Stop,
)
from tocsin.domain.clock import SHARES, ClockRow, Mark
from tocsin.domain.duty import DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.holding import Lift
from tocsin.domain.incident import Trigger
from tocsin.domain.notice import WRITTEN_TO, NoticeState
from tocsin.domain.values import HoldId, WaveId

RUTH = person("Ruth", Role.APPROVER)
"""Releases, and does nothing else: whoever changes letters may not release them."""
SLACK = timedelta(minutes=2)
ALWAYS, LATER = ("BIRCH-1", "CEDAR-1"), "DOGWOOD-1"


class Kind(StrEnum):
    """What may happen to the incident."""

    CONFIRM = "confirm"
    DISMISS = "dismiss"
    REOPEN = "reopen"
    REVISE = "revise"
    FOUND = "found"
    HOLD = "hold"
    LIFT = "lift"
    DRAFT = "draft"
    RELEASE = "release"
    STOP = "stop"
    RESUME = "resume"
    ANSWER = "answer"
    NOTE = "note"
    HOURS = "hours"


class Step(NamedTuple):
    """One thing that happens; `number` chooses hours, or which wave or hold is meant."""

    kind: Kind
    number: int


class Model:
    """What must be so, kept in the simplest way that could be right."""

    def __init__(self) -> None:
        self.status = "reported"
        self.was_confirmed = False
        self.found = False
        self.holds: list[HoldId] = []
        self.released: dict[WaveId, set[str]] = {}
        """The parties of each released wave that have not been sent to yet."""
        self.stopped: set[WaveId] = set()
        self.sent: dict[str, bool] = {}
        """The parties that were told, and whether it was confirmed by then."""

    @property
    def over(self) -> bool:
        """Whether it takes no more acts."""
        return self.status == "dismissed"

    @property
    def written(self) -> set[str]:
        """The parties that were told, or are about to be."""
        return {*self.sent} | {party for parties in self.released.values() for party in parties}

    @property
    def unwritten(self) -> set[str]:
        """The parties that something is owed to, and that nobody has written to."""
        later = {LATER} if self.found and self.was_confirmed else set()
        return {*ALWAYS, *later} - self.written

    def leaves(self) -> list[WaveId]:
        """Let every wave go that nothing holds back; return those that went."""
        going = [] if self.holds else [wave for wave in self.released if wave not in self.stopped]
        for wave in going:
            self.sent |= dict.fromkeys(self.released.pop(wave), self.was_confirmed)
        return going


class Machine:
    """Does the same to the model and to a real incident."""

    def __init__(self, server: WorkflowEnvironment, house: House) -> None:
        self.story, self.model = Story(server, house), Model()
        self.story.pause = 0.2
        self._server = server
        self._forwarded: Counter[str] = Counter()
        """Hours that were let pass, by clock."""
        self._moved = 0
        self.done: Counter[Kind] = Counter()
        """What was accepted."""

    async def play(self, steps: Sequence[Step]) -> None:
        """Report, do each step, and compare at the end."""
        await self.story.report()
        for step in steps:
            if step.kind is Kind.HOURS:
                await self._pass(step.number)
            else:
                await self._act(step)
        await self._come_to_rest()
        self._compare()

    async def _act(self, step: Step) -> None:
        made = self._deed(step)
        if made is None:
            return
        actor, deed, expected = made
        refused, ids = "", {}
        try:
            ids = (await self._sent(self.story.envelope(actor, deed))).ids
        except Refused as error:
            refused = str(error)
        assert expected in {None, not refused}, f"{step} was {refused or 'accepted'}"
        if refused:
            return
        self.done[step.kind] += 1
        self._after(deed, ids)
        for wave in self.model.leaves():
            await asyncio.wait_for(self.story.wave(wave).result(), 60)
            # Only then does the incident refuse to stop it: until it has heard, a stop comes too late, and is taken.
            await self.story.until(partial(self._heard_the_end_of, wave))

    def _heard_the_end_of(self, wave: WaveId) -> bool:
        return self.story.state.waves[wave].ended

    async def _sent(self, envelope: Envelope) -> Receipt:
        # A machine may be too busy to answer; the same envelope is then sent again, which acts once.
        for _ in range(3):
            with suppress(Unreachable, Underway):
                return await self.story.house.engine.act(envelope)
        return await self.story.house.engine.act(envelope)

    def _deed(self, step: Step) -> tuple[Actor, Deed, bool | None] | None:
        """Return who does what, and whether it must be accepted (None: it depends on what runs)."""
        model, open_ = self.model, not self.model.over
        made: dict[Kind, tuple[Actor, Deed, bool | None]] = {
            Kind.CONFIRM: (ASHA, Confirm(), model.status == "reported"),
            Kind.DISMISS: (ASHA, Dismiss(reason="nothing"), model.status == "reported"),
            Kind.REOPEN: (ASHA, Reopen(reason="something"), model.over),
            Kind.FOUND: (ASHA, AddAffected(agreements=(self.story.house.agreement(LATER),)), open_),
            Kind.HOLD: (RUTH, police(), open_),
            Kind.DRAFT: (ASHA, Draft(), open_ and bool(model.unwritten)),
            Kind.ANSWER: (ASHA, AnswerPage(), None if open_ else False),
            Kind.NOTE: (ASHA, AddNote(text="seen"), True),
        }
        if step.kind is Kind.REVISE:
            self._moved += 1
            earlier = self.story.now - timedelta(hours=step.number, minutes=self._moved)
            made[step.kind] = (ASHA, Revise(triggers={Trigger.AWARENESS: earlier}), open_)
        if step.kind is Kind.LIFT:
            hold = model.holds[step.number % len(model.holds)] if model.holds else HoldId("hld-none")
            made[step.kind] = (RUTH, Lift(hold_id=hold), open_ and bool(model.holds))
        return made[step.kind] if step.kind in made else self._upon_wave(step)

    def _upon_wave(self, step: Step) -> tuple[Actor, Deed, bool | None] | None:
        waves = self.story.state.waves
        if step.kind is Kind.RELEASE:
            waiting = [wave for wave, state in waves.items() if not state.released]
            if not waiting:
                return None
            wave = waiting[step.number % len(waiting)]
            twice = self._parties(wave) & self.model.written
            return RUTH, Release(wave_id=wave, digest=waves[wave].digest), not self.model.over and not twice
        if not waves:
            return None
        wave = list(waves)[step.number % len(waves)]
        runs, stopped = wave in self.model.released and not self.model.over, wave in self.model.stopped
        if step.kind is Kind.STOP:
            return ASHA, Stop(wave_id=wave, reason="a look"), runs and not stopped
        return ASHA, Resume(wave_id=wave), runs and stopped

    def _after(self, deed: Deed, ids: dict[str, str]) -> None:
        model = self.model
        match deed:
            case Confirm():
                model.status, model.was_confirmed = "confirmed", True
            case Dismiss():
                model.status = "dismissed"
                # What has not left is taken back.
                model.released.clear()
            case Reopen():
                model.status = "confirmed" if model.was_confirmed else "reported"
            case AddAffected():
                model.found = True
            case Lift(hold_id=hold_id):
                model.holds.remove(hold_id)
            case Release(wave_id=wave_id):
                model.released[wave_id] = self._parties(wave_id)
            case Stop(wave_id=wave_id):
                model.stopped.add(wave_id)
            case Resume(wave_id=wave_id):
                model.stopped.discard(wave_id)
            case _ if deed.kind == "hold":
                model.holds.append(HoldId(ids["hold"]))
            case _:
                pass

    def _parties(self, wave: WaveId) -> set[str]:
        names = {self.story.house.agreement(name): name for name in (*ALWAYS, LATER)}
        with self.story.house.store.reading() as tx:
            return {names[row.agreement_id] for row in tx.ledger.notices(wave)}

    async def _pass(self, hours: int) -> None:
        """Let hours pass for every clock that runs; none at all is no time that a server skips."""
        for row in self.story.clocks() if hours else ():
            if row.ended_at is None and row.open_duties:
                await self._server.fast_forward(self.story.clock_run(row), timedelta(hours=hours))
                self._forwarded[row.spec.clock_id] += hours

    async def _come_to_rest(self) -> None:
        if self.model.over:
            await asyncio.wait_for(self.story.run().result(), 60)
        # A timer whose time was skipped may fire some moments later.
        await self.story.until(self._warned)
        await self.story.rest()

    # -- what must be so --------------------------------------------------------------------------------------------

    def _compare(self) -> None:
        model, story = self.model, self.story
        assert story.state.status == model.status
        assert set(story.state.holds) == set(model.holds)
        self._compare_notices()
        self._compare_duties()
        self._compare_clocks()
        sequences = story.sequences()
        assert sequences == sorted(set(sequences)), "no write was numbered twice"

    def _compare_notices(self) -> None:
        names = {self.story.house.agreement(name): name for name in (*ALWAYS, LATER)}
        rows = [row for row in self.story.house.notices(self.story.incident) if row.contact_id is not None]
        told = {names[row.agreement_id] for row in rows if row.state is NoticeState.ACCEPTED}
        assert told == {*self.model.sent}
        assert all(row.attempts == (row.state is NoticeState.ACCEPTED) for row in rows), "sent once, or not at all"
        once = Counter((row.agreement_id, row.contact_id) for row in rows if row.state in WRITTEN_TO)
        assert not [who for who, count in once.items() if count > 1], "nobody is written to twice"

    def _compare_duties(self) -> None:
        names = {self.story.house.agreement(name): name for name in (*ALWAYS, LATER)}
        for duty in self.story.duties:
            if duty.agreement_id is None:
                continue
            sent = self.model.sent.get(names[duty.agreement_id])
            # What was told before it was confirmed says nothing of the confirmation, and leaves its promise open.
            sent = sent if duty.trigger is Trigger.CONFIRMATION else sent is not None
            unsent = DutyState.NOT_OWED if self.model.over else DutyState.OPEN
            assert duty.state is (DutyState.DISCHARGED if sent else unsent), f"{duty.title}: {duty.state}"

    def _compare_clocks(self) -> None:
        running = [row for row in self.story.clocks() if row.ended_at is None]
        assert {row.spec.clock_id for row in running} == ({*self.story.state.clocks} if not self.model.over else set())
        for row in running:
            assert row.open_duties, f"{row.spec.title} runs for nothing"
            assert set(row.sent) <= self._passed(row, SLACK), f"{row.spec.title}: {row.sent}"

    def _passed(self, row: ClockRow, slack: timedelta) -> set[Mark]:
        """Return the marks of a clock that have passed, by its own time, give or take."""
        now = datetime.now(UTC) + timedelta(hours=self._forwarded[row.spec.clock_id]) + slack
        return {mark for mark in SHARES if row.spec.mark_at(mark) <= now}

    def _warned(self) -> bool:
        running = (row for row in self.story.clocks() if row.ended_at is None and row.open_duties)
        return all(self._passed(row, -SLACK) <= set(row.sent) for row in running)


def compare_whole(house: House) -> None:
    """Compare what all incidents of a house share: the log with its head, and the ledger with the outbox."""
    with house.store.reading() as tx:
        entries, head = list(tx.log.entries()), tx.log.head()
        rows = [row for state in tx.incidents.all() for row in tx.ledger.of(state.incident_id)]
    assert [entry.number for entry in entries] == list(range(head.size))
    assert Frontier().extended(leaf_hash(entry.body) for entry in entries).root() == head.root()
    assert sum(row.state is NoticeState.ACCEPTED for row in rows) == len(house.letters())
