"""Envelopes through the whole path: a forged, edited or expired one does nothing, and every act says who vouched."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.client import WorkflowFailureError

from tests.house import ASHA, person
from tests.workflow.story import Story
from tocsin.adapters.door import sign
from tocsin.adapters.keyring import door_key_id
from tocsin.domain.act import AddNote, Confirm, Deed, Envelope, Report, Role, TaskDone
from tocsin.domain.errors import Refused
from tocsin.domain.incident import Facts, Status
from tocsin.domain.values import IncidentId

VOUCHED_FOR = person("Asha", Role.RESPONDER, authenticated="passkey")


def signed(story: Story, deed: Deed, **change: object) -> Envelope:
    """Return a deed of Asha's, for whom the door vouches."""
    envelope = story.house.envelope(story.incident, VOUCHED_FOR, deed, story.now)
    key_id, private = story.house.keyring.door_private()
    return sign(envelope.model_copy(update=change), private, key_id)


def edited(story: Story) -> Envelope:
    """Return an envelope whose deed was changed after the door had signed it."""
    envelope = signed(story, AddNote(text="nothing happened"))
    act = envelope.act.model_copy(update={"deed": Confirm()})
    return envelope.model_copy(update={"act": act})


def forged(story: Story) -> Envelope:
    """Return an envelope that Mallory signed with a key of her own, under the door's name."""
    envelope = story.house.envelope(story.incident, VOUCHED_FOR, Confirm(), story.now)
    return sign(envelope, Ed25519PrivateKey.generate(), story.house.keyring.door_private()[0])


def from_another_door(story: Story) -> Envelope:
    """Return an envelope of a door that the engine does not know."""
    private = Ed25519PrivateKey.generate()
    envelope = story.house.envelope(story.incident, VOUCHED_FOR, Confirm(), story.now)
    return sign(envelope, private, door_key_id(private.public_key()))


def expired(story: Story) -> Envelope:
    """Return an envelope that was signed an hour ago and was good for ten minutes."""
    return signed(story, Confirm(), expires_at=story.now - timedelta(minutes=50))


def pretended(story: Story) -> Envelope:
    """Return an unsigned envelope that says it was authenticated."""
    return story.house.envelope(story.incident, VOUCHED_FOR, Confirm(), story.now)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (edited, "it was edited or forged"),
        (forged, "it was edited or forged"),
        (from_another_door, "which this engine does not know"),
        (expired, "expired at"),
        (pretended, "bears no signature"),
    ],
)
async def test_not_through_the_door(story: Story, make: Callable[[Story], Envelope], words: str) -> None:
    """What did not come through the door as it is confirms nothing, and the incident goes on with other acts."""
    await story.report()
    await story.rest()
    before, size = story.state, len(story.house.log())
    with pytest.raises(Refused, match=words):
        await story.house.engine.act(make(story))
    assert story.state == before
    assert len(story.house.log()) == size
    assert (await story.asha(Confirm())).status == Status.CONFIRMED


async def test_not_through_the_door_to_the_tasks(story: Story) -> None:
    """An edited envelope finishes no task."""
    await story.report()
    await story.until(lambda: story.house.tasks(story.incident))
    tasks = story.house.tasks(story.incident)
    envelope = signed(story, TaskDone(task_id=tasks["scope"].task_id, outcome="done"))
    other = TaskDone(task_id=tasks["preserve"].task_id, outcome="done")
    act = envelope.act.model_copy(update={"deed": other})
    with pytest.raises(Refused, match="it was edited or forged"):
        await story.house.engine.act(envelope.model_copy(update={"act": act}))
    assert story.house.tasks(story.incident) == tasks
    await story.house.engine.act(signed(story, TaskDone(task_id=tasks["scope"].task_id, outcome="done")))
    assert story.house.log("act.task_done")[0]["authenticated"] == "passkey"


async def test_each_entry_says_who_vouched(story: Story) -> None:
    """An act straight from a command line is marked as unverified in the log; one through the door names its means."""
    await story.report()
    await story.house.engine.act(signed(story, Confirm()))
    assert story.house.log("act.report")[0]["authenticated"] == "unverified local"
    assert story.house.log("act.confirm")[0]["authenticated"] == "passkey"
    assert story.house.log("act.confirm")[0]["actor"] == ASHA.person_id


async def test_an_act_for_another_incident(story: Story) -> None:
    """An envelope that was signed for one incident does nothing to another."""
    one = await story.report()
    envelope = signed(story, Confirm())
    other = await story.report(key="another")
    act = envelope.act.model_copy(update={"incident_id": other})
    with pytest.raises(Refused, match="it was edited or forged"):
        await story.house.engine.act(envelope.model_copy(update={"act": act}))
    assert {story.house.state(incident).status for incident in (one, other)} == {Status.REPORTED}


async def test_a_forged_report(story: Story) -> None:
    """A report that is refused leaves no incident, and its run fails, so that the alert can be reported again."""
    report = Report(facts=Facts(title="Odd logins", services=("records-api",)), source_key=story.alert)

    def envelope_for(*_: object) -> Envelope:
        story.incident = IncidentId(story.alert)
        envelope = story.house.envelope(story.incident, VOUCHED_FOR, report, story.now)
        return sign(envelope, Ed25519PrivateKey.generate(), story.house.keyring.door_private()[0])

    with pytest.raises(Refused, match="it was edited or forged"):
        await story.house.engine.report(envelope_for)
    with pytest.raises(WorkflowFailureError):
        await story.run().result()
    with story.house.store.reading() as tx:
        assert tx.incidents.state(story.incident) is None
        assert tx.log.head().size == 0
