"""The console's front door over real HTTP: who gets in, what a session is worth, and what each answer carries."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.ports.office import INSTALLER, PASSWORD, PEOPLE, Counter, counter, csrf_of
from tests.ports.story import AT, INCIDENT, facts, state
from tocsin.adapters.access import invite
from tocsin.adapters.door import SignedDoor
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.values import ActId

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
LATER: list[timedelta] = []


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console with one incident, in which Asha is on the team."""
    LATER[:] = []
    now = lambda: datetime.now(UTC) + sum(LATER, timedelta())  # noqa: E731
    async with counter(store, vault, keyring, tmp_path, now=now) as it:
        with store.writing() as tx:
            tx.incidents.put_state(state(), AT)
            tx.incidents.put_facts(INCIDENT, facts(), AT, ActId("act-report"))
            tx.incidents.join(INCIDENT, [it.office.person_id("asha")], AT)
        yield it


async def test_nobody_is_in_before_signing_in(at: Counter) -> None:
    """A page sends to the login and back, the API answers 401, and neither says what there is."""
    browser = at.browser()
    page, api = await browser.get("/?x=1"), await browser.get(f"/api/v1/incidents/{INCIDENT}")
    assert (page.status_code, page.headers["location"]) == (303, "/login?onward=/%3Fx%3D1")
    assert (api.status_code, api.headers["content-type"]) == (401, "application/problem+json")
    assert api.headers["www-authenticate"] == "Bearer"


async def test_an_invitation_lets_in_once(at: Counter) -> None:
    """Whoever was invited sets a password of twelve characters or more; the link is used up, the password stays."""
    token = invite(at.office.store, at.office.people().person("asha"), INSTALLER, at.office.now())
    browser = at.browser()
    short = await browser.post(f"/invitation/{token}", data={"password": "too short"})
    assert (short.status_code, "12 to 256" in short.text) == (422, True)
    assert (await browser.post(f"/invitation/{token}", data={"password": PASSWORD})).status_code == 303
    assert "Backup share" in (await browser.get("/")).text
    again = await at.browser().post(f"/invitation/{token}", data={"password": PASSWORD})
    assert again.status_code == 404
    wrong = await at.browser().post("/login", data={"user": "asha", "password": "not her password"})
    assert wrong.status_code == 403
    right = await at.browser().post("/login", data={"user": "asha", "password": PASSWORD, "onward": "//evil.example"})
    assert (right.status_code, right.headers["location"]) == (303, "/")


async def test_an_invitation_grows_old(at: Counter) -> None:
    """After a week the link is no good, and says so."""
    token = invite(at.office.store, at.office.people().person("asha"), INSTALLER, at.office.now())
    LATER.append(timedelta(days=7, seconds=1))
    assert (await at.browser().get(f"/invitation/{token}")).status_code == 404


async def test_a_session_ends(at: Counter) -> None:
    """A session ends by signing out, after half an hour of silence, after twelve hours, and with its person."""
    browser = await at.signed_in("asha")
    assert (await browser.post("/logout")).status_code == 303
    assert (await browser.get("/api/v1/incidents")).status_code == 401
    browser = await at.signed_in("asha")
    for _ in range(24):
        LATER.append(timedelta(minutes=29))
        still = (await browser.get("/api/v1/incidents")).status_code
    assert still == 200
    LATER.append(timedelta(minutes=25))
    assert (await browser.get("/api/v1/incidents")).status_code == 401, "twelve hours are over"
    browser = await at.signed_in("asha")
    LATER.append(timedelta(minutes=31))
    assert (await browser.get("/api/v1/incidents")).status_code == 401
    browser = await at.signed_in("asha")
    path = at.office.people._path  # type: ignore[attr-defined]
    path.write_text(PEOPLE.replace("[people.asha]", "[people.someone]"))
    assert (await browser.get("/api/v1/incidents")).status_code == 401


