"""Scenario time inside an activity."""

import time
from datetime import datetime, timedelta

from temporalio import activity

from tocsin.domain.tempo import Tempo


class Watch:
    """Tells scenario time from the moment at which Temporal says the attempt began.

    The machine's own clock is not asked: it may be wrong, and under a time-skipping server it is not the workflow's.
    """

    def __init__(self, tempo: Tempo) -> None:
        self._tempo = tempo
        self._began_at = activity.info().started_time
        self._counted_from = time.monotonic()

    def now(self) -> datetime:
        """Return the scenario instant."""
        return self._tempo.scenario(self._began_at + timedelta(seconds=time.monotonic() - self._counted_from))
