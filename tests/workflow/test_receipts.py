"""Receipts and a wave: it waits for deliveries and presses, and goes on to the next contact by itself."""

import hashlib
from datetime import timedelta
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from tests.house import House
from tests.ports.told import means_of
from tests.workflow.story import FROM_AWARENESS, FROM_CONFIRMATION, Story
from tocsin import wire
from tocsin.adapters.evidence import write_evidence
from tocsin.domain.act import Reopen
from tocsin.domain.duty import DutyState
from tocsin.domain.letter import TOKEN_PLACEHOLDER
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.receipt import ReceiptKind
from tocsin.domain.register import Agreement, Discharge
from tocsin.domain.task import TaskKind
from tocsin.domain.values import WaveId
from tocsin.receiving import Heard, take

K, S = ReceiptKind, NoticeState
CEM, DEE = "cem@cedar.example", "dee@cedar.example"


def rows(story: Story) -> dict[str, Notice]:
    """Return the chain's rows by the local part of their address."""
    found = {}
    with story.house.store.reading() as tx:
        for row in tx.ledger.of(story.incident):
            letter = tx.ledger.letter(row.notice_id)
            found[letter.to_address.partition("@")[0] if letter else "nobody"] = row
    return found


async def heard(story: Story, wave: WaveId, said: dict[str, ReceiptKind]) -> None:
    """Take receipts in as the console does, and have the wave look again."""
    now, standing = story.now, rows(story)
    take(
        story.house.store,
        [
            Heard(
                receipt_id=hashlib.sha256(f"{standing[name].notice_id}{kind}".encode()).hexdigest()[:40],
                kind=kind,
                at=now,
                source="sendgrid",
                notice_id=standing[name].notice_id,
                message=f"m-{name}",
                raw=b"{}",
            )
            for name, kind in said.items()
        ],
        now,
    )
    await nudged(story, wave)


async def nudged(story: Story, wave: WaveId) -> None:
    """Have the wave look again, started anew if it has ended."""
    with story.house.store.reading() as tx:
        sequence = tx.last_sequence(wire.wave_workflow(story.incident, wave))
        row = tx.ledger.wave(wave)
    assert row is not None
    await story.house.engine.nudge(story.incident, wave, row.rows, sequence)


async def released(story: Story) -> WaveId:
    """Release a wave over a channel whose receipts come."""
    story.post.reports_delivery = True
    await story.confirmed()
    wave = await story.release(await story.draft())
    await story.rest()
    return wave


async def test_a_wave_ends_when_everyone_has_it(story: Story) -> None:
    """What the channel took is not told yet where the channel reports: the wave ends with the last delivery."""
    wave = await released(story)
    await heard(story, wave, {"bea": K.DELIVERED})
    await story.rest()
    assert rows(story)["cem"].state is S.ACCEPTED
    await heard(story, wave, {"cem": K.DELIVERED})

    counts = await story.wave(wave).result()

    assert counts["by_state"]["delivered"] == 2
    assert rows(story)["bea"].delivered_at is not None
    assert not story.house.pages("silent")


async def test_a_bounce_finds_the_next_contact_by_itself(story: Story) -> None:
    """The deputy is written to at once, long before the deadline; when they have it the wave ends."""
    wave = await released(story)
    await heard(story, wave, {"bea": K.DELIVERED, "cem": K.BOUNCED})
    await story.rest()
    assert (rows(story)["cem"].state, rows(story)["dee"].state) == (S.REPLACED, S.ACCEPTED)
    assert story.post.handed[DEE] == 1
    await heard(story, wave, {"dee": K.DELIVERED})
    await story.wave(wave).result()


async def test_silence_finds_the_next_contact_and_then_a_person(story: Story) -> None:
    """Without a delivery in time the next contact takes over, and after the last one a person does."""
    wave = await released(story)
    await heard(story, wave, {"bea": K.DELIVERED, "cem": K.DEFERRED})
    await story.rest()
    await story.server.fast_forward(story.wave(wave), timedelta(hours=13))
    await story.rest()
    assert (rows(story)["cem"].state, rows(story)["dee"].state) == (S.REPLACED, S.ACCEPTED)
    await story.server.fast_forward(story.wave(wave), timedelta(hours=13))
    await story.wave(wave).result()
    await story.rest()
    assert rows(story)["dee"].state is S.BY_HAND
    (task,) = [task for task in story.house.tasks(story.incident).values() if task.kind is TaskKind.NOTICE]
    assert rows(story)["dee"].number in task.title


async def test_a_silent_channel_calls_a_person_once(story: Story) -> None:
    """A channel that took notices and never says that it processed one is paged for, once."""
    wave = await released(story)
    await story.server.fast_forward(story.wave(wave), timedelta(minutes=10))
    assert not story.house.pages("silent")
    await story.server.fast_forward(story.wave(wave), timedelta(hours=3))
    assert len(story.house.pages("silent")) == 1


