"""A story whose scenario time runs faster than the clock on the wall: an incident's own timers cannot be skipped."""

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio.testing import WorkflowEnvironment

from tests.house import House
from tests.workflow.story import Story
from tocsin.domain.tempo import Tempo


class Hurried(Story):
    """One incident whose time runs so many times faster."""

    def __init__(self, server: WorkflowEnvironment, house: House, speed: float) -> None:
        super().__init__(server, house)
        self.house.tempo = Tempo(origin=datetime.now(UTC), speed=speed)

    @property
    def now(self) -> datetime:
        """Scenario time."""
        return self.house.tempo.scenario(datetime.now(UTC))

    async def passes(self, span: timedelta) -> None:
        """Let so much scenario time pass, and everything come to rest."""
        await asyncio.sleep(span.total_seconds() / self.house.tempo.speed)
        await self.rest()
