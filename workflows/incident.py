"""One incident, from report to closure: it admits acts, keeps clocks, waves and tasks going, and hears how they end."""

import asyncio
from collections.abc import Iterable

from temporalio import workflow
from temporalio.common import SearchAttributeKey, WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.acts import Acts, ActToRecord, Lapsing, Projection
    from activities.breaking import GlassRelease
    from activities.duties import Duties, Resolving
    from activities.evidence import Evidence, ToKeep
    from activities.letters import Letters, Planning, Rendering, Sealing
    from activities.pages import Calling, Pages
    from activities.silence import SilentRelease
    from tocsin import wire
    from tocsin.domain.act import Act, AnswerPage, Draft, Envelope, MergeInto, Receipt, Release, Report
    from tocsin.domain.breaking_glass import ASK_AGAIN, BreakGlass, Glass
    from tocsin.domain.clock import ClockSpec, Mark, about, silence_words
    from tocsin.domain.errors import Refused
    from tocsin.domain.holding import HoldProvisionally, PlaceHold
    from tocsin.domain.incident import OVER, Status
    from tocsin.domain.incident_state import IncidentState, WaveState, admit, apply, hold_id_of, lapsed, wave_id_of
    from tocsin.domain.promise import Promise
    from tocsin.domain.task import moved_to
    from tocsin.domain.terms import (
        broken_words,
        confirm_words,
        lapsed_words,
        next_term,
        overdue_glass,
        overdue_holds,
        unreviewed_words,
        void_words,
        with_glass,
        without_glass,
    )
    from tocsin.domain.values import ENGINE, ClockId, HoldId, IncidentId, PersonId, WaveId, derived_id
    from tocsin.ports import Page
    from tocsin.wire import SearchAttribute

from workflows import options
from workflows.deeds import Insistent, perform
from workflows.pace import Stamps, scenario_now, wait_until
from workflows.refusals import refusal, unwrapped

STATUS = SearchAttributeKey.for_keyword(SearchAttribute.STATUS)
INCIDENT = SearchAttributeKey.for_keyword(SearchAttribute.INCIDENT)
NEXT_DEADLINE = SearchAttributeKey.for_datetime(SearchAttribute.NEXT_DEADLINE)

Event = wire.ClockEnded | wire.ClockMissed | wire.ClockSilent | wire.WaveProgress | wire.TasksChanged | wire.PartLost
RESOLVED_BY = {"report", "confirm", "dismiss", "revise", "affected_add", "lift", "reopen", "duty_end", "told"} | {
    "absorb",
    "merge_into",
    "recompute",
    "decide",
}
"""The acts after which duties are resolved again."""
STIRRED_BY = {"hold", "hold_provisional", "lift", "stop", "resume", "dismiss", "merge_into"}
"""The acts that change what may be sent: waves and clocks look again at once."""
REDRAFTED_BY = {"confirm", "revise", "lift", "reopen", "absorb", "recompute"}
"""The acts that may change what a letter says: one that waits for release must not go out as it was."""


