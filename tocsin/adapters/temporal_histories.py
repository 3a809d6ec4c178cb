"""The histories that Temporal keeps of an incident's workflows, in clear: each run as JSON that can be replayed."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowExecution, WorkflowHistory
from temporalio.converter import PayloadCodec
from temporalio.service import RPCError, RPCStatusCode

from tocsin import wire
from tocsin.adapters.evidence import Means
from tocsin.adapters.evidence.keep import PackShelf
from tocsin.adapters.evidence.sign import LogSigner
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.vault import Vault
from tocsin.domain.errors import Deferred
from tocsin.domain.values import IncidentId
from tocsin.ports import Store


class TemporalHistories:
    """Reads histories over a connected client, whose converter opens their payloads."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def of(self, incident_id: IncidentId, workflow_ids: Iterable[str]) -> dict[str, bytes]:
        """Return, by file name, every run that Temporal keeps of the incident's workflows, oldest first.

        `workflow_ids` are those that the store knows of: the newest run of each is there even if it has just begun.

        Raises:
            Deferred: if Temporal does not answer.
            Broken: if a payload cannot be opened.
        """
        found: dict[str, bytes] = {}
        numbers: Counter[str] = Counter()
        try:
            for workflow_id, run_id in await self._runs(incident_id, workflow_ids):
                stem = _stem(workflow_id)
                numbers[stem] += 1
                found[f"{stem}-{numbers[stem]}.json"] = await self._clear(workflow_id, run_id)
        except RPCError as error:
            raise Deferred(f"the engine does not give its histories ({error.message}); try again") from error
        return found

    async def _runs(self, incident_id: IncidentId, workflow_ids: Iterable[str]) -> list[tuple[str, str]]:
        own = (wire.incident_workflow(incident_id), wire.response_workflow(incident_id))
        prefixes = (f"tocsin/clock/{incident_id}/", f"tocsin/wave/{incident_id}/")
        asked = [f"WorkflowId = '{one}'" for one in own] + [f"WorkflowId STARTS_WITH '{one}'" for one in prefixes]
        listed = [run async for run in self._client.list_workflows(" OR ".join(asked))]
        # The list lags behind: what has just begun is asked for by its id.
        found = {run.run_id for run in listed}
        described = [one for each in {*own, *workflow_ids} if (one := await self._described(each)) is not None]
        runs = [*listed, *(one for one in described if one.run_id not in found)]
        ordered = sorted(runs, key=lambda run: (run.id, run.start_time, run.run_id))
        return [(run.id, run.run_id) for run in ordered]

    async def _described(self, workflow_id: str) -> WorkflowExecution | None:
        try:
            return await self._client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def _clear(self, workflow_id: str, run_id: str) -> bytes:
        history = await self._client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        codec = self._client.data_converter.payload_codec
        if codec is not None:
            await open_payloads(history, codec)
        return as_text(workflow_id, history)


def open_shelf(store: Store, vault: Vault, keyring: FileKeyring, client: Client, home: Path) -> PackShelf:
    """Return where an installation keeps its evidence packs."""
    means = Means(vault, LogSigner(keyring))
    return PackShelf(store, means, TemporalHistories(client).of, home / "evidence")


async def open_payloads(history: WorkflowHistory, codec: PayloadCodec) -> None:
    """Replace every payload in a history by what it was before it was sealed."""
    sealed = [payload for event in history.events for payload in _payloads(event)]
    for payload, clear in zip(sealed, await codec.decode(sealed), strict=True):
        payload.CopyFrom(clear)


def as_text(workflow_id: str, history: WorkflowHistory) -> bytes:
    """Return a history as JSON, an event a line."""
    events = history.to_json_dict()["events"]
    lines = ",\n".join(json.dumps(event, separators=(",", ":"), sort_keys=True) for event in events)
    return f'{{"workflowId":{json.dumps(workflow_id)},"events":[\n{lines}\n]}}\n'.encode()


def _payloads(message: Message) -> Iterator[Payload]:
    """Find every payload in a message, however deep: in inputs, results, failures, headers and memos."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            parts = value.values() if field.message_type.fields_by_name["value"].message_type else ()
        else:
            parts = value if field.is_repeated else (value,)
        for part in parts:
            yield from _payloads(part)


def _stem(workflow_id: str) -> str:
    """Return the beginning of a file's name: the kind of workflow, and its own part of the id if it has one."""
    parts = workflow_id.split("/")
    return "-".join([parts[1], *parts[3:]])
