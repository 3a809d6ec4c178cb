"""A round of the register: each address asked once, answers counted, silence once the day has passed, no incident."""

import email
import email.policy
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.house import ASHA, DARA, NOOR, House
from tests.ports.told import means_of
from tests.workflow.post import Post
from tests.workflow.story import Story
from tocsin import probing, wire
from tocsin.adapters.evidence import write_evidence
from tocsin.adapters.temporal_runs import TemporalRuns
from tocsin.cli.views import read_incident
from tocsin.console.public import token_digest
from tocsin.domain.act import Actor, Receipt
from tocsin.domain.errors import Refused
from tocsin.domain.probe_deed import Probe, round_id_of
from tocsin.domain.probing import Answer
from tocsin.domain.readiness import Weight, readiness
from tocsin.domain.receipt import ReceiptKind
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import IncidentId
from tocsin.must_run import must_run
from tocsin.ports import Verdict
from tocsin.receiving import Heard, take

PUBLIC = "https://notices.processor.example"
BEA, CEM, DEE, COPY, DAN = (
    *("bea@birch.example", "cem@cedar.example", "dee@cedar.example", "copy@cedar.example"),
    "dan@dogwood.example",
)


@pytest.fixture
def house(quiet_house: House) -> House:
    """A house whose letters hold links, in which nobody works yet."""
    quiet_house.public_url = PUBLIC
    return quiet_house


def round_of(house: House, *references: str) -> IncidentId:
    """Return the id of the round that asks these parties: houses share their keys, so it is another one in each."""
    deed = _deed(house, *references)
    return round_id_of(house.queue.encode(), datetime.now(UTC).date(), deed.agreements)


async def opened(house: House, actor: Actor, *references: str, **deed: Any) -> Receipt:
    """Let somebody open a round."""
    now = datetime.now(UTC)
    asked = _deed(house, *references).model_copy(update=deed)
    return await house.engine.act(house.envelope(round_of(house, *references), actor, asked, now))


def _deed(house: House, *references: str) -> Probe:
    agreements = tuple(sorted(house.agreement(one) for one in references))
    return Probe(answer_by=datetime.now(UTC).date() + timedelta(days=14), agreements=agreements)


def answers(house: House, round_id: IncidentId, now: datetime | None = None) -> dict[str, Answer]:
    """Return each address with what came of asking it."""
    with house.store.reading() as tx:
        found = probing.sheet(tx, round_id, now or datetime.now(UTC))
    assert found is not None
    return {line.address: line.answer for line in found.lines}


def press(house: House, address: str) -> None:
    """Press the button behind the link in the letter to an address, as the public page does."""
    (file,) = (path for path in house.letters() if f"<{address}>" in path.read_text())
    text = email.message_from_bytes(file.read_bytes(), policy=email.policy.default).get_body(("plain",))
    assert text is not None
    token = re.search(rf"{PUBLIC}/a/([\w-]{{43}})", text.get_content())
    assert token is not None
    with house.store.reading() as tx:
        row = tx.ledger.linked(token_digest(token[1]))
    assert row is not None
    said = {"receipt_id": "press-1", "kind": ReceiptKind.ACKNOWLEDGED, "source": "link", "raw": b"{}"}
    now = datetime.now(UTC)
    take(house.store, [Heard.model_validate({**said, "at": now, "notice_id": row.notice_id})], now)


