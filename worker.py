"""Builds the adapters, hands them to the activities, polls until it is told to stop. No rules live here."""

import asyncio
import atexit
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from temporalio.worker import Worker

from activities.acts import Acts
from activities.checkpoints import Checkpoints
from activities.duties import Duties
from activities.erasures import Erasing
from activities.evidence import Evidence
from activities.fallback import Fallback
from activities.letters import Letters, Sender
from activities.pages import Pages
from activities.probing import Probing
from activities.sending import Sending
from activities.settling import Doubts
from activities.sweep import Sweep
from activities.tasks import Tasks
from tocsin import wire
from tocsin.adapters import collector, logging
from tocsin.adapters.channels import open_callers, open_channel, open_channels, open_copies, open_witnesses
from tocsin.adapters.door import SignedDoor
from tocsin.adapters.figures import figures_shown
from tocsin.adapters.keyrings import open_keyring
from tocsin.adapters.law import PolicyLaw
from tocsin.adapters.letters import JinjaLetters
from tocsin.adapters.notary import LogNotary
from tocsin.adapters.sql import create_engine_for, open_store
from tocsin.adapters.temporal_connection import versioning
from tocsin.adapters.temporal_histories import open_shelf
from tocsin.adapters.temporal_runs import TemporalRuns, open_client, schedule_sweep
from tocsin.adapters.tracing import traced_entries
from tocsin.adapters.vault import Vault
from tocsin.domain.errors import TocsinError
from tocsin.playbooks import load_playbooks
from tocsin.settings import load
from workflows.every import WORKFLOWS

THREADS = 32


async def main() -> None:
    """Run one worker until SIGINT or SIGTERM."""
    settings = load()
    logging.set_up(settings)
    keyring = open_keyring(settings)
    vault = Vault(create_engine_for(settings.database_url), keyring)
    store = open_store(settings.database_url, vault, traced_entries(settings))
    law = PolicyLaw.load(settings.home)
    with store.writing() as tx:  # A store that cannot be written is better known now than at the first deadline.
        tx.law.keep(law.current, law.content(), datetime.now(UTC))
    channels, pages = open_channels(settings), open_channel(settings, "pages")
    client = await open_client(settings, vault)
    callers, notary, runs = open_callers(pages, settings), LogNotary.of(keyring), TemporalRuns(client)
    door = SignedDoor(keyring.door_publics(), settings.allow_direct)
    who = {"name": settings.sender_name, "address": settings.sender_address, "reply_to": settings.reply_to}
    sender = Sender.model_validate(who | {"public_url": settings.public_url})
    sending = Sending(store, channels, callers.everyone, settings.sends_in_flight)
    erasing = Erasing(store, vault, open_copies(settings, keyring), callers, settings.kept_for)
    deeds = [
        *Acts(store, door, vault, notary).all(),
        *Checkpoints(store, notary, open_witnesses(pages, settings), callers.everyone).all(),
        *Duties(store, law, callers.ladder).all(),
        *Evidence(store, open_shelf(store, vault, keyring, client, settings.home), erasing).all(),
        *Letters(store, JinjaLetters(), channels[settings.channel], sender, channels["posting"], sending.lists).all(),
        *sending.all(),
        *Doubts(store, channels).all(),
        *Fallback(store, settings.delivered_within).all(),
        *Pages(store, callers, runs).all(),
        *Probing(store, door, vault, JinjaLetters(), channels[settings.channel], sender).all(),
        *Sweep(store, runs, callers.everyone).all(),
        *Tasks(store, door, vault, load_playbooks(settings.home / "playbooks")).all(),
    ]
    await schedule_sweep(client, settings.sweep_every_seconds, settings.tempo)
    with ThreadPoolExecutor(THREADS) as threads, figures_shown(settings, callers.unpaged, sending.lists.unread):
        worker = Worker(
            client,
            task_queue=wire.TASK_QUEUE,
            workflows=WORKFLOWS,
            activities=deeds,
            activity_executor=threads,
            max_concurrent_activities=THREADS,
            max_cached_workflows=settings.cached_workflows,
            graceful_shutdown_timeout=timedelta(seconds=20),
            sticky_queue_schedule_to_start_timeout=settings.tempo.pause(timedelta(seconds=10)),  # then it is dead
            deployment_config=versioning(settings),
        )
        await _until_told(worker)
    await sending.close()
    for channel in (*channels.values(), pages):
        await channel.close()
    store.close()


async def _until_told(worker: Worker) -> None:
    stop = asyncio.Event()
    for told in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(told, stop.set)
    async with worker, collector.passing_over_what_is_loaded():
        print(f"worker {worker.config()['client'].identity} polls {wire.TASK_QUEUE}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    if sys.version_info < (3, 12):
        # Without it, Python 3.11 sometimes aborts at exit while Temporal's threads end.
        atexit.register(time.sleep, 0.1)
    try:
        asyncio.run(main())
    except TocsinError as error:
        sys.exit(f"worker: {error}")
