"""The hours of a drill, counted from the moment at which everything stood."""

import asyncio
from datetime import UTC, datetime, timedelta

from tocsin.domain.tempo import Tempo

HOUR = timedelta(hours=1)


class Hours:
    """Tells the scenario's time, and waits for its hours. Hour 0 is when this is made, or begun again."""

    def __init__(self, tempo: Tempo) -> None:
        self.tempo = tempo
        self.began_at = self.now()

    def begin(self) -> None:
        """Let hour 0 be now."""
        self.began_at = self.now()

    def wall(self) -> datetime:
        """Return the instant on the wall."""
        return datetime.now(UTC)

    def now(self) -> datetime:
        """Return the scenario's instant."""
        return self.tempo.scenario(self.wall())

    def passed(self) -> float:
        """Return how many hours have passed."""
        return (self.now() - self.began_at) / HOUR

    def at(self, hour: float) -> datetime:
        """Return the instant of an hour."""
        return self.began_at + timedelta(hours=hour)

    async def until(self, hour: float) -> None:
        """Wait for an hour."""
        await asyncio.sleep(max(0.0, self.tempo.wait(self.at(hour) - self.now()).total_seconds()))
