"""A pager that takes its time, on the ordinary server, with six hours passing each second."""

from datetime import UTC, datetime
from pathlib import Path

from temporalio.client import Client

from tests.acceptance.stack import Server
from tests.replay.scenarios import RecordingHouse, until
from tests.workflow.post import Post
from tocsin.adapters.embedded import prepare_namespace
from tocsin.domain.clock import Mark
from tocsin.domain.tempo import Tempo

TITLE = "36 h from awareness"


async def test_due_while_a_page_is_on_its_way(stack: Server, tmp_path: Path) -> None:
    """A deadline that passes while an earlier warning is on its way is warned about and missed all the same."""
    await prepare_namespace(stack.address, "slow-pager", retention_days=1)
    client = await Client.connect(stack.address, namespace="slow-pager")
    house = RecordingHouse(tmp_path / "home", client, Tempo(origin=datetime.now(UTC), speed=21_600))
    house.paging = gate = Post(house.paging)
    async with house.working():
        gate.shut()
        incident = await house.report(house.now)
        await gate.arrived(1)
        clock = house.clocks(incident)[TITLE]
        await until(lambda: house.now > clock.spec.target_at)
        gate.open()
        await until(lambda: Mark.DUE in house.clocks(incident)[TITLE].sent)
        await until(lambda: clock.spec.clock_id in house.state(incident).reasons_owed)
    house.shut()