async def test_a_bounce_after_the_end_starts_the_wave_again(replayed_story: Story) -> None:
    """No bounce is lost: duty and clock run again, a person is paged, and the wave goes on with the next contact."""
    story = replayed_story
    wave = await released(story)
    await heard(story, wave, {"bea": K.DELIVERED, "cem": K.DELIVERED})
    await story.wave(wave).result()
    await story.rest()
    assert story.state.waves[wave].ended
    ended = story.clock(FROM_AWARENESS)
    assert ended.ended_at is not None

    story.post.shut()
    await heard(story, wave, {"cem": K.BOUNCED})
    await story.until(lambda: story.post.handed[DEE] == 1)
    assert len(story.house.pages("A notice came back after it had been delivered")) == 1
    (entry, _) = story.house.log("duty.opened_again", story.incident)
    assert entry["data"]["notice"] == rows(story)["cem"].notice_id
    await story.until(lambda: story.clock(FROM_AWARENESS).spec.clock_id != ended.spec.clock_id)
    assert story.duties_of("CEDAR-1")[FROM_AWARENESS].state is DutyState.OPEN
    # The clause is content with what the channel takes: the deputy's letter discharges it.
    story.post.open()
    await story.until(lambda: story.duties_of("CEDAR-1")[FROM_AWARENESS].state is DutyState.DISCHARGED)
    assert story.duties_of("CEDAR-1")[FROM_AWARENESS].proved_by == rows(story)["dee"].notice_id
    await story.until(lambda: story.clock(FROM_AWARENESS).ended_at is not None)
    await heard(story, wave, {"dee": K.DELIVERED})
    await story.until(lambda: rows(story)["dee"].state is S.DELIVERED)
    await story.wave(wave).result()

    assert rows(story)["cem"].state is S.REPLACED


async def test_a_bounce_after_the_closing_calls_a_person(story: Story, tmp_path: Path) -> None:
    """Nobody looks at a closed incident: a page says so, the evidence has an open duty, reopening takes it up."""
    wave = await released(story)
    await heard(story, wave, {"bea": K.DELIVERED, "cem": K.DELIVERED})
    await story.wave(wave).result()
    await story.finish_tasks()
    await story.rest()
    await story.close()
    await story.run().result()

    await heard(story, wave, {"bea": K.BOUNCED})
    await story.until(lambda: story.house.pages("A notice came back after its incident had ended"))
    await story.until(lambda: rows(story)["bea"].state is S.BY_HAND)
    duty = story.duties_of("BIRCH-1")[FROM_CONFIRMATION]
    assert (duty.state, duty.proof, duty.late) == (DutyState.OPEN, None, False)
    result = write_evidence(story.house.store, means_of(story.house), story.incident, tmp_path / "evidence")
    assert result.findings == ()
    assert "is open again" in (tmp_path / "evidence" / "timeline.md").read_text()

    await story.asha(Reopen(reason="a notice came back"))
    await story.rest()
    assert story.clock(FROM_CONFIRMATION).ended_at is None
    (task,) = [t for t in story.house.tasks(story.incident).values() if t.kind is TaskKind.NOTICE]
    await story.finish(task)
    await story.rest()
    assert story.duties_of("BIRCH-1")[FROM_CONFIRMATION].state is DutyState.DISCHARGED


async def test_a_receipt_during_the_call_is_not_lost(story: Story) -> None:
    """A delivery that comes before the outcome is written is applied as soon as it is."""
    story.post.reports_delivery = True
    story.post.shut()
    await story.confirmed()
    wave = await story.release(await story.draft())
    await story.post.arrived(3)
    await heard(story, wave, {"bea": K.DELIVERED, "cem": K.DELIVERED})
    assert rows(story)["bea"].state is S.CLAIMED
    story.post.open()

    await story.wave(wave).result()

    assert {rows(story)[name].state for name in ("bea", "cem")} == {S.DELIVERED}


async def test_an_acknowledgement_ends_what_asks_for_one(server: WorkflowEnvironment, quiet_house: House) -> None:
    """A clause that says acknowledged is open until the link is pressed, and the wave waits for that."""
    quiet_house.public_url = "https://notices.example"
    story = Story(server, quiet_house)
    with story.house.store.writing() as tx:
        changed = [_acknowledged(a) for a in tx.register.agreements() if a.reference == "BIRCH-1"]
        tx.register.publish(changed, story.now)
    async with quiet_house.working():
        await story.confirmed()
        wave = await story.release(await story.draft())
        await story.rest()
        assert rows(story)["bea"].state is S.ACCEPTED
        assert story.duties_of("BIRCH-1")[FROM_CONFIRMATION].state is DutyState.OPEN
        assert story.duties_of("CEDAR-1")[FROM_CONFIRMATION].state is DutyState.DISCHARGED
        assert TOKEN_PLACEHOLDER not in story.house.letters()[0].read_text().replace("=\n", "")

        await heard(story, wave, {"bea": K.ACKNOWLEDGED})
        await story.wave(wave).result()

    assert story.duties_of("BIRCH-1")[FROM_CONFIRMATION].state is DutyState.DISCHARGED


def _acknowledged(agreement: Agreement) -> Agreement:
    clause = agreement.clause.model_copy(update={"discharge": Discharge.ACKNOWLEDGED})
    return agreement.model_copy(update={"clause": clause})
