"""The investigation steps and mitigation tasks of one incident, and the notices that people deliver by hand."""

import asyncio
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.pages import Pages
    from activities.tasks import Keeping, Opening, Tasks
    from tocsin import wire
    from tocsin.domain.act import Act, Envelope, Receipt, Role, TaskAdd, TaskAssign, TaskDone
    from tocsin.domain.errors import Refused
    from tocsin.domain.incident import OVER, Status
    from tocsin.domain.promise import Promise, after_release, reminded
    from tocsin.domain.task import (
        Task,
        TaskKind,
        TaskState,
        due_unreminded,
        finish,
        next_due_at,
        reassign,
        task_id_of,
    )
    from tocsin.domain.values import NoticeId
    from tocsin.ports import Page

from workflows import options
from workflows.deeds import Insistent, perform
from workflows.pace import Stamps, scenario_now, wait_until
from workflows.refusals import refusal, unwrapped


@workflow.defn(name=wire.RESPONSE)
class ResponseWorkflow:
    """Runs until the incident is over and no task, improvements included, is left."""

    @workflow.init
    def __init__(self, order: wire.ResponseInput) -> None:
        self._order = order
        self.tempo = order.tempo
        self._tasks: tuple[Task, ...] = order.tasks or ()
        self._opened = order.tasks is not None
        self._stamps = Stamps(order.incident_id, order.tempo, order.sequence)
        self._insistent = Insistent(order.incident_id, order.tempo)
        self._turn = asyncio.Lock()
        self._handed: list[Task] = []
        self._promised: list[Promise] = []
        self._over: Status | None = order.over
        self._stirred = False
        self._page_again_at: datetime | None = None

    @workflow.run
    async def run(self, order: wire.ResponseInput) -> None:
        """Open the playbook, then remind of what is due until nothing is left."""
        if not self._opened:
            await self._open()
        while not self._finished():
            self._stirred = False
            await self._take_over_notices()
            await self._take_over_promises()
            await self._remind()
            self._show()
            await wait_until(order.tempo, self._wakes_at(), self._must_look, "next task due")
            if workflow.info().is_continue_as_new_suggested() and self._idle():
                workflow.continue_as_new(self._carried())

    @workflow.update(name=wire.ACT, description="A person's act upon a task")
    async def act(self, envelope: Envelope) -> Receipt:
        """Add, assign or finish a task."""
        await workflow.wait_condition(lambda: self._opened)
        async with self._turn:
            return await self._perform(envelope)

    @act.validator
    def _admit(self, envelope: Envelope) -> None:
        try:
            if self._opened:
                self._changed(envelope.act)
        except Refused as error:
            raise refusal(error) from error

    @workflow.signal(name=wire.BY_HAND, description="Notices that a person must deliver")
    def by_hand(self, message: wire.NoticeByHand) -> None:
        """Make a task of each notice that has none yet."""
        self._handed.extend(message.tasks)
        self._stirred = True

    @workflow.signal(name=wire.PROMISED, description="A wave was released that may keep or make a promise")
    def promised(self, message: Promise) -> None:
        """Keep the promises that its letters make, and end those that they keep."""
        self._promised.append(message)
        self._stirred = True

    @workflow.signal(name=wire.INCIDENT_OVER, description="The incident ended or was taken up again")
    def incident_over(self, message: wire.IncidentOver) -> None:
        """Remember how the incident stands."""
        self._over = message.status if message.status in OVER else None
        self._stirred = True

    @workflow.query(name=wire.STATUS)
    def status(self) -> tuple[Task, ...]:
        """Return the tasks."""
        return self._tasks

    async def _open(self) -> None:
        opening = Opening(stamp=self._stamps.next(), kind=self._order.kind)
        opened = await self._insistent.do(Tasks.open, opening, options.STORE, "open the playbook")
        self._tasks = opened.tasks
        self._opened = True
        await self._tell()

    async def _perform(self, envelope: Envelope) -> Receipt:
        act = envelope.act
        try:
            tasks, about = self._changed(act)
            keeping = Keeping(stamp=self._stamps.next(), tasks=tasks, reason=act.deed.kind, envelope=envelope)
            recorded = await perform(Tasks.keep, keeping, options.STORE, act.deed.kind)
        except Refused as error:
            raise refusal(error) from error
        except ActivityError as error:
            raise unwrapped(error) from error
        if not recorded.already:
            self._tasks = tasks
            self._stirred = True
            by_hand = about.notice_id if isinstance(act.deed, TaskDone) else None
            await self._tell(by_hand)
        return Receipt(
            incident_id=self._order.incident_id,
            act_id=act.act_id,
            status=str(about.state),
            lines=(f"{about.title}: {about.state}, owner {about.owner}",),
            ids={"task": about.task_id},
            already=recorded.already,
        )

    def _changed(self, act: Act) -> tuple[tuple[Task, ...], Task]:
        """Return all tasks after the act, and the one that it is about. Raises Refused."""
        _check_roles(act)
        match act.deed:
            case TaskDone(task_id=task_id, outcome=outcome, proof=proof):
                tasks = finish(self._tasks, task_id, outcome, proof, scenario_now(self._order.tempo), act.act_id)
            case TaskAssign(task_id=task_id, owner=owner):
                tasks = reassign(self._tasks, task_id, owner)
            case TaskAdd() as deed:
                added = self._added(act, deed)
                tasks, task_id = (*self._tasks, added), added.task_id
            case _:
                raise Refused(f"{act.deed.kind} is not an act upon a task; send it to the incident")
        return tasks, next(task for task in tasks if task.task_id == task_id)

    def _added(self, act: Act, deed: TaskAdd) -> Task:
        if self._over is not None and deed.task_kind is not TaskKind.IMPROVEMENT:
            raise Refused(f"the incident is {self._over}; add an improvement, or reopen it first: tocsin reopen")
        known = {task.task_id: task for task in self._tasks}
        unknown = [task_id for task_id in deed.depends_on if task_id not in known]
        if unknown:
            raise Refused(f"it cannot depend on {', '.join(unknown)}: there is no such task")
        waits = any(known[task_id].state is not TaskState.DONE for task_id in deed.depends_on)
        return Task(
            task_id=task_id_of(self._order.incident_id, act.act_id),
            incident_id=self._order.incident_id,
            kind=deed.task_kind,
            key=act.act_id,
            title=deed.title,
            owner=deed.owner,
            due_at=scenario_now(self._order.tempo) + deed.due_in,
            depends_on=deed.depends_on,
            state=TaskState.WAITING if waits else TaskState.OPEN,
        )

    async def _take_over_notices(self) -> None:
        async with self._turn:
            known = {task.key for task in self._tasks}
            new = tuple({task.key: task for task in self._handed if task.key not in known}.values())
            self._handed.clear()
            if not new:
                return
            keeping = Keeping(stamp=self._stamps.next(), tasks=new, reason="handed_over")
            await self._insistent.do(Tasks.keep, keeping, options.STORE, "notices by hand")
            self._tasks = (*self._tasks, *new)
            await self._tell()
        for task in new:
            what = "A notice needs a person" if task.kind is TaskKind.NOTICE else "A task came from another incident"
            await self._page(f"handed:{task.task_id}", f"{what}, incident {task.incident_id}", task)

    async def _take_over_promises(self) -> None:
        while self._promised:
            async with self._turn:
                promise = self._promised.pop(0)
                now = scenario_now(self._order.tempo)
                changed = {t.task_id: t for t in after_release(self._tasks, promise, self._order.incident_id, now)}
                if not changed:
                    continue
                keeping = Keeping(stamp=self._stamps.next(), tasks=tuple(changed.values()), reason="promised")
                await self._insistent.do(Tasks.keep, keeping, options.STORE, "promises")
                self._tasks = tuple(({task.task_id: task for task in self._tasks} | changed).values())
                await self._tell()

    async def _remind(self) -> None:
        for task in due_unreminded(self._tasks, scenario_now(self._order.tempo)):
            if not await self._page(_due_key(task), f"Task due, incident {task.incident_id}", task):
                self._page_again_at = scenario_now(self._order.tempo) + options.PAGE_AGAIN
                return
            await self._mark_reminded(task)
        self._page_again_at = None

    async def _mark_reminded(self, task: Task) -> None:
        async with self._turn:
            current = next(t for t in self._tasks if t.task_id == task.task_id)
            if current.owner != task.owner:
                # It was given to another owner while the page was on its way: they have not been reminded.
                return
            after = reminded(current, scenario_now(self._order.tempo))
            keeping = Keeping(stamp=self._stamps.next(), tasks=(after,), reason="reminded")
            await self._insistent.do(Tasks.keep, keeping, options.STORE, "reminded")
            self._tasks = tuple(after if t.task_id == task.task_id else t for t in self._tasks)

    async def _page(self, key: str, subject: str, task: Task) -> bool:
        kind = _WORDS.get(task.kind, f"an {task.kind} task")
        text = (
            f"Task {task.task_id}, {kind}, is due {task.due_at.isoformat()}; owner: {task.owner}.\n"
            f"See it: tocsin task list {task.incident_id}\n"
        )
        page = Page(key=key, subject=subject, text=text, at=scenario_now(self._order.tempo))
        try:
            await perform(Pages.send, page, options.PAGE, "page")
        except ActivityError:
            workflow.logger.error("page %s was not taken; trying again in %s", key, options.PAGE_AGAIN)
            return False
        return True

    async def _tell(self, settled: NoticeId | None = None) -> None:
        blocking = sum(task.blocks_closing for task in self._tasks)
        message = wire.TasksChanged(blocking=blocking, settled_notice=settled)
        incident = workflow.get_external_workflow_handle(wire.incident_workflow(self._order.incident_id))
        try:
            await incident.signal(wire.TASKS_CHANGED, message)
        except Exception as error:  # noqa: BLE001 - an improvement that outlives its incident: nobody is left to tell
            workflow.logger.info("the incident could not be told: %s", type(error).__name__)

    def _finished(self) -> bool:
        """Say whether the run may end: nothing is left, and no act is under way that might change that."""
        if self._over is None or not workflow.all_handlers_finished():
            return False
        left = any(task.state is not TaskState.DONE for task in self._tasks)
        return self._over in {Status.DISMISSED, Status.MERGED} or not (left or self._handed or self._promised)

    def _must_look(self) -> bool:
        return self._stirred or self._finished()

    def _idle(self) -> bool:
        """Say whether a new run would lose nothing: what was handed over is kept, and each act has its answer."""
        return not (self._handed or self._promised) and workflow.all_handlers_finished()

    def _wakes_at(self) -> datetime | None:
        return self._page_again_at or next_due_at(self._tasks)

    def _show(self) -> None:
        done = sum(task.state is TaskState.DONE for task in self._tasks)
        workflow.set_current_details(f"{done} of {len(self._tasks)} tasks done")

    def _carried(self) -> wire.ResponseInput:
        return self._order.model_copy(
            update={"sequence": self._stamps.sequence, "tasks": self._tasks, "over": self._over}
        )


_WORDS = {
    TaskKind.NOTICE: "a notice to deliver by hand",
    TaskKind.PROMISE: "a promise of our letters to tell what was not yet known",
    TaskKind.MITIGATION: "a mitigation task",
}


def _due_key(task: Task) -> str:
    """Return the key of a reminder's page: of a promise each is one of its own, for they go on until it is kept."""
    again = f":{task.due_at.isoformat()}" if task.kind is TaskKind.PROMISE else ""
    return f"due:{task.task_id}:{task.owner}{again}"


def _check_roles(act: Act) -> None:
    if not act.actor.roles:
        fix = "an admin gives roles in people.toml"
        raise Refused(f"{act.actor.name} has no role here and may not {act.deed.kind}; {fix}")
    if act.actor.roles == {Role.AUDITOR}:
        raise Refused(f"an auditor reads and changes nothing; {act.actor.name} may not {act.deed.kind}")
