"""The sweep: comparing what the store holds open with what Temporal runs."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

from temporalio import activity

from tocsin.audit.entry import EntryDraft
from tocsin.domain.errors import Broken, Deferred
from tocsin.domain.probe_deed import is_round
from tocsin.domain.receipt import Receipt
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import IncidentId, Instant, Value
from tocsin.must_run import must_run
from tocsin.ports import SWEPT, Page, Pager, Run, Runs, Store
from tocsin.receiving import BY_ADDRESS

LOOK_AGAIN_SECONDS = 5.0
"""Pause before what was missing is asked for a second time."""


_log = logging.getLogger(__name__)


class SweepOrder(Value):
    """One sweep, at a scenario instant."""

    at: Instant
    tempo: Tempo
    run_id: str
    attempts: int = 1
    """How often it is tried; at the last, what was lost is started again although nobody could be paged."""


class SweepResult(Value):
    """What a sweep found: how much it compared, which workflows should have run and did not, how many run again."""

    compared: int
    missing: tuple[str, ...] = ()
    started_again: int = 0


class Sweep:
    """The deeds of the sweep. It reports, and has what was lost started again; it never sends a notice."""

    def __init__(self, store: Store, runs: Runs, pager: Pager, look_again_after: float = LOOK_AGAIN_SECONDS) -> None:
        self._store = store
        self._runs = runs
        self._pager = pager
        self._look_again_after = look_again_after

    def all(self) -> list[Callable[..., object]]:
        """Return the deeds for a worker to register."""
        return [self.compare]

    @activity.defn(name="sweep.compare")
    async def compare(self, order: SweepOrder) -> SweepResult:
        """Describe, by id, every workflow that the store says must run, and page for each that does not."""
        expected = await asyncio.to_thread(self._expected)
        runs = await self._runs.look(list(expected))
        missing = _missing(runs)
        if missing:
            # The store knows a clock some moments before its workflow starts, and until some moments after it ended.
            await asyncio.sleep(order.tempo.pause(timedelta(seconds=self._look_again_after)).total_seconds())
            still = await asyncio.to_thread(self._expected)
            missing = _missing(await self._runs.look([workflow_id for workflow_id in missing if workflow_id in still]))
        unpaged = await self._report_all(missing, expected, order)
        if unpaged is not None and activity.info().attempt < order.attempts:
            # Once it runs again it is no longer missing, and nobody would ever be told that it was.
            raise unpaged
        for key in missing:
            _log.error("a workflow is lost", extra={"workflow": key, "incident": expected[key]})
        started = [key for key in missing if await self._runs.start_again(key, expected[key], order.tempo)]
        if unpaged is not None:
            raise unpaged
        await self._report_resets(runs, expected, order)
        await self._report_newer(order)
        await self._report_parked(order)
        await asyncio.to_thread(self._beat, order)
        return SweepResult(compared=len(expected), missing=missing[:100], started_again=len(started))

    async def _report_resets(
        self, runs: Mapping[str, Run], expected: Mapping[str, IncidentId], order: SweepOrder
    ) -> None:
        """Page once for each run that somebody has set back: what it does over again may not fit what is written."""
        for workflow_id, run in runs.items():
            if run.reset_at is None:
                continue
            key = f"reset:{workflow_id}:{run.reset_at.isoformat()}"
            if await asyncio.to_thread(self._is_known, key):
                continue
            await self._pager.page(_reset_page(workflow_id, expected[workflow_id], key, order))
            with suppress(Deferred, Broken):
                await asyncio.to_thread(self._log_reset, workflow_id, expected[workflow_id], key, order)

    def _is_known(self, key: str) -> bool:
        with self._store.reading() as tx:
            return tx.remembers(key)

    def _log_reset(self, workflow_id: str, incident_id: IncidentId, key: str, order: SweepOrder) -> None:
        with self._store.writing() as tx:
            if tx.remember(key, order.at):
                tx.log.append([_entry("sweep.reset", key, workflow_id, incident_id, order)])

    async def _report_newer(self, order: SweepOrder) -> None:
        """Page once for each open incident that an input has a newer version of than the pinned one."""
        for incident_id, key in await asyncio.to_thread(self._newer):
            page = _newer_page(incident_id, key, order)
            await self._pager.page(page)
            with suppress(Deferred, Broken):
                await asyncio.to_thread(self._remember, page.key, order)

    async def _report_parked(self, order: SweepOrder) -> None:
        """Page once for each failure that nobody could assign: somebody may not have been told."""
        for receipt in await asyncio.to_thread(self._parked):
            page = _parked_page(receipt, order)
            await self._pager.page(page)
            with suppress(Deferred, Broken):
                await asyncio.to_thread(self._remember, page.key, order)

    def _parked(self) -> list[Receipt]:
        with self._store.reading() as tx:
            failed = [receipt for receipt in tx.receipts.parked() if receipt.kind in BY_ADDRESS]
            return [receipt for receipt in failed if not tx.remembers(f"parked:{receipt.receipt_id}")]

    def _newer(self) -> list[tuple[IncidentId, str]]:
        with self._store.reading() as tx:
            newest, revision = tx.law.newest(), tx.register.revision()
            found = []
            for state in tx.incidents.all(open_only=True):
                pinned = tx.law.pinned(state.incident_id)
                law = pinned is not None and newest is not None and pinned != newest
                if law or tx.register.outdated(state.incident_id):
                    found.append((state.incident_id, f"{newest.law[:12] if newest else ''}:{revision}"))
            return [(one, key) for one, key in found if not tx.remembers(f"newer:{one}:{key}")]

    def _remember(self, key: str, order: SweepOrder) -> None:
        with self._store.writing() as tx:
            tx.remember(key, order.at)

    def _beat(self, order: SweepOrder) -> None:
        # Last, and failing with the store: a sweep that could not write down what it found has not come to its end.
        with self._store.writing() as tx:
            tx.beats.put(SWEPT, order.at)

    def _expected(self) -> dict[str, IncidentId]:
        with self._store.reading() as tx:
            return must_run(tx)

    async def _report_all(
        self, missing: Sequence[str], expected: dict[str, IncidentId], order: SweepOrder
    ) -> Deferred | None:
        """Report each; return the failure of one whose page was not taken, which keeps no other one back."""
        failed: Deferred | None = None
        for workflow_id in missing:
            try:
                await self._report(workflow_id, expected[workflow_id], order)
            except Deferred as error:
                failed = error
        return failed

    async def _report(self, workflow_id: str, incident_id: IncidentId, order: SweepOrder) -> None:
        """Page for the difference and log it, once a sweep. A store that cannot be written never keeps a page back."""
        if await asyncio.to_thread(self._is_news, workflow_id, order):
            await self._pager.page(_page(workflow_id, incident_id, order))
            with suppress(Deferred, Broken):
                await asyncio.to_thread(self._log, workflow_id, incident_id, order)

    def _is_news(self, workflow_id: str, order: SweepOrder) -> bool:
        with suppress(_LookedOnlyError, Deferred, Broken), self._store.writing() as tx:
            if tx.remember(_key(workflow_id, order), order.at):
                # Looking must not remember: the page comes first.
                raise _LookedOnlyError
            return False
        return True

    def _log(self, workflow_id: str, incident_id: IncidentId, order: SweepOrder) -> None:
        with self._store.writing() as tx:
            if not tx.remember(_key(workflow_id, order), order.at):
                return
            entry = _entry("sweep.missing", f"sweep:{workflow_id}:{order.run_id}", workflow_id, incident_id, order)
            tx.log.append([entry])


def _missing(runs: Mapping[str, Run]) -> tuple[str, ...]:
    return tuple(sorted(workflow_id for workflow_id, run in runs.items() if not run.running))


def _entry(kind: str, key: str, workflow_id: str, incident_id: IncidentId, order: SweepOrder) -> EntryDraft:
    return EntryDraft(
        key=key,
        at=order.at,
        kind=kind,
        incident_id=incident_id,
        actor="engine",
        run_id=order.run_id,
        data={"workflow": workflow_id},
    )


class _LookedOnlyError(Exception):
    """Rolls a transaction back."""


def _key(workflow_id: str, order: SweepOrder) -> str:
    """What is missing at the next sweep as well, or lost again, is paged for again."""
    return f"sweep:{workflow_id}:{order.run_id}"


def _newer_page(incident_id: IncidentId, key: str, order: SweepOrder) -> Page:
    return Page(
        key=f"newer:{incident_id}:{key}",
        subject=f"Newer law, holidays or agreements for incident {incident_id}",
        text=(
            "An input of its deadlines has a newer version than the one it runs by. Nothing has moved.\n"
            f"See what it would change: tocsin recompute {incident_id}\n"
        ),
        at=order.at,
    )


def _parked_page(receipt: Receipt, order: SweepOrder) -> Page:
    return Page(
        key=f"parked:{receipt.receipt_id}",
        subject=f"A letter came back, and nobody knows which: {receipt.kind}",
        text=(
            f"A failure reported by {receipt.source} names no notice of ours, or could be of several: somebody may not "
            "have been told, and nobody else is written to instead.\n"
            "See it, and say whose it is: tocsin receipts parked\n"
        ),
        at=order.at,
    )


def _reset_page(workflow_id: str, incident_id: IncidentId, key: str, order: SweepOrder) -> Page:
    return Page(
        key=key,
        subject=f"A part of incident {incident_id} was reset by hand",
        text=(
            f"Somebody set {workflow_id} back to an earlier point of its history. What it does over again may not fit "
            "what is written already: then it pages that it cannot go on.\nIf so, terminate it: the next sweep starts "
            f"it again where it stood. Until then keep its deadlines by hand: tocsin show {incident_id}\n"
        ),
        at=order.at,
    )


def _page(workflow_id: str, incident_id: IncidentId, order: SweepOrder) -> Page:
    if is_round(incident_id):
        return Page(
            key=_key(workflow_id, order),
            subject=f"A part of a round of the register is not running, {incident_id}",
            text=(
                f"The store says that {workflow_id} must run, but Temporal did not run it. It is started again where "
                f"it stood. No incident is touched.\nSee: tocsin register probe --show {incident_id}\n"
            ),
            at=order.at,
        )
    return Page(
        key=_key(workflow_id, order),
        subject=f"A part of incident {incident_id} is not running",
        text=(
            f"The store says that {workflow_id} must run, but Temporal did not run it: it was terminated, reset or "
            "lost.\nIt is started again where it stood; find out who or what ended it. If it is reported again, that "
            "did not help: keep its deadlines by hand.\n"
            f"See Temporal's Web UI and `tocsin show {incident_id}`.\n"
        ),
        at=order.at,
    )
