"""Two workers at once."""

import asyncio

from tests.acceptance.controllers import many
from tests.acceptance.stack import Installation
from tests.acceptance.waves import assert_each_told_once, ended, release_to_all

CONTROLLERS = 800
"""Four batches: Temporal hands three to the worker that asked for them, and the fourth to whoever is free."""


async def test_two_workers(installation: Installation) -> None:
    """With two workers on one queue each controller is written to exactly once."""
    await asyncio.to_thread(installation.set_up, many(CONTROLLERS))
    for worker in (installation.start_worker(), installation.start_worker()):
        await asyncio.to_thread(worker.ready)
    house = await installation.house()
    incident, wave = await release_to_all(house)
    await ended(house, incident, wave)
    assert_each_told_once(installation, house, wave, CONTROLLERS)
