"""An incident that was told on real parts, and its evidence: what the tests of packs begin from."""

import asyncio
import fcntl
import hashlib
import json
import pickle
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rfc3161_client import TimestampRequestBuilder
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, DARA, House
from tests.ports.authority import timestamp_authority
from tocsin import wire
from tocsin.adapters.evidence import Checked, Means, write_evidence
from tocsin.adapters.evidence.keep import workflow_ids
from tocsin.adapters.evidence.sign import LogSigner
from tocsin.adapters.notary import LogNotary
from tocsin.adapters.outbox import Outbox
from tocsin.adapters.temporal_histories import TemporalHistories
from tocsin.domain.act import (
    AddAffected,
    AddNote,
    Attach,
    Confirm,
    Deed,
    Draft,
    Release,
    Revise,
    TaskDone,
)
from tocsin.domain.errors import Refused
from tocsin.domain.hold import HoldKind
from tocsin.domain.holding import Lift, PlaceHold
from tocsin.domain.incident import Facts, Trigger
from tocsin.domain.letter import Letter
from tocsin.domain.notice import NoticeState, WaveKind
from tocsin.domain.privilege import MARK, digest_of
from tocsin.domain.receipt import ReceiptKind
from tocsin.domain.values import IncidentId, WaveId
from tocsin.domain.word_deeds import Privilege
from tocsin.ports import Attachment, CheckpointRow, Pin
from tocsin.receiving import Heard, take
from tocsin.wire import SearchAttribute

TITLE = "Odd logins # Mallory <script>alert(1)</script> | *was* here"
PLAIN = "The share was closed at noon."
PRIVILEGED = "Counsel Quillfeather holds that we knew on Sunday."
LATER = "Asked Quillfeather whether Sunday counts."
"""What nobody but the team may read: the one was marked as it was written, the other afterwards."""
UNREADABLE = b"\x00\x01 a memory image \xff"


class Picky(Outbox):
    """An outbox that cannot write to one address, as a channel sometimes cannot."""

    def prepare(self, letter: Letter) -> bytes:
        """Return the bytes. Raises Refused for Cem Cedar."""
        if letter.to_address == "cem@cedar.example":
            raise Refused("the part before the @ is not what this server takes; give another address")
        return super().prepare(letter)


def means_of(house: House) -> Means:
    """Return what the packs of a house are made with."""
    return Means(house.vault, LogSigner(house.keyring))


class Story(NamedTuple):
    """An incident that was told, and what was written of it on the way."""

    house: House
    incident: IncidentId
    folder: Path
    result: Checked
    on_the_way: list[Checked]
    means: Means


@pytest.fixture(scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> AsyncIterator[Story]:
    """A copy of the story, which whichever test process comes first tells once for all of them."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "told"
    folder.mkdir(exist_ok=True)
    with (folder / "turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (folder / "told.pickle").exists():
            shutil.rmtree(folder / "here", ignore_errors=True)
            (folder / "told.pickle").write_bytes(pickle.dumps(await told(folder / "here")))
    mine = tmp_path_factory.mktemp("evidence") / "here"
    shutil.copytree(folder / "here", mine)
    kept: Told = pickle.loads((folder / "told.pickle").read_bytes())  # noqa: S301 - its own
    nowhere = await Client.connect("127.0.0.1:9", lazy=True)  # the story is over: no engine is asked any more
    house = House(mine / "home", nowhere)
    means = means_of(house)._replace(histories=kept.histories)
    yield Story(house, kept.incident, mine / "evidence", kept.result, kept.on_the_way, means)
    house.store.close()


class Told(NamedTuple):
    """What the one who told it knows beside what lies in the folder."""

    incident: IncidentId
    result: Checked
    on_the_way: list[Checked]
    histories: Mapping[str, bytes]


async def told(base: Path) -> Told:
    """Cedar's clock was missed, its first contact cannot be written to, Elm is phoned, Dogwood is found later."""
    env = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        search_attributes=[
            SearchAttributeKey.for_keyword(SearchAttribute.STATUS),
            SearchAttributeKey.for_keyword(SearchAttribute.INCIDENT),
            SearchAttributeKey.for_datetime(SearchAttribute.NEXT_DEADLINE),
        ],
    )
    async with env:
        house = House(base / "home", env.client)
        house.register()
        house.channel = Picky(base / "home" / "outbox")
        async with house.working():
            teller = Teller(house, base / "on-the-way")
            await teller.tell()
            ids = workflow_ids(house.store, teller.incident)
            histories = await TemporalHistories(house.client).of(teller.incident, ids)
        witness(house, base / "tsa")
        means = means_of(house)._replace(histories=histories)
        result = write_evidence(house.store, means, teller.incident, base / "evidence")
        house.store.close()
    return Told(teller.incident, result, teller.on_the_way, histories)


def witness(house: House, authority: Path) -> None:
    """Have the log's head signed, and taken by three witnesses: a file, an endpoint that cosigns, an authority."""
    notary, now = LogNotary.of(house.keyring), datetime.now(UTC)
    with house.store.writing() as tx:
        head = tx.log.head()
        note = notary.sign(head)
        query = TimestampRequestBuilder().data(note.encode()).build().as_bytes()
        answers = {"file": b"", "http": b"cosigned\n", "tsa": timestamp_authority(authority)(query)}
        tx.checkpoints.add(CheckpointRow(at=now, head=head, note=note))
        for name, answer in answers.items():
            tx.checkpoints.add_pin(Pin(witness=name, size=head.size, at=now, receipt=answer))