async def test_a_round_from_end_to_end(house: House, server: Any) -> None:
    """Each address gets one letter; one confirms, one is refused, the others are silent once the day has passed."""
    assert isinstance(house.channel, Post)
    house.channel.answers[CEM] = [Verdict.REJECTED]
    round_id = round_of(house)
    async with house.working(max_cached_workflows=0):
        receipt = await opened(house, DARA)
        again = await opened(house, DARA)
        await Story(server, house).until(lambda: answers(house, round_id).get(CEM) is Answer.BOUNCED)
        press(house, BEA)
        run = house.client.get_workflow_handle(wire.incident_workflow(round_id))
        with house.store.reading() as tx:
            assert must_run(tx).keys() >= {run.id}
        await server.fast_forward(run, timedelta(days=16))
        came = await run.result()

    assert (receipt.already, again.already) == (False, True)
    assert house.channel.handed == {BEA: 1, CEM: 1, DEE: 1, COPY: 1, DAN: 1}
    later = datetime.now(UTC) + timedelta(days=16)
    assert answers(house, round_id, later) == {
        BEA: Answer.CONFIRMED,
        CEM: Answer.BOUNCED,
        **dict.fromkeys((DEE, COPY, DAN), Answer.SILENT),
    }
    assert came == {"answers": {"confirmed": 1, "bounced": 1, "silent": 3}}
    (closed,) = house.log("probe.closed")
    assert closed["data"]["answers"] == {"bounced": 1, "confirmed": 1, "silent": 3}
    assert {entry["incident_id"] for entry in house.log("probe.")} == {round_id}
    assert [entry for entry in house.log() if "example" in str(entry)] == []
    with house.store.reading() as tx:
        assert tx.incidents.all() == []
        assert must_run(tx) == {}
        assert tx.tasks.of(round_id) == []


async def test_silence_lowers_readiness_and_an_answer_raises_it(house: House, server: Any) -> None:
    """Before the day nothing is said of who has not answered; afterwards each is named, until they confirm."""
    later, today = datetime.now(UTC) + timedelta(days=16), datetime.now(UTC).date()

    def found(at: datetime) -> dict[str, Weight]:
        with house.store.reading() as tx:
            return {
                one.what: one.severity
                for one in readiness(tx.register.agreements(), at.date(), probing.answers(tx, at))
                if one.reference == "BIRCH-1" and "deputy" not in one.what
            }

    async with house.working():
        round_id = (await opened(house, DARA, "BIRCH-1")).incident_id
        await Story(server, house).until(lambda: answers(house, round_id) == {BEA: Answer.SENT})
        assert found(datetime.now(UTC)) == {"1 contact was never confirmed": Weight.INFO}
        assert found(later) == {f"{BEA} has not confirmed in the round of {today.isoformat()}": Weight.WEAK}
        press(house, BEA)
        assert found(later) == {}
    assert answers(house, round_id) == {BEA: Answer.CONFIRMED}


@pytest.mark.parametrize("actor", [ASHA, NOOR])
async def test_only_an_approver_or_an_admin(house: House, actor: Actor) -> None:
    """Whoever may not release a letter opens no round, and nothing is written down."""
    async with house.working():
        with pytest.raises(Refused, match="only an approver or an admin may open a round"):
            await opened(house, actor)
    with house.store.reading() as tx:
        assert tx.probes.all() == []


async def test_what_a_round_refuses(house: House) -> None:
    """No day in the past, no party that an open round asks already, no drill, no letters without a link."""
    async with house.working():
        with pytest.raises(Refused, match="give a day after today"):
            await opened(house, DARA, "BIRCH-1", answer_by=date(2026, 1, 1))
        with pytest.raises(Refused, match="none of them has a contact"):
            await opened(house, DARA, "ELM-1")
        await opened(house, DARA, "BIRCH-1")
        with pytest.raises(Refused, match="are asked by the round of"):
            await opened(house, DARA, "BIRCH-1", "CEDAR-1")
        house.tempo = Tempo(origin=datetime(2026, 1, 1, tzinfo=UTC), drill=True)
        with pytest.raises(Refused, match="a drill writes to nobody outside"):
            await opened(house, DARA, "CEDAR-1")
        house.tempo = Tempo(origin=datetime(2026, 1, 1, tzinfo=UTC))
    house.public_url = None
    async with house.working():
        with pytest.raises(Refused, match="TOCSIN_PUBLIC_URL"):
            await opened(house, DARA, "DOGWOOD-1")


