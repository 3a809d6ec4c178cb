"""Releasing: a second person approves exactly the bytes that were drafted, once."""

import asyncio

import pytest
from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, DARA, NOOR, House, person
from tests.workflow.story import FROM_CONFIRMATION, Story, police
from tocsin.cli.views import read_incident
from tocsin.domain.act import (
    Confirm,
    Dismiss,
    Draft,
    Release,
    Reopen,
    Resume,
    Revise,
    Role,
    Stop,
)
from tocsin.domain.duty import DutyState
from tocsin.domain.errors import Refused
from tocsin.domain.holding import Lift
from tocsin.domain.notice import NoticeState
from tocsin.domain.reviewing import Approved, SendBack
from tocsin.domain.values import WaveId

EVERYONE = ["bea@birch.example", "cem@cedar.example", "copy@cedar.example"]


async def test_who_may_release(story: Story) -> None:
    """Neither a responder nor the drafter, approver though they be, may release; an auditor may do nothing."""
    await story.confirmed()
    both = person("Asha", Role.RESPONDER, Role.APPROVER)
    drafted = await story.draft()
    await story.rest()
    release = Release(wave_id=drafted.wave, digest=drafted.digest)
    await story.refuses(ASHA, release, "only an approver may release; Asha is responder")
    await story.refuses(both, release, "whoever drafted or changed these letters may not release")
    await story.refuses(NOOR, release, "only an approver may release; Noor is auditor")
    assert not story.post.handed


async def test_what_may_be_released(story: Story) -> None:
    """An unknown wave, another digest, and a second time are refused; nothing is sent twice."""
    await story.confirmed()
    drafted = await story.draft()
    await story.rest()
    await story.refuses(DARA, Release(wave_id=WaveId("wav-none"), digest=drafted.digest), "there is no wave wav-none")
    await story.refuses(DARA, Release(wave_id=drafted.wave, digest="0" * 64), "changed since you reviewed them")
    await story.release(drafted)
    await story.wave(drafted.wave).result()
    await story.rest()
    release = Release(wave_id=drafted.wave, digest=drafted.digest)
    await story.refuses(DARA, release, "was released already; nothing was sent twice")
    assert story.post.handed == dict.fromkeys(EVERYONE, 1)


async def test_several_waves_in_one_act(story: Story) -> None:
    """One act releases two waves, all or none: with a wrong digest of the second nothing of the first leaves."""
    await story.confirmed()
    birch, cedar = story.house.agreement("BIRCH-1"), story.house.agreement("CEDAR-1")
    first = await story.asha(Draft(agreements=(birch,)))
    second = await story.asha(Draft(agreements=(cedar,)))
    waves = [WaveId(receipt.ids["wave"]) for receipt in (first, second)]
    digests = [receipt.ids["digest"] for receipt in (first, second)]
    wrong = Release(wave_id=waves[0], digest=digests[0], also=(Approved(wave_id=waves[1], digest="0" * 64),))
    await story.refuses(DARA, wrong, "changed since you reviewed them")
    assert not any(wave.released for wave in story.state.waves.values())
    also = (Approved(wave_id=waves[1], digest=digests[1]),)
    receipt = await story.dara(Release(wave_id=waves[0], digest=digests[0], also=also))
    assert [wave in line for wave, line in zip(waves, receipt.lines, strict=True)] == [True, True]
    for wave in waves:
        await story.wave(wave).result()
    assert story.post.handed == dict.fromkeys(EVERYONE, 1)


async def test_sent_back_and_still_released(story: Story) -> None:
    """An approver's comment is on record, stands by the letters it is about, and keeps nobody from releasing them."""
    await story.confirmed()
    drafted = await story.draft()
    back = SendBack(wave_id=drafted.wave, digest=drafted.digest, comment="say which tables")
    await story.dara(back)
    with story.house.store.reading() as tx:
        (seen,) = read_incident(tx, story.incident, story.now).waves
    assert [(one.by, one.comment) for one in seen.sent_back] == [("Dara", "say which tables")]
    await story.release(drafted)
    await story.wave(drafted.wave).result()
    assert story.post.handed == dict.fromkeys(EVERYONE, 1)


