"""Three workers at one queue, of which two die. A dead one is noticed after half a minute: too long for the suite."""

import asyncio

import pytest

from tests.acceptance.controllers import many
from tests.acceptance.stack import Installation, wait_for
from tests.acceptance.waves import assert_each_told_once, ended, release_to_all

CONTROLLERS = 800
"""Four batches: Temporal hands three to the worker that asked for them, and the fourth to whoever is free."""


@pytest.mark.soak
@pytest.mark.timeout(240)
async def test_two_of_three_workers_die(installation: Installation) -> None:
    """With two of three workers killed in mid-wave the third ends it: each controller is written to exactly once."""
    await asyncio.to_thread(installation.set_up, many(CONTROLLERS))
    workers = [installation.start_worker(SENDS_IN_FLIGHT="8") for _ in range(3)]
    for worker in workers:
        await asyncio.to_thread(worker.ready)
    house = await installation.house()
    incident, wave = await release_to_all(house)
    await asyncio.to_thread(wait_for, lambda: len(installation.letters()) >= CONTROLLERS // 5)
    for worker in workers[:2]:
        worker.kill()
    with house.store.reading() as tx:
        assert tx.ledger.counts(wave).unsettled > 0, "it was over before they were killed"
    await ended(house, incident, wave)
    assert_each_told_once(installation, house, wave, CONTROLLERS)
