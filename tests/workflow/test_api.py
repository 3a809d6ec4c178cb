"""The API over a real engine: Asha reports and drafts, Dara releases, Noor takes the evidence, Mallory gets nowhere."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.house import House
from tests.ports.office import Counter, counter
from tocsin.adapters.evidence.check import check_evidence
from tocsin.console.office import ActDoor


@pytest.fixture
async def at(house: House, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console on that house."""

    async def engine() -> ActDoor:
        return house.engine

    async with counter(house.store, house.vault, house.keyring, tmp_path, engine=engine) as it:
        yield it


async def post(
    browser: httpx.AsyncClient,
    path: str,
    said: dict[str, Any],
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Any:
    """Post to the API; the answer has this status."""
    answer = await browser.post(f"/api/v1{path}", json=said, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_an_incident_by_api(house: House, at: Counter, tmp_path: Path) -> None:
    """The main path over HTTP: every act is signed, nobody releases their own draft, and the evidence holds."""
    asha, dara, noor, mallory = [await at.signed_in(user) for user in ("asha", "dara", "noor", "mallory")]
    facts = {"title": "Odd logins", "services": ["records-api"]}
    told = {"facts": facts, "alert": f"api-{house.queue}"}

    first = await post(asha, "/incidents", told, 201, {"Idempotency-Key": "report-0001"})
    again = await post(asha, "/incidents", told, 201, {"Idempotency-Key": "report-0001"})
    joined = await post(asha, "/incidents", told, 201)
    assert (first, joined["already"]) == (again, True)
    here = f"/incidents/{first['incident_id']}"

    seen = await asha.get(f"/api/v1{here}")
    assert seen.json()["facts"]["title"] == "Odd logins"
    await post(asha, f"{here}/acts/confirm", {}, 200, {"If-Match": seen.headers["etag"]})
    stale = await post(asha, f"{here}/acts/revise", {"facts": {"summary": "x"}}, 412, {"If-Match": '"0"'})
    assert "read it again" in stale["detail"]
    once_more = await post(asha, f"{here}/acts/confirm", {}, 409)
    assert "confirmed already" in once_more["detail"]

    wave = (await post(asha, f"{here}/acts/draft", {}))["ids"]["wave"]
    waves = (await dara.get(f"/api/v1{here}/waves")).json()
    released = {"wave_id": wave, "digest": waves[0]["wave"]["digest"]}
    assert (await asha.post(f"/api/v1{here}/acts/release", json=released)).status_code == 403
    assert (await mallory.post(f"/api/v1{here}/acts/release", json=released)).status_code == 404
    assert (await noor.post(f"/api/v1{here}/acts/release", json=released)).status_code == 403
    await post(dara, f"{here}/acts/release", released)

    await post(dara, f"{here}/acts/note", {"text": "told the board"})
    pack = await noor.get(f"/api/v1{here}/evidence")
    (tmp_path / "pack.zip").write_bytes(pack.content)
    assert check_evidence(tmp_path / "pack.zip").holds
    acts = house.log("act.")
    assert {entry["authenticated"] for entry in acts} == {"password"}
    assert len(acts) == 5
    assert (await mallory.get(f"/api/v1{here}")).status_code == 404


async def test_lent_roles_count_while_they_are_lent(house: House, at: Counter) -> None:
    """Dara lends Asha her role for a day: Asha may lift and hold then, but still not release what she drafted."""
    asha, dara = [await at.signed_in(user) for user in ("asha", "dara")]
    told = {"facts": {"title": "Odd logins", "services": ["records-api"]}, "alert": f"lent-{house.queue}"}
    here = f"/incidents/{(await post(asha, '/incidents', told, 201))['incident_id']}"
    order = {"hold_kind": "law_enforcement", "issuer": "County police", "reference": "CP-7"}
    await post(asha, f"{here}/acts/hold", order, 403)

    me, now = (await asha.get("/api/v1/me")).json(), at.office.now()
    span = {"from_at": now.isoformat(), "until_at": now.replace(year=now.year + 1).isoformat()}
    await post(dara, "/me/delegations", {"taker": me["person_id"], **span}, 409)
    span["until_at"] = now.replace(hour=23, minute=59, second=59).isoformat()
    lent = await post(dara, "/me/delegations", {"taker": me["person_id"], **span}, 201)
    assert lent["roles"] == ["approver"]
    await post(asha, "/me/delegations", {"taker": lent["giver"], "roles": ["approver"], **span}, 409)
    await post(asha, f"{here}/acts/hold", order)
    (held,) = house.log("act.hold")
    assert held["authenticated"] == f"password, standing in for {lent['giver']}"

    wave = (await post(asha, f"{here}/acts/draft", {}))["ids"]["wave"]
    digest = (await asha.get(f"/api/v1{here}/waves")).json()[0]["wave"]["digest"]
    own = await post(asha, f"{here}/acts/release", {"wave_id": wave, "digest": digest}, 409)
    assert "may not release them" in own["detail"]
    assert (await dara.delete(f"/api/v1/me/delegations/{lent['delegation_id']}")).status_code == 204
    await post(asha, f"{here}/acts/hold", order, 403)
