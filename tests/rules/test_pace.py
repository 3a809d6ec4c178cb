"""How a drill's speed reaches what machines wait for: every timeout and retry by one tempo, and nothing at speed 1."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.workflow import ActivityConfig

from tocsin.domain.tempo import ON_THE_WALL, PATIENCE, PAUSE, Tempo
from workflows import options
from workflows.options import paced

FAST = Tempo(origin=datetime(2026, 3, 2, tzinfo=UTC), speed=4320, drill=True)
CONFIGS = [options.STORE, options.BULK, options.SEND, options.PAGE, options.CALL, options.SWEEP, options.EVIDENCE]


@pytest.mark.parametrize("config", CONFIGS)
def test_in_production_nothing_changes(config: ActivityConfig) -> None:
    """At speed 1 the options of an activity are what they were."""
    assert paced(config, ON_THE_WALL) == config


@pytest.mark.parametrize("config", CONFIGS)
def test_in_a_drill_nothing_waits_for_long(config: ActivityConfig) -> None:
    """At a drill's speed no attempt takes longer than a machine needs, and no retry waits longer than a pause."""
    fast = paced(config, FAST)
    spans = [fast.get(f"{name}_timeout") for name in ("start_to_close", "schedule_to_close", "heartbeat")]
    assert {span for span in spans if span is not None} == {PATIENCE}
    retry = fast["retry_policy"]
    assert retry is not None
    assert max(retry.initial_interval, retry.maximum_interval or PAUSE) <= PAUSE
    assert config.get("priority") == fast.get("priority")


def test_the_wall_is_found_again() -> None:
    """An instant of the scenario leads back to the one on the wall that it came from."""
    wall = FAST.origin + timedelta(seconds=17)
    assert FAST.wall(FAST.scenario(wall)) == wall
    assert ON_THE_WALL.wall(wall) == wall