@workflow.defn(name=wire.INCIDENT)
class IncidentWorkflow:
    """Runs while the incident is open; a late event starts it again from what the store holds."""

    @workflow.init
    def __init__(self, order: wire.IncidentInput) -> None:
        self._order = order
        self.tempo = order.tempo
        self._state = order.state or IncidentState(incident_id=order.incident_id, drill=order.tempo.drill)
        self._ready = order.state is not None
        self._stamps = Stamps(order.incident_id, order.tempo, self._state.sequence)
        self._turn = asyncio.Lock()
        self._insistent = Insistent(order.incident_id, order.tempo)
        self._events: list[Event] = []
        self._keeps = False
        self._kept = False
        self._shown: tuple[object, ...] = ()

    @workflow.run
    async def run(self, order: wire.IncidentInput) -> Status:
        """Recall, then hear events until it is over; acts come in beside."""
        if not self._ready:
            await self._recall()
        await workflow.wait_condition(lambda: self._known() or workflow.all_handlers_finished())
        self._keeps = workflow.patched("evidence-kept")
        while self._known() and not self._settled():
            await self._wait()
            await self._hear()
            await self._keep_terms()
            await self._keep_evidence()
            if self._history_is_long():
                await self._continue()
        if not self._known():
            # Nothing came of it: a run that failed leaves its id free for the next report of the same alert.
            raise ApplicationError("nothing was reported", type="Refused", non_retryable=True)
        return self._state.status

    @workflow.update(name=wire.ACT, description="A person's act upon the incident")
    async def act(self, envelope: Envelope) -> Receipt:
        """Record the act, then do what follows from it."""
        await workflow.wait_condition(lambda: self._ready)
        async with self._turn:
            try:
                return await self._perform(envelope)
            except Refused as error:
                raise refusal(error) from error
            except ActivityError as error:
                raise unwrapped(error) from error

    @act.validator
    def _admit(self, envelope: Envelope) -> None:
        """Refuse at once what the state forbids; the handler looks again once it is the act's turn."""
        try:
            if self._ready:
                self._check(envelope.act)
        except Refused as error:
            raise refusal(error) from error

    @workflow.signal(name=wire.CLOCK_ENDED)
    def clock_ended(self, event: wire.ClockEnded) -> None:
        """Hear that a clock has nothing left open."""
        self._events.append(event)

    @workflow.signal(name=wire.CLOCK_MISSED)
    def clock_missed(self, event: wire.ClockMissed) -> None:
        """Hear that a deadline passed: a reason is owed."""
        self._events.append(event)

    @workflow.signal(name=wire.CLOCK_SILENT, description="Minimal letters are due: nobody has released any")
    def clock_silent(self, event: wire.ClockSilent) -> None:
        """Hear that a clause has its minimal letter sent now."""
        self._events.append(event)

    @workflow.signal(name=wire.WAVE_PROGRESS)
    def wave_progress(self, event: wire.WaveProgress) -> None:
        """Hear how far a wave came."""
        self._events.append(event)

    @workflow.signal(name=wire.TASKS_CHANGED)
    def tasks_changed(self, event: wire.TasksChanged) -> None:
        """Hear how many tasks stand in the way of closing."""
        self._events.append(event)

    @workflow.signal(name=wire.PART_LOST, description="The sweep found that a part of this incident does not run")
    def part_lost(self, event: wire.PartLost) -> None:
        """Hear that a clock, a wave or the tasks were lost."""
        self._events.append(event)

    @workflow.query(name=wire.STATUS)
    def status(self) -> IncidentState:
        """Return the state."""
        return self._state

    # -- acts -------------------------------------------------------------------------------------------------------

    def _check(self, act: Act) -> None:
        if isinstance(act.deed, Report):
            if self._over():
                raise Refused(f"incident {act.incident_id} is {self._state.status}: the alert opens a new, linked one")
        elif not self._known():
            raise Refused(f"there is no incident {act.incident_id}; `tocsin list` shows those that exist")
        admit(self._state, act, scenario_now(self._order.tempo))

    async def _perform(self, envelope: Envelope) -> Receipt:
        act = envelope.act
        self._check(act)
        if isinstance(act.deed, Report) and self._known():
            return self._receipt(act, ("reported already: this alert joined the incident",), already=True)
        after = apply(self._state, act)
        stamp = self._stamps.next()
        after = after.model_copy(update={"sequence": stamp.sequence})
        how = options.BULK if isinstance(act.deed, Release | Report) else options.STORE
        recorded = await perform(
            Acts.record, ActToRecord(stamp=stamp, envelope=envelope, state=after), how, act.deed.kind
        )
        if recorded.already:
            return self._receipt(act, ("done already",), ids=self._ids_of(act), already=True)
        self._state = after
        lines, ids = await self._follow(act)
        self._publish()
        return self._receipt(act, lines, ids=ids)

    async def _follow(self, act: Act) -> tuple[tuple[str, ...], dict[str, str]]:
        """Do what an act entails, beside its record; return lines to show and ids to go on with."""
        lines: tuple[str, ...] = ()
        ids: dict[str, str] = {}
        if isinstance(act.deed, Report):
            await self._start_response(act.deed)
        if act.deed.kind in RESOLVED_BY:
            lines = await self._resolve(act.deed.kind)
        if act.deed.kind in STIRRED_BY:
            await self._stir_all()
        match act.deed:
            case Draft() as deed:
                return await self._draft(act.actor.person_id, wave_id_of(act), deed)
            case _ if act.deed.kind in REDRAFTED_BY:
                lines += await self._draft_again(act.actor.person_id)
            case Release() as deed:
                for wave_id in deed.approved:
                    await self._start_wave(wave_id)
                for wave_id in deed.approved if workflow.patched("promises") else ():
                    await self._promise(wave_id)
                lines = tuple(f"wave {wave_id} is released; it is being sent" for wave_id in deed.approved)
            case _:
                pass
        if isinstance(act.deed, PlaceHold | HoldProvisionally):
            ids = self._ids_of(act)
            lines = (f"hold {ids['hold']} is in force: nothing it covers is sent; the clocks run on",)
        if isinstance(act.deed, HoldProvisionally):
            lines += (await self._ask_to_confirm(hold_id_of(act)),)
        if isinstance(act.deed, BreakGlass):
            ids = self._ids_of(act)
            lines = (await self._break_glass(wave_id_of(act)),)
        if isinstance(act.deed, AnswerPage):
            lines = await self._answer_page(act.deed)
        if isinstance(act.deed, MergeInto):
            await self._hand_over_tasks(act.deed.target)
            lines += (f"it goes on as a part of incident {act.deed.target}",)
        if act.deed.kind in {"close", "dismiss", "reopen", "merge_into"}:
            await self._signal(self._response(), wire.INCIDENT_OVER, wire.IncidentOver(status=self._state.status))
        if act.deed.kind == "reopen":
            self._kept = False
            await self._restart_response()
        return lines, ids

    def _ids_of(self, act: Act) -> dict[str, str]:
        """Return the ids that the act was answered with when it was done: its first answer may have been lost."""
        match act.deed:
            case Draft() if (wave := self._state.waves.get(wave_id_of(act))) is not None:
                return {"wave": wave_id_of(act), "digest": wave.digest}
            case PlaceHold() | HoldProvisionally():
                return {"hold": hold_id_of(act)}
            case BreakGlass():
                return {"wave": wave_id_of(act)}
            case _:
                return {}

    # -- duties and clocks ------------------------------------------------------------------------------------------

    async def _resolve(self, reason: str) -> tuple[str, ...]:
        state = self._state
        order = Resolving(
            stamp=self._stamps.next(),
            status=state.status,
            triggers=state.triggers,
            sources=state.sources,
            told=state.told,
            relatives=state.relatives,
            merged_into=state.merged_into,
            decision=state.decision,
        )
        resolved = await self._insistent.do(Duties.resolve, order, options.BULK, f"duties after {reason}")
        wanted = {spec.clock_id: spec for spec in resolved.clocks}
        await asyncio.gather(*map(self._keep_clock, resolved.clocks))
        # In their own order: that of a set is another one in the next process, and a replay would fail.
        await self._recount(clock_id for clock_id in self._state.clocks if clock_id not in wanted)
        # One with nothing left open says itself that it has ended; of an incident that is over nobody waits for that.
        ending = {} if self._over() else {k: spec for k, spec in self._state.clocks.items() if k not in wanted}
        running = ending | wanted
        kept = {"clocks": running, "may_be_affected": resolved.may_be_affected}
        await self._project(self._state.model_copy(update=kept), "clocks.kept", {"clocks": len(running)})
        news = f"{resolved.added} new, {resolved.moved} moved, {resolved.withdrawn} ended"
        return (f"{resolved.duties} duties on {len(resolved.clocks)} clocks: {news}",)

    async def _keep_clock(self, spec: ClockSpec) -> None:
        known = self._state.clocks.get(spec.clock_id)
        if known is None:
            await self._start_clock(wire.ClockInput(incident_id=spec.incident_id, tempo=self._order.tempo, spec=spec))
            return
        heard = await self._signal(self._clock(spec.clock_id), wire.REARM, spec)
        if not heard:
            await self._start_lost_clock(spec)

    async def _start_lost_clock(self, spec: ClockSpec) -> None:
        """Start a clock again that must run and does not: it failed, or somebody terminated it."""
        stood = await self._insistent.do(Duties.resume_clock, spec, options.STORE, "where the lost clock stood")
        order = wire.ClockInput(
            incident_id=spec.incident_id,
            tempo=self._order.tempo,
            spec=spec,
            sent=stood.sent,
            sequence=stood.sequence,
            climbing=_resumed(spec, stood.unanswered),
            open_pages=tuple(about(spec, mark) for mark in stood.sent),
        )
        await self._start_clock(order, WorkflowIDReusePolicy.ALLOW_DUPLICATE)

    async def _start_clock(
        self, order: wire.ClockInput, reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.REJECT_DUPLICATE
    ) -> None:
        clock = self._clock(order.spec.clock_id)
        try:
            await workflow.start_child_workflow(
                wire.CLOCK,
                order,
                id=clock,
                parent_close_policy=ParentClosePolicy.ABANDON,
                id_reuse_policy=reuse,
                static_summary=order.spec.title,
            )
        except WorkflowAlreadyStartedError:
            await self._signal(clock, wire.REARM, order.spec)

    async def _answer_page(self, deed: AnswerPage) -> tuple[str, ...]:
        """Have the clocks call nobody further about their last warning."""
        clocks = [deed.clock_id] if deed.clock_id is not None else list(self._state.clocks)
        await asyncio.gather(*(self._signal(self._clock(clock_id), wire.ANSWERED) for clock_id in clocks))
        return ("answered: nobody else is called about it before its next warning; the clock runs on",)

    # -- waves ------------------------------------------------------------------------------------------------------

    async def _draft(
        self,
        drafter: PersonId,
        wave_id: WaveId,
        deed: Draft,
        by_silence: ClockId | None = None,
        by_glass: ClockId | None = None,
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        planning = Planning(
            stamp=self._stamps.next(),
            wave_id=wave_id,
            draft=deed,
            drafter=drafter,
            by_silence=by_silence,
            by_glass=by_glass,
        )
        planned = await perform(Letters.plan, planning, options.BULK, f"plan the {deed.wave_kind} wave")
        for first in range(0, planned.rows, options.RENDER_BATCH):
            rendering = Rendering(
                incident_id=self._state.incident_id,
                wave_id=wave_id,
                first=first,
                last=first + options.RENDER_BATCH,
                triggers=self._state.triggers,
            )
            await perform(Letters.render, rendering, options.BULK, f"render from {first}")
        sealing = Sealing(stamp=self._stamps.next(), wave_id=wave_id)
        sealed = await perform(Letters.seal, sealing, options.BULK, "digest")
        before = self._state.waves.get(wave_id)
        wave = WaveState(
            kind=deed.wave_kind,
            drafter=drafter,
            digest=sealed.digest,
            rows=sealed.rows,
            draft=deed,
            co_drafters=before.co_drafters if before else (),
            unknowns=sealed.unknowns,
        )
        waves = {**self._state.waves, wave_id: wave}
        await self._project(self._state.model_copy(update={"waves": waves}), "wave.ready", {"wave": wave_id})
        lines = [f"wave {wave_id}: {planned.agreements} agreements, {planned.rows} letters and deputies in reserve"]
        if planned.without_contact:
            lines.append(f"{planned.without_contact} without a usable contact: a person will be asked to tell them")
        return tuple(lines), {"wave": wave_id, "digest": sealed.digest}

    async def _draft_again(self, changed_by: PersonId) -> tuple[str, ...]:
        """Render the waves that wait for release again: facts that changed must not go out as they were."""
        lines: tuple[str, ...] = ()
        for wave_id, wave in list(self._state.waves.items()):
            if wave.released:
                continue
            try:
                _, ids = await self._draft(wave.drafter, wave_id, wave.draft)
            except ActivityError as error:
                lines += (await self._drop_wave(wave_id, error),)
                continue
            if ids["digest"] != wave.digest:
                await self._count_as_drafter(wave_id, changed_by)
                lines += (f"wave {wave_id} was drafted again: its letters changed, so review them again",)
        return lines

    async def _count_as_drafter(self, wave_id: WaveId, person_id: PersonId) -> None:
        """Note who changed the letters: nobody may release what they wrote a part of."""
        wave = self._state.waves[wave_id]
        if person_id in {ENGINE, wave.drafter, *wave.co_drafters}:
            return
        changed = wave.model_copy(update={"co_drafters": (*wave.co_drafters, person_id)})
        state = self._state.model_copy(update={"waves": {**self._state.waves, wave_id: changed}})
        await self._project(state, "wave.changed", {"wave": wave_id, "by": person_id})

    async def _drop_wave(self, wave_id: WaveId, error: ActivityError) -> str:
        """Forget a draft that nobody can release any more; what the act itself did stands."""
        reason = unwrapped(error)
        if reason.type != "Refused":
            raise error
        await self._forget(wave_id)
        return f"wave {wave_id}, which waited for release, is void: {reason.message}"

    async def _start_wave(
        self, wave_id: WaveId, reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.REJECT_DUPLICATE
    ) -> None:
        order = wire.WaveInput(
            incident_id=self._state.incident_id,
            wave_id=wave_id,
            tempo=self._order.tempo,
            rows=self._state.waves[wave_id].rows,
            due_at=min((clock.target_at for clock in self._state.clocks.values()), default=None),
        )
        if reuse is WorkflowIDReusePolicy.ALLOW_DUPLICATE:
            wave = wire.wave_workflow(order.incident_id, wave_id)
            sequence = await self._insistent.do(Acts.last_sequence, wave, options.STORE, "where the lost wave stood")
            order = order.model_copy(update={"sequence": sequence})
        await workflow.start_child_workflow(
            wire.WAVE,
            order,
            id=wire.wave_workflow(self._state.incident_id, wave_id),
            parent_close_policy=ParentClosePolicy.ABANDON,
            id_reuse_policy=reuse,
            static_summary=f"{self._state.waves[wave_id].kind} wave of {order.rows} rows",
        )

    async def _release_by_silence(self, clock_id: ClockId) -> None:
        """Let minimal letters go; whoever released in the meantime, or placed a hold, has come first."""
        if self._over() or clock_id not in self._state.clocks:
            return
        wave_id = WaveId(derived_id("wav", self._state.incident_id, clock_id, str(self._stamps.sequence)))
        try:
            await self._draft(ENGINE, wave_id, Draft(), clock_id)
            await self._set_free(wave_id, clock_id)
        except ActivityError as error:
            workflow.logger.warning("silence released nothing of %s: %s", clock_id, unwrapped(error).message)
            if wave_id in self._state.waves:
                await self._forget(wave_id)
            return
        await self._start_wave(wave_id)
        await self._promise(wave_id)
        await self._say_aloud(wave_id, clock_id)
        await self._redraft_the_others()

    async def _redraft_the_others(self) -> None:
        """Render the waves that wait for release again, without whom a minimal letter has told meanwhile."""
        try:
            await self._draft_again(ENGINE)
        except ActivityError as error:
            workflow.logger.error("waves that wait were not drafted again: %s", unwrapped(error).message)

    async def _set_free(self, wave_id: WaveId, clock_id: ClockId) -> None:
        stamp = self._stamps.next()
        released = self._state.waves[wave_id].model_copy(update={"released": True})
        waves = {**self._state.waves, wave_id: released}
        after = self._state.model_copy(update={"waves": waves, "sequence": stamp.sequence})
        order = SilentRelease(stamp=stamp, state=after, wave_id=wave_id, clock_id=clock_id)
        await perform(Letters.release_by_silence, order, options.BULK, "release by silence")
        self._state = after

    async def _forget(self, wave_id: WaveId) -> None:
        waves = {key: wave for key, wave in self._state.waves.items() if key != wave_id}
        await self._project(self._state.model_copy(update={"waves": waves}), "wave.dropped", {"wave": wave_id})

    async def _say_aloud(self, wave_id: WaveId, clock_id: ClockId) -> None:
        """Call everyone on the ladder: a letter has left that no person released."""
        now, incident_id = scenario_now(self._order.tempo), self._state.incident_id
        page = Page(
            key=f"{wave_id}:silence",
            subject=f"Minimal letters were released by silence, incident {incident_id}",
            text=silence_words(incident_id, wave_id, self._state.clocks[clock_id], self._state.waves[wave_id].rows),
            at=now,
        )
        calling = Calling(incident_id=incident_id, clock_id=clock_id, page=page, share=1.0, since=now, everyone=True)
        try:
            await perform(Pages.call, calling, options.CALL, "page: released by silence")
        except ActivityError:
            workflow.logger.error("nobody could be told that %s was released by silence", wave_id)

    async def _promise(self, wave_id: WaveId) -> None:
        """Have a person reminded of what these letters could not say yet, and of no promise that they keep."""
        wave = self._state.waves[wave_id]
        to_all = wave.draft.agreements is None and wave.drafter != ENGINE
        promise = Promise(wave_id=wave_id, kind=wave.kind, to_all=to_all, unknowns=wave.unknowns)
        await self._signal(self._response(), wire.PROMISED, promise)

    # -- terms --------------------------------------------------------------------------------------------------------

    async def _wait(self) -> None:
        """Wait for something to do: an event, the end, a history that is long, or the next term. Acts come beside."""
        term = next_term(self._state)
        await wait_until(
            self._order.tempo,
            term,
            lambda: bool(self._events) or self._quiet() or self._history_is_long() or next_term(self._state) != term,
            "the next term: a hold lapses, or a broken glass",
        )

    async def _keep_terms(self) -> None:
        """Do what has fallen due since: provisional holds lapse, broken glasses send, or ask for their review."""
        term = next_term(self._state)
        if term is None or term > scenario_now(self._order.tempo):
            # Waiting for a turn that nothing needs would be another order of events than incidents have run by.
            return
        async with self._turn:
            for hold_id in overdue_holds(self._state, scenario_now(self._order.tempo)):
                await self._lapse(hold_id)
            for wave_id in overdue_glass(self._state, scenario_now(self._order.tempo)):
                await self._keep_glass(wave_id, self._state.glass[wave_id])

    async def _lapse(self, hold_id: HoldId) -> None:
        stamp = self._stamps.next()
        self._state = lapsed(self._state, hold_id).model_copy(update={"sequence": stamp.sequence})
        lapsing = Lapsing(stamp=stamp, state=self._state, hold_id=hold_id)
        await self._insistent.do(Acts.lapse, lapsing, options.STORE, "a provisional hold lapses")
        await self._stir_all()
        await self._call_everyone(f"{hold_id}:lapsed", *lapsed_words(self._state.incident_id, hold_id))

    async def _ask_to_confirm(self, hold_id: HoldId) -> str:
        """Call people about a provisional hold; whether or not they are reached, it stands until it lapses."""
        until = self._state.provisional[hold_id]
        await self._call_everyone(f"{hold_id}:provisional", *confirm_words(self._state.incident_id, hold_id, until))
        return f"it is provisional: it lapses at {until.isoformat()} unless an approver confirms it"

    async def _break_glass(self, wave_id: WaveId) -> str:
        """Say aloud that the glass was broken, and when its letters leave."""
        glass = self._state.glass[wave_id]
        await self._call_everyone(f"{wave_id}:broken", *broken_words(self._state.incident_id, wave_id, glass))
        recall = f"; until then: tocsin recall {self._state.incident_id} {wave_id}"
        waits = glass.sends_at > scenario_now(self._order.tempo)
        return f"the minimal letter leaves {'at ' + glass.sends_at.isoformat() + recall if waits else 'now'}"

    async def _keep_glass(self, wave_id: WaveId, glass: Glass) -> None:
        incident_id = self._state.incident_id
        if glass.sent:
            state = with_glass(self._state, wave_id, review_by=glass.review_by + ASK_AGAIN)
            await self._project(state, "glass.unreviewed", {"wave": wave_id})
            key = f"{wave_id}:unreviewed:{glass.review_by.isoformat()}"
            await self._call_everyone(key, *unreviewed_words(incident_id, wave_id))
            return
        try:
            await self._draft(ENGINE, wave_id, Draft(), by_glass=glass.clock_id)
            await self._set_free_by_glass(wave_id, glass)
        except ActivityError as error:
            await self._void(wave_id, unwrapped(error).message)
            return
        await self._start_wave(wave_id)
        await self._promise(wave_id)
        await self._redraft_the_others()

    async def _set_free_by_glass(self, wave_id: WaveId, glass: Glass) -> None:
        stamp = self._stamps.next()
        released = self._state.waves[wave_id].model_copy(update={"released": True})
        after = with_glass(self._state, wave_id, sent=True).model_copy(
            update={"waves": {**self._state.waves, wave_id: released}, "sequence": stamp.sequence}
        )
        order = GlassRelease(stamp=stamp, state=after, wave_id=wave_id, clock_id=glass.clock_id, by=glass.by)
        await perform(Letters.release_by_glass, order, options.BULK, "release by breaking the glass")
        self._state = after

    async def _void(self, wave_id: WaveId, why: str) -> None:
        """Forget a broken glass that nothing came of: whom it was for was told, or is held, meanwhile."""
        if wave_id in self._state.waves:
            await self._forget(wave_id)
        await self._project(without_glass(self._state, wave_id), "glass.void", {"wave": wave_id})
        await self._call_everyone(f"{wave_id}:void", *void_words(self._state.incident_id, wave_id, why))

    async def _call_everyone(self, key: str, subject: str, text: str) -> None:
        """Call every rung of the ladder at once. Nobody waits for their answer, and a dead pager stops nothing."""
        now, incident_id = scenario_now(self._order.tempo), self._state.incident_id
        page = Page(key=key, subject=subject, text=text, at=now)
        calling = Calling(incident_id=incident_id, page=page, share=1.0, since=now, everyone=True, asks=False)
        try:
            await perform(Pages.call, calling, options.CALL, f"page: {subject}")
        except ActivityError:
            workflow.logger.error("nobody could be told: %s", subject)

    # -- tasks ------------------------------------------------------------------------------------------------------

    async def _start_response(self, deed: Report) -> None:
        await self._start_tasks(
            wire.ResponseInput(incident_id=self._state.incident_id, tempo=self._order.tempo, kind=deed.facts.kind)
        )

    async def _start_tasks(self, order: wire.ResponseInput) -> None:
        try:
            await workflow.start_child_workflow(
                wire.RESPONSE,
                order,
                id=self._response(),
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary="investigation steps and mitigation tasks",
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("the response of %s runs already", self._state.incident_id)

    async def _hand_over_tasks(self, target: IncidentId) -> None:
        """Give what is still open to the incident that this one is a part of from now on."""
        recalled = await self._insistent.do(
            Acts.recall_tasks, self._state.incident_id, options.STORE, "recall the open tasks"
        )
        moved = moved_to(target, recalled.tasks)
        if moved:
            await self._signal(wire.response_workflow(target), wire.BY_HAND, wire.NoticeByHand(tasks=moved))

    async def _restart_response(self) -> None:
        """Start the tasks again if they had ended with the incident."""
        recalled = await perform(Acts.recall_tasks, self._state.incident_id, options.STORE, "recall the tasks")
        await self._start_tasks(
            wire.ResponseInput(
                incident_id=self._state.incident_id,
                tempo=self._order.tempo,
                kind="general",
                sequence=recalled.sequence,
                tasks=recalled.tasks,
            )
        )

    # -- events -----------------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        async with self._turn:
            if not self._events:
                return
            events, self._events = self._events, []
            state = self._state
            for event in events:
                state = _heard(state, event)
                if isinstance(event, wire.PartLost):
                    await self._start_again(event.workflow_id)
            by_hand = any(isinstance(event, wire.TasksChanged) and event.settled_notice for event in events)
            if by_hand or any(isinstance(event, wire.WaveProgress) for event in events):
                await self._recount(state.clocks)
            if by_hand:
                await self._nudge_waves(state)
            if state != self._state:
                kinds = ",".join(sorted({type(event).__name__ for event in events}))
                await self._project(state, "incident.heard", {"events": kinds, "count": len(events)})
            if any(isinstance(event, wire.WaveProgress) and event.opened_again for event in events):
                # It was discharged, and its clock has ended: resolving gives it another one.
                await self._resolve("late_bounce")
            for clock_id in dict.fromkeys(event.clock_id for event in events if isinstance(event, wire.ClockSilent)):
                await self._release_by_silence(clock_id)
            self._publish()

    async def _start_again(self, workflow_id: str) -> None:
        """Start a part of this incident again that the sweep found lost; one that has ended meanwhile stays ended."""
        state = self._state
        clocks = {self._clock(clock_id): spec for clock_id, spec in state.clocks.items()}
        waves = {wire.wave_workflow(state.incident_id, key): key for key, wave in state.waves.items() if wave.released}
        if workflow_id in clocks:
            await self._start_lost_clock(clocks[workflow_id])
        elif workflow_id == self._response():
            await self._restart_response()
        elif workflow_id in waves and not state.waves[waves[workflow_id]].ended:
            await self._start_wave(waves[workflow_id], WorkflowIDReusePolicy.ALLOW_DUPLICATE)

    async def _stir_all(self) -> None:
        await self._nudge_waves(self._state)
        await self._recount(self._state.clocks)

    async def _recount(self, clock_ids: Iterable[ClockId]) -> None:
        await asyncio.gather(*(self._signal(self._clock(clock_id), wire.RECOUNT) for clock_id in clock_ids))

    async def _nudge_waves(self, state: IncidentState) -> None:
        for wave_id, wave in state.waves.items():
            if wave.released and not wave.ended:
                await self._signal(wire.wave_workflow(state.incident_id, wave_id), wire.NUDGE)

    async def _keep_evidence(self) -> None:
        """Write the evidence pack once, when it is over. What fails here the sweep does: it keeps no end back."""
        if not self._keeps or self._kept or not self._quiet():
            return
        self._kept = True
        order = ToKeep(incident_id=self._state.incident_id, at=scenario_now(self._order.tempo))
        try:
            await perform(Evidence.keep, order, options.EVIDENCE, "keep the evidence")
        except ActivityError as error:
            workflow.logger.warning("the evidence of %s is left to the sweep: %s", order.incident_id, error.cause)

    # -- small print ------------------------------------------------------------------------------------------------

    async def _recall(self) -> None:
        recalled = await perform(Acts.recall, self._state.incident_id, options.STORE, "recall what the store holds")
        if recalled.state is not None:
            self._state = recalled.state
            self._stamps.sequence = recalled.sequence
        self._ready = True

    async def _project(self, state: IncidentState, kind: str, data: dict[str, str | int]) -> None:
        stamp = self._stamps.next()
        self._state = state.model_copy(update={"sequence": stamp.sequence})
        projection = Projection(stamp=stamp, state=self._state, kind=kind, data=data)
        await self._insistent.do(Acts.project, projection, options.STORE, kind)

    async def _signal(self, workflow_id: str, signal: str, message: object = None) -> bool:
        """Return whether it was heard."""
        handle = workflow.get_external_workflow_handle(workflow_id)
        try:
            await handle.signal(signal, args=[message] if message is not None else [])
        except Exception as error:  # noqa: BLE001 - it has ended, or was terminated: the sweep reports the latter
            workflow.logger.info("%s did not hear %s: %s", workflow_id, signal, type(error).__name__)
            return False
        return True

    async def _continue(self) -> None:
        # Hearing takes time, in which acts and events come in: a new run must not forget them.
        while self._events or not workflow.all_handlers_finished():
            await workflow.wait_condition(workflow.all_handlers_finished)
            await self._hear()
        state = self._state.model_copy(update={"sequence": self._stamps.sequence})
        workflow.continue_as_new(self._order.model_copy(update={"state": state}))

    def _publish(self) -> None:
        targets = [spec.target_at for spec in self._state.clocks.values()]
        updates = [STATUS.value_set(self._state.status), INCIDENT.value_set(self._state.incident_id)]
        deadline = NEXT_DEADLINE.value_set(min(targets)) if targets else NEXT_DEADLINE.value_unset()
        shown = (self._state.status, *sorted(targets)[:1])
        if shown != self._shown or not workflow.patched("publishes-changes"):
            # Each costs: it is written where workflows are listed.
            workflow.upsert_search_attributes([*updates, deadline])
        self._shown = shown
        clocks = "\n".join(f"- {s.title}: {s.target_at.isoformat()}" for s in self._state.clocks.values())
        workflow.set_current_details(f"**{self._state.status}**, {len(targets)} clocks run\n{clocks}")

    def _receipt(
        self, act: Act, lines: tuple[str, ...], *, ids: dict[str, str] | None = None, already: bool = False
    ) -> Receipt:
        return Receipt(
            incident_id=self._state.incident_id,
            act_id=act.act_id,
            status=self._state.status,
            lines=lines,
            ids=ids or {},
            already=already,
        )

    def _known(self) -> bool:
        return bool(self._state.triggers)

    def _over(self) -> bool:
        return self._state.status in OVER

    def _quiet(self) -> bool:
        """Say whether it is over, and no act is on its way that might take it up again."""
        return self._over() and workflow.all_handlers_finished()

    def _settled(self) -> bool:
        """Say whether the run may end: it is quiet, its evidence is kept, and everything meanwhile was heard."""
        return self._quiet() and (not self._keeps or (self._kept and not self._events))

    def _history_is_long(self) -> bool:
        info, limit = workflow.info(), self._order.history_limit
        return info.is_continue_as_new_suggested() or (limit is not None and info.get_current_history_length() >= limit)

    def _clock(self, clock_id: ClockId) -> str:
        return wire.clock_workflow(self._state.incident_id, clock_id)

    def _response(self) -> str:
        return wire.response_workflow(self._state.incident_id)


def _resumed(spec: ClockSpec, unanswered: Mark | None) -> wire.Climbing | None:
    """Return the page of a lost clock that nobody has answered: its first rung was called, whoever was after it."""
    if unanswered is None:
        return None
    at = spec.mark_at(unanswered)
    return wire.Climbing(mark=unanswered, since=at, called=1, next_at=at)


def _heard(state: IncidentState, event: Event) -> IncidentState:
    """Return the state after a child's event."""
    match event:
        case wire.ClockEnded(clock_id=clock_id):
            return state.model_copy(update={"clocks": {k: v for k, v in state.clocks.items() if k != clock_id}})
        case wire.ClockMissed(clock_id=clock_id):
            # One reason for each clock: it may be told twice, by its warning and by itself.
            if clock_id in state.reasons_owed and workflow.patched("one-reason"):
                return state
            return state.model_copy(update={"reasons_owed": (*state.reasons_owed, clock_id)})
        case wire.WaveProgress(wave_id=wave_id, ended=ended) if wave_id in state.waves:
            wave = state.waves[wave_id].model_copy(update={"ended": ended})
            return state.model_copy(update={"waves": {**state.waves, wave_id: wave}})
        case wire.TasksChanged(blocking=blocking):
            return state.model_copy(update={"blocking_tasks": blocking})
    return state
