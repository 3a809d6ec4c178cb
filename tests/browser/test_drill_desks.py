"""A drill at people's desks: the console that it starts, in a browser, and what it says when a person ends it."""

import asyncio
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.acceptance.stack import TOCSIN
from tests.ports.office import PASSWORD

pytestmark = pytest.mark.timeout(180)
LINK = re.compile(r"^  (.+): (http://127\.0\.0\.1:\d+/invitation/\S+)$")


@asynccontextmanager
async def drilling(home: Path) -> AsyncIterator[Process]:
    """Have `tocsin drill` run, ten minutes in a second, with people to act in it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    words = ("drill", "misdirected_mail", "--speed", "600", "--home", str(home))
    process = await asyncio.create_subprocess_exec(
        TOCSIN, *words, cwd=home.parent, env=clean, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.communicate(), 60)


async def invited(process: Process) -> dict[str, str]:
    """Return everybody's link, as it is printed."""
    assert process.stdout is not None
    links: dict[str, str] = {}
    while len(links) < 2:
        line = (await asyncio.wait_for(process.stdout.readline(), 90)).decode()
        assert line, "the drill has ended"
        if found := LINK.match(line):
            links[found[1]] = found[2]
    return links


async def left(page: Page) -> int:
    """Return how many minutes the page says are left of the clock with a deadline, which is the last one."""
    said = await page.get_by_role("region", name="Clocks").locator("[data-left]").last.inner_text()
    minutes = {"d": 1440, "h": 60, "min": 1, "s": 0}
    return sum(int(count) * minutes[unit] for count, unit in re.findall(r"(\d+) (d|h|min|s)\b", said))


async def test_people_play_it_at_the_console(chromium: Browser, tmp_path: Path) -> None:
    """Asha comes in by her link, sees the drill's clock run at its speed, and acts; at Ctrl-C it shows what came."""
    async with drilling(tmp_path / "drill") as process:
        links = await invited(process)
        assert set(links) == {"Asha Rao", "Dara Okafor"}
        page = await chromium.new_page()
        await page.goto(links["Asha Rao"])
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Set it and come in").click()
        await page.get_by_role("link", name="DRILL: A list of patients").first.click()
        await expect(page.get_by_text("A drill. Nobody outside is told")).to_be_visible()
        before = await left(page)
        assert 22 * 60 < before <= 24 * 60
        await asyncio.sleep(2)
        assert 15 <= before - await left(page) <= 60
        await page.get_by_role("button", name="Confirm it").click()
        await expect(page.get_by_role("status")).to_contain_text("1 ended")
        await page.close()

        process.send_signal(signal.SIGINT)
        said = " ".join((await asyncio.wait_for(process.communicate(), 60))[0].decode().split())
        assert process.returncode == 0, said
    for words in ("Asha Rao: confirmed that it is a security incident", "still open", "stopped by hand", "(it holds)"):
        assert words in said, said
