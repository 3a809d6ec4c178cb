"""Calling people: the whole of a page's way up the ladder, and telling the pagers what became of it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from temporalio import activity

from activities.duties import ClockCount, Marking, counted, marked
from tocsin.audit.entry import EntryDraft
from tocsin.domain.clock import SHARES, ClockSpec, Mark, warning
from tocsin.domain.clock import about as subject_of
from tocsin.domain.duty import Duty
from tocsin.domain.errors import Broken, Deferred, TocsinError
from tocsin.domain.incident import Severity
from tocsin.domain.ladder import Step, due
from tocsin.domain.notice import WRITTEN_TO
from tocsin.domain.values import AgreementId, ClockId, IncidentId, Instant, Value
from tocsin.ports import Callers, Messenger, Page, PageAnswer, Stamp, Store, Transaction


class Calling(Value):
    """A page about a clock, and how far up the ladder it came."""

    incident_id: IncidentId
    clock_id: ClockId | None = None
    """None: it is about no clock."""
    page: Page
    share: float
    """The share of the clock's time that its warning stands for."""
    since: Instant
    """When the first rung was called."""
    called: int = 0
    """How many rungs were called."""
    held: bool = False
    """Whether everything open is under a hold: nobody could release it."""
    everyone: bool = False
    """Whether all rungs are called at once, whatever is released."""
    asks: bool = True
    """Whether an answer is waited for."""


class Called(Value):
    """How far a page came."""

    called: int
    next_at: Instant | None = None
    """When the next rung is called if nobody has answered; None: nobody is left."""
    keeps_open: bool = False
    """Whether a pager keeps an incident open until it is told what became of it."""


class Warn(Value):
    """A clock's warning is due, as far as its workflow knows: whether anything is still open is looked up with it."""

    spec: ClockSpec
    mark: Mark
    at: Instant
    stamp: Stamp | None = None
    """Of the write that records it as warned about; None: the clock has that written by itself."""


class Warned(Value):
    """How the clock stands, and how far the page came; None: nothing was open any more, and nobody was called."""

    count: ClockCount
    called: Called | None = None
    marked: bool = False
    """Whether it was recorded, too,"""
    missed: bool = False
    """and as a missed deadline of ours,"""
    told: bool = False
    """of which the incident has heard."""


Known = tuple[Severity | None, bool]
"""How severe an incident is held to be (None: not known), and whether something of the clock is still unreleased."""


class Answering(Value):
    """What became of what pages were about."""

    about: tuple[str, ...]
    answer: PageAnswer


