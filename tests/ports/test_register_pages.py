"""The register's pages, over real HTTP: the list, one agreement, an import that is shown first, the law in force."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from tests.ports.office import INSTALLER, Counter, counter
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.register_csv import stream_register
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.cli.register import publish
from tocsin.domain.register import Agreement

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
HEAD = "agreement,party,notify,language,contact,deputies\n"
BIRCH = "MSA-1,Birch Clinic,72h from confirmation,en,Beth <beth@birch.example>,Ravi <ravi@birch.example>\n"
CEDAR = "MSA-2,<b>Cedar</b> Bank,24h from awareness,de,,\n"
CHANGED = BIRCH.replace("beth@birch", "privacy@birch")
DOGWOOD = "MSA-3,Dogwood School,72h from confirmation,en,Dinah <dinah@dogwood.example>,\n"


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console over a register of two agreements, of which one has nobody to write to."""
    async with counter(store, vault, keyring, tmp_path) as it:
        agreements = stream_register((HEAD + BIRCH + CEDAR).encode(), it.office.id_key)
        publish(store, INSTALLER, it.office.now(), agreements)
        yield it


def register_of(at: Counter) -> dict[str, Agreement]:
    """Return the register by reference."""
    with at.office.store.reading() as tx:
        # The store yields them by opaque ids, which are others in each test.
        return {one.reference: one for one in sorted(tx.register.agreements(), key=lambda one: one.reference)}


async def shown(browser: httpx.AsyncClient, content: str) -> httpx.Response:
    """Have a browser show what a file would change."""
    return await browser.post("/register/preview", files={"file": ("register.csv", content.encode(), "text/csv")})


async def test_the_list_and_one_agreement(at: Counter) -> None:
    """Everybody reads whom we promised what, and what is missing; names are text, whatever is in them."""
    noor = await at.signed_in("noor")
    page = (await noor.get("/register")).text
    assert ("&lt;b&gt;Cedar&lt;/b&gt; Bank" in page, "Birch Clinic" in page) == (True, True)
    missing = (await noor.get("/register?needs=missing")).text
    assert ("Cedar" in missing, "Birch Clinic" in missing) == (True, False)
    found = (await noor.get("/register?q=beth@birch")).text
    assert ("Birch Clinic" in found, "Cedar" in found) == (True, False)
    one = (await noor.get(f"/register/agreements/{register_of(at)['MSA-1'].agreement_id}")).text
    for words in ("72 h from confirmation", "ravi@birch.example", "deputy 1", "never"):
        assert words in one, words
    assert (await noor.get("/register/agreements/agr-nowhere")).status_code == 404


async def test_an_import_is_shown_before_it_is_done(at: Counter) -> None:
    """The page shows what was and what comes, and changes nothing; the second press imports just that file, once."""
    asha = await at.signed_in("asha")
    before = register_of(at)
    page = await shown(asha, HEAD + CHANGED + DOGWOOD)
    assert page.status_code == 200, page.text
    text = unescape(page.text)
    assert re.search(r"<del>[^<]*beth@birch.example[^<]*</del><ins>[^<]*privacy@birch.example", text)
    assert "Dogwood School" in text
    assert register_of(at) == before
    digest = re.search(r'name="sha256" value="([0-9a-f]{64})"', page.text)
    assert digest
    done = await asha.post("/register/import", data={"sha256": digest[1]})
    assert (done.status_code, done.headers["location"]) == (303, "/register")
    after = register_of(at)
    assert set(after) == {"MSA-1", "MSA-2", "MSA-3"}
    assert after["MSA-1"].chain[0].email == "privacy@birch.example"
    assert (await asha.post("/register/import", data={"sha256": digest[1]})).status_code == 409


async def test_what_was_shown_is_what_is_imported(at: Counter) -> None:
    """A register that moved meanwhile is looked at again; another person's file is none of mine; an auditor reads."""
    asha, dara, noor = await at.signed_in("asha"), await at.signed_in("dara"), await at.signed_in("noor")
    digest = re.findall(r'name="sha256" value="([0-9a-f]{64})"', (await shown(asha, HEAD + CHANGED)).text)[0]
    assert (await dara.post("/register/import", data={"sha256": digest})).status_code == 409
    agreements = stream_register((HEAD + DOGWOOD).encode(), at.office.id_key)
    publish(at.office.store, INSTALLER, at.office.now(), agreements)
    refused = await asha.post("/register/import", data={"sha256": digest})
    assert (refused.status_code, "has changed since the file was shown" in refused.text) == (409, True)
    assert register_of(at)["MSA-1"].chain[0].email == "beth@birch.example"
    assert (await shown(noor, HEAD + CHANGED)).status_code == 403
    wrong = await shown(asha, HEAD + "MSA-9,Elm,whenever,en,nobody,\n")
    assert (wrong.status_code, "MSA-9" in wrong.text or "line 2" in wrong.text) == (409, True)


async def test_the_export_and_the_law(at: Counter) -> None:
    """What is exported is what is there; the policies in force stand with their sources."""
    noor = await at.signed_in("noor")
    exported = await noor.get("/register/export")
    assert list(stream_register(exported.content, at.office.id_key)) == list(register_of(at).values())
    pages = [(await noor.get("/api/v1/register?limit=1")).json()]
    pages += [(await noor.get(f"/api/v1/register?limit=1&after={pages[0]['next']}")).json()]
    assert [one["reference"] for page in pages for one in page["items"]] == ["MSA-1", "MSA-2"]
    law = await noor.get("/register/policies")
    assert (law.status_code, "72 hours from awareness" in law.text) == (200, True)
    assert "starting no clock" in law.text
