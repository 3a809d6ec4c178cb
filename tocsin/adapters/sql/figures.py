"""The store in figures: what an operator watches, in queries that an index answers or that look at open incidents only.

Counts and instants alone: nothing in here is sealed, and nothing names anybody.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select
from sqlalchemy.sql import Select

from tocsin.adapters.sql.tables import (
    beats,
    channels,
    clocks,
    incidents,
    log_checkpoints,
    log_entries,
    log_head,
    notices,
    receipts,
)
from tocsin.domain.clock import ClockState
from tocsin.domain.incident import OVER
from tocsin.domain.notice import NoticeState
from tocsin.ports import SWEPT

NEWEST_RECEIPTS = 200
"""So many of the newest receipts say how long receipts take."""

_OPEN: Select[tuple[str]] = select(incidents.c.incident_id).where(incidents.c.status.not_in(OVER))


@dataclass(frozen=True)
class Figures:
    """How the store stands. Instants are turned into ages by whoever shows them."""

    open_incidents: int = 0
    clocks: Mapping[str, int] = field(default_factory=dict)
    """By state."""
    next_target_at: datetime | None = None
    """The earliest target of a running clock; in the past for one that was missed."""
    overdue_clocks: int = 0
    notices: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Of open incidents, by state and channel."""
    doubted_at: datetime | None = None
    """Since when the oldest notice of an open incident is in doubt."""
    unanswered_since: datetime | None = None
    """Since when the oldest notice waits for a receipt, of those whose channel sends some."""
    receipts_lag: timedelta | None = None
    """The longest way of a receipt, from what happened to its being kept, among the newest."""
    log_size: int = 0
    log_newest_at: datetime | None = None
    signed_size: int = 0
    signed_at: datetime | None = None
    swept_at: datetime | None = None
    channels_stopped: Mapping[str, bool] = field(default_factory=dict)


def read_figures(connection: Connection, now: datetime) -> Figures:
    """Return the figures as of `now`, from one snapshot."""
    by_state = _clocks(connection)
    running = clocks.c.state == ClockState.RUNNING
    by_place, doubted_at, unanswered_since = _notices(connection)
    size, newest_at = _log(connection)
    signed = connection.execute(
        select(log_checkpoints.c.size, log_checkpoints.c.at).order_by(log_checkpoints.c.size.desc()).limit(1)
    ).first()
    return Figures(
        open_incidents=connection.scalar(select(func.count()).select_from(_OPEN.subquery())) or 0,
        clocks=by_state,
        next_target_at=connection.scalar(select(func.min(clocks.c.target_at)).where(running)),
        overdue_clocks=connection.scalar(
            select(func.count()).select_from(clocks).where(running, clocks.c.target_at <= now)
        )
        or 0,
        notices=by_place,
        doubted_at=doubted_at,
        unanswered_since=unanswered_since,
        receipts_lag=_receipts_lag(connection),
        log_size=size,
        log_newest_at=newest_at,
        signed_size=signed.size if signed else 0,
        signed_at=signed.at if signed else None,
        swept_at=connection.scalar(select(beats.c.at).where(beats.c.name == SWEPT)),
        channels_stopped={
            row.name: row.stopped_at is not None
            for row in connection.execute(select(channels.c.name, channels.c.stopped_at))
        },
    )


def _clocks(connection: Connection) -> dict[str, int]:
    found = {str(state): 0 for state in ClockState}
    counted = connection.execute(select(clocks.c.state, func.count()).group_by(clocks.c.state))
    return found | {row[0]: row[1] for row in counted}


def _notices(connection: Connection) -> tuple[dict[tuple[str, str], int], datetime | None, datetime | None]:
    where = notices.c.incident_id.in_(_OPEN)
    grouped = (
        select(
            notices.c.state,
            notices.c.channel,
            notices.c.reports,
            func.count().label("rows"),
            func.min(notices.c.settled_at).label("oldest"),
        )
        .where(where)
        .group_by(notices.c.state, notices.c.channel, notices.c.reports)
    )
    counts: dict[tuple[str, str], int] = {}
    doubted: list[datetime] = []
    waiting: list[datetime] = []
    for row in connection.execute(grouped):
        place = (row.state, row.channel)
        counts[place] = counts.get(place, 0) + row.rows
        if row.oldest is None:
            continue
        if row.state == NoticeState.IN_DOUBT:
            doubted.append(row.oldest)
        if row.state in {NoticeState.ACCEPTED, NoticeState.DEFERRED} and row.reports:
            waiting.append(row.oldest)
    return counts, min(doubted, default=None), min(waiting, default=None)


def _receipts_lag(connection: Connection) -> timedelta | None:
    newest = (
        select(receipts.c.received_at, receipts.c.at).order_by(receipts.c.received_at.desc()).limit(NEWEST_RECEIPTS)
    )
    return max((row.received_at - row.at for row in connection.execute(newest)), default=None)


def _log(connection: Connection) -> tuple[int, datetime | None]:
    size = connection.scalar(select(log_head.c.size)) or 0
    body = connection.scalar(select(log_entries.c.body).where(log_entries.c.number == size - 1))
    try:
        return size, datetime.fromisoformat(json.loads(body)["at"]) if body is not None else None
    except (ValueError, LookupError, TypeError):
        return size, None  # an entry that was edited: verifying the log names it
