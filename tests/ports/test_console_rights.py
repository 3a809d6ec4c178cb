"""Every route of the console against the table of rights: role x membership, for each route that there is."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from fastapi.routing import iter_route_contexts

from tests.browser.places import LETTERS, NO_PAGES, PLACES, POSTED
from tests.ports.office import Counter, counter
from tests.ports.story import AT, INCIDENT, facts, state
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.console.gate import Guard
from tocsin.domain.act import Role
from tocsin.domain.rights import OF_INCIDENT, Action, Verdict, may
from tocsin.domain.values import ActId

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
PUBLIC = {
    *("/calendar/{secret}.ics", "/notices", "/notices/", "/notices/{name}"),
    *(
        "/webhooks/sendgrid",
        "/style.css",
        "/page.js",
        "/icon.svg",
        "/a/{token}",
        "/n",
        "/n/{number}",
        "/healthz",
        "/readyz",
    ),
    *(f"/intake/{sender}" for sender in ("pagerduty", "alertmanager", "generic", "slack", "teams")),
    *("/codec", "/codec/decode", "/codec/encode", "/codec/{verb}"),
    *(
        "/login",
        "/login/cli/token",
        "/login/oidc",
        "/login/oidc/callback",
        "/invitation/{token}",
        "/api/v1/openapi.json",
    ),
}
"""What anybody may ask: each route says for itself what it checks instead."""
PERSON = {Role.RESPONDER: "asha", Role.APPROVER: "dara", Role.AUDITOR: "noor", Role.ADMIN: "ada"}


class Route(NamedTuple):
    """A route as it is reached."""

    method: str
    path: str
    guards: list[Guard]


def routes_of(at: Counter) -> Iterator[Route]:
    """Yield every route, with the guards that stand before it."""
    for found in iter_route_contexts(at.app.routes):
        stands_before = found.dependant.dependencies if found.dependant else []
        guards = [one.call for one in stands_before if isinstance(one.call, Guard)]
        assert found.path, found
        for method in found.methods or ():
            yield Route(method, found.path, guards)


@pytest.fixture
async def at(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Counter]:
    """A console with one incident."""
    with store.writing() as tx:
        tx.incidents.put_state(state(), AT)
        tx.incidents.put_facts(INCIDENT, facts(), AT, ActId("act-report"))
    async with counter(store, vault, keyring, tmp_path) as it:
        yield it


async def test_every_page_is_looked_at_in_a_browser(at: Counter) -> None:
    """Each route that shows a page is among those that the browser's tests look at."""
    asked = {route.path for route in routes_of(at) if route.method == "GET" and not route.path.startswith("/api/")}
    assert asked - NO_PAGES - POSTED - LETTERS <= {place.route for place in PLACES.values()}


async def test_every_route_has_one_rule(at: Counter) -> None:
    """Each route has exactly one guard or is known to be public, and is guarded as an incident's if it is one's."""
    found = list(routes_of(at))
    assert {route.path for route in found if not route.guards} == PUBLIC
    for route in found:
        assert len(route.guards) <= 1, route
        for guard in route.guards:
            assert ("{incident_id}" in route.path) is (guard.action in OF_INCIDENT), route


async def test_the_whole_matrix(at: Counter) -> None:
    """For each route, role and membership the answer is what the table says: let in, refused, or not there."""
    browsers = {role: await at.signed_in(user) for role, user in PERSON.items()}
    nowhere = (await browsers[Role.AUDITOR].get("/api/v1/incidents/inc-nowhere")).json()
    seen = set()
    for on_team in (False, True):
        if on_team:
            with at.office.store.writing() as tx:
                tx.incidents.join(INCIDENT, [at.office.person_id(user) for user in PERSON.values()], AT)
        for route, role in itertools.product(routes_of(at), Role):
            for guard in route.guards:
                if route.path == "/logout":
                    continue  # it would end the session of those who come next
                verdict = may(guard.action, frozenset({role}), on_team=on_team)
                seen.add(guard.action)
                path = route.path.replace("{incident_id}", INCIDENT)
                answer = await browsers[role].request(route.method, path)
                where = f"{route.method} {path} as {role}, on the team: {on_team}, is {verdict}: {answer.status_code}"
                if verdict is Verdict.HIDDEN:
                    assert answer.status_code == 404, where
                    assert not path.startswith("/api/") or answer.json() == nowhere, where
                elif verdict is Verdict.FORBIDDEN:
                    assert answer.status_code == 403, where
                else:
                    assert answer.status_code not in {401, 403}, where
                    assert "{" in path or answer.status_code != 404, where
    assert seen >= OF_INCIDENT - {Action.WAIVE, Action.READ_PRIVILEGED}
