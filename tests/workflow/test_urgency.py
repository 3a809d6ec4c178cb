"""Whose letters go first when a worker has too much to do."""

from datetime import UTC, datetime, timedelta

from temporalio.testing import WorkflowEnvironment

from tests.house import House
from tests.ports import story
from tests.workflow.post import Post
from tocsin import wire
from tocsin.domain.letter import Letter
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.values import IncidentId, NoticeId, WaveId
from tocsin.ports import WaveRow

RANGE = 250
"""Rows of a batch: one letter in each makes a wave of many batches without many letters."""


def letter(row: Notice, address: str) -> Letter:
    """Return a letter to an address."""
    return Letter(
        from_name="Processor Ltd",
        from_address="desk@processor.example",
        reply_to=None,
        to_name="Desk",
        to_address=address,
        subject="A security incident",
        text="What happened.\n",
        html="<p>What happened.</p>",
        language="en",
        message_id=row.message_id,
        notice_number=row.number,
        notice_id=row.notice_id,
    )


def released(house: House, name: str, batches: int) -> WaveId:
    """Put a released wave with one letter in each of so many batches."""
    wave_id, incident = WaveId(f"wav-{name}"), IncidentId(f"inc-{name}")
    house.vault.ensure(incident)
    rows = [
        story.notice(number).model_copy(
            update={
                "notice_id": NoticeId(f"ntc-{name}{number}"),
                "incident_id": incident,
                "wave_id": wave_id,
                "ordinal": number * RANGE,
                "message_id": f"<ntc-{name}{number}@processor.example>",
                "channel": "outbox",
                "duty_ids": (),
            }
        )
        for number in range(batches)
    ]
    with house.store.writing() as tx:
        base = story.wave(rows=batches * RANGE, released=True)
        tx.ledger.put_wave(WaveRow(**base.model_dump() | {"wave_id": wave_id, "incident_id": incident}))
        tx.ledger.plan(rows)
        letters = [letter(row, f"{name}{place}@{name}.example") for place, row in enumerate(rows)]
        tx.ledger.put_letters((r, one, house.channel.prepare(one)) for r, one in zip(rows, letters, strict=True))
        tx.ledger.put(row.model_copy(update={"state": NoticeState.RELEASED}) for row in tx.ledger.notices(wave_id))
    return wave_id


async def test_the_nearest_deadline_goes_first(server: WorkflowEnvironment, quiet_house: House) -> None:
    """A wave with six hours left that was started later is through before a mass wave with three days left."""
    house, now = quiet_house, datetime.now(UTC)
    assert isinstance(house.channel, Post)
    plan = {"mass": (8, timedelta(hours=72)), "authority": (1, timedelta(hours=6))}
    with server.with_time_skipping_disabled():
        for name, (batches, left) in plan.items():
            wave_id, incident = released(house, name, batches), IncidentId(f"inc-{name}")
            order = wire.WaveInput(
                incident_id=incident, wave_id=wave_id, tempo=house.tempo, rows=batches * RANGE, due_at=now + left
            )
            workflow_id = wire.wave_workflow(incident, wave_id)
            await house.client.start_workflow(wire.WAVE, order, id=workflow_id, task_queue=house.queue)
        async with house.working(max_concurrent_activities=1, disable_eager_activity_execution=True):
            for name in plan:
                wave_id = WaveId(f"wav-{name}")
                handle = house.client.get_workflow_handle(wire.wave_workflow(IncidentId(f"inc-{name}"), wave_id))
                await handle.result()

    handed = list(house.channel.handed)
    assert len(handed) == 9
    # How many batches of the mass wave start before the other's workflow has asked for anything is the server's affair;
    # without urgency the letter to the authority would be the ninth.
    assert handed.index("authority0@authority.example") < 8
