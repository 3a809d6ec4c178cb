"""The API against its own description: whatever is sent, nothing is a fault of ours, and no answer is undocumented."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.ports.office import PEOPLE, Counter, counter
from tests.ports.story import AT, CLOCK, INCIDENT, agreement, facts, state
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.vault import Vault
from tocsin.domain.values import ActId

pytestmark = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
KNOWN = {"incident_id": INCIDENT, "clock_id": CLOCK, "user": "asha"}
"""What stands in a path, half of the time: a thing that is there."""
EVERYTHING = PEOPLE + '\n[people.root]\nname = "Root"\nemail = "root@processor.example"\nroles = [{}]\n'.format(
    ", ".join(f'"{role}"' for role in ("responder", "approver", "auditor", "admin"))
)


class Visit(NamedTuple):
    """A console, and the headers of somebody who may do everything there."""

    url: str
    headers: dict[str, str]
    cookies: dict[str, str]
    document: dict[str, Any]


@pytest.fixture
async def visit(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> AsyncIterator[Visit]:
    """A console with one incident."""
    with store.writing() as tx:
        tx.incidents.put_state(state(), AT)
        tx.incidents.put_facts(INCIDENT, facts(), AT, ActId("act-report"))
        tx.register.publish([agreement(number) for number in range(3)], AT)
    async with counter(store, vault, keyring, tmp_path) as at:
        (tmp_path / "people.toml").write_text(EVERYTHING)
        yield await _root(at)


async def _root(at: Counter) -> Visit:
    browser = await at.signed_in("root")
    document = (await browser.get("/api/v1/openapi.json")).json()
    cookies = {"tocsin": browser.cookies["tocsin"]}
    return Visit(at.url, {"X-CSRF-Token": browser.headers["X-CSRF-Token"]}, cookies, document)


def operations(document: dict[str, Any]) -> Iterator[APIOperation[Any, Any, Any, Any]]:
    """Yield every operation of the description."""
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


def cases(operation: APIOperation[Any, Any, Any, Any]) -> st.SearchStrategy[Case[Any]]:
    """Return requests as described and as not, on things that are there and on others."""
    there = {one.name: KNOWN[one.name] for one in operation.path_parameters if one.name in KNOWN}
    return st.one_of(
        operation.as_strategy(GenerationMode.POSITIVE, path_parameters=there or None),
        operation.as_strategy(GenerationMode.POSITIVE),
        operation.as_strategy(GenerationMode.NEGATIVE, path_parameters=there or None),
    )


def sent(visit: Visit, operation: APIOperation[Any, Any, Any, Any], examples: int) -> None:
    """Send so many requests to one operation, and hold each answer against the description."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(operation))
    def send(case: Case[Any]) -> None:
        answer = case.call(base_url=visit.url, headers=visit.headers, cookies=visit.cookies, timeout=60)
        case.validate_response(answer, checks=CHECKS)

    send()


def all_sent(visit: Visit, examples: int) -> int:
    """Send to every operation; return how many there are."""
    found = list(operations(visit.document))
    for operation in found:
        sent(visit, operation, examples)
    return len(found)


async def test_every_answer_is_described(visit: Visit) -> None:
    """A few requests to each operation, as described and as not: no 5xx, and no answer that is not described."""
    assert await asyncio.to_thread(all_sent, visit, 2) > 70


@pytest.mark.soak
async def test_every_answer_is_described_many_times(visit: Visit) -> None:
    """The same with many requests to each."""
    assert await asyncio.to_thread(all_sent, visit, 100) > 70


async def test_a_fault_would_be_seen(visit: Visit) -> None:
    """A description that lacks what the API answers fails: the checks look at the answers."""
    paths = {path: said for path, said in visit.document["paths"].items() if path == "/api/v1/me"}
    paths["/api/v1/me"]["get"]["responses"] = {"204": {"description": "nothing"}}
    with pytest.raises(FailureGroup) as caught:
        await asyncio.to_thread(all_sent, visit._replace(document={**visit.document, "paths": paths}), 1)
    assert "Undocumented status code" in str(caught.value.exceptions[0])
