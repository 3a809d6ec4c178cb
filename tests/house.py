"""A whole house on real parts, in one process: keys, store, outbox, worker and engine, for the tests of workflows."""

import email
import email.policy
import json
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import Worker

from activities.acts import Acts
from activities.checkpoints import Checkpoints
from activities.duties import Duties
from activities.erasures import Erasing
from activities.evidence import Evidence
from activities.fallback import Fallback
from activities.letters import Letters, Sender
from activities.pages import Pages
from activities.probing import Probing
from activities.sending import Sending
from activities.settling import Doubts
from activities.sweep import Sweep
from activities.tasks import Tasks
from tocsin import wire
from tocsin.adapters.callers import LadderCallers
from tocsin.adapters.codec import data_converter
from tocsin.adapters.copies import HomeCopies
from tocsin.adapters.door import SignedDoor
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.law import PolicyLaw
from tocsin.adapters.letters import JinjaLetters
from tocsin.adapters.notary import LogNotary
from tocsin.adapters.outbox import Outbox
from tocsin.adapters.pager import ChannelPager
from tocsin.adapters.posting import Posting
from tocsin.adapters.posting_pages import Site
from tocsin.adapters.register_csv import read_register
from tocsin.adapters.sql import SqlStore, create_engine_for, migrate, open_store
from tocsin.adapters.temporal_histories import open_shelf
from tocsin.adapters.temporal_runs import TemporalRuns
from tocsin.adapters.vault import Vault
from tocsin.client import Engine
from tocsin.domain.act import Act, Actor, Deed, Envelope, Receipt, Report, Role
from tocsin.domain.clock import ClockRow
from tocsin.domain.duty import Duty
from tocsin.domain.incident import Facts
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.ladder import Ladder, Rung, Who
from tocsin.domain.notice import Notice
from tocsin.domain.task import Task
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import ActId, AgreementId, IncidentId, PersonId, opaque_id
from tocsin.playbooks import load_playbooks
from tocsin.ports import Channel, Pager, Witness
from tocsin.settings import Settings
from workflows.every import WORKFLOWS

REGISTER = """\
agreement,party,notify,services,contact,deputies,copies,phone
BIRCH-1,Birch Clinic,promptly from discovery; 72h from confirmation,records-api,Bea Birch <bea@birch.example>,,,
CEDAR-1,Cedar Bank,36h from awareness; 72h from confirmation,records-api,\
Cem Cedar <cem@cedar.example>,Dee <dee@cedar.example>,Copy <copy@cedar.example>,
DOGWOOD-1,Dogwood School,72h from confirmation,archive,Dan Dogwood <dan@dogwood.example>,,,
ELM-1,Elm Logistics,72h from confirmation,lonely,,,,+44 20 0000 0000
"""


def person(name: str, *roles: Role, authenticated: str = "unverified local") -> Actor:
    """Return one of the characters."""
    person_id = PersonId(f"per-{name.lower()}")
    return Actor(person_id=person_id, name=name, roles=frozenset(roles), authenticated=authenticated)


ASHA = person("Asha", Role.RESPONDER)
DARA = person("Dara", Role.APPROVER)
NOOR = person("Noor", Role.AUDITOR)
MALLORY = person("Mallory")


class Paged(NamedTuple):
    """A page that was taken."""

    at: datetime
    subject: str
    text: str


