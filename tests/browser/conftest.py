"""One browser and one whole installation for the session: Temporal, a worker and a console, each a real process."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.acceptance.stack import Installation, Server, free_port
from tests.browser.site import LINK, NUMBER, TITLE, Site
from tests.ports.office import PEOPLE

PARTY = "<img src=x onerror=alert(1)> School"
"""What Mallory calls herself: words that she would like pages and letters to run."""
REGISTER = f"""\
agreement,party,notify,discharge,services,language,contact,deputies
BIRCH-1,Birch Clinic,72h from confirmation,acknowledged,records-api,en,Bea Birch <bea@birch.example>,
CEDAR-1,Cedar Bank,36h from awareness; 72h from confirmation,,records-api,de,Cem Cedar <cem@cedar.example>,\
Dee <dee@cedar.example>
DOGWOOD-1,{PARTY},72h from confirmation,,records-api,en,Dan Dogwood <dan@dogwood.example>,
"""

PATIENCE = 30_000
"""Milliseconds that a browser waits for what it expects: the machine may be busy with other tests."""
IVO = """
[people.ivo]
name = "Ivo New"
email = "ivo@processor.example"
roles = ["responder"]
"""
"""Somebody who never takes up an invitation."""


@pytest.fixture(scope="session")
async def chromium(browser_required: bool) -> AsyncIterator[Browser]:
    """The machine's Chromium, or Playwright's own; without either these tests did not run, and say so."""
    async with async_playwright() as playwright:
        path = _chromium(playwright.chromium.executable_path)
        if path is None:
            words = "no browser is here: install Debian's chromium, or run `.venv/bin/playwright install chromium`"
            (pytest.fail if browser_required else pytest.skip)(words)
        expect.set_options(timeout=PATIENCE)
        browser = await playwright.chromium.launch(executable_path=path)
        yield browser
        await browser.close()


def _chromium(own: str) -> str | None:
    return shutil.which("chromium") or (own if Path(own).exists() else None)


@pytest.fixture(scope="session")
async def site(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """An installation with a register and people, and its console."""
    folder = tmp_path_factory.mktemp("browser")
    server, port = Server(folder / "temporal", free_port()), free_port()
    url = f"http://127.0.0.1:{port}"
    at = {"CONSOLE_ADDRESS": f"127.0.0.1:{port}", "CONSOLE_URL": url, "PUBLIC_URL": url}
    installation = Installation(folder / "home", server.address, "browser", **at)
    await asyncio.to_thread(server.start)
    try:
        await asyncio.to_thread(installation.set_up, REGISTER)
        (installation.home / "people.toml").write_text(PEOPLE + IVO)
        with installation.working(), installation.console():
            site = Site(installation, url, chromium)
            yield site
            await site.close()
    finally:
        installation.stop()
        server.stop()


@pytest.fixture(scope="session")
async def incident(site: Site) -> str:
    """The incident that Asha reports, confirms, and drafts letters for; returns its address."""
    page = await site.sit("asha")
    await page.goto("/")
    await page.get_by_role("link", name="Report", exact=True).click()
    await page.get_by_label("What happened, in one line").fill(TITLE)
    await page.get_by_label("Services that are touched").fill("records-api")
    await page.get_by_role("button", name="Report it").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)
    address = page.url
    await page.get_by_role("button", name="Confirm it").click()
    await expect(page.get_by_role("status")).to_contain_text("3 new")
    await page.get_by_role("button", name="Draft", exact=True).click()
    await expect(page.get_by_text("waits for release: 3 recipients")).to_be_visible()
    site.known["incident"] = address.removeprefix(site.url)
    return site.known["incident"]


@pytest.fixture(scope="session")
async def released(site: Site, incident: str) -> str:
    """The same once Dara has read the letters and released them, and the outbox has them."""
    page = await site.sit("dara")
    await page.goto(incident)
    await page.get_by_role("link", name="Letters", exact=True).click()
    await page.get_by_role("row", name=PARTY).get_by_role("link").click()
    await expect(page.get_by_label("The letter as text")).to_contain_text(PARTY)
    framed = page.frame_locator("iframe[title='The letter as HTML']")
    await expect(framed.get_by_text(PARTY).first).to_be_visible()
    await page.get_by_role("button", name="Release 3 notices").click()
    await expect(page.get_by_role("region", name="Notices")).to_contain_text("told")
    await site.letter_to("cem@cedar.example")
    await site.letter_to("dan@dogwood.example")
    letter = await site.letter_to("bea@birch.example")
    link, number = LINK.search(letter), NUMBER.search(letter)
    assert link is not None
    assert number is not None
    site.known |= {"link": link[0], "number": number[0]}
    return incident


@pytest.fixture(scope="session")
async def followed_up(site: Site, released: str) -> None:
    """A second wave is drafted, and waits."""
    page = await site.sit("asha")
    await page.goto(released)
    await page.get_by_text("Draft letters").click()
    await page.get_by_label("What they say").select_option("follow_up")
    await page.get_by_role("button", name="Draft", exact=True).click()
    await expect(page.get_by_role("status")).to_be_visible()
    await page.get_by_role("link", name="Letters", exact=True).click()
    waiting = page.get_by_role("link", name="Read the letters")
    site.known["waiting"] = str(await waiting.get_attribute("href"))
    await waiting.click()
    german = (
        page.get_by_role("region", name="Kinds of letters").locator("li.kinds", has_text="de").first.get_by_role("link")
    )
    site.known["german"] = str(await german.first.get_attribute("href"))
    await page.goto("/register")
    agreement = page.locator("a[href^='/register/agreements/']").first
    site.known["agreement"] = str(await agreement.get_attribute("href"))
    await page.goto(f"{released}/delivery")
    number = page.get_by_role("row", name="Birch Clinic").get_by_role("link")
    site.known["delivered"] = str(await number.get_attribute("href"))
    await _begin_round(site)


async def _begin_round(site: Site) -> None:
    """Let Dara have Dogwood School's desk asked whether notices reach it."""
    page = await site.sit("dara")
    await page.goto("/register/rounds")
    await page.get_by_label("Only these agreements").fill("DOGWOOD-1")
    await page.get_by_role("button", name="Send the letters").click()
    await page.goto("/register/rounds")
    begun = page.locator("a[href^='/register/rounds/prb-']").first
    site.known["round"] = str(await begun.get_attribute("href"))
    letter = await site.letter_to("dan@dogwood.example", saying="This is a test")
    link = LINK.search(letter)
    assert link is not None
    site.known["asked"] = link[0]


@pytest.fixture(scope="session")
def shots(request: pytest.FixtureRequest) -> Path | None:
    """Where pictures of the pages go (`make shots`); None: nowhere."""
    folder = request.config.getoption("--shots", default=None)
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) if folder else None
