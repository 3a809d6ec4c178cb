"""The payload codec against a real Temporal server: nothing of an incident is readable there, and nothing is lost."""

import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.client import Client, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.common import RetryPolicy
from temporalio.converter import DataConverter
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from tests.ports.home import Home, a_home
from tocsin.adapters.codec import ENCODING, SCOPE, IncidentCodec, data_converter
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.temporal_runs import schedule_sweep
from tocsin.adapters.vault import Vault
from tocsin.domain.errors import Broken
from tocsin.domain.tempo import ON_THE_WALL
from tocsin.domain.values import ClockId, IncidentId, Value
from tocsin.wire import SWEEP_SCHEDULE, clock_workflow, incident_workflow

NAMESPACE = "tocsin-codec"
INCIDENT = IncidentId("inc-birch")
AT_ONCE = RetryPolicy(maximum_attempts=1)
SOON = timedelta(seconds=20)
MARK = "Birch Clinic"
"""Stands in everything that the story below says, so that one search finds whatever leaks."""


class Told(Value):
    """What the story is told."""

    title: str
    again: bool = True


@activity.defn
async def look(told: Told) -> str:
    """Beat with details, and fail with details."""
    activity.heartbeat(f"{MARK} heartbeat")
    raise ApplicationError(f"{MARK} failed over {told.title}", Told(title=f"{MARK} detail"), type="NotFound")


@activity.defn
async def find(told: Told) -> str:
    """Answer with what was asked."""
    return f"{MARK} found {told.title}"


@workflow.defn(sandboxed=False)
class Clock:
    """A child, which signals its parent and answers it."""

    @workflow.run
    async def run(self, told: Told) -> Told:
        """Signal the parent."""
        parent = workflow.get_external_workflow_handle(incident_workflow(INCIDENT))
        await parent.signal(Story.note, f"{MARK} from the clock")
        return told


@workflow.defn(sandboxed=False)
class Story:
    """Uses every way in which words get into Temporal."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @workflow.run
    async def run(self, told: Told) -> None:
        """Say things in every way there is, continue as new, then fail."""
        workflow.set_current_details(f"{MARK} current details")
        workflow.upsert_memo({"title": f"{MARK} memo"})
        if told.again:
            await self._ask(told)
            await workflow.sleep(0.01, summary=f"{MARK} timer")
            await workflow.wait_condition(lambda: any("by hand" in word for word in self.heard))
            workflow.continue_as_new(Told(title=told.title, again=False))
        raise ApplicationError(f"{MARK} ended", Told(title=f"{MARK} in the end"), type="Ended")

    async def _ask(self, told: Told) -> None:
        try:
            await workflow.execute_activity(
                look, told, start_to_close_timeout=SOON, retry_policy=AT_ONCE, summary=f"{MARK} summary"
            )
        except ActivityError as error:
            cause = error.cause
            assert isinstance(cause, ApplicationError)
            self.heard.append(f"{cause.message} / {cause.details[0]['title']}")
        self.heard.append(await workflow.execute_activity(find, told, start_to_close_timeout=SOON))
        self.heard.append(await workflow.execute_local_activity(find, told, start_to_close_timeout=SOON))
        answer = await workflow.execute_child_workflow(
            Clock.run,
            Told(title=f"{MARK} for the clock"),
            id=clock_workflow(INCIDENT, ClockId("clk-1")),
            memo={"for": f"{MARK} child memo"},
            static_summary=f"{MARK} child summary",
        )
        self.heard.append(answer.title)

    @workflow.signal
    def note(self, text: str) -> None:
        """Hear a signal."""
        self.heard.append(text)

    @workflow.update
    async def act(self, told: Told) -> str:
        """Answer an update."""
        self.heard.append(told.title)
        return f"{MARK} heard {told.title}"

    @act.validator
    def _may(self, told: Told) -> None:
        if "Mallory" in told.title:
            raise ApplicationError(f"{MARK} refuses {told.title}")

    @workflow.query
    def status(self, about: str) -> list[str]:
        """Answer a query."""
        return [f"{MARK} asked {about}", *self.heard]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Yield an installation."""
    home = a_home(tmp_path_factory.mktemp("home"))
    yield home
    home.engine.dispose()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Yield somebody else's installation, which has keys of its own for incidents of the same ids."""
    stranger = a_home(tmp_path_factory.mktemp("stranger"))
    stranger.vault.ensure(INCIDENT)
    yield stranger
    stranger.engine.dispose()


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Client]:
    """Yield a client without a codec, on a Temporal server of our own."""
    binary = shutil.which("temporal") or str(Path(sys.executable).parent / "temporal")
    async with await WorkflowEnvironment.start_local(namespace=NAMESPACE, dev_server_existing_path=binary) as env:
        yield env.client


def connected(server: Client, converter: DataConverter) -> Client:
    """Return a client with another converter."""
    return Client(server.service_client, namespace=NAMESPACE, data_converter=converter)


class Lived(NamedTuple):
    """A story that was lived to its end: what clients saw, and all that the server holds of it."""

    client: Client
    failure: BaseException
    refusal: str
    answer: str
    query: list[str]
    runs: list[tuple[str, str | None]]
    """Workflow id and run id; no run id: the newest."""
    kept: list[Message]

    def payloads(self) -> list[Payload]:
        """Return every payload that the server holds."""
        return [payload for message in self.kept for payload in payloads_in(message)]


