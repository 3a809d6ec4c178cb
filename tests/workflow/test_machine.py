"""Random acts and hours upon real incidents, ten at a time, beside a model of what must come of them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from temporalio.testing import WorkflowEnvironment

from tests.house import House
from tests.workflow.conftest import a_house
from tests.workflow.machine import Kind, Machine, Step, compare_whole

AT_ONCE, LONGEST = 10, 8
IN_THE_SUITE, IN_THE_SOAK = 20, 200
"""Batches of ten sequences, besides the one that is kept."""

STEPS = st.lists(st.builds(Step, kind=st.sampled_from(Kind), number=st.integers(0, 40)), min_size=3, max_size=LONGEST)
PLANS = st.lists(STEPS, min_size=AT_ONCE, max_size=AT_ONCE)
EASY = settings(deadline=None, database=None, suppress_health_check=[*HealthCheck])
SOAK = settings(EASY, max_examples=IN_THE_SOAK, phases=[Phase.generate, Phase.shrink])

K = Kind
KEPT: list[list[Kind]] = [
    [K.DRAFT, K.RELEASE, K.CONFIRM, K.DRAFT],
    [K.HOLD, K.DRAFT, K.RELEASE, K.DISMISS, K.REOPEN, K.DRAFT],
    [K.HOLD, K.DRAFT, K.RELEASE, K.STOP, K.LIFT, K.RESUME],
    [K.DRAFT, K.DRAFT, K.RELEASE, K.RELEASE],
    [K.CONFIRM, K.DRAFT, K.FOUND, K.RELEASE, K.DRAFT, K.RELEASE],
    [K.HOURS, K.REVISE, K.HOURS, K.ANSWER, K.REVISE],
    [K.DISMISS, K.NOTE, K.CONFIRM, K.REOPEN, K.CONFIRM, K.HOURS],
    [K.HOLD, K.HOLD, K.LIFT, K.DRAFT, K.RELEASE, K.LIFT],
    [K.HOLD, K.DRAFT, K.RELEASE, K.REVISE, K.LIFT, K.CONFIRM],
    [K.FOUND, K.DRAFT, K.CONFIRM, K.RELEASE, K.DISMISS],
]
"""What failed once, the model's mistakes and the engine's, made short."""


def drawn(seed: int) -> list[list[Step]]:
    """Return ten sequences: the same for the same seed, and none of them trivial."""
    source = Random(seed)
    kinds = [*Kind]
    lengths = [source.randint(3, LONGEST) for _ in range(AT_ONCE)]
    return [[Step(source.choice(kinds), source.randint(0, 40)) for _ in range(length)] for length in lengths]


@pytest.fixture(scope="module")
async def shared_house(
    server: WorkflowEnvironment, furnished: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """A house with a worker, for all sequences."""
    async with a_house(server, furnished, tmp_path_factory.mktemp("machine") / "home") as house, house.working():
        yield house


async def play(server: WorkflowEnvironment, house: House, plans: list[list[Step]]) -> None:
    """Play all of them at the same time, and compare each with its model, and the house with itself."""
    machines = [Machine(server, house) for _ in plans]
    await asyncio.gather(*(machine.play(steps) for machine, steps in zip(machines, plans, strict=True)))
    compare_whole(house)


async def test_kept_sequences(server: WorkflowEnvironment, shared_house: House) -> None:
    """What failed once holds."""
    no_time = [Step(K.CONFIRM, 0), Step(K.HOURS, 0)]
    await play(server, shared_house, [no_time, *([Step(kind, 7) for kind in kinds] for kinds in KEPT)])


@pytest.mark.parametrize("seed", range(IN_THE_SUITE))
async def test_sequences(server: WorkflowEnvironment, shared_house: House, seed: int) -> None:
    """Whatever happens in whatever order, an incident ends as the model says: duties, notices, clocks, log."""
    await play(server, shared_house, drawn(seed))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@SOAK
@given(plans=PLANS)
async def test_thousands_of_sequences(
    server: WorkflowEnvironment, shared_house: House, plans: list[list[Step]]
) -> None:
    """The same for two thousand sequences that nobody has seen; one that fails is made as short as it can be."""
    await play(server, shared_house, plans)
