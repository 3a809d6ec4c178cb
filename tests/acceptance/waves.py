"""A wave to many controllers, and what must be true of it afterwards."""

from collections import Counter
from datetime import UTC, datetime

import orjson

from tests.acceptance.stack import Installation
from tests.house import ASHA, DARA, House
from tocsin import wire
from tocsin.audit.verify import verify
from tocsin.domain.act import Confirm, Draft, Release
from tocsin.domain.notice import NoticeState
from tocsin.domain.values import IncidentId, WaveId


async def release_to_all(house: House) -> tuple[IncidentId, WaveId]:
    """Report, confirm, draft and release; return at once, while it is being sent."""
    incident = await house.report(datetime.now(UTC))
    await house.do(incident, ASHA, Confirm(), datetime.now(UTC))
    drafted = await house.do(incident, ASHA, Draft(), datetime.now(UTC))
    wave = WaveId(drafted.ids["wave"])
    await house.do(incident, DARA, Release(wave_id=wave, digest=drafted.ids["digest"]), datetime.now(UTC))
    return incident, wave


async def ended(house: House, incident: IncidentId, wave: WaveId) -> None:
    """Wait until the wave has nothing more to do."""
    await house.client.get_workflow_handle(wire.wave_workflow(incident, wave)).result()


def assert_each_told_once(installation: Installation, house: House, wave: WaveId, count: int) -> None:
    """Check ledger, outbox and log against each other: `count` recipients, each told, none twice."""
    with house.store.reading() as tx:
        rows = tx.ledger.notices(wave)
        entries = [orjson.loads(entry.body) for entry in tx.log.entries()]
        verdict = verify(tx.log.entries(), tx.log.head())
    taken = Counter(entry["data"]["notice"] for entry in entries if entry["kind"] == "notice.accepted")
    assert count == len({(row.agreement_id, row.contact_id) for row in rows}) == len(rows)
    assert {NoticeState.ACCEPTED} == {row.state for row in rows}
    assert not [row.number for row in rows if row.possible_duplicate]
    assert {row.notice_id: 1 for row in rows} == taken
    assert {f"{row.notice_id}.eml" for row in rows} == {letter.name for letter in installation.letters()}
    assert verdict.holds, verdict.why
