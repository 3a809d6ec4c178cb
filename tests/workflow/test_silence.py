"""Release by silence: only where a clause says so, at the margin, through the one gate, loudly, and never twice."""

import asyncio
import email
import email.policy
from datetime import timedelta

from temporalio.client import WorkflowUpdateFailedError

from tests.workflow.story import FROM_CONFIRMATION, H, Story, police
from tocsin import wire
from tocsin.adapters.evidence import check_evidence
from tocsin.adapters.temporal_histories import open_shelf
from tocsin.domain.duty import DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.holding import Lift
from tocsin.domain.incident import Facts
from tocsin.domain.notice import NoticeState
from tocsin.domain.values import ENGINE

MIN = timedelta(minutes=1)
SAYS_SO = """\
agreement,party,notify,services,contact,on_silence
BIRCH-1,Birch Clinic,promptly from discovery; 72h from confirmation,records-api,Bea <bea@birch.example>,release_minimal
"""
FACTS = Facts(title="Odd logins", services=("records-api",), summary="Somebody read the night shift's mail")


def letter_to(story: Story, address: str) -> str:
    """Return the text of the one letter to an address."""
    found = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in story.house.letters()]
    bodies = [m.get_body(("plain",)) for m in found if address in str(m["To"])]
    assert len(bodies) == 1
    assert bodies[0] is not None
    return " ".join(bodies[0].get_content().split())


async def test_minimal_letter_goes_at_the_margin(story: Story) -> None:
    """Two hours before the deadline the minimal letter goes to whose clause says so, and to nobody else, loudly."""
    story.house.register(SAYS_SO)
    await story.confirmed(facts=FACTS)
    drafted = await story.draft()
    await story.lapse(FROM_CONFIRMATION, 70 * H - MIN)
    assert not story.post.handed
    await story.lapse(FROM_CONFIRMATION, 2 * MIN)
    assert dict(story.post.handed) == {"bea@birch.example": 1}
    text = letter_to(story, "bea@birch.example")
    assert "This is a short notice, sent so that you hear of it in time." in text
    assert "night shift" not in text

    entry = story.house.log("wave.released_by_silence", story.incident)[0]["data"]
    birch = story.duties_of("BIRCH-1")[FROM_CONFIRMATION]
    assert (entry["clauses"], entry["rows"]) == ([birch.citation], 1)
    assert (birch.state, birch.late) == (DutyState.DISCHARGED, False)
    with story.house.store.reading() as tx:
        wave = tx.ledger.wave(entry["wave"])
    assert wave is not None
    assert (wave.releaser, wave.digest) == (ENGINE, entry["digest"])
    pages = story.house.pages("released by silence")
    assert len(pages) == 1
    assert f"tocsin show {story.incident} --letters {entry['wave']}" in pages[0].text

    waiting = story.state.waves[drafted.wave]
    assert waiting.digest != drafted.digest, "the draft was written anew, without whom silence told"
    await story.release(drafted._replace(digest=waiting.digest))
    await story.wave(drafted.wave).result()
    assert story.post.handed["bea@birch.example"] == 1
    assert story.post.handed["cem@cedar.example"] == 1


async def test_hold_beats_silence(story: Story) -> None:
    """Under a hold nothing goes by itself; once it is lifted, what is past its margin goes."""
    story.house.register(SAYS_SO)
    await story.confirmed(69 * H)
    held = (await story.dara(police())).ids["hold"]
    await story.lapse(FROM_CONFIRMATION, 2 * H)
    assert not story.post.handed
    await story.dara(Lift(hold_id=held))
    await story.lapse(FROM_CONFIRMATION, 6 * MIN)
    assert dict(story.post.handed) == {"bea@birch.example": 1}


async def test_new_clock_leaves_people_a_quarter_of_an_hour(story: Story) -> None:
    """A deadline that is near when its clock begins leaves people fifteen minutes; the evidence of it verifies."""
    story.house.register(SAYS_SO)
    await story.confirmed(71 * H)
    await story.lapse(FROM_CONFIRMATION, 14 * MIN)
    assert not story.post.handed
    await story.lapse(FROM_CONFIRMATION, 2 * MIN)
    assert dict(story.post.handed) == {"bea@birch.example": 1}

    house = story.house
    shelf = open_shelf(house.store, house.vault, house.keyring, house.client, house.home)
    kept = await shelf.keep(story.incident)
    assert check_evidence(house.home / "evidence" / kept.name).findings == ()


async def test_silence_and_a_person_at_the_same_moment(story: Story) -> None:
    """Whoever comes first, silence or a person, each party is written to once."""
    story.house.register(SAYS_SO)
    await story.confirmed()
    drafted = await story.draft()
    spec = story.clock(FROM_CONFIRMATION).spec
    silence = story.run().signal(wire.CLOCK_SILENT, wire.ClockSilent(clock_id=spec.clock_id))
    came = await asyncio.gather(silence, story.release(drafted), return_exceptions=True)
    assert not isinstance(came[0], BaseException)
    assert isinstance(came[1], str | Refused | WorkflowUpdateFailedError), came[1]
    await story.rest()
    assert story.post.handed["bea@birch.example"] == 1
    states = [row.state for row in story.house.notices(story.incident, "BIRCH-1")]
    assert states.count(NoticeState.ACCEPTED) == 1
