"""Looking from outside: reads the store without a key, asks Temporal whether it answers, and remembers what it told.

It needs no master key, no worker and no Temporal to do its work, so it may run on another machine.
"""

import asyncio
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from tocsin import wire
from tocsin.adapters.outbox import write_whole
from tocsin.adapters.sql import open_store
from tocsin.adapters.temporal_connection import connect
from tocsin.audit.entry import leaf_hash
from tocsin.audit.tree import Frontier
from tocsin.domain.errors import Broken, TocsinError
from tocsin.domain.values import IncidentId, Instant, Value
from tocsin.domain.watching import Log, Seen
from tocsin.ports import SWEPT, Transaction
from tocsin.settings import Settings

ANSWERS_WITHIN = 5.0
"""Seconds for Temporal to answer."""

POLLED_WITHIN = timedelta(minutes=2)
"""A worker polls at least once a minute; one that has died stays in Temporal's list for some minutes more."""

ROOM = 200 * 1024 * 1024
"""Bytes that must be free where the home lies: a store, an outbox and a log that cannot grow stop everything."""


class Memory(Value):
    """What the watcher remembers from one look to the next, in a file of its own."""

    log: Frontier | None = None
    told_at: dict[str, Instant] = {}

    @classmethod
    def read(cls, file: Path) -> "Memory":
        """Return what the file holds; nothing, if it is not there or cannot be read: then it is told again."""
        try:
            return cls.model_validate_json(file.read_bytes())
        except (OSError, ValueError):
            return cls()

    def write(self, file: Path) -> None:
        """Write the file whole. Raises OSError if the disk refuses."""
        write_whole(file, self.model_dump_json().encode())


class _NoKeys:
    """Opens nothing: what the watcher reads is not sealed."""

    def seal(self, scope: str, content: bytes, about: str) -> bytes:
        raise Broken(f"the watcher writes nothing, and was asked to seal {about}")

    def open(self, scope: str, sealed: bytes, about: str) -> bytes:
        raise Broken(f"the watcher has no keys, and was asked to open {about}")

    def salt(self, incident_id: IncidentId) -> bytes:
        raise Broken("the watcher has no keys")

    def ensure(self, incident_id: IncidentId) -> None:
        raise Broken("the watcher makes no keys")

    def mark(self, what: str, value: str) -> str:
        raise Broken(f"the watcher has no keys, and was asked to mark a {what}")


async def look(settings: Settings, before: Frontier | None, at: datetime) -> tuple[Seen, Frontier | None]:
    """Return what is to be seen at `at`, and the log's frontier for the next look."""
    (engine, pollers), (store, seen, head) = await asyncio.gather(
        _ask_engine(settings, at), asyncio.to_thread(_read_store, settings, before)
    )
    return Seen(at=at, engine=engine, pollers=pollers, store=store, disk=disk(settings.home), **seen), head


def _read_store(settings: Settings, before: Frontier | None) -> tuple[str, dict[str, Any], Frontier | None]:
    try:
        store = open_store(settings.database_url, _NoKeys())
    except TocsinError as error:
        return str(error), {}, before
    try:
        with store.reading() as tx:
            return "", *_seen(tx, before)
    except TocsinError as error:
        return str(error), {}, before
    finally:
        store.close()


def _seen(tx: Transaction, before: Frontier | None) -> tuple[dict[str, Any], Frontier]:
    head = tx.log.head()
    newest = list(tx.log.entries(max(head.size - 1, 0)))
    seen: dict[str, Any] = {
        "clocks": tuple(tx.duties.running_clocks()),
        "swept_at": tx.beats.last(SWEPT),
        "open_incidents": len(tx.incidents.all(open_only=True)),
        "changed_at": tx.incidents.changed_at(),
        "log": Log(size=head.size, root=head.root(), newest_at=_instant(newest[-1].body) if newest else None),
    }
    if before is not None:
        seen["before"] = Log(size=before.size, root=before.root())
        seen["before_holds"] = _grew_from(tx, before, head)
    return seen, head


def _grew_from(tx: Transaction, before: Frontier, head: Frontier) -> bool:
    """Say whether the head is the one before with the entries since appended: nothing below was rewritten."""
    if head.size < before.size:
        return False
    return before.extended(leaf_hash(entry.body) for entry in tx.log.entries(before.size)).root() == head.root()


def _instant(body: bytes) -> datetime | None:
    try:
        return datetime.fromisoformat(json.loads(body)["at"])
    except (ValueError, LookupError, TypeError):
        return None  # an entry that was edited: verifying the log names it


async def _ask_engine(settings: Settings, at: datetime) -> tuple[str, int | None]:
    try:
        return "", await asyncio.wait_for(_pollers(settings, at), ANSWERS_WITHIN)
    except (RuntimeError, TimeoutError, RPCError) as error:
        return f"{settings.temporal_address} gives no answer ({type(error).__name__}).", None


async def _pollers(settings: Settings, at: datetime) -> int:
    return await pollers(await connect(settings), at)


async def pollers(client: Client, at: datetime) -> int:
    """Return how many workers poll the queue at `at`. Raises RPCError if Temporal does not say."""
    # A worker that has died is listed for some minutes yet: only one that polled lately counts.
    return sum(at - last < POLLED_WITHIN for last in await polled_at(client))


async def polled_at(client: Client) -> list[datetime]:
    """Return when each worker that Temporal lists polled last, by Temporal's clock."""
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=wire.TASK_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    return [poller.last_access_time.ToDatetime(UTC) for poller in described.pollers]


def disk(home: Path) -> str:
    """Return why the disk under `home` is a danger; empty: it is none."""
    try:
        free = shutil.disk_usage(home).free
    except OSError as error:
        return f"{home} cannot be looked at ({error.strerror})."
    return "" if free >= ROOM else f"Only {free // 1024 // 1024} MiB are free where {home} lies."
