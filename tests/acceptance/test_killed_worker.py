"""A worker that dies in the middle of a wave, at moments that a seed chooses."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.acceptance.conftest import Install
from tests.acceptance.controllers import many
from tests.acceptance.stack import Installation, wait_for
from tests.acceptance.waves import assert_each_told_once, ended, release_to_all
from tests.house import DARA
from tocsin.domain.probe_deed import Probe, round_id_of
from tocsin.domain.probing import Answer
from tocsin.probing import sheet as sheet_of

CONTROLLERS = 300
SEED = 20261121
NOTICED_WITHIN = 120.0
"""Seconds after which a batch whose worker died must go on: the heartbeat that is missed takes thirty."""


async def kill_at(installation: Installation, letters: int, again_after: float | None) -> None:
    """Kill the worker once `letters` are out, the next one `again_after` seconds later, and let a third finish."""
    await asyncio.to_thread(installation.set_up, many(CONTROLLERS))
    worker = installation.start_worker()
    await asyncio.to_thread(worker.ready)
    house = await installation.house()
    incident, wave = await release_to_all(house)
    await asyncio.to_thread(wait_for, lambda: len(installation.letters()) >= letters)
    worker.kill()
    with house.store.reading() as tx:
        assert tx.ledger.counts(wave).unsettled > 0, "it was over before it was killed"
    if again_after is not None:
        second = installation.start_worker()
        await asyncio.to_thread(second.ready)
        await asyncio.sleep(again_after)
        second.kill()
    installation.start_worker()
    await ended(house, incident, wave)
    assert_each_told_once(installation, house, wave, CONTROLLERS)


@pytest.mark.timeout(240)
async def test_killed_half_way(install: Install) -> None:
    """Workers killed at any moments of a wave leave nobody untold and nobody told twice."""
    chance = random.Random(SEED)
    about_half = [chance.randrange(CONTROLLERS // 4, CONTROLLERS * 2 // 3) for _ in range(3)]
    moments = zip(about_half, (None, chance.uniform(0, 2), None), strict=True)
    await asyncio.gather(*(kill_at(install(f"home-{n}"), *moment) for n, moment in enumerate(moments)))


@pytest.mark.soak
@pytest.mark.timeout(400)
async def test_killed_in_the_middle_of_a_round(install: Install) -> None:
    """Workers killed while a round of the register is sent leave every address asked, and asked once."""
    installation = install(PUBLIC_URL="https://notices.processor.example")
    await asyncio.to_thread(installation.set_up, many(CONTROLLERS))
    worker = installation.start_worker()
    await asyncio.to_thread(worker.ready)
    house = await installation.house()
    now = datetime.now(UTC)
    probe = Probe(answer_by=now.date() + timedelta(days=14))
    round_id = round_id_of(b"killed", now.date(), probe.agreements)
    await house.engine.act(house.envelope(round_id, DARA, probe, now))

    def out(letters: int) -> bool:
        return len(installation.letters()) >= letters

    for letters in (1, CONTROLLERS // 2):
        await asyncio.to_thread(wait_for, partial(out, letters), NOTICED_WITHIN)
        worker.kill()
        assert len(installation.letters()) < CONTROLLERS, "it was over before it was killed"
        worker = installation.start_worker()
        await asyncio.to_thread(worker.ready)

    def settled() -> bool:
        with house.store.reading() as tx:
            sheet = sheet_of(tx, round_id, now)
        return sheet is not None and {line.answer for line in sheet.lines} == {Answer.SENT}

    await asyncio.to_thread(wait_for, settled, NOTICED_WITHIN)
    with house.store.reading() as tx:
        (wave,) = {row.wave_id for row in tx.ledger.of(round_id)}
    assert_each_told_once(installation, house, wave, CONTROLLERS)
