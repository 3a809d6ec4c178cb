"""Tocsin's own figures for Prometheus, beside those of Temporal's SDK: read from the store when they are asked for.

Every worker shows the same store, so take the `max` over workers; only the pages are each worker's own, and add up.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from tocsin.adapters.sql import create_engine_for
from tocsin.adapters.sql.engine import Transactions
from tocsin.adapters.sql.figures import Figures, read_figures
from tocsin.domain.errors import Refused, TocsinError
from tocsin.settings import Settings

KEPT_SECONDS = 5.0
"""For so long the store is not asked again, however many ask."""


class StoreFigures:
    """Turns the store into metrics. Safe to ask from several threads at once."""

    def __init__(
        self,
        engine: Engine,
        unpaged: Mapping[str, int],
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        unread: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Read from `engine`.

        `unpaged` counts, by pager, the pages that this process could not hand over; `unread`, by channel, how often
        it could not read suppression lists.
        """
        self._unread = unread
        self._transactions = Transactions(engine)
        self._unpaged = unpaged
        self._now = now
        self._monotonic = monotonic
        self._turn = threading.Lock()
        self._read: tuple[float, Figures | None] | None = None

    def describe(self) -> list[Metric]:
        """Return nothing: what there is to show is known when it is asked for."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as of now; while the store cannot be read, only that."""
        found = self._figures()
        yield GaugeMetricFamily("tocsin_store_readable", "Whether the store can be read.", value=found is not None)
        failures = CounterMetricFamily(
            "tocsin_pager_failures", "Pages that a pager of this worker did not take, by its place.", labels=["pager"]
        )
        for pager, count in sorted(self._unpaged.items()):
            failures.add_metric([pager], count)
        yield failures
        unread = CounterMetricFamily(
            "tocsin_suppressions_unread", "Readings of a channel's suppression lists that failed.", labels=["channel"]
        )
        for channel, count in sorted(self._unread.items()):
            unread.add_metric([channel], count)
        yield unread
        if found is not None:
            yield from _counts(found)
            yield from _ages(found, self._now())

    def _figures(self) -> Figures | None:
        with self._turn:
            if self._read is None or self._monotonic() - self._read[0] >= KEPT_SECONDS:
                self._read = (self._monotonic(), self._ask())
            return self._read[1]

    def _ask(self) -> Figures | None:
        try:
            with self._transactions.reading() as connection:
                return read_figures(connection, self._now())
        except (TocsinError, SQLAlchemyError):
            return None


def _counts(found: Figures) -> Iterator[Metric]:
    yield GaugeMetricFamily("tocsin_incidents_open", "Incidents that are not over.", value=found.open_incidents)
    running = GaugeMetricFamily("tocsin_clocks", "Clocks by state.", labels=["state"])
    for state, count in sorted(found.clocks.items()):
        running.add_metric([state], count)
    yield running
    yield GaugeMetricFamily(
        "tocsin_clocks_overdue", "Running clocks whose target has passed.", value=found.overdue_clocks
    )
    rows = GaugeMetricFamily("tocsin_notices", "Notices of open incidents.", labels=["state", "channel"])
    for (state, channel), count in sorted(found.notices.items()):
        rows.add_metric([state, channel], count)
    yield rows
    doubtful = sum(count for (state, _), count in found.notices.items() if state == "in_doubt")
    yield GaugeMetricFamily("tocsin_notices_in_doubt", "Notices of which nobody knows yet if they left.", doubtful)
    yield GaugeMetricFamily("tocsin_log_entries", "Entries of the audit log.", value=found.log_size)
    yield GaugeMetricFamily(
        "tocsin_log_unsigned_entries", "Entries behind the newest checkpoint.", found.log_size - found.signed_size
    )
    stopped = GaugeMetricFamily("tocsin_channel_stopped", "Whether a channel is stopped.", labels=["channel"])
    for name, is_stopped in sorted(found.channels_stopped.items()):
        stopped.add_metric([name], is_stopped)
    yield stopped


def _ages(found: Figures, now: datetime) -> Iterator[Metric]:
    """Yield what is counted in seconds; what has never been has no figure."""
    since = {
        "tocsin_doubt_age": ("Since the oldest notice is in doubt.", found.doubted_at),
        "tocsin_receipts_waiting": ("Since the oldest notice waits for a receipt.", found.unanswered_since),
        "tocsin_log_head_age": ("Since the newest entry of the log.", found.log_newest_at),
        "tocsin_log_checkpoint_age": ("Since the newest checkpoint.", found.signed_at),
        "tocsin_sweep_age": ("Since a sweep came to its end.", found.swept_at),
    }
    spans: dict[str, tuple[str, timedelta | None]] = {
        name: (said, now - at if at is not None else None) for name, (said, at) in since.items()
    }
    margin = found.next_target_at - now if found.next_target_at is not None else None
    spans["tocsin_clock_margin"] = ("Left of the running clock with the earliest target; negative: missed.", margin)
    spans["tocsin_receipts_lag"] = ("The longest way of a receipt among the newest.", found.receipts_lag)
    for name, (said, span) in spans.items():
        if span is not None:
            yield GaugeMetricFamily(f"{name}_seconds", f"{said} In seconds.", value=span.total_seconds())


@contextmanager
def figures_shown(settings: Settings, unpaged: Mapping[str, int], unread: Mapping[str, int]) -> Iterator[None]:
    """Show the figures at TOCSIN_FIGURES_ADDRESS, if that is set, until the end.

    Raises:
        Refused: if nothing can listen there.
    """
    if settings.figures_address is None:
        yield
        return
    engine, registry = create_engine_for(settings.database_url), CollectorRegistry()
    registry.register(StoreFigures(engine, unpaged, lambda: datetime.now(UTC), unread=unread))
    host, _, port = settings.figures_address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except OSError as error:
        raise Refused(
            f"figures cannot be shown at {settings.figures_address} ({error.strerror}); set TOCSIN_FIGURES_ADDRESS"
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        engine.dispose()