class Pages:
    """The deeds of paging."""

    def __init__(self, store: Store, callers: Callers, messenger: Messenger) -> None:
        self._store = store
        self._messenger = messenger
        self._callers = callers

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.send, self.call, self.warn, self.answer]

    @activity.defn(name="pages.send")
    async def send(self, page: Page) -> None:
        """Deliver a page to whoever is reached first; the same key is delivered once."""
        await self._callers.everyone.page(page)

    @activity.defn(name="pages.call")
    async def call(self, order: Calling) -> Called:
        """Call every rung that is due, and at once the next one if nobody of them could be reached.

        A store that cannot be read keeps no page back: then the severity is not known.

        Raises:
            Deferred: if no pager at all took it.
        """
        called, entries = await self._climb(order, await asyncio.to_thread(self._look, order))
        if entries:
            with suppress(Deferred, Broken):
                await asyncio.to_thread(self._log, entries)
        return called

    @activity.defn(name="pages.warn")
    async def warn(self, order: Warn) -> Warned:
        """Count what is open of a clock, and if anything is, call the ladder's first rungs and record the warning.

        One deed and not four, so that very many warnings at once stay in time: of a missed deadline the incident hears
        here, too. A store that can be read and not written keeps no page back: then it is not marked.

        Raises:
            Deferred: if the store cannot be read, or no pager at all took it.
        """
        count, calling, known = await asyncio.to_thread(self._survey, order)
        if count.open == 0:
            return Warned(count=count)
        called, entries = await self._climb(calling, known)
        warned = Warned(count=count, called=called)
        with suppress(Deferred, Broken):
            warned = await asyncio.to_thread(self._record, order, warned, entries)
        told = warned.missed and await self._messenger.tell_missed(order.spec.incident_id, order.spec.clock_id)
        return warned.model_copy(update={"told": told})

    @activity.defn(name="pages.answer")
    async def answer(self, order: Answering) -> None:
        """Tell every pager that keeps an incident open what became of it. Raises Deferred if one did not take it."""
        for about in order.about:
            await self._callers.everyone.answer(about, order.answer)

    def _survey(self, order: Warn) -> tuple[ClockCount, Calling, Known]:
        """Return how a clock stands, how people are called about it, and what says which of them: one look."""
        with self._store.reading() as tx:
            count = counted(tx, order.spec, self._callers.ladder)
            calling = Calling(
                incident_id=order.spec.incident_id,
                clock_id=order.spec.clock_id,
                page=warning_page(order.spec, order.mark, count, order.at),
                share=SHARES[order.mark],
                since=order.at,
                held=count.held == count.open,
            )
            return count, calling, self._known(tx, calling)

    def _record(self, order: Warn, warned: Warned, entries: Sequence[EntryDraft]) -> Warned:
        """Write down who was called, and that the clock was warned about: once, however often it is tried."""
        if order.stamp is None:
            self._log(entries)
            return warned
        marking = Marking(
            stamp=order.stamp,
            clock_id=order.spec.clock_id,
            target_at=order.spec.target_at,
            mark=order.mark,
            missed=is_missed(order.spec, order.mark, warned.count),
        )

        def write(tx: Transaction) -> Warned:
            tx.log.append(entries)
            return warned.model_copy(update={"marked": True, "missed": marked(tx, marking)})

        return self._store.once(order.stamp, order, write, Warned)

    async def _climb(self, order: Calling, known: Known) -> tuple[Called, list[EntryDraft]]:
        """Call every rung that is due; return how far it came, and the entries of those who were reached."""
        severity, unreleased = known
        steps = self._callers.ladder.steps(severity, order.share, unreleased=unreleased)
        called, reached = min(order.called, len(steps)), list[Step]()
        wanted = due(steps, called, order.page.at - order.since)
        if order.called and wanted <= called:
            return self._came(order, steps, called), []
        while called < len(steps) and (called < wanted or not reached):
            now_due = steps[called : max(wanted, called + 1)]
            took = await asyncio.gather(*(self._reach(order, steps, step) for step in now_due))
            reached += [step for step, taken in zip(now_due, took, strict=True) if taken]
            called += len(now_due)
        if not reached:
            await self._callers.everyone.page(_with(order.page, "", self._callers.link(order.incident_id)))
        return self._came(order, steps, called), [_entry(order, step) for step in reached]

    def _came(self, order: Calling, steps: Sequence[Step], called: int) -> Called:
        next_at = order.since + steps[called].after if called < len(steps) else None
        return Called(called=called, next_at=next_at, keeps_open=self._callers.everyone.keeps_open)

    async def _reach(self, order: Calling, steps: Sequence[Step], step: Step) -> bool:
        """Call one rung; say whether somebody took the page."""
        who = step.rung.who
        several = order.called or len(steps) > 1
        page = _with(order.page, _why(order, step) if several else "", self._callers.link(order.incident_id))
        try:
            await self._callers.of(step.rung).page(page.model_copy(update={"key": f"{order.page.key}:{who}"}))
        except TocsinError as error:
            activity.logger.error("the %s could not be called: %s", who, error)
            return False
        return True

    def _look(self, order: Calling) -> Known:
        try:
            with self._store.reading() as tx:
                return self._known(tx, order)
        except (Deferred, Broken):
            return None, not order.held

    def _known(self, tx: Transaction, order: Calling) -> Known:
        facts = tx.incidents.facts(order.incident_id)
        severity = facts.severity if facts else None
        if order.everyone:
            return severity, True
        if order.held or order.share < self._callers.ladder.everyone_from:
            return severity, False
        duties = tx.duties.of(order.incident_id, clock_id=order.clock_id, open_only=True)
        written = tx.ledger.parties(order.incident_id, WRITTEN_TO)
        return severity, any(_unreleased(duty, written) for duty in duties)

    def _log(self, entries: Sequence[EntryDraft]) -> None:
        with self._store.writing() as tx:
            tx.log.append(entries)


def is_missed(spec: ClockSpec, mark: Mark, count: ClockCount) -> bool:
    """Return whether a warning says that a deadline of ours passed with duties open that no hold covers."""
    return mark is Mark.DUE and spec.is_our_deadline and count.open > count.held


def _entry(order: Calling, step: Step) -> EntryDraft:
    return EntryDraft(
        key=f"called:{order.page.key}:{step.rung.who}",
        at=order.page.at,
        kind="ladder.called",
        incident_id=order.incident_id,
        actor="engine",
        data={"clock": order.clock_id, "share": round(order.share * 100), "who": str(step.rung.who)}
        | ({"everyone": True} if order.everyone else {}),
    )


def warning_page(spec: ClockSpec, mark: Mark, count: ClockCount, at: Instant, *, keeps: bool = True) -> Page:
    """Return the page of a warning; with `keeps` a pager may keep an incident open about it."""
    subject, text = warning(spec, mark, at, (count.open, count.total), count.held, count.may_be)
    key = f"{spec.clock_id}:{spec.target_at.isoformat()}:{mark}"
    return Page(key=key, subject=subject, text=text, at=at, about=subject_of(spec, mark) if keeps else None)


def _unreleased(duty: Duty, written: set[AgreementId]) -> bool:
    return not duty.owed_to_us and (duty.agreement_id is None or duty.agreement_id not in written)


def _why(order: Calling, step: Step) -> str:
    """Return why this rung is called, and how that is answered."""
    waited = order.page.at - order.since
    why = f"You are called as the {step.rung.who}."
    if not order.asks:
        return f"{why}\n"
    if waited > timedelta(0):
        why += f" Nobody has answered for {round(waited.total_seconds() / 60)} min."
    return f"{why}\nAnswer, so that nobody else is: tocsin page ack {order.incident_id} --clock {order.clock_id}\n"


def _with(page: Page, before: str, link: str) -> Page:
    behind = f"{link}\n" if link else ""
    return page.model_copy(update={"text": f"{before}{page.text}{behind}"})