class Teller:
    """Tells the incident, and writes its evidence again after every step."""

    incident: IncidentId

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self.folder = folder
        self.on_the_way: list[Checked] = []

    async def tell(self) -> None:
        """Report, confirm, hold, draft, release, lift, tell by hand, add Dogwood, follow up."""
        house, now = self.house, datetime.now(UTC)
        await house.report(now, key="alert-2", facts=Facts(title="Another incident", services=("archive",)))
        facts = Facts(title=TITLE, services=("records-api", "lonely"))
        triggers = {Trigger.AWARENESS: now - timedelta(hours=80)}
        self.incident = await house.report(now, facts=facts, triggers=triggers)
        await self.do(Confirm(statement="The key was used from outside\n# Mallory\n- was here"))
        await self.attach()
        hold = PlaceHold(hold_kind=HoldKind.LAW_ENFORCEMENT, issuer="Harbour Police", reference="HP/117")
        held = await self.do(hold, DARA)
        first = await self.release(Draft())
        await self.do(Lift(hold_id=held["hold"], reason="their letter of today"), DARA)
        await self.ended(first)
        await self.phone_elm(first)
        await self.heard(first)
        await self.do(AddAffected(agreements=(house.agreement("DOGWOOD-1"),)))
        await self.ended(await self.release(Draft()))
        await self.do(AddNote(text="The log of logins came late", clock_id=await self.missed_clock()))
        await self.do(AddNote(text=f"{PLAIN}\n\n{MARK} {PRIVILEGED}"))
        await self.do(AddNote(text=LATER))
        await self.do(Privilege(paragraphs=(digest_of(LATER),), reason="on advice of counsel"), DARA)
        await self.do(Revise(facts={"people_affected": 1_200, "summary": f"{PLAIN}\n\n{MARK} {PRIVILEGED}"}))
        await self.ended(await self.release(Draft(wave_kind=WaveKind.FOLLOW_UP)))

    async def do(self, deed: Deed, actor: Any = ASHA) -> dict[str, Any]:
        """Act, and write the evidence as it is then."""
        receipt = await self.house.do(self.incident, actor, deed, datetime.now(UTC))
        await self.look()
        return dict(receipt.ids)

    async def look(self) -> None:
        """Write the evidence as it is now."""
        target = self.folder / f"{len(self.on_the_way):02}"
        house = self.house
        self.on_the_way.append(
            await asyncio.to_thread(write_evidence, house.store, means_of(house), self.incident, target)
        )

    async def attach(self) -> None:
        """Attach a file, as the command line does; the bytes of another lie there without an act."""
        for content in (UNREADABLE, b"nobody's word"):
            sha256 = hashlib.sha256(content).hexdigest()
            kept = Attachment(
                sha256=sha256, name="../memory image;1.bin", media_type="x/y", content=content, at=datetime.now(UTC)
            )
            with self.house.store.writing() as tx:
                tx.incidents.attach(self.incident, kept)
        sha256 = hashlib.sha256(UNREADABLE).hexdigest()
        await self.do(Attach(name="../memory image;1.bin", media_type="x/y", sha256=sha256, size=len(UNREADABLE)))

    async def release(self, draft: Draft) -> WaveId:
        """Draft as Asha, release as Dara."""
        drafted = await self.do(draft)
        await self.do(Release(wave_id=drafted["wave"], digest=drafted["digest"]), DARA)
        return WaveId(drafted["wave"])

    async def ended(self, wave_id: WaveId) -> None:
        """Wait until a wave has nothing more to do."""
        await self.house.client.get_workflow_handle(wire.wave_workflow(self.incident, wave_id)).result()
        await self.look()

    async def heard(self, wave_id: WaveId) -> None:
        """Hear from a channel what became of two letters of a wave, and of one of them twice."""
        with self.house.store.reading() as tx:
            rows = tx.ledger.notices(wave_id, states=[NoticeState.ACCEPTED])[:2]
        now = datetime.now(UTC)
        said = [
            Heard(
                receipt_id=f"rct-{number}",
                kind=kind,
                at=now,
                source="sendgrid",
                notice_id=row.notice_id,
                raw=json.dumps({"event": kind, "notice_id": row.notice_id}).encode(),
            )
            for number, (row, kind) in enumerate(
                [(rows[0], ReceiptKind.DELIVERED), (rows[1], ReceiptKind.DEFERRED), (rows[1], ReceiptKind.DELIVERED)]
            )
        ]
        assert (await asyncio.to_thread(take, self.house.store, said, now)).new == 3
        await self.look()

    async def phone_elm(self, wave_id: WaveId) -> None:
        """Do the task of the notice that has nobody to be written to."""
        task = await self.until(
            lambda tx: next((task.task_id for task in tx.tasks.of(self.incident) if task.notice_id), None)
        )
        await self.do(TaskDone(task_id=task, outcome="Ella Elm was told by phone", proof="call 17"))

    async def missed_clock(self) -> Any:
        """Return the clock that was missed, once the incident knows that a reason is owed."""
        return await self.until(lambda tx: next(iter(tx.incidents.state(self.incident).reasons_owed), None))

    async def until(self, found: Callable[[Any], Any]) -> Any:
        """Return what is found in the store, once it is there."""
        async with asyncio.timeout(60):
            while True:
                with self.house.store.reading() as tx:
                    if (value := found(tx)) is not None:
                        return value
                await asyncio.sleep(0.05)


@pytest.fixture
def copy(story: Story, tmp_path: Path) -> Path:
    """A copy of the evidence, to do things to."""
    return shutil.copytree(story.folder, tmp_path / "copy")


def files(folder: Path) -> list[str]:
    """Return the names of the files, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def seal_again(folder: Path) -> None:
    """Write SHA256SUMS anew, as a careful forger does."""
    names = [name for name in files(folder) if not name.startswith("SHA256SUMS")]
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(sums))
