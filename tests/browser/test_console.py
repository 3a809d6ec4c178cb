"""What people do in a browser, from the report to the verified evidence; what Mallory tries; how each page looks."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.looks import WIDE, look
from tests.browser.places import PLACES
from tests.browser.site import TITLE, Site
from tests.ports.office import PASSWORD

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(autouse=True)
async def quiet(site: Site) -> AsyncIterator[None]:
    """No page may complain: no script of ours fails, none of Mallory's runs, no dialog opens."""
    yield
    await site.leave()
    said, site.complaints = site.complaints, []
    assert said == []


async def test_asha_reports(site: Site, incident: str) -> None:
    """A title is enough; Now shows the incident with its clocks, and its page why each deadline is what it is."""
    page = await site.sit("asha")
    await page.goto("/")
    await page.get_by_role("link", name=TITLE).first.click()
    await expect(page).to_have_url(f"{site.url}{incident}")
    clocks = page.get_by_role("region", name="Clocks")
    await expect(clocks.get_by_text("72 h from confirmation").first).to_be_visible()
    await expect(clocks.locator("[data-left]").first).to_have_text(re.compile(r"left$"))
    await page.get_by_role("link", name="Why", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("by when, and why")


async def test_a_report_without_script_or_mouse(site: Site) -> None:
    """Where no script runs, and by the keyboard alone, somebody signs in and reports."""
    await site.sit("dara")
    page = await site.sit(java_script_enabled=False)
    await page.goto("/report")
    await expect(page.get_by_label("Name")).to_be_focused()
    for typed in ("dara", PASSWORD):
        await page.keyboard.type(typed)
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("What happened, in one line")).to_be_focused()
    await page.keyboard.type("A laptop is lost")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("A laptop is lost")


async def test_a_page_follows_what_happens(site: Site, incident: str) -> None:
    """A note that Dara adds shows on Asha's open page by itself, while what Asha types stays."""
    watching, acting = await site.sit("asha"), await site.sit("dara")
    await watching.goto(incident)
    await watching.get_by_text("Add a task").click()
    await watching.get_by_label("What is to be done").fill("half a sentence")
    events = watching.get_by_role("region", name="Last events").get_by_role("listitem")
    before = await events.filter(has_text="act: note").count()
    await acting.goto(incident)
    await acting.get_by_text("Add a note").click()
    await acting.locator("#note").get_by_label("Note").fill("Called the vendor")
    await acting.locator("#note").get_by_role("button", name="Add it").click()
    await expect(events.filter(has_text="act: note")).to_have_count(before + 1)
    await expect(watching.get_by_label("What is to be done")).to_have_value("half a sentence")


async def test_asha_alone_at_night(site: Site) -> None:
    """Asha holds on her own word and Dara confirms and lifts it; Asha breaks the glass and Dara recalls the letters."""
    ago = f"{datetime.now(UTC) - timedelta(hours=70):%FT%TZ}"
    what = ("--service", "records-api", "--aware-at", ago)
    told = await asyncio.to_thread(site.installation.does, "report", "At night", *what, "--json")
    address = f"/incidents/{told.json['receipt']['incident_id']}"
    await asyncio.to_thread(site.installation.does, "confirm", "last", "--at", ago)
    asha, dara = await site.sit("asha"), await site.sit("dara")
    await asha.goto(address)
    await asha.get_by_text("Record an order not to tell").click()
    await asha.get_by_label("Who gave it, or the provision").fill("Harbour Police")
    await asha.get_by_label("Reference", exact=True).fill("HP/117")
    await asha.get_by_label("Only for (your references").fill("DOGWOOD-1")
    await asha.get_by_role("button", name="Hold", exact=True).click()
    holds = dara.get_by_role("region", name="Holds")
    await dara.goto(address)
    await expect(holds).to_contain_text("Provisional: it lapses")
    await holds.get_by_role("button", name="Confirm the hold").click()
    await expect(holds).not_to_contain_text("Provisional: it lapses")
    await holds.get_by_label("Why it has ended").fill("their letter of today")
    await holds.get_by_role("button", name="Lift the hold").click()
    await expect(holds).to_contain_text("lifted")

    await asha.goto(address)
    await asha.get_by_text("Nobody answers: send the minimal letter").click()
    await asha.get_by_label("For which clock").select_option(label="72 h from confirmation")
    await asha.get_by_label("Why it cannot wait").fill("nobody answers")
    await asha.get_by_role("button", name="Break the glass").click()
    await expect(asha.get_by_role("region", name="Without a second person")).to_contain_text("Asha Rao broke the glass")
    await dara.goto(address)
    await dara.get_by_role("button", name="Recall it").click()
    await expect(dara.get_by_text("broke the glass")).to_have_count(0)
    await expect(dara.get_by_role("region", name="Last events")).to_contain_text("recall")


