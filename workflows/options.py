"""Timeouts and retry policies, chosen on purpose, once.

Errors named here are never retried: trying again cannot help (`Refused`) or would hide a fault (`Broken`).
Everything that must happen is retried without end; a person hears of it through the clock, the pager or the sweep.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.workflow import ActivityConfig

with workflow.unsafe.imports_passed_through():
    from tocsin.domain.tempo import Tempo

FINAL = ["Refused", "Broken"]

STORE = ActivityConfig(
    # A transaction takes milliseconds; half a minute means that the database is gone, and another try is better.
    start_to_close_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(milliseconds=200),
        maximum_interval=timedelta(seconds=30),
        non_retryable_error_types=FINAL,
    ),
    priority=Priority(priority_key=1),
)

BULK = ActivityConfig(
    # Planning, rendering or releasing 50,000 letters: minutes, not seconds.
    start_to_close_timeout=timedelta(minutes=10),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1),
        maximum_interval=timedelta(minutes=1),
        non_retryable_error_types=FINAL,
    ),
    priority=Priority(priority_key=2),
)

SEND = ActivityConfig(
    # A dead worker is noticed by the missing heartbeat (one per group), not by the length of the batch.
    start_to_close_timeout=timedelta(minutes=30),
    heartbeat_timeout=timedelta(seconds=30),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1),
        maximum_interval=timedelta(minutes=1),
        non_retryable_error_types=FINAL,
    ),
    priority=Priority(priority_key=3),
)


def paced(config: ActivityConfig, tempo: Tempo) -> ActivityConfig:
    """Return the options at the tempo of a scenario: a drill's hours cannot wait half a real minute for a dead worker.

    In production, at speed 1, they are what they were.
    """
    at_pace: ActivityConfig = {**config}
    if (span := config.get("start_to_close_timeout")) is not None:
        at_pace["start_to_close_timeout"] = tempo.patience(span)
    if (span := config.get("schedule_to_close_timeout")) is not None:
        at_pace["schedule_to_close_timeout"] = tempo.patience(span)
    if (span := config.get("heartbeat_timeout")) is not None:
        at_pace["heartbeat_timeout"] = tempo.patience(span)
    retry = config.get("retry_policy")
    if retry is not None:
        longest = tempo.pause(retry.maximum_interval) if retry.maximum_interval is not None else None
        at_pace["retry_policy"] = replace(
            retry, initial_interval=tempo.pause(retry.initial_interval), maximum_interval=longest
        )
    return at_pace


NEAR, FAR = timedelta(hours=8), timedelta(hours=36)
"""Time left below which letters go before those of other waves, and above which they give way."""


def send(due_at: datetime | None, now: datetime) -> ActivityConfig:
    """Return the options of sending for a wave with its nearest deadline: authorities' hours go before mass waves."""
    if due_at is None:
        return SEND
    left = due_at - now
    return {**SEND, "priority": Priority(priority_key=2 if left <= NEAR else 3 if left <= FAR else 4)}


PAGE = ActivityConfig(
    # Bounded, so that a dead pager never stops a clock: the workflow goes on and tries again later.
    start_to_close_timeout=timedelta(seconds=30),
    schedule_to_close_timeout=timedelta(minutes=5),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1),
        maximum_interval=timedelta(seconds=30),
        non_retryable_error_types=FINAL,
    ),
    priority=Priority(priority_key=1),
)

CALL: ActivityConfig = {**PAGE, "start_to_close_timeout": timedelta(minutes=1)}
"""A page that climbs the ladder: several rungs, and of each several channels, one after the other."""

SWEEP_ATTEMPTS = 3
"""How often one sweep is tried; at the last, what was lost is started again although nobody could be paged."""

SWEEP = ActivityConfig(
    # The next sweep comes in minutes: one that cannot finish by then gives way to it.
    start_to_close_timeout=timedelta(minutes=4),
    retry_policy=RetryPolicy(initial_interval=timedelta(seconds=5), maximum_attempts=SWEEP_ATTEMPTS),
    priority=Priority(priority_key=2),
)

EVIDENCE = ActivityConfig(
    # Packing 10,000 letters takes seconds to a minute. What fails is left to the sweep: it never keeps an end back.
    start_to_close_timeout=timedelta(minutes=10),
    retry_policy=RetryPolicy(
        initial_interval=timedelta(seconds=1), maximum_attempts=3, non_retryable_error_types=FINAL
    ),
    priority=Priority(priority_key=4),
)

GIVE_UP_AFTER = timedelta(minutes=2)
"""How long a deed that must happen is retried quietly, before a person hears that it fails."""

TRY_AGAIN = timedelta(minutes=1)
"""Pause before it is tried again after that."""

PAGE_AGAIN = timedelta(minutes=5)
"""How long a workflow waits before it tries again to send a page that nobody took."""

WAVE_LOOKS_AGAIN = timedelta(minutes=1)
"""How long a wave waits before it looks again at what it could not send, when nobody nudges it."""

WAVE_LOOKS_FOR_RECEIPTS = timedelta(hours=1)
"""How long a wave that has sent everything waits for receipts before it looks again, when nobody nudges it."""

BATCHES_IN_FLIGHT = 8
SMALL_WAVE, SMALL_BATCH, LARGE_BATCH = 4_000, 250, 500
"""Batches of a wave: small ones spread a small wave over the workers, large ones keep a large wave's history short."""

RENDER_BATCH = 2_000
