"""The sweep and what nobody could assign: a person is called for each failure, once."""

from collections.abc import Sequence
from pathlib import Path

from temporalio.testing import ActivityEnvironment

from activities.sweep import Sweep, SweepOrder
from tests.ports.story import AT, HOUR
from tests.ports.test_receipts import heard
from tocsin.adapters.outbox import Outbox
from tocsin.adapters.pager import ChannelPager
from tocsin.adapters.sql import SqlStore
from tocsin.domain.receipt import ReceiptKind as K
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import IncidentId
from tocsin.ports import Run
from tocsin.receiving import take


class Nothing:
    """A Temporal that runs nothing, and of which nothing is asked: there is no incident."""

    async def look(self, workflow_ids: Sequence[str]) -> dict[str, Run]:
        """Return nothing."""
        return {}

    async def start_again(self, workflow_id: str, incident_id: IncidentId, tempo: Tempo) -> bool:
        """Start nothing."""
        return False


async def test_a_parked_failure_calls_a_person_once(store: SqlStore, tmp_path: Path) -> None:
    """Somebody may not have been told: the next sweep pages, and the one after it does not again."""
    take(store, [heard(K.BOUNCED, None, address="eve@elsewhere.example"), heard(K.DELIVERED, None, 1)], AT)
    sweep = Sweep(store, Nothing(), ChannelPager(Outbox(tmp_path, "pages"), "call@own.example", "desk@own.example"))

    for run in ("first", "second"):
        await ActivityEnvironment().run(sweep.compare, SweepOrder(at=AT + HOUR, tempo=Tempo(origin=AT), run_id=run))

    (page,) = (tmp_path / "pages").glob("*.eml")
    assert "nobody knows which" in page.read_text().replace("\n ", " ")
    assert "eve@" not in page.read_text()
