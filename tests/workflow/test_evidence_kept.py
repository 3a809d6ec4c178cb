"""When an incident ends its evidence is kept by itself; whatever prevents that, the next sweep does it."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.workflow.story import Story
from tocsin import wire
from tocsin.adapters.evidence import check_evidence
from tocsin.adapters.evidence.keep import PackShelf
from tocsin.adapters.evidence.replay import replayed
from tocsin.domain.act import Dismiss, Reopen
from tocsin.domain.errors import Refused
from tocsin.domain.values import IncidentId
from workflows.every import WORKFLOWS


def packs(story: Story) -> list[Path]:
    """Return the packs that are kept."""
    return sorted((story.house.home / "evidence").glob("*.zip"))


async def dismissed(story: Story, reason: str = "a test of ours") -> None:
    """Let Asha dismiss the incident, and wait until its run has ended."""
    await story.asha(Dismiss(reason=reason))
    await story.house.client.get_workflow_handle(wire.incident_workflow(story.incident)).result()


async def sweep(story: Story, name: str) -> None:
    """Run one sweep."""
    order = wire.SweepInput(tempo=story.house.tempo)
    ident = f"{name}-{story.house.queue}"
    await story.house.client.execute_workflow(wire.SWEEP, order, id=ident, task_queue=story.house.queue)


async def test_an_end_keeps_the_evidence(story: Story) -> None:
    """The pack is there when the incident's run has ended, holds, has the histories, and the log has its digest."""
    await story.report()
    await dismissed(story)

    (pack,) = packs(story)
    assert check_evidence(pack).findings == ()
    with zipfile.ZipFile(pack) as opened:
        names = {name for name in opened.namelist() if name.startswith("history/")}
        history = json.loads(opened.read("history/incident-1.json"))
    assert {"history/incident-1.json", "history/response-1.json"} <= names
    assert any(name.startswith("history/clock-clk-") for name in names)
    assert history["workflowId"] == wire.incident_workflow(story.incident)
    (entry,) = story.house.log("evidence.kept", story.incident)
    whole = pack.read_bytes()
    assert entry["data"] == {"sha256": hashlib.sha256(whole).hexdigest(), "size": len(whole)}


async def test_its_histories_replay_without_any_key(story: Story) -> None:
    """The histories in the pack are in clear, and the code of today decides as they say."""
    await story.report()
    await dismissed(story)

    (pack,) = packs(story)
    checked = await replayed(pack, WORKFLOWS)
    assert checked.holds, checked.lines()
    assert len(checked.checks) >= 4


async def test_an_incident_that_ends_again_is_kept_again(replayed_story: Story) -> None:
    """A reopened incident gets a second pack at its second end; the first one stays as it is."""
    await replayed_story.report()
    await dismissed(replayed_story)
    (first,) = packs(replayed_story)
    whole = first.read_bytes()
    await replayed_story.asha(Reopen(reason="it was none"))
    await dismissed(replayed_story, "a test all the same")

    assert len(packs(replayed_story)) == 2
    assert first.read_bytes() == whole
    assert all(check_evidence(pack).findings == () for pack in packs(replayed_story))


async def test_what_prevents_it_keeps_no_end_back(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses lets the incident end all the same, and the next sweep writes the pack, once."""
    refusing, keep = [True], PackShelf.keep

    async def kept(self: PackShelf, incident_id: IncidentId) -> Any:
        if refusing:
            raise Refused("no space left")
        return await keep(self, incident_id)

    monkeypatch.setattr(PackShelf, "keep", kept)
    await story.report()
    await dismissed(story)
    assert packs(story) == []
    refusing.clear()
    for number in range(2):
        await sweep(story, f"sweep-{number}")

    assert [pack.name for pack in packs(story)] == [f"{story.incident}-{story.state.sequence}.zip"]
    assert len(story.house.log("evidence.kept", story.incident)) == 1
