"""An address on a list of the channel gets no letter that would go nowhere: the next contact is written to at once."""

from pathlib import Path

import pytest

from activities import suppressing
from tests.ports.told import means_of
from tests.workflow.story import FROM_CONFIRMATION, Story
from tests.workflow.test_receipts import CEM, DEE, rows
from tocsin.adapters.evidence import write_evidence
from tocsin.cli.views import read_incident
from tocsin.domain.duty import DutyState
from tocsin.domain.notice import NoticeState as S
from tocsin.domain.receipt import ReceiptKind
from tocsin.domain.task import TaskKind
from tocsin.ports import Suppressed

BEA = "bea@birch.example"


def listed(*addresses: str, drops: bool = True) -> list[Suppressed]:
    """Return a list with these addresses."""
    return [
        Suppressed(address=one.upper(), listed="bounces", reason="no such mailbox", drops=drops, raw=b'{"email": "x"}')
        for one in addresses
    ]


async def test_the_next_contact_is_written_to_at_once(story: Story, tmp_path: Path) -> None:
    """Who drafts is warned; nothing is sent to the address, the deputy has it at once, and the evidence says why."""
    story.post.lists = listed(CEM)
    await story.confirmed()
    drafted = await story.draft()
    with story.house.store.reading() as tx:
        (look,) = read_incident(tx, story.incident, story.now).notices_to_look_at
    assert look.reference == "CEDAR-1"
    assert "the next contact would take over" in (look.detail or "")

    await story.wave(await story.release(drafted)).result()
    await story.rest()

    assert story.post.handed[CEM] == 0
    assert story.post.handed[DEE] == 1
    assert (rows(story)["cem"].state, rows(story)["dee"].state) == (S.REPLACED, S.ACCEPTED)
    assert story.duties_of("CEDAR-1")[FROM_CONFIRMATION].proved_by == rows(story)["dee"].notice_id
    with story.house.store.reading() as tx:
        (receipt,) = tx.receipts.of([rows(story)["cem"].notice_id])
        assert tx.receipts.raw(receipt.receipt_id) == b'{"email": "x"}'
    assert (receipt.kind, receipt.source) == (ReceiptKind.DROPPED, "outbox:bounces")
    assert [entry["data"]["notice"] for entry in story.house.log("notice.dropped")] == [rows(story)["cem"].notice_id]
    result = write_evidence(story.house.store, means_of(story.house), story.incident, tmp_path / "evidence")
    assert result.findings == ()


async def test_without_another_contact_a_person_tells_them(story: Story) -> None:
    """Of a party whose only address is on a list a task is made at once."""
    story.post.lists = listed(BEA)
    await story.confirmed()
    await story.wave(await story.release(await story.draft())).result()
    await story.rest()

    assert story.post.handed[BEA] == 0
    assert rows(story)["bea"].state is S.BY_HAND
    (task,) = [task for task in story.house.tasks(story.incident).values() if task.kind is TaskKind.NOTICE]
    assert rows(story)["bea"].number in task.title


async def test_what_is_tried_again_is_sent(story: Story) -> None:
    """A list of addresses that the channel tries each time keeps no letter back; the drafter is told."""
    story.post.lists = listed(CEM, drops=False)
    await story.confirmed()
    drafted = await story.draft()
    assert "may fail again" in (rows(story)["cem"].detail or "")
    await story.wave(await story.release(drafted)).result()

    assert rows(story)["cem"].state is S.ACCEPTED
    assert rows(story)["cem"].detail is None


async def test_lists_that_cannot_be_read_hold_nothing_up(story: Story) -> None:
    """Without the lists everybody is written to, as before there were any."""
    story.post.lists = None
    await story.confirmed()
    await story.wave(await story.release(await story.draft())).result()

    assert {rows(story)[name].state for name in ("bea", "cem")} == {S.ACCEPTED}
    assert story.duties_of("BIRCH-1")[FROM_CONFIRMATION].state is DutyState.DISCHARGED


async def test_an_address_that_left_the_lists_is_written_to(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading that is too old is not used: what the lists say when the wave leaves counts."""
    monkeypatch.setattr(suppressing, "KEPT_SECONDS", 0.0)
    story.post.lists = listed(CEM)
    await story.confirmed()
    drafted = await story.draft()
    story.post.lists = []
    await story.wave(await story.release(drafted)).result()

    assert rows(story)["cem"].state is S.ACCEPTED