class House:
    """Everything below one folder. `engine` is the door; `tx()` reads what the store holds."""

    def __init__(self, home: Path, client: Client, *, url: str | None = None, queue: str | None = None) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.keyring = (
            FileKeyring.create(home / "keys") if not (home / "keys").exists() else FileKeyring.open(home / "keys")
        )
        self.url = url or f"sqlite:///{home / 'store.sqlite'}"
        migrate(self.url)
        self.vault = Vault(create_engine_for(self.url), self.keyring)
        self.store: SqlStore = open_store(self.url, self.vault)
        self.queue = queue or f"tocsin-{uuid.uuid4()}"
        config = client.config()
        config["data_converter"] = data_converter(self.vault, client.namespace)
        self.client = Client(**config)
        self.channel: Channel = Outbox(home / "outbox")
        self.fallback: Channel | None = None
        self.paging: Channel = Outbox(home / "outbox", "pages")
        self.in_flight, self.group = 16, 16
        self.delivered_within: timedelta | None = None
        self.kept_for = timedelta(days=2192)
        self.public_url: str | None = None
        self.ladder = Ladder(rungs=(Rung(who=Who.OWNER, channels=("mail",)),))
        self.pagers: dict[str, Pager] = {}
        """Further pagers of the ladder, by name."""
        self.witnesses: list[Witness] = []
        self.law: PolicyLaw | None = None
        """What the worker takes for the law; None: what a real one reads."""
        self.tempo = Tempo(origin=datetime(2026, 1, 1, tzinfo=UTC))

    @property
    def engine(self) -> Engine:
        """The door to the incidents."""
        return Engine(self.client, self.queue, self.tempo)

    def register(self, text: str = REGISTER) -> None:
        """Publish a register."""
        with self.store.writing() as tx:
            tx.register.publish(read_register(text.encode(), self.keyring.id_key()), datetime.now(UTC))

    def agreement(self, reference: str) -> AgreementId:
        """Return the id of an agreement by its reference."""
        return AgreementId(opaque_id("agr", self.keyring.id_key(), reference))

    @asynccontextmanager
    async def working(self, **options: Any) -> AsyncIterator[Worker]:
        """Run a worker over this house. `max_cached_workflows=0` replays every task."""
        pager = ChannelPager(self.paging, "on-call@processor.example", "tocsin@processor.example")
        pagers = {**self.pagers, "mail": pager}
        law = self.law or PolicyLaw.load(self.home)
        with self.store.writing() as tx:
            tx.law.keep(law.current, law.content(), datetime.now(UTC))
        door = SignedDoor(self.keyring.door_publics(), allow_direct=True)
        notary = LogNotary.of(self.keyring)
        sender = Sender(name="Processor Ltd", address="desk@processor.example", public_url=self.public_url)
        channels = {channel.name: channel for channel in (self.channel, self.fallback) if channel is not None}
        channels[Posting.name] = posting = Posting(
            self.home / "posting", Site(owner="Processor Ltd", domain="processor.example")
        )
        copies = HomeCopies(Settings(home=self.home), self.keyring.open_from_engine)
        sending = Sending(self.store, channels, pager, self.in_flight, self.group)
        shelf = open_shelf(self.store, self.vault, self.keyring, self.client, self.home)
        erasing = Erasing(self.store, self.vault, copies, LadderCallers(self.ladder, pagers), self.kept_for)
        deeds = [
            *Acts(self.store, door, self.vault, notary).all(),
            *Checkpoints(self.store, notary, self.witnesses, pager).all(),
            *Duties(self.store, law, self.ladder).all(),
            *Evidence(self.store, shelf, erasing).all(),
            *Letters(self.store, JinjaLetters(), self.channel, sender, posting, sending.lists).all(),
            *sending.all(),
            *Doubts(self.store, channels).all(),
            *Fallback(self.store, self.delivered_within).all(),
            *Pages(self.store, LadderCallers(self.ladder, pagers), TemporalRuns(self.client, self.queue)).all(),
            *Probing(self.store, door, self.vault, JinjaLetters(), self.channel, sender).all(),
            *Sweep(self.store, TemporalRuns(self.client, self.queue), pager).all(),
            *Tasks(self.store, door, self.vault, load_playbooks(None)).all(),
        ]
        with ThreadPoolExecutor(16) as threads:
            worker = Worker(
                self.client,
                task_queue=self.queue,
                workflows=WORKFLOWS,
                activities=deeds,
                activity_executor=threads,
                # Temporal names a worker's own queue after it: workers of one process must not share one.
                identity=f"worker-{uuid.uuid4()}",
                graceful_shutdown_timeout=timedelta(seconds=5),
                **{"max_concurrent_activities": 16, **options},
            )
            try:
                async with worker:
                    yield worker
            finally:
                await sending.close()

    async def report(
        self, at: datetime, *, key: str | None = None, history_limit: int | None = None, **report: Any
    ) -> IncidentId:
        """Let Asha report at an instant; return the incident's id. `history_limit`: continue as new so early."""
        key = key or f"alert-{self.queue}"  # houses may share keys, and so the ids of the same alert
        deed = Report(
            facts=report.pop("facts", Facts(title="Odd logins on the records service", services=("records-api",))),
            source_key=key,
            **report,
        )

        def envelope(generation: int, linked_to: IncidentId | None) -> Envelope:
            incident_id = IncidentId(opaque_id("inc", self.keyring.id_key(), key, str(generation)))
            return self.envelope(incident_id, ASHA, deed.model_copy(update={"linked_to": linked_to}), at)

        if history_limit is not None:
            await self._open(envelope(0, None), history_limit)
            return envelope(0, None).act.incident_id
        return (await self.engine.report(envelope)).incident_id

    async def _open(self, envelope: Envelope, history_limit: int) -> None:
        incident_id = envelope.act.incident_id
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            wire.INCIDENT,
            wire.IncidentInput(incident_id=incident_id, tempo=self.tempo, history_limit=history_limit),
            id=wire.incident_workflow(incident_id),
            task_queue=self.queue,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
        )
        await self.client.execute_update_with_start_workflow(
            wire.ACT, envelope, start_workflow_operation=start, id=f"report:{envelope.act.act_id}"
        )

    async def do(self, incident_id: IncidentId, actor: Actor, deed: Deed, at: datetime) -> Receipt:
        """Let a person act at an instant."""
        return await self.engine.act(self.envelope(incident_id, actor, deed, at))

    def envelope(self, incident_id: IncidentId, actor: Actor, deed: Deed, at: datetime) -> Envelope:
        """Wrap a deed, unsigned, as `--direct` does."""
        act = Act(act_id=ActId(f"act-{uuid.uuid4().hex[:16]}"), incident_id=incident_id, actor=actor, at=at, deed=deed)
        return Envelope(act=act, expires_at=at + timedelta(minutes=10) * self.tempo.speed)

    def state(self, incident_id: IncidentId) -> IncidentState:
        """Return the projection."""
        with self.store.reading() as tx:
            state = tx.incidents.state(incident_id)
        assert state is not None
        return state

    def duties(self, incident_id: IncidentId) -> list[Duty]:
        """Return the duties."""
        with self.store.reading() as tx:
            return tx.duties.of(incident_id)

    def clocks(self, incident_id: IncidentId) -> dict[str, ClockRow]:
        """Return the clocks by title."""
        with self.store.reading() as tx:
            return {row.spec.title: row for row in tx.duties.clocks(incident_id)}

    def letters(self) -> list[Path]:
        """Return the notices in the outbox."""
        return sorted((self.home / "outbox" / "notices").glob("*.eml"))

    def pages(self, words: str = "") -> list[Paged]:
        """Return the pages whose subject has these words, by the instant they are dated."""
        found = [_paged(path) for path in (self.home / "outbox" / "pages").glob("*.eml")]
        return sorted(page for page in found if words in page.subject)

    def log(self, kind: str = "", incident_id: IncidentId | None = None) -> list[dict[str, Any]]:
        """Return the log's entries whose kind begins like this."""
        with self.store.reading() as tx:
            entries = [json.loads(entry.body) for entry in tx.log.entries(incident_id=incident_id)]
        return [entry for entry in entries if entry["kind"].startswith(kind)]

    def notices(self, incident_id: IncidentId, reference: str | None = None) -> list[Notice]:
        """Return the ledger's rows, all or those of one agreement."""
        with self.store.reading() as tx:
            rows = tx.ledger.of(incident_id)
        return [row for row in rows if reference is None or row.agreement_id == self.agreement(reference)]

    def tasks(self, incident_id: IncidentId) -> dict[str, Task]:
        """Return the tasks by key."""
        with self.store.reading() as tx:
            return {task.key: task for task in tx.tasks.of(incident_id)}


def _paged(path: Path) -> Paged:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    # A subject that was too long for its line begins with the fold.
    return Paged(message["Date"].datetime, str(message["Subject"]).strip(), message.get_content())
