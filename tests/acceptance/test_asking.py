"""Asking the engine itself how an incident stands."""

import asyncio
from datetime import UTC, datetime

import pytest

from tests.acceptance.controllers import one
from tests.acceptance.stack import Installation
from tests.house import ASHA
from tocsin.domain.act import Dismiss
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Status
from tocsin.domain.values import IncidentId


async def test_status(installation: Installation) -> None:
    """A running incident says how it stands, one that has ended says how it ended, and one unknown is refused."""
    await asyncio.to_thread(installation.set_up, one())
    worker = installation.start_worker()
    await asyncio.to_thread(worker.ready)
    house = await installation.house()
    incident = await house.report(datetime.now(UTC))
    assert (await house.engine.status(incident)).status is Status.REPORTED
    await house.do(incident, ASHA, Dismiss(reason="a test"), datetime.now(UTC))
    assert (await house.engine.status(incident)).status is Status.DISMISSED
    with pytest.raises(Refused, match="there is no incident inc-nowhere"):
        await house.engine.status(IncidentId("inc-nowhere"))