async def test_the_cookie_is_kept_from_scripts_and_other_sites(at: Counter) -> None:
    """The cookie is HttpOnly and SameSite; on any address but this machine's also Secure, and bound to the host."""
    for host, start in {"127.0.0.1": "tocsin=", "tocsin.example": "__Host-tocsin="}.items():
        token = invite(at.office.store, at.office.people().person("asha"), INSTALLER, at.office.now())
        answer = await at.browser().post(f"/invitation/{token}", data={"password": PASSWORD}, headers={"host": host})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(start)
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
        assert ("Secure" in cookie.split("; ")) is (host != "127.0.0.1")


async def test_another_site_cannot_act(at: Counter) -> None:
    """Without the form's token, with a wrong one, or from another site's page nothing happens."""
    browser = await at.signed_in("asha")
    good = browser.headers.pop("X-CSRF-Token")
    to = f"/api/v1/incidents/{INCIDENT}/acts/note"
    for headers in ({}, {"X-CSRF-Token": "f" * 64}, {"X-CSRF-Token": good, "Sec-Fetch-Site": "cross-site"}):
        assert (await browser.post(to, json={"text": "x"}, headers=headers)).status_code == 403
    assert (await browser.post("/logout", data={"csrf": "nonsense"})).status_code == 403
    assert at.door.envelopes == []
    assert (await browser.post(to, json={"text": "x"}, headers={"X-CSRF-Token": good})).status_code == 200
    login = {"user": "asha", "password": PASSWORD}
    assert (await browser.post("/login", data=login, headers={"Origin": "https://evil.example"})).status_code == 403
    assert (await browser.post("/logout", data={"csrf": csrf_of((await browser.get("/")).text)})).status_code == 303


async def test_trying_passwords_is_slowed_down(at: Counter) -> None:
    """After five attempts at one name the next has to wait, even with the right password."""
    tried = [await at.browser().post("/login", data={"user": "asha", "password": f"guess {n}"}) for n in range(6)]
    assert [answer.status_code for answer in tried] == [403] * 5 + [429]
    assert tried[5].headers["retry-after"] == "60"


async def test_every_answer_is_shielded(at: Counter) -> None:
    """Pages, refusals and the API carry a policy without inline script, and are kept by nobody."""
    browser = await at.signed_in("asha")
    for path in ("/", "/login", "/nothing", "/api/v1/incidents", "/api/v1/nothing", "/healthz"):
        headers = (await browser.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"


async def test_what_is_too_large_is_cut_off(at: Counter) -> None:
    """A request beyond its path's size is refused with 413, whatever its header says."""
    browser = await at.signed_in("asha")
    answer = await browser.post(f"/api/v1/incidents/{INCIDENT}/acts/note", json={"text": "x" * 1_100_000})
    assert (answer.status_code, answer.json()["status"]) == (413, 413)


async def test_an_act_is_signed_and_says_who(at: Counter, keyring: FileKeyring) -> None:
    """What Asha does in the console goes to the engine in her name, with her roles, signed by this door."""
    browser = await at.signed_in("asha")
    answer = await browser.post(f"/api/v1/incidents/{INCIDENT}/acts/confirm", json={"statement": "seen"})
    assert answer.status_code == 200, answer.text
    (envelope,) = at.door.envelopes
    SignedDoor(keyring.door_publics(), allow_direct=False).admit(envelope, at.office.now())
    actor = envelope.act.actor
    assert (actor.name, actor.authenticated, actor.person_id) == ("Asha Rao", "password", at.office.person_id("asha"))


async def test_a_stranger_sees_what_is_not_there(at: Counter) -> None:
    """Mallory gets, to the letter, the same answer for an incident as for an id that does not exist."""
    browser = await at.signed_in("mallory")
    there, nowhere = [await browser.get(f"/api/v1/incidents/{one}") for one in (INCIDENT, "inc-nowhere")]
    assert (there.status_code, there.content) == (404, nowhere.content)
    assert {k: v for k, v in there.headers.items() if k != "date"} == {
        k: v for k, v in nowhere.headers.items() if k != "date"
    }
    assert (await browser.get("/api/v1/incidents")).json()["items"] == []
    post = f"/api/v1/incidents/{INCIDENT}/acts/note"
    assert (await browser.post(post, json={"text": "hello"})).content == there.content
