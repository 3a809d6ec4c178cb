"""The main path with the store on PostgreSQL."""

import asyncio

from tests.acceptance.conftest import Install
from tests.acceptance.controllers import many
from tests.acceptance.waves import assert_each_told_once, ended, release_to_all
from tests.ports.conftest import Databases, postgres

__all__ = ["postgres"]

CONTROLLERS = 40


async def test_main_path(install: Install, postgres: Databases) -> None:
    """With its store on PostgreSQL, everybody named is told once, and there is no SQLite store."""
    installation = install(STORE_URL=postgres.empty())
    await asyncio.to_thread(installation.set_up, many(CONTROLLERS))
    house = await installation.house()
    worker = installation.start_worker()
    await asyncio.to_thread(worker.ready)
    incident, wave = await release_to_all(house)
    await ended(house, incident, wave)
    assert_each_told_once(installation, house, wave, CONTROLLERS)
    assert not list(installation.home.glob("store.sqlite*"))
