"""Erasing through the API: two persons who are signed in, and an erased incident that says so at every door."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ports.office import counter
from tests.ports.story import AT, INCIDENT, facts, state
from tocsin import erasing
from tocsin.adapters.copies import HomeCopies
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.act import Actor
from tocsin.domain.incident import Status
from tocsin.domain.values import ENGINE, ActId
from tocsin.settings import Settings

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
ERASURE = f"/api/v1/incidents/{INCIDENT}/erasure"


async def test_two_who_are_signed_in_erase(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> None:
    """It is refused before its day; then one asks, another confirms, in signed envelopes; then every door says so."""
    days = [0]
    ended = datetime.now(UTC)
    with store.writing() as tx:
        tx.incidents.put_state(state(status=Status.CLOSED), ended)
        tx.incidents.put_facts(INCIDENT, facts(), AT, ActId("act-report"))
    settings = Settings(home=tmp_path, retention_incident_days=30)

    def now() -> datetime:
        return ended + timedelta(days=days[0])

    async with counter(store, vault, keyring, tmp_path, settings=settings, now=now) as at:
        dara = await at.signed_in("dara")
        early = await dara.post(ERASURE, json={"reason": "its time is over"})
        assert (early.status_code, "it is kept until" in early.json()["detail"]) == (409, True)
        days[0] = 31
        dara, ada = await at.signed_in("dara"), await at.signed_in("ada")
        assert [one["incident_id"] for one in (await ada.get("/api/v1/erasures")).json()["due"]] == [INCIDENT]
        assert "its retention (1 in all)" in (await dara.get("/")).text
        asked = (await dara.post(ERASURE, json={"reason": "its time is over"})).json()
        assert asked["asked"]["act"]["actor"]["authenticated"] == "password"
        assert asked["asked"]["signature"]
        request = {"request": asked["asked"]["act"]["act_id"]}
        alone = await dara.post(f"{ERASURE}/confirm", json=request)
        assert (alone.status_code, "another approver or admin" in alone.json()["detail"]) == (409, True)
        assert (await dara.get(f"/api/v1/incidents/{INCIDENT}")).status_code == 200
        assert (await ada.post(f"{ERASURE}/confirm", json=request)).status_code == 200
        engine = Actor(person_id=ENGINE, name="Tocsin", roles=frozenset(), authenticated="engine")
        erasing.carry_out(store, vault, HomeCopies(settings, keyring.open_from_engine), INCIDENT, engine, now())
        for path in (f"/api/v1/incidents/{INCIDENT}", f"/api/v1/incidents/{INCIDENT}/acts", f"/incidents/{INCIDENT}"):
            gone = await dara.get(path)
            assert (gone.status_code, "was erased on" in gone.text) == (410, True)
        mallory = await at.signed_in("mallory")
        assert (await mallory.get(f"/api/v1/incidents/{INCIDENT}")).status_code == 404
        assert (await ada.get(ERASURE)).json()["completed_at"]
