"""What a wave is measured against; each returns recipients per second for the same letters."""

import asyncio
import time
import uuid

import aiohttp
import orjson
import sendgrid
from temporalio.client import Client
from temporalio.worker import Worker

from benchmarks.naive import NaivePost, NaiveWave

SEND = "/v3/mail/send"
HEADERS = {"Authorization": "Bearer SG.bench", "Content-Type": "application/json"}


async def limit(url: str, bodies: list[bytes], in_flight: int) -> float:
    """A bare aiohttp loop that keeps no record: the most that this machine gives a client in Python."""
    letters = [orjson.loads(body) for body in bodies]
    waiting = iter(letters)

    async def lane(session: aiohttp.ClientSession) -> None:
        for letter in waiting:
            async with session.post(url + SEND, json=letter) as answer:
                await answer.read()
                assert answer.status == 202

    connector = aiohttp.TCPConnector(limit=in_flight)
    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:
        await asyncio.gather(*(lane(session) for _ in range(in_flight)))
    return len(letters) / (time.perf_counter() - began)


async def naive(client: Client, url: str, bodies: list[bytes], in_flight: int) -> float:
    """One activity per recipient from one workflow, on the same Temporal server."""
    queue = f"naive-{uuid.uuid4()}"
    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:
        post = NaivePost(session, url + SEND, bodies)
        worker = Worker(
            client, task_queue=queue, workflows=[NaiveWave], activities=[post.send], max_concurrent_activities=in_flight
        )
        async with worker:
            began = time.perf_counter()
            told = await client.execute_workflow(
                NaiveWave.run, args=[len(bodies), in_flight], id=queue, task_queue=queue
            )
            took = time.perf_counter() - began
    assert told == len(bodies)
    return len(bodies) / took


def script(url: str, bodies: list[bytes]) -> float:
    """The `sendgrid` package in a loop."""
    package = sendgrid.SendGridAPIClient("SG.bench", host=url)
    letters = [orjson.loads(body) for body in bodies]
    began = time.perf_counter()
    for letter in letters:
        assert package.send(letter).status_code == 202
    return len(letters) / (time.perf_counter() - began)
