"""The 72 hours of the founding contract, on a real server that skips time."""

from datetime import UTC, datetime, timedelta

from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, DARA, House
from tocsin import wire
from tocsin.domain.act import Confirm, Draft, Release


async def test_main_path(server: WorkflowEnvironment, house: House) -> None:
    """A confirmed incident is told to everyone named, and its clocks end."""
    now = datetime.now(UTC)
    with server.with_time_skipping_disabled():
        incident = await house.report(now)
        await house.do(incident, ASHA, Confirm(), now)
        drafted = await house.do(incident, ASHA, Draft(), now)
        print(drafted)
        released = await house.do(incident, DARA, Release(wave_id=drafted.ids["wave"], digest=drafted.ids["digest"]), now)
        print(released)
        handle = house.client.get_workflow_handle(wire.wave_workflow(incident, drafted.ids["wave"]))
        print(await handle.result())
    print(house.clocks(incident))
    print(house.letters())
    assert house.letters()
