"""`tocsin login` by the browser of the same machine, over real HTTP on loopback; and all who would have the answer."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.ports.office import Counter, counter, csrf_of
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.cli import run
from tocsin.cli.loopback import Waiting
from tocsin.domain.errors import Refused
from tocsin.domain.loopback import CODE_LASTS, challenge_of

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
VERIFIER, STATE, BACK = "v" * 64, "s" * 43, "http://127.0.0.1:49152/"
GOOD = {
    "redirect_uri": BACK,
    "state": STATE,
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}
HOSTILE = (
    {"redirect_uri": "http://mallory.example/"},
    {"redirect_uri": "http://localhost:49152/"},
    {"redirect_uri": "https://127.0.0.1:49152/"},
    {"redirect_uri": "javascript://127.0.0.1:49152/"},
    {"redirect_uri": "http://127.0.0.1:49152@mallory.example/"},
    {"redirect_uri": "http://127.0.0.1:49152/?x=http://mallory.example/"},
    {"redirect_uri": "http://127.0.0.1:80/"},
    {"redirect_uri": "http://127.0.0.1:49152/\n"},
    {"state": ""},
    {"state": "short"},
    {"state": "s" * 42 + "&"},
    {"code_challenge": ""},
    {"code_challenge_method": "plain"},
)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        """Return the instant."""
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    """The console's clock."""
    return Clock()


@pytest.fixture
async def at(
    store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path, clock: Clock
) -> AsyncIterator[Counter]:
    """A console."""
    async with counter(store, vault, keyring, tmp_path, now=clock) as it:
        yield it


async def code_for(browser: httpx.AsyncClient) -> str:
    """Have somebody confirm in their browser; return the code that it is sent back with."""
    done = await browser.post("/login/cli", data=GOOD)
    assert done.status_code == 303, done.text
    parts = urlsplit(done.headers["location"])
    said = parse_qs(parts.query)
    assert (f"{parts.scheme}://{parts.netloc}{parts.path}", said["state"]) == (BACK, [STATE])
    return said["code"][0]


async def traded(at: Counter, code: str, **other: str) -> httpx.Response:
    """Trade a code for a token, as the command line does."""
    said = {"code": code, "redirect_uri": BACK, "code_verifier": VERIFIER} | other
    return await at.browser().post("/login/cli/token", json=said)


async def test_login_in_the_browser(
    at: Counter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The command prints an address; its person confirms there; the browser comes back, and a token is kept, 0600."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TOCSIN_API_URL", at.url)
    monkeypatch.setenv("TOCSIN_HOME", str(tmp_path / "nothing-is-here"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "TOCSIN_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    command = asyncio.create_task(asyncio.to_thread(run, ["login", "--browser"]))
    printed = ""
    while not (found := re.search(rf"^{at.url}(/login/cli\?\S+)$", printed, re.MULTILINE)):
        await asyncio.sleep(0.05)
        printed += capsys.readouterr().out
        assert not command.done(), printed
    dara = await at.signed_in("dara")
    del dara.headers["X-CSRF-Token"]
    page = await dara.get(found[1])
    assert "Dara Okafor" in page.text
    back = parse_qs(urlsplit(found[1]).query)["redirect_uri"][0]
    assert f"form-action 'self' {back.rstrip('/')};" in page.headers["content-security-policy"]
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    assert fields["csrf"] == csrf_of(page.text)
    assert (await dara.post("/login/cli", data={**fields, "csrf": "x"})).status_code == 403
    gone = await dara.post("/login/cli", data=fields)
    async with httpx.AsyncClient() as elsewhere:
        wrong = gone.headers["location"].replace("state=", "state=x")
        assert (await elsewhere.get(wrong)).status_code == 400
        assert (await elsewhere.get(gone.headers["location"], headers={"Host": "mallory.example"})).status_code == 400
        assert "You may close this page" in (await elsewhere.get(gone.headers["location"])).text
    assert await asyncio.wait_for(command, 60) == 0
    assert "You are Dara Okafor (approver)" in capsys.readouterr().out
    (kept,) = (tmp_path / "config" / "tocsin").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert await asyncio.to_thread(run, ["next"]) == 0
    (token,) = (await dara.get("/api/v1/me/tokens")).json()
    assert (token["label"], sorted(token["scopes"])) == ("tocsin login", ["act", "read", "report"])
    assert datetime.fromisoformat(token["expires_at"]) < datetime.now(UTC) + timedelta(days=31)


async def test_a_hostile_question_is_refused(at: Counter) -> None:
    """Another host, another scheme, no state, no proof: neither the page nor its form answers such a question."""
    dara = await at.signed_in("dara")
    assert (await dara.get("/login/cli", params=GOOD)).status_code == 200
    for change in HOSTILE:
        assert (await dara.get("/login/cli", params=GOOD | change)).status_code == 422, change
        done = await dara.post("/login/cli", data=GOOD | change)
        assert (done.status_code, "location" in done.headers) == (422, False), change
    nobody = await at.browser().get("/login/cli", params=GOOD)
    assert nobody.headers["location"].startswith("/login?onward=/login/cli")
    assert (await at.browser().post("/login/cli", data=GOOD)).headers["location"] == "/login"


async def test_a_code_is_good_once_and_for_whoever_asked(at: Counter, clock: Clock) -> None:
    """Used again, with another proof, by another way, too late or altered, it gives nothing; a wrong try ends it."""
    dara = await at.signed_in("dara")
    code = await code_for(dara)
    made = await traded(at, code)
    assert made.status_code == 201, made.text
    bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await at.browser().get("/api/v1/me", headers=bearer)).json()["name"] == "Dara Okafor"
    assert (await traded(at, code)).status_code == 409
    for other in ({"code_verifier": "w" * 64}, {"redirect_uri": "http://127.0.0.1:49153/"}):
        code = await code_for(dara)
        assert (await traded(at, code, **other)).status_code == 409
        assert (await traded(at, code)).status_code == 409
    code = await code_for(dara)
    assert (await traded(at, code[:-8] + "AAAAAAAA")).status_code == 409
    clock.ahead = CODE_LASTS
    late = await traded(at, code)
    assert (late.status_code, "begin again" in late.json()["detail"]) == (409, True)


async def test_whoever_was_shut_out_meanwhile_gets_none(at: Counter) -> None:
    """A code of somebody whose account was closed in that minute is good for nothing."""
    mallory, ada = await at.signed_in("mallory"), await at.signed_in("ada")
    code = await code_for(mallory)
    closed = await ada.delete(f"/api/v1/access/{at.office.person_id('mallory')}")
    assert closed.status_code == 204
    assert (await traded(at, code)).status_code == 409


def test_nobody_comes(databases: object) -> None:
    """Who waits longer than they have is told how else to do it, and nothing listens on another address."""
    with Waiting() as waiting:
        assert waiting.server_address[0] == "127.0.0.1"
        with pytest.raises(Refused, match="--paste"):
            waiting.wait(0.1)
