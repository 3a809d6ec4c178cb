"""The collector of garbage passes over what was loaded, and is as it was afterwards."""

import gc

import pytest

from tocsin.adapters.collector import EVERY, passing_over_what_is_loaded


# What other tests of this process have left lying is collected here, too: their sockets are not the fact of this one.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_what_is_loaded_is_not_walked_again() -> None:
    """Everything loaded is set apart while a worker runs, new garbage is found, and then all is as before."""
    threshold, frozen = gc.get_threshold(), gc.get_freeze_count()
    async with passing_over_what_is_loaded():
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold() == (EVERY, *threshold[1:])
        ring: list[object] = []
        ring.append(ring)
        del ring
        assert gc.collect() >= 1
    assert gc.get_threshold() == threshold
    assert gc.get_freeze_count() <= frozen