async def test_a_killed_worker_writes_to_nobody_twice(house: House, server: Any) -> None:
    """What a worker left in doubt is settled as a notice is: the channel shows that it took it, and nobody gets two."""
    assert isinstance(house.channel, Post)
    house.channel.answers[BEA] = [Verdict.IN_DOUBT]
    house.channel.found[BEA] = True
    async with house.working():
        round_id = (await opened(house, DARA)).incident_id
        await Story(server, house).until(lambda: Answer.SENDING not in answers(house, round_id).values())
    assert set(house.channel.handed.values()) == {1}


async def test_what_was_lost_is_started_again(house: House, server: Any) -> None:
    """A round and its wave that somebody terminated go on where they stood, and nobody is written to twice."""
    assert isinstance(house.channel, Post)
    house.channel.shut()
    async with house.working():
        round_id = (await opened(house, DARA, "CEDAR-1")).incident_id
        await house.channel.arrived(3)
        with house.store.reading() as tx:
            lost = must_run(tx)
        assert [wire.incident_of(one) for one in lost] == [round_id] * 2
        for one in lost:
            await house.client.get_workflow_handle(one).terminate()
        house.channel.open()
        runs = TemporalRuns(house.client, house.queue)
        for one in lost:
            assert await runs.start_again(one, round_id, house.tempo)
        await Story(server, house).until(lambda: Answer.SENDING not in answers(house, round_id).values())
        run = house.client.get_workflow_handle(wire.incident_workflow(round_id))
        await server.fast_forward(run, timedelta(days=16))
        assert await run.result() == {"answers": {"silent": 3}}
    assert set(house.channel.handed.values()) == {1}
    assert len(house.log("probe.opened")) == 1


async def test_a_letter_that_bounces_later(house: House, server: Any) -> None:
    """A receipt that says so after the wave has ended is the answer; nobody takes over, and no person is called."""
    async with house.working():
        round_id = (await opened(house, DARA, "CEDAR-1")).incident_id
        await Story(server, house).until(lambda: set(answers(house, round_id).values()) == {Answer.SENT})
        with house.store.reading() as tx:
            row = next(one for one in tx.ledger.of(round_id) if one.ordinal == 0)
        said = {"receipt_id": "b1", "kind": ReceiptKind.BOUNCED, "source": "test", "raw": b"{}", "detail": "550 gone"}
        now = datetime.now(UTC)
        take(house.store, [Heard.model_validate({**said, "at": now, "notice_id": row.notice_id})], now)
        await house.engine.nudge(round_id, row.wave_id, 3, 99)
        await house.client.get_workflow_handle(wire.wave_workflow(round_id, row.wave_id)).result()
    with house.store.reading() as tx:
        sheet = probing.sheet(tx, round_id, now)
        assert sheet is not None
        (failed,) = (line for line in sheet.lines if line.answer is Answer.BOUNCED)
        assert tx.tasks.of(round_id) == []
    assert (failed.notice_id, failed.detail) == (row.notice_id, "550 gone")
    assert house.pages() == []


async def test_an_incident_beside_a_round(house: House, server: Any, tmp_path: Path) -> None:
    """A round's letters and entries are no part of an incident: its waves, clocks and evidence are its own."""
    story = Story(server, house)
    async with house.working():
        round_id = (await opened(house, DARA)).incident_id
        await story.until(lambda: Answer.SENDING not in answers(house, round_id).values())
        await story.confirmed()
        await story.tell()
        result = write_evidence(house.store, means_of(house), story.incident, tmp_path / "evidence")
    assert result.findings == ()
    with house.store.reading() as tx:
        assert [state.incident_id for state in tx.incidents.all()] == [story.incident]
        view = read_incident(tx, story.incident, story.now)
    assert len(view.waves) == 1
    assert {row.number[0] for row in house.notices(story.incident)} == {"N"}
