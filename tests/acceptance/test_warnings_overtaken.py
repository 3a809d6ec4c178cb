"""A worker that was away over several warnings, on the ordinary server, with an hour passing each second."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.acceptance.controllers import one
from tests.acceptance.stack import Installation, wait_for
from tests.house import ASHA, House
from tocsin.domain.act import Actor, Confirm, Deed, Envelope
from tocsin.domain.clock import ClockRow, ClockState, Mark
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import IncidentId

TITLE = "16 h from confirmation"


class UnhurriedHouse(House):
    """A house whose envelopes last: ten minutes pass in a sixth of a second here."""

    def envelope(self, incident_id: IncidentId, actor: Actor, deed: Deed, at: datetime) -> Envelope:
        """Wrap a deed for a day."""
        envelope = super().envelope(incident_id, actor, deed, at)
        return envelope.model_copy(update={"expires_at": at + timedelta(days=1)})


def clock(house: House) -> ClockRow:
    """Return the clock of the contract."""
    with house.store.reading() as tx:
        rows = tx.duties.running_clocks()
    return next(row for row in rows if row.spec.title == TITLE)


async def test_one_warning_for_all(installation: Installation) -> None:
    """Of the warnings that fell due while no worker ran, the latest is sent; the others count as overtaken by it."""
    await asyncio.to_thread(installation.set_up, one("16h from confirmation"))
    house = await installation.house(UnhurriedHouse)
    house.tempo = Tempo(origin=datetime.now(UTC), speed=3600)
    worker = installation.start_worker()
    await asyncio.to_thread(worker.ready)
    incident = await house.report(house.tempo.scenario(datetime.now(UTC)))
    await house.do(incident, ASHA, Confirm(), house.tempo.scenario(datetime.now(UTC)))
    worker.kill()
    spec = clock(house).spec
    assert clock(house).sent == (), "it took too long to stop the worker"
    await asyncio.to_thread(wait_for, lambda: house.tempo.scenario(datetime.now(UTC)) > spec.target_at)
    again = installation.start_worker()
    await asyncio.to_thread(wait_for, lambda: bool(clock(house).sent))
    again.stop()
    row = clock(house)
    assert set(Mark) == set(row.sent)
    assert ClockState.RUNNING is row.state
    pages = [page for page in installation.pages() if spec.clock_id in page]
    assert len(pages) == 1
    assert "It is late." in pages[0]
