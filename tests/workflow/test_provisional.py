"""A provisional hold: a responder places it at once; an approver confirms it, or it lapses loudly after four hours."""

from temporalio.testing import WorkflowEnvironment

from tests.house import ASHA, DARA, House
from tests.workflow.hurry import Hurried
from tests.workflow.story import FROM_CONFIRMATION, H, Story
from tests.workflow.test_continuing import LIMIT, into_another_run
from tocsin.adapters.evidence import check_evidence
from tocsin.adapters.temporal_histories import open_shelf
from tocsin.domain.act import Confirm
from tocsin.domain.hold import Hold, HoldKind
from tocsin.domain.holding import ConfirmHold, HoldProvisionally
from tocsin.domain.register import OnLift
from tocsin.domain.terms import next_term
from tocsin.domain.values import HoldId

BY_PHONE = HoldProvisionally(
    hold_kind=HoldKind.LAW_ENFORCEMENT, issuer="County police", reference="by phone", on_lift=OnLift.RESTART_FULL
)


async def held(story: Story) -> HoldId:
    """Let Asha hold."""
    return HoldId((await story.asha(BY_PHONE)).ids["hold"])


def the_hold(story: Story) -> Hold:
    """Return the one hold."""
    with story.house.store.reading() as tx:
        (hold,) = tx.duties.holds(story.incident)
    return hold


async def test_unconfirmed_it_lapses_loudly(server: WorkflowEnvironment, house: House) -> None:
    """After four hours what it held back is sent, an entry and a page say so, and no deadline has moved."""
    story = Hurried(server, house, 4800)
    await story.confirmed()
    deadline = story.clock(FROM_CONFIRMATION).spec.deadline_at
    hold = await held(story)
    wave = await story.release(await story.draft())
    await story.until(lambda: story.house.pages("Confirm a provisional hold"))
    await story.until(lambda: the_hold(story).lapsed)
    assert story.now >= the_hold(story).placed_at + 4 * H
    await story.wave(wave).result()
    await story.rest()
    assert set(story.post.handed.values()) == {1}
    assert (story.state.holds, story.state.provisional) == ((), {})
    assert the_hold(story).lapsed
    (entry,) = story.house.log("hold.lapsed")
    assert entry["data"]["hold"] == hold
    assert all(sent["n"] > entry["n"] for sent in story.house.log("notice.accepted"))
    (page,) = story.house.pages("A provisional hold lapsed")
    assert str(hold) in page.text
    assert story.clock(FROM_CONFIRMATION).spec.deadline_at == deadline

    house = story.house
    shelf = open_shelf(house.store, house.vault, house.keyring, house.client, house.home)
    kept = await shelf.keep(story.incident)
    assert check_evidence(house.home / "evidence" / kept.name).findings == ()


async def test_confirmed_it_stands(story: Story) -> None:
    """An approver's confirmation makes it a hold like any other; a responder confirms none, and nobody twice."""
    await story.confirmed()
    hold = await held(story)
    await story.release(await story.draft())
    await story.refuses(ASHA, ConfirmHold(hold_id=hold), "only an approver may hold_confirm")
    await story.dara(ConfirmHold(hold_id=hold))
    await story.rest()
    assert not story.post.handed
    assert (story.state.holds, next_term(story.state)) == ((hold,), None)
    assert not the_hold(story).unconfirmed
    await story.refuses(DARA, ConfirmHold(hold_id=hold), "there is nothing to confirm")


async def test_it_lapses_in_a_later_run(server: WorkflowEnvironment, house: House) -> None:
    """An incident that continues as new remembers when its provisional hold lapses."""
    story = Hurried(server, house, 1600)
    await story.report(history_limit=LIMIT)
    await story.asha(Confirm())
    await held(story)
    await into_another_run(story)
    await story.until(lambda: the_hold(story).lapsed)
    await story.rest()
    assert story.state.holds == ()
    ((placed,), (ended,)) = (story.house.log(kind) for kind in ("act.hold_provisional", "hold.lapsed"))
    assert placed["run_id"] != ended["run_id"]
