"""What one would write first: a workflow that runs one activity for each recipient."""

import asyncio

from temporalio import activity, workflow

with workflow.unsafe.imports_passed_through():
    from datetime import timedelta

    import aiohttp


class NaivePost:
    """Posts one request per activity over one pooled session."""

    def __init__(self, session: "aiohttp.ClientSession", url: str, bodies: list[bytes]) -> None:
        self._session, self._url, self._bodies = session, url, bodies

    @activity.defn(name="naive.send")
    async def send(self, number: int) -> int:
        """Post one letter."""
        async with self._session.post(self._url, data=self._bodies[number]) as answer:
            return answer.status


@workflow.defn(name="naive.Wave")
class NaiveWave:
    """Tells `count` recipients, `in_flight` at a time."""

    @workflow.run
    async def run(self, count: int, in_flight: int) -> int:
        """Return how many were told."""
        lanes = asyncio.Semaphore(in_flight)

        async def tell(number: int) -> int:
            async with lanes:
                status: int = await workflow.execute_activity(
                    "naive.send", number, start_to_close_timeout=timedelta(seconds=30)
                )
                return int(status == 202)

        return sum(await asyncio.gather(*(tell(number) for number in range(count))))