async def test_a_controller_acknowledges(site: Site, released: str) -> None:
    """The link in the delivered letter opens without signing in; one press confirms it, and the incident shows it."""
    page = await site.sit()
    await page.goto(site.known["link"])
    await page.get_by_role("button", name="Confirm receipt").click()
    await expect(page.get_by_role("status")).to_contain_text("confirmed")
    assert await page.context.cookies() == []
    desk = await site.sit("asha")
    await desk.goto(released)
    await expect(desk.get_by_role("region", name="Notices")).to_contain_text("acknowledged")
    await desk.get_by_role("link", name="Delivery", exact=True).click()
    await expect(desk.get_by_role("row", name="Birch Clinic")).to_contain_text("acknowledged")


async def test_noor_verifies(site: Site, released: str, tmp_path: Path) -> None:
    """An auditor has no form to change anything; the evidence that she downloads verifies by itself."""
    page = await site.sit("noor")
    await page.goto(released)
    forms = await page.locator("form").evaluate_all("forms => forms.map(one => one.getAttribute('action'))")
    assert forms == ["/logout"]
    async with page.expect_download() as started:
        await page.get_by_role("link", name="Download the evidence pack").click()
    pack = tmp_path / "pack.zip"
    await (await started.value).save_as(pack)
    said = await asyncio.to_thread(site.installation.does, "verify", str(pack), user="noor")
    assert "holds" in said.out or "verified" in said.out, said.out


# -- what Mallory tries ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("followed_up")
async def test_mallory_without_a_session(site: Site) -> None:
    """Who is not signed in gets the login for every page, and nothing of what is behind it."""
    page = await site.sit()
    for place in PLACES.values():
        if place.user is not None and place.route != "/codec":
            await page.goto(await site.find(place))
            assert page.url.startswith(f"{site.url}/login")
            assert "Odd logins" not in await page.content()


async def test_mallory_is_a_stranger(site: Site, incident: str) -> None:
    """Who is not on the team gets the same for a true incident as for one that does not exist, and Now is empty."""
    page = await site.sit("mallory")
    await page.goto("/")
    await expect(page.get_by_text("Nothing is open.")).to_be_visible()
    told = []
    for address in (incident, "/incidents/inc-nothing"):
        answer = await page.goto(address)
        assert answer is not None
        told.append((answer.status, await answer.text()))
    assert told[0] == told[1]
    assert told[0][0] == 404


async def test_mallory_lures_asha(site: Site, incident: str) -> None:
    """A form on another page of the same machine, which the cookie goes along with, does nothing; nor does a frame."""
    page = await site.sit("asha")
    form = f"<form method=post action='{site.url}{incident}/do/note'><input name=text value=gotcha></form>"
    trap = f"{form}<script>document.forms[0].submit()</script>"
    for origin in ("http://127.0.0.1:9", "http://evil.example"):
        await page.route(f"{origin}/**", lambda route: route.fulfill(body=trap, content_type="text/html"))
        async with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
            await page.goto(f"{origin}/")
        assert (await answered.value).status in {303, 403}
    await page.goto(incident)
    assert "gotcha" not in await page.content()
    frame = f"<iframe src='{site.url}{incident}'></iframe>"
    await page.route("http://127.0.0.1:9/**", lambda route: route.fulfill(body=frame, content_type="text/html"))
    await page.goto("http://127.0.0.1:9/frame")
    assert await page.frames[1].get_by_text("Odd logins").count() == 0
    site.complaints[:] = [said for said in site.complaints if "frame-ancestors" not in said]


async def test_mallory_steals_no_cookie(site: Site, incident: str) -> None:
    """No script reads the session's cookie; it goes to no other site, and after signing out “Back” shows nothing."""
    page = await site.sit("asha")
    await page.goto(incident)
    (cookie,) = await page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    assert await page.evaluate("document.cookie") == ""
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    await page.go_back()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    site.forget("asha")


# -- how each page looks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.usefixtures("followed_up")
async def test_everybody_can_use(site: Site, shots: Path | None, name: str) -> None:
    """No violation of WCAG 2.2 AA in either theme or on a phone, where nothing is wider than 360 px."""
    place = PLACES[name]
    page = await site.sit(place.user, viewport={"width": WIDE[0], "height": WIDE[1]})
    await page.goto(await site.find(place))
    assert await look(page, name, shots) == []
