"""Who is ahead after a restore, and what becomes of a ledger row."""

import pytest

from tests.ports.story import AT, INCIDENT, notice
from tocsin.domain.notice import NoticeState, step
from tocsin.domain.reconciling import Sight, Standing, settled, standing

S = NoticeState


@pytest.mark.parametrize(
    ("seen", "who"),
    [
        ({"expected": True, "running": True, "stored": 4, "done": 4, "asked": 4}, Standing.AGREES),
        # Under way when the worker stopped: written, and not yet come to its end in the history.
        ({"expected": True, "running": True, "stored": 5, "done": 4, "asked": 5}, Standing.AGREES),
        ({"expected": True, "running": True, "stored": 3, "done": 4, "asked": 4}, Standing.TEMPORAL_AHEAD),
        ({"expected": True, "running": True, "stored": 5, "done": 3, "asked": 4}, Standing.STORE_AHEAD),
        # A run that was just started again says nothing of writes yet.
        ({"expected": True, "running": True, "stored": 5}, Standing.AGREES),
        ({"expected": True, "ended": True, "stored": 5}, Standing.TEMPORAL_AHEAD),
        ({"expected": True, "stored": 5}, Standing.STORE_AHEAD),
        ({"running": True, "done": 2, "asked": 2}, Standing.TEMPORAL_AHEAD),
        ({"known": False, "running": True, "done": 2, "asked": 2}, Standing.UNKNOWN),
        ({"stored": 5, "done": 5, "asked": 5, "ended": True}, Standing.AGREES),
    ],
)
def test_who_is_ahead(seen: dict[str, int], who: Standing) -> None:
    """Each way in which store and Temporal can stand to each other has its name."""
    sight = Sight.model_validate({"workflow_id": "tocsin/incident/x", "incident_id": INCIDENT, **seen})
    assert standing(sight) is who


@pytest.mark.parametrize("state", [S.RELEASED, S.CLAIMED, S.IN_DOUBT])
def test_what_a_row_becomes(state: NoticeState) -> None:
    """Taken is adopted; not taken stays; what nobody can tell is in doubt for good, if the store may be old."""
    row = notice(0, state=state)
    (adopted,) = settled(row, True, AT, doubtful=False)
    assert adopted.state is S.ACCEPTED
    assert settled(row, False, AT, doubtful=True) == []
    assert settled(row, None, AT, doubtful=False) == []
    doubted = settled(row, None, AT, doubtful=True)
    assert (doubted[-1].state, doubted[-1].possible_duplicate) == (S.IN_DOUBT, True)
    for before, after in zip([row, *doubted], doubted, strict=False):
        assert before.state is after.state or step(before.state, after.state)
    assert settled(doubted[-1], None, AT, doubtful=True) == []
