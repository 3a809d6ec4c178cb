"""Every kind of answer that SendGrid may give, from a stand-in over real HTTP: where it leaves the ledger."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.installed import Standin
from tests.acceptance.conftest import Install
from tests.acceptance.controllers import many
from tests.acceptance.waves import release_to_all
from tests.house import House
from tocsin import wire
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.values import IncidentId, WaveId

CONTROLLERS = 12
S = NoticeState


@asynccontextmanager
async def sending(install: Install, **told: object) -> AsyncIterator[tuple[House, Standin, IncidentId, WaveId]]:
    """Release a wave to twelve controllers through a stand-in that was told how to answer."""
    standin = Standin()
    try:
        await standin.tell(after_ms=5, **told)
        settings = {"CHANNEL": "sendgrid", "SENDGRID_API_KEY": "SG.faults", "SENDGRID_BASE_URL": standin.url}
        installation = install(**settings)
        await asyncio.to_thread(installation.set_up, many(CONTROLLERS))
        await asyncio.to_thread(installation.start_worker().ready)
        house = await installation.house()
        incident, wave = await release_to_all(house)
        yield house, standin, incident, wave
    finally:
        standin.stop()


def rows_of(house: House, wave: WaveId) -> list[Notice]:
    """Return the wave's rows."""
    with house.store.reading() as tx:
        return tx.ledger.notices(wave)


async def until(house: House, wave: WaveId, *, left: set[NoticeState]) -> Counter[NoticeState]:
    """Wait until no row stands in one of the states in `left`, and count the rows by state."""
    async with asyncio.timeout(90):
        while True:
            states = Counter(row.state for row in rows_of(house, wave))
            if not left & set(states):
                return states
            await asyncio.sleep(0.1)


PROVES = {
    "ok": S.ACCEPTED,
    "late": S.ACCEPTED,
    "broken": S.IN_DOUBT,
    "gateway": S.IN_DOUBT,
    "truncated": S.IN_DOUBT,
    "reset": S.IN_DOUBT,
    "hang": S.IN_DOUBT,
    "bad": S.BY_HAND,
}


@pytest.mark.timeout(240)
async def test_answers(install: Install) -> None:
    """Each kind of answer leaves its notice in the state that it proves, sent once, and holds up no other."""
    odd = dict.fromkeys(PROVES.keys() - {"ok"}, 1)
    async with sending(install, first=odd, late_ms=1500) as (house, standin, _, wave):
        await until(house, wave, left={S.RELEASED, S.CLAIMED, S.DROPPED, S.DRAFTED})
        took = await standin.record()
    kinds = {one["notice_id"]: one["kind"] for one in took}
    assert set(kinds.values()) == set(PROVES)
    assert len(took) == len(kinds) == CONTROLLERS
    assert {row.notice_id: row.state for row in rows_of(house, wave)} == {
        notice: PROVES[kind] for notice, kind in kinds.items()
    }


@pytest.mark.timeout(240)
async def test_told_to_wait(install: Install) -> None:
    """A 429 that says when to come back is obeyed: nothing leaves before, and everybody is told once after it."""
    async with sending(install, first={"limit": 2}) as (house, standin, incident, wave):
        await house.client.get_workflow_handle(wire.wave_workflow(incident, wave)).result()
        took = await standin.record()
    refused_at = [one["at"] for one in took if one["kind"] == "limit"]
    told_at = {one["notice_id"]: one["at"] for one in took if one["taken"]}
    put_off = {one["notice_id"] for one in took if one["kind"] == "limit"}
    assert Counter(one["notice_id"] for one in took if one["taken"]) == {
        row.notice_id: 1 for row in rows_of(house, wave)
    }
    assert min(told_at[notice] for notice in put_off) - min(refused_at) >= 1.0
    assert {row.state for row in rows_of(house, wave)} == {S.ACCEPTED}


@pytest.mark.timeout(240)
async def test_channel_down(install: Install) -> None:
    """A redirect, a 200 and a 401 tell nobody and leave nothing in doubt."""
    async with sending(install, shares={"redirect": 400, "sandbox": 300, "key": 300}) as (
        house,
        standin,
        incident,
        wave,
    ):
        async with asyncio.timeout(60):
            while not house.log("notice.released", incident):  # noqa: ASYNC110 - the log has no event to wait for
                await asyncio.sleep(0.1)
        states = await until(house, wave, left={S.CLAIMED})
        took = await standin.record()
    assert states == {S.RELEASED: CONTROLLERS}
    assert took
    assert not any(one["taken"] for one in took)
