"""Signing in by an OpenID provider, a real one on loopback: who gets in, with which roles, and what is not believed."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from tests.ports.office import Counter, counter
from tests.ports.provider import CLIENT, SECRET, Keycloakish, a_provider
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.oidc import groups_of
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.act import Role
from tocsin.domain.errors import Refused
from tocsin.settings import Settings

on_sqlite = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
DARA = {"preferred_username": "dara", "name": "Dara Okafor", "groups": ["dpo", "staff"]}


@pytest.fixture
async def provider() -> AsyncIterator[Keycloakish]:
    """A provider of its own for each test."""
    async with a_provider() as it:
        yield it


@pytest.fixture
async def at(
    provider: Keycloakish, store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path
) -> AsyncIterator[Counter]:
    """A console that lets people in by that provider, and by it alone."""
    chosen = Settings(
        home=tmp_path,
        local_login=False,
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT,
        oidc_client_secret=SecretStr(SECRET),
        oidc_groups="dpo=approver, audit=auditor",
    )
    async with counter(store, vault, keyring, tmp_path, settings=chosen) as it:
        yield it


async def way(at: Counter, browser: httpx.AsyncClient, **instead: str) -> httpx.Response:
    """Go to the provider and come back; `instead` changes what is brought back."""
    there = await browser.get("/login/oidc", params={"onward": "/api/v1/me"})
    assert there.status_code == 303, there.text
    async with httpx.AsyncClient(timeout=60) as elsewhere:
        back = httpx.URL((await elsewhere.get(there.headers["location"])).headers["location"])
    assert back.path == "/login/oidc/callback"
    return await browser.get(back.path, params=dict(back.params) | instead)


@on_sqlite
async def test_the_provider_says_who_and_which_groups(at: Counter, provider: Keycloakish) -> None:
    """Dara comes in with the roles of her groups; taken out of them, her next sign-in gives none."""
    browser = at.browser()
    assert "Sign in with your organisation" in (await browser.get("/login")).text
    provider.claims = DARA
    came = await way(at, browser)
    assert (came.status_code, came.headers["location"]) == (303, "/api/v1/me")
    me = (await browser.get("/api/v1/me")).json()
    assert (me["name"], me["roles"], me["authenticated"]) == ("Dara Okafor", ["approver"], f"oidc {provider.issuer}")
    provider.claims = DARA | {"groups": ["staff"]}
    refused = await way(at, at.browser())
    assert (refused.status_code, "no group that has a role" in refused.text) == (409, True)
    assert (await browser.post("/login", data={"user": "dara", "password": "x" * 20})).status_code == 403


@on_sqlite
@pytest.mark.parametrize("wrong", ["state", "code", "nonce", "audience", "issuer", "expired", "key", "no cookie"])
async def test_what_is_not_the_providers_word_is_not_believed(at: Counter, provider: Keycloakish, wrong: str) -> None:
    """A token for another request, application or time, by another issuer or key, lets nobody in."""
    browser, instead = at.browser(), dict[str, str]()
    lies: dict[str, dict[str, Any]] = {
        "nonce": {"nonce": "another"},
        "audience": {"aud": "another-application"},
        "issuer": {"iss": "https://evil.example"},
        "expired": {"exp": int(time.time()) - 120},
    }
    provider.claims = DARA | lies.get(wrong, {})
    match wrong:
        case "state":
            instead = {"state": "another"}
        case "code":
            instead = {"code": "another"}
        case "key":
            provider.signs_with = RSAKey.generate_key(2048, {"kid": "k1"})
        case _:
            pass
    if wrong == "no cookie":
        other = at.browser()
        came = await other.get("/login/oidc/callback", params={"code": "x", "state": "y"})
    else:
        came = await way(at, browser, **instead)
    assert came.status_code in {403, 409}, came.text
    assert (await browser.get("/api/v1/me")).status_code == 401


def test_groups_are_read() -> None:
    """A group may have several roles; what maps nothing is refused with how to write it."""
    both = frozenset({Role.APPROVER, Role.ADMIN})
    assert groups_of("a=approver,a=admin, cn=x=auditor") == {"a": both, "cn=x": frozenset({Role.AUDITOR})}
    with pytest.raises(Refused, match="GROUP=ROLE"):
        groups_of("approver")
