"""The page `You` over real HTTP: a token's secret once, the calendar's address, and roles lent with dates."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.ports.office import Counter, counter, csrf_of
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console."""
    async with counter(store, vault, keyring, tmp_path) as it:
        yield it


async def posts(browser: httpx.AsyncClient, path: str, **fields: str) -> str:
    """Send a form of the page, and return the page that comes after it."""
    csrf = csrf_of((await browser.get("/me")).text)
    answer = await browser.post(path, data={**fields, "csrf": csrf}, follow_redirects=True)
    assert answer.status_code in {200, 409}, answer.text
    return answer.text


async def test_a_secret_is_shown_once(at: Counter) -> None:
    """A token for the command line, and a calendar's address, are shown on the next page only; ending one ends it."""
    asha, program = await at.signed_in("asha"), at.browser()
    page = await posts(asha, "/me/tokens", kind="command_line", label="laptop")
    secret = re.search(r"tocsin_[\w-]{43}", page)
    assert secret is not None
    assert secret[0] not in (await asha.get("/me")).text
    mine = {"Authorization": f"Bearer {secret[0]}"}
    assert (await program.get("/api/v1/me", headers=mine)).json()["user"] == "asha"
    page = await posts(asha, "/me/tokens", kind="calendar")
    address = re.search(r"http://[^<\s]+\.ics", page)
    assert address is not None
    assert (await program.get(address[0])).status_code == 200
    token_id = re.findall(r'name="token_id" value="([^"]+)"', (await asha.get("/me")).text)[0]
    await posts(asha, "/me/tokens/revoke", token_id=token_id)
    assert (await program.get("/api/v1/me", headers=mine)).status_code == 401


async def test_roles_are_lent_with_dates(at: Counter) -> None:
    """Dara lends her role from the page; it counts between the dates only, and one that is over-long is refused."""
    dara, asha = await at.signed_in("dara"), await at.signed_in("asha")
    me, now = (await asha.get("/api/v1/me")).json()["person_id"], datetime.now(UTC)
    span = {"from_at": f"{now - timedelta(minutes=5):%Y-%m-%dT%H:%M}"}
    assert "92 days" in await posts(dara, "/me/lend", to=me, until_at="2099-01-01T00:00", **span)
    soon = f"{now + timedelta(days=1):%Y-%m-%dT%H:%M}"
    assert "Asha Rao" in await posts(dara, "/me/lend", to=me, until_at=soon, **span)
    assert "approver" in (await asha.get("/api/v1/me")).json()["roles"]
    lent = re.findall(r'name="delegation_id" value="([^"]+)"', (await dara.get("/me")).text)[0]
    assert "It has ended" in await posts(dara, "/me/lend/end", delegation_id=lent)
    assert "approver" not in (await asha.get("/api/v1/me")).json()["roles"]