@pytest.fixture(scope="module")
async def lived(server: Client, home: Home) -> Lived:
    """Live the story."""
    client = connected(server, data_converter(home.vault, NAMESPACE))
    queue = f"codec-{uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[Story, Clock], activities=[look, find]):
        handle = await client.start_workflow(
            Story.run,
            Told(title=f"{MARK} title"),
            id=incident_workflow(INCIDENT),
            task_queue=queue,
            memo={"first": f"{MARK} first memo"},
            static_summary=f"{MARK} static summary",
            static_details=f"{MARK} static details",
        )
        answer = await handle.execute_update(Story.act, Told(title=f"{MARK} update"))
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update(Story.act, Told(title="Mallory"))
        await handle.signal(Story.note, f"{MARK} by hand")
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()
        first = client.get_workflow_handle_for(Story.run, handle.id, run_id=handle.first_execution_run_id)
        query = await first.query(Story.status, "the story")
    runs = [
        (handle.id, handle.first_execution_run_id),
        (handle.id, None),
        (clock_workflow(INCIDENT, ClockId("clk-1")), None),
    ]
    kept = [message for run in runs for message in await everything(server, *run)]
    return Lived(client, failed.value.cause, str(refused.value.cause), answer, query, runs, kept)


async def everything(server: Client, workflow_id: str, run_id: str | None) -> list[Message]:
    """Return the events of a run and its description, undecoded."""
    handle = server.get_workflow_handle(workflow_id, run_id=run_id)
    events: list[Message] = [event async for event in handle.fetch_history_events()]
    return [*events, (await handle.describe()).raw_description]


async def test_schedule_inputs_use_the_namespaces_key(server: Client, home: Home) -> None:
    """What a schedule starts the sweep with is sealed under the namespace's key, and belongs to no incident."""
    client = connected(server, data_converter(home.vault, NAMESPACE))
    await schedule_sweep(client, 300, ON_THE_WALL)

    described = await server.get_schedule_handle(SWEEP_SCHEDULE).describe()

    [payload] = payloads_in(described.raw_description.schedule.action.start_workflow.input)
    assert [payload.metadata["encoding"], payload.metadata[SCOPE]] == [ENCODING, b"namespace"]
    [opened] = await IncidentCodec(home.vault, NAMESPACE).decode([payload])
    assert b"origin" in opened.data


def payloads_in(message: Message) -> Iterator[Payload]:
    """Yield every payload in a message, however deep, search attributes left out: the server must read those."""
    if isinstance(message, Payload):
        yield message
    elif not isinstance(message, SearchAttributes):
        for field, value in message.ListFields():
            for inner in inner_messages(field, value):
                yield from payloads_in(inner)


def inner_messages(field: FieldDescriptor, value: Any) -> list[Message]:
    """Return the messages in a field, whether it is one, a list or a map."""
    if field.type != FieldDescriptor.TYPE_MESSAGE:
        return []
    if isinstance(value, Message):
        return [value]
    values = value.values() if hasattr(value, "values") else value
    return [inner for inner in values if isinstance(inner, Message)]


def test_clients_and_workflows_read_everything(lived: Lived) -> None:
    """Arguments, results, signals, updates, queries, memos and failures arrive as they were said."""
    assert lived.answer == f"{MARK} heard {MARK} update"
    assert lived.refusal == f"{MARK} refuses Mallory"
    assert sorted(lived.query) == sorted(
        [
            f"{MARK} asked the story",
            f"{MARK} update",
            f"{MARK} by hand",
            f"{MARK} failed over {MARK} title / {MARK} detail",
            f"{MARK} found {MARK} title",
            f"{MARK} found {MARK} title",
            f"{MARK} from the clock",
            f"{MARK} for the clock",
        ]
    )
    assert isinstance(lived.failure, ApplicationError)
    assert lived.failure.message == f"{MARK} ended"
    assert Told.model_validate(lived.failure.details[0]).title == f"{MARK} in the end"


def test_the_server_reads_nothing(lived: Lived) -> None:
    """Not one of the words that were said is among the bytes that the server holds, failures and details included."""
    raw = b"".join(message.SerializeToString() for message in lived.kept)

    assert len(raw) > 10_000
    for said in (MARK, "Mallory", "heartbeat", "summary", "found", "in the end", "current details", "by hand"):
        assert said.encode() not in raw


def test_every_payload_is_the_incidents(lived: Lived) -> None:
    """Each payload is sealed under the incident's own key, those of its clock too."""
    plain = [payload for payload in lived.payloads() if payload.metadata["encoding"] != ENCODING]
    scopes = [payload.metadata[SCOPE] for payload in lived.payloads() if payload not in plain]

    assert len(scopes) > 20
    assert set(scopes) == {INCIDENT.encode()}
    # The SDK's own note on the local activity: its number and times, nothing that anybody said.
    assert [b"activity_id" in payload.data for payload in plain] == [True]


async def test_a_history_replays(lived: Lived, home: Home) -> None:
    """A process that starts later, with the masters rotated twice since, replays what was recorded before."""
    home.keyring.rotate_master()
    home.keyring.rotate_master()
    home.vault.rewrap()
    replayer = Replayer(
        workflows=[Story, Clock],
        namespace=NAMESPACE,
        data_converter=data_converter(Vault(home.engine, FileKeyring.open(home.folder)), NAMESPACE),
    )

    for workflow_id, run_id in lived.runs:
        await replayer.replay_workflow(
            await lived.client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        )


async def test_a_stranger_reads_nothing(lived: Lived, server: Client, stranger: Home) -> None:
    """Another installation, with a key of its own for an incident of the same id, opens none of it."""
    client = connected(server, data_converter(stranger.vault, NAMESPACE))

    with pytest.raises(Broken, match="does not open"):
        await client.get_workflow_handle(incident_workflow(INCIDENT)).result()
    for payload in lived.payloads():
        if payload.metadata["encoding"] == ENCODING:
            with pytest.raises(Broken):
                await IncidentCodec(stranger.vault, NAMESPACE).decode([payload])