async def test_revision_voids_what_it_changes(story: Story) -> None:
    """A revision that changes a letter drafts it again: the digest that was reviewed is refused, the new one goes."""
    await story.confirmed()
    drafted = await story.draft()
    receipt = await story.asha(Revise(facts={"people_affected": 1200}))
    assert "its letters changed, so review them again" in receipt.lines[-1]
    with pytest.raises(Refused, match="changed since you reviewed them"):
        await story.release(drafted)
    again = story.state.waves[drafted.wave].digest
    assert again != drafted.digest
    await story.dara(Release(wave_id=drafted.wave, digest=again))
    await story.wave(drafted.wave).result()
    assert all("1,200" in letter or "1200" in letter for letter in [p.read_text() for p in story.house.letters()])


async def test_revision_without_a_changed_byte(story: Story) -> None:
    """A revision that changes no byte of a letter voids nothing."""
    await story.confirmed()
    drafted = await story.draft()
    receipt = await story.asha(Revise(facts={"severity": "high"}))
    assert not any("review them again" in line for line in receipt.lines)
    await story.release(drafted)
    await story.wave(drafted.wave).result()
    assert story.post.handed == dict.fromkeys(EVERYONE, 1)


async def test_confirmed_after_the_draft(story: Story) -> None:
    """Confirming adds duties: a draft from before is made again and discharges them, too."""
    await story.report()
    drafted = await story.draft()
    await story.asha(Confirm())
    again = story.state.waves[drafted.wave].digest
    assert again != drafted.digest
    await story.dara(Release(wave_id=drafted.wave, digest=again))
    await story.wave(drafted.wave).result()
    await story.rest()
    assert story.duties_of("BIRCH-1")[FROM_CONFIRMATION].state is DutyState.DISCHARGED
    assert not story.state.clocks


async def test_two_drafts_for_the_same_parties(story: Story) -> None:
    """Of two drafts of the first notice to the same parties only one can be released; a revision drops the other."""
    await story.confirmed()
    first, second = await story.draft(), await story.draft()
    await story.release(first)
    await story.wave(first.wave).result()
    await story.rest()
    with pytest.raises(Refused, match="in another wave that was released since it was drafted"):
        await story.release(second)
    receipt = await story.asha(Revise(facts={"people_affected": 7}))
    assert f"wave {second.wave}, which waited for release, is void" in receipt.lines[-1]
    assert set(story.state.waves) == {first.wave}
    assert story.post.handed == dict.fromkeys(EVERYONE, 1)


async def test_released_twice_at_the_same_time(story: Story) -> None:
    """Two releases of one wave at the same moment: one is refused, and each letter leaves once."""
    await story.confirmed()
    drafted = await story.draft()
    release = Release(wave_id=drafted.wave, digest=drafted.digest)
    answers = await asyncio.gather(story.dara(release), story.dara(release), return_exceptions=True)
    assert [type(answer) for answer in answers].count(Refused) == 1
    await story.wave(drafted.wave).result()
    assert story.post.handed == dict.fromkeys(EVERYONE, 1)


async def test_stop_and_resume(server: WorkflowEnvironment, quiet_house: House) -> None:
    """A stop keeps back all but the letter on the wire and the one claimed behind it; a resumed wave sends the rest."""
    quiet_house.in_flight = quiet_house.group = 1
    story = Story(server, quiet_house)
    async with quiet_house.working():
        await story.confirmed()
        drafted = await story.draft()
        await story.refuses(ASHA, Stop(wave_id=drafted.wave, reason="early"), "is not being sent")
        story.post.shut()
        wave = await story.release(drafted)
        await story.post.arrived(1)
        await story.asha(Stop(wave_id=wave, reason="a wrong name"))
        story.post.open()
        await story.rest()
        assert 1 <= story.post.handed.total() <= 2
        await story.refuses(ASHA, Stop(wave_id=wave, reason="again"), "is stopped already")
        await story.asha(Resume(wave_id=wave))
        await story.wave(wave).result()
        await story.rest()
        await story.refuses(ASHA, Resume(wave_id=wave), "is not being sent")
        assert story.post.handed == dict.fromkeys(EVERYONE, 1)


async def test_dismissed_with_a_wave_under_way(story: Story) -> None:
    """Dismissing takes back what has not left: the wave ends; reopened, those who were not told are told once."""
    await story.report()
    await story.dara(police())
    wave = await story.release(await story.draft())
    await story.rest()
    await story.asha(Dismiss(reason="a false alarm"))
    await story.wave(wave).result()
    assert {row.state for row in story.house.notices(story.incident)} == {NoticeState.WITHDRAWN, NoticeState.DRAFTED}
    await story.asha(Reopen(reason="it was none"))
    await story.dara(Lift(hold_id=story.state.holds[0]))
    await story.tell()
    assert story.post.handed == dict.fromkeys(EVERYONE, 1)
