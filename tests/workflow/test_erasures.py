"""The sweep and incidents past their retention: it tells of them, and finishes what two persons have confirmed."""

from datetime import UTC, datetime, timedelta

from tests.house import ASHA, DARA, person
from tests.workflow.story import Story
from tests.workflow.test_evidence_kept import dismissed, packs
from tocsin import erasing, wire
from tocsin.adapters.door import SignedDoor
from tocsin.domain.act import Act, Actor, Envelope, Role
from tocsin.domain.erasure_deeds import AskErasure, ConfirmErasure
from tocsin.domain.tempo import Tempo
from tocsin.domain.values import ActId

ADA = person("Ada", Role.ADMIN)


async def sweep_in_ten_years(story: Story, name: str) -> None:
    """Run one sweep, as of then."""
    tempo = Tempo(origin=datetime.now(UTC) - timedelta(hours=1), speed=100_000)
    ident = f"{name}-{story.house.queue}"
    order = wire.SweepInput(tempo=tempo)
    await story.house.client.execute_workflow(wire.SWEEP, order, id=ident, task_queue=story.house.queue)


async def test_the_sweep_tells_and_finishes(story: Story) -> None:
    """What is due is told by mail once and not erased; what two confirmed is destroyed, and no new pack is written."""
    house, kept_for = story.house, timedelta()
    await story.report()
    await dismissed(story)
    for number in range(2):
        await sweep_in_ten_years(story, f"due-{number}")
    assert len(house.pages("past their retention")) == 1
    assert len(packs(story)) == 1

    door, at = SignedDoor(house.keyring.door_publics(), allow_direct=True), datetime.now(UTC) + timedelta(days=1)

    def envelope(by: Actor, deed: AskErasure | ConfirmErasure) -> Envelope:
        act = Act(act_id=ActId(f"act-{deed.kind}"), incident_id=story.incident, actor=by, at=at, deed=deed)
        return Envelope(act=act, expires_at=at + timedelta(minutes=1))

    erasing.ask(house.store, door, house.vault, envelope(DARA, AskErasure(reason="over")), at, kept_for)
    confirmation = envelope(ADA, ConfirmErasure(request=ActId("act-erase_ask")))
    erasing.confirm(house.store, door, house.vault, confirmation, at, kept_for)
    for number in range(2):
        await sweep_in_ten_years(story, f"erase-{number}")

    assert packs(story) == []
    (entry,) = house.log("erasure.completed", story.incident)
    assert entry["actor"] == "engine"
    assert ASHA.name not in str(entry)
