"""Ctrl-C while the engine is asked: it ends the command, whatever the client takes it for."""

import asyncio
from collections.abc import Awaitable, Callable

from tocsin.domain.act import Receipt
from tocsin.domain.errors import TocsinError


async def stoppable(asking: Callable[[], Awaitable[Receipt]]) -> Receipt:
    """Ask, and let Ctrl-C through. Raises what asking raises."""
    task = asyncio.current_task()
    assert task is not None
    try:
        return await asking()
    except TocsinError:
        if task.cancelling():
            # Temporal's client takes Ctrl-C for an engine that does not answer.
            raise asyncio.CancelledError from None
        raise
    finally:
        if task.cancelling():
            # Whatever else the client was at fails now, and nobody asks any more how.
            asyncio.get_running_loop().set_exception_handler(lambda _, about: None)
