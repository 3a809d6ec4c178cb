"""A console in front of a whole installation, and the browsers of those who come to it."""

import asyncio
import re
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page

from tests.acceptance.stack import Installation
from tests.browser.places import Place
from tests.ports.office import PASSWORD

LINK = re.compile(r"http://127\.0\.0\.1:\d+/a/[A-Za-z0-9_-]{43}")
NUMBER = re.compile(r"N-[A-Z2-7]{4}-[A-Z2-7]{4}")
TITLE = "Odd logins <script>alert(2)</script><img src=x onerror=alert(3)>"
"""What Asha reports: words that Mallory would like pages to run."""
NOT_OURS = "Failed to load resource"
"""How a browser tells of an answer that is no success; whether it should be one is the test's to say."""


class Site:
    """Opens browsers, each somebody's, and keeps what went wrong in any of them: no page of ours may complain."""

    def __init__(self, installation: Installation, url: str, browser: Browser) -> None:
        self.installation = installation
        self.url = url
        self.complaints: list[str] = []
        self.known: dict[str, str] = {}
        """Addresses, and a notice's number, that the story has come to know."""
        self._browser = browser
        self._kept: dict[str, Any] = {}
        self._open: list[BrowserContext] = []

    async def sit(self, user: str | None = None, **how: Any) -> Page:
        """Return an empty page of a browser of its own, in which somebody is signed in, or nobody."""
        if user is not None and user not in self._kept:
            await self._come_in(user)
        state = self._kept[user] if user else None
        context = await self._browser.new_context(base_url=self.url, storage_state=state, **how)
        self._open.append(context)
        context.on("page", self._watch)
        return await context.new_page()

    def forget(self, user: str) -> None:
        """Have somebody sign in anew the next time."""
        self._kept.pop(user, None)

    async def find(self, place: Place) -> str:
        """Return the address of a page."""
        if "{invitation}" in place.address:
            return await self.invitation("ivo")
        return place.address.format(**self.known)

    async def invitation(self, user: str) -> str:
        """Return a link for somebody."""
        said = await asyncio.to_thread(self.installation.does, "access", "invite", user, "--json", user="ada")
        return str(said.json["link"])

    async def leave(self) -> None:
        """Close all browsers; those who signed in may come again."""
        for context in self._open:
            await context.close()
        self._open.clear()

    async def close(self) -> None:
        """Close what is still open."""
        await self.leave()

    async def letter_to(self, address: str, saying: str = "") -> str:
        """Return the plain words of the newest letter to somebody that says this, once the outbox has one."""
        await until(lambda: self._letters_to(address, saying))
        return self._letters_to(address, saying)[-1]

    def _letters_to(self, address: str, saying: str) -> list[str]:
        read = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in self.installation.letters()]
        found = sorted((one for one in read if address in str(one["To"])), key=lambda one: one["Date"].datetime)
        return [words for one in found if saying in (words := _plain(one))]

    async def _come_in(self, user: str) -> None:
        page = await self.sit()
        await page.goto(await self.invitation(user))
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="come in").click()
        await page.wait_for_url(f"{self.url}/")
        self._kept[user] = await page.context.storage_state()

    def _watch(self, page: Page) -> None:
        page.on("dialog", self._dismiss)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", self._heard)

    async def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(f"a dialog opened: {dialog.message}")
        await dialog.dismiss()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error" and NOT_OURS not in message.text:
            self.complaints.append(message.text)


def _plain(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


async def until(happened: Callable[[], object], within: float = 60) -> None:
    """Wait until something shows."""
    async with asyncio.timeout(within):
        while not happened():  # noqa: ASYNC110 - the processes outside have no event to wait for
            await asyncio.sleep(0.1)
