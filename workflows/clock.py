"""One set of duties against its deadline: it warns, shows holds, and counts down what is still open."""

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.duties import ClockCount, Duties, Ended, Ending, Marking
    from activities.pages import Answering, Called, Calling, Pages, Warn, is_missed, warning_page
    from tocsin import wire
    from tocsin.domain.clock import SHARES, ClockSpec, Mark, about, covered_by, due_mark, next_mark_at
    from tocsin.domain.tempo import time_left
    from tocsin.ports import Page, PageAnswer

from workflows import options
from workflows.deeds import Insistent, perform
from workflows.pace import Stamps, scenario_now, wait_until

QUIET = timedelta(minutes=15)
"""How long people have, from when a clock or its deadline is new, before silence releases anything."""

NEAR = timedelta(seconds=10)
"""How long before its deadline a clock sets its last timer: the one before it was set while very much was happening."""


@workflow.defn(name=wire.CLOCK)
class ClockWorkflow:
    """Runs until none of its duties is open; being late does not end it."""

    @workflow.init
    def __init__(self, order: wire.ClockInput) -> None:
        self._order = order
        self.tempo = order.tempo
        self._spec = order.spec
        self._sent = set(order.sent)
        self._stamps = Stamps(order.incident_id, order.tempo, order.sequence)
        self._insistent = Insistent(order.incident_id, order.tempo)
        self._stirred = False
        self._page_again_at: datetime | None = None
        self._climbs = False
        self._at_once = False
        self._marks = False
        self._climbing = order.climbing
        self._answered_at: datetime | None = None
        self._open_pages = list(order.open_pages)
        self._to_say: PageAnswer | None = None
        self._lets_go = False
        self._quiet_until = order.spec.trigger_at
        self._ask_again_at: datetime | None = None

    @workflow.run
    async def run(self, order: wire.ClockInput) -> str:
        """Warn when due and not yet sent, until nothing is left open; then tell the incident."""
        self._at_once = workflow.patched("warns-at-once")
        self._climbs, self._lets_go = workflow.patched("ladder"), workflow.patched("release-by-silence")
        self._marks = workflow.patched("page-marks")
        self._quiet_until = scenario_now(order.tempo) + QUIET
        while True:
            self._stirred = False
            count = await (self._count_and_warn() if self._at_once else self._count())
            if count.open == 0:
                ended = await self._end()
                if not ended.ended:
                    continue
                if ended.missed:
                    # Nobody could be warned at the deadline itself; that it was missed is said all the same.
                    await self._tell(wire.CLOCK_MISSED, wire.ClockMissed(clock_id=self._spec.clock_id))
                break
            if not self._at_once:
                await self._warn(count)
            await self._climb(count)
            await self._let_go(count)
            self._show(count)
            await self._rest()
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._carried())
        await self._tell(wire.CLOCK_ENDED, wire.ClockEnded(clock_id=self._spec.clock_id, outcome=ended.outcome))
        await self._say(PageAnswer.RESOLVED)
        return ended.outcome

    @workflow.signal(name=wire.REARM, description="The deadline moved")
    def rearm(self, spec: ClockSpec) -> None:
        """Count towards the new deadline; what was warned about before was another one."""
        if spec.target_at != self._spec.target_at:
            self._sent.clear()
            self._climbing = None
            self._to_say = PageAnswer.RESOLVED
            self._quiet_until = scenario_now(self._order.tempo) + QUIET
        self._spec = spec
        self._stirred = True

    @workflow.signal(name=wire.RECOUNT, description="Duties or holds changed")
    def recount(self) -> None:
        """Look again at what is open and held."""
        self._stirred = True

    @workflow.signal(name=wire.ANSWERED, description="A person has answered the page: nobody further is called")
    def answered(self) -> None:
        """Call nobody further about the last warning; the clock runs on."""
        self._answered_at = scenario_now(self._order.tempo)
        self._climbing = None
        self._to_say = PageAnswer.ACKNOWLEDGED
        self._stirred = True

    @workflow.query(name=wire.STATUS)
    def status(self) -> ClockSpec:
        """Return what this clock counts towards."""
        return self._spec

    async def _count(self) -> ClockCount:
        return await self._insistent.do(Duties.count, self._spec, options.STORE, "count open duties")

    async def _end(self) -> Ended:
        ending = Ending(stamp=self._stamps.next(), clock_id=self._spec.clock_id)
        return await self._insistent.do(Duties.end_clock, ending, options.STORE, "end")

    async def _warn(self, count: ClockCount) -> None:
        spec, now = self._spec, scenario_now(self._order.tempo)
        self._page_again_at = None
        mark = due_mark(spec, self._sent, now)
        if mark is None:
            return
        if not await self._page(mark, count, now):
            self._page_again_at = now + options.PAGE_AGAIN
            return
        await self._warned(spec, mark, count)

    async def _count_and_warn(self) -> ClockCount:
        """Count what is open. A warning that is due goes out in the same deed: each one before it would be a delay."""
        spec, now = self._spec, scenario_now(self._order.tempo)
        self._page_again_at = None
        mark = due_mark(spec, self._sent, now)
        if mark is None:
            return await self._count()
        order = Warn(spec=spec, mark=mark, at=now, stamp=self._stamps.next() if self._marks else None)
        try:
            warned = await perform(Pages.warn, order, options.CALL, f"count and warn: {mark}")
        except ActivityError:
            self._untaken(mark)
            self._page_again_at = now + options.PAGE_AGAIN
            return await self._count()
        if warned.called is not None:
            self._came(wire.Climbing(mark=mark, since=now), warned.called, spec, now)
            if warned.marked:
                self._remember(spec, mark)
                await self._say_missed(spec, missed=warned.missed and not warned.told)
            else:
                await self._warned(spec, mark, warned.count)
        return warned.count

    async def _warned(self, spec: ClockSpec, mark: Mark, count: ClockCount) -> None:
        """Record that a warning went out; at the deadline itself, that it was missed."""
        if not self._remember(spec, mark):
            return
        missed = is_missed(spec, mark, count)
        marking = Marking(
            stamp=self._stamps.next(), clock_id=spec.clock_id, target_at=spec.target_at, mark=mark, missed=missed
        )
        await self._insistent.do(Duties.mark, marking, options.STORE, f"warned: {mark}")
        await self._say_missed(spec, missed=missed)

    def _remember(self, spec: ClockSpec, mark: Mark) -> bool:
        """Remember that a warning went out, unless the deadline moved meanwhile: of the new one nothing was said."""
        stands = self._spec.target_at == spec.target_at
        if stands:
            self._sent.update(covered_by(mark))
        return stands

    async def _say_missed(self, spec: ClockSpec, *, missed: bool) -> None:
        if missed:
            await self._tell(wire.CLOCK_MISSED, wire.ClockMissed(clock_id=spec.clock_id))

    async def _page(self, mark: Mark, count: ClockCount, now: datetime) -> bool:
        if self._climbs:
            return await self._call(wire.Climbing(mark=mark, since=now), count, now)
        try:
            await perform(Pages.send, self._words(mark, count, now), options.PAGE, f"page: {mark}")
        except ActivityError:
            return self._untaken(mark)
        return True

    async def _climb(self, count: ClockCount) -> None:
        """Tell the pagers that a person has answered, and call the next rung when nobody has."""
        if self._to_say is not None:
            answer, self._to_say = self._to_say, None
            await self._say(answer)
        climbing, now = self._climbing, scenario_now(self._order.tempo)
        if climbing is None or climbing.next_at is None or climbing.next_at > now:
            return
        if not await self._call(climbing, count, now) and self._climbing is climbing:
            self._climbing = climbing.model_copy(update={"next_at": now + options.PAGE_AGAIN})

    async def _call(self, climbing: wire.Climbing, count: ClockCount, now: datetime) -> bool:
        """Call the rungs that are due; what comes next is forgotten if a person answered meanwhile."""
        order = Calling(
            incident_id=self._order.incident_id,
            clock_id=self._spec.clock_id,
            page=self._words(climbing.mark, count, now),
            share=SHARES[climbing.mark],
            since=climbing.since,
            called=climbing.called,
            held=count.held == count.open,
        )
        spec = self._spec
        try:
            called = await perform(Pages.call, order, options.CALL, f"call: {climbing.mark}")
        except ActivityError:
            return self._untaken(climbing.mark)
        self._came(climbing, called, spec, now)
        return True

    def _came(self, climbing: wire.Climbing, called: Called, spec: ClockSpec, now: datetime) -> None:
        """Remember how far up the ladder a page came, and what a pager keeps open about it."""
        subject = about(spec, climbing.mark)
        if called.keeps_open and subject not in self._open_pages:
            self._open_pages.append(subject)
        answered = self._answered_at is not None and self._answered_at >= now
        on = climbing.model_copy(update={"called": called.called, "next_at": called.next_at})
        self._climbing = None if answered or called.next_at is None or self._spec.target_at != spec.target_at else on

    async def _say(self, answer: PageAnswer) -> None:
        """Tell the pagers that keep an incident open about this clock what became of it."""
        if not self._open_pages:
            return
        answering = Answering(about=tuple(self._open_pages), answer=answer)
        if answer is PageAnswer.RESOLVED:
            self._open_pages.clear()
        try:
            await perform(Pages.answer, answering, options.PAGE, f"pagers: {answer}")
        except ActivityError:
            workflow.logger.error("a pager was not told that %s; end its incident there: %s", answer, answering.about)

    async def _let_go(self, count: ClockCount) -> None:
        """Have the incident let minimal letters go where clauses say so, nobody has released any, and it is time."""
        self._ask_again_at = None
        if not self._lets_go or count.silent_at is None:
            return
        now, due_at = scenario_now(self._order.tempo), max(count.silent_at, self._quiet_until)
        if now >= due_at:
            await self._tell(wire.CLOCK_SILENT, wire.ClockSilent(clock_id=self._spec.clock_id))
        self._ask_again_at = due_at if now < due_at else now + options.PAGE_AGAIN

    def _words(self, mark: Mark, count: ClockCount, now: datetime) -> Page:
        return warning_page(self._spec, mark, count, now, keeps=self._climbs)

    def _untaken(self, mark: Mark) -> bool:
        workflow.logger.error("page %s was not taken; trying again in %s", mark, options.PAGE_AGAIN)
        return False

    def _wakes_at(self) -> datetime | None:
        now = scenario_now(self._order.tempo)
        if self._page_again_at is None and due_mark(self._spec, self._sent, now) is not None:
            return now  # it fell due while the page before it was on its way
        climb_at = self._climbing.next_at if self._climbing else None
        instants = (next_mark_at(self._spec, now), self._page_again_at, climb_at, self._ask_again_at)
        return min((at for at in instants if at is not None), default=None)

    async def _rest(self) -> None:
        """Wait for what comes next. To the deadline itself in two steps: how late a timer is set, it fires late."""
        wakes_at, deadline = self._wakes_at(), self._spec.target_at
        far = wakes_at == deadline and deadline - scenario_now(self._order.tempo) > 2 * NEAR
        if far and workflow.patched("nears-deadline"):
            await self._wait(deadline - NEAR, f"near the deadline of {self._spec.title}")
        if not self._stirred:
            await self._wait(wakes_at, f"next mark of {self._spec.title}")

    async def _wait(self, until: datetime | None, what: str) -> None:
        await wait_until(self._order.tempo, until, lambda: self._stirred, what)

    def _show(self, count: ClockCount) -> None:
        left = time_left(self._spec.target_at, scenario_now(self._order.tempo))
        held = f", {count.held} held" if count.held else ""
        workflow.set_current_details(
            f"**{self._spec.title}**: {left}, {count.open} of {count.total} duties open{held}; "
            f"target {self._spec.target_at.isoformat()}"
        )

    async def _tell(self, signal: str, message: wire.ClockEnded | wire.ClockMissed | wire.ClockSilent) -> None:
        incident = workflow.get_external_workflow_handle(wire.incident_workflow(self._order.incident_id))
        try:
            await incident.signal(signal, message)
        except Exception as error:  # noqa: BLE001 - the incident has closed: there is nobody left to tell
            workflow.logger.warning("the incident could not be told %s: %s", signal, type(error).__name__)

    def _carried(self) -> wire.ClockInput:
        return self._order.model_copy(
            update={
                "spec": self._spec,
                "sent": tuple(sorted(self._sent)),
                "sequence": self._stamps.sequence,
                "climbing": self._climbing,
                "open_pages": tuple(self._open_pages),
            }
        )
