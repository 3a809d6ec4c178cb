"""Python's collector of garbage, so that it does not stop a wave: what was loaded stays, and is not walked again.

A worker holds half a million objects once it has loaded everything. Each full walk of them stops all its threads for
a fifth of a second and more, and a worker that drafts and sends asked for one every few seconds.
"""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

EVERY = 10_000
"""Objects that were made and not freed by themselves, between two looks at the young ones."""


@asynccontextmanager
async def passing_over_what_is_loaded() -> AsyncIterator[None]:
    """Leave what there is now out of every walk, and look at the rest less often, until the end."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(EVERY, *before[1:])
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
