"""How a notice lies in its row, and which row may take its place."""

import json
from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any

import orjson
from sqlalchemy import select

from tocsin.adapters.sql.session import Row as Values
from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import notices
from tocsin.domain.errors import Broken
from tocsin.domain.notice import Notice, NoticeState, step
from tocsin.domain.values import NoticeId

_FIELDS = tuple(Notice.model_fields)
_CELLS = attrgetter(*_FIELDS)
_FROM_THE_START = {
    *("notice_id", "incident_id", "wave_id", "ordinal", "number", "agreement_id", "role", "chain_position"),
}
CHANGING = tuple(name for name in _FIELDS if name not in _FROM_THE_START)
"""The columns of a row that a step, or a letter that is rendered anew, may change."""

_CHANGING_CELLS = attrgetter(*CHANGING)
_Standing = dict[NoticeId, tuple[NoticeState, int]]


def to_row(session: Session, notice: Notice) -> Values:
    """Return the row of a notice; what the channel said is sealed, since it may quote an address."""
    return _row(session, notice, _FIELDS, _CELLS)


def changing(session: Session, notice: Notice) -> Values:
    """Return what of a notice's row may differ from when it was planned."""
    return _row(session, notice, CHANGING, _CHANGING_CELLS)


def _row(session: Session, notice: Notice, names: tuple[str, ...], cells: Callable[[Any], tuple[Any, ...]]) -> Values:
    values = dict(zip(names, cells(notice), strict=True))
    values["duty_ids"] = json.dumps(notice.duty_ids)
    if notice.detail is not None:
        about = ("notices", "detail", notice.notice_id)
        values["detail"] = session.seal(notice.incident_id, notice.detail, *about)
    return values


def from_row(session: Session, row: Any) -> Notice:
    """Return the notice of a row."""
    return Notice.model_validate(_values(session, row))


def claimed(session: Session, row: Any, at: datetime) -> Notice:
    """Return the notice of a row that is claimed with the next attempt."""
    change = {"state": NoticeState.CLAIMED, "attempts": row.attempts + 1, "claimed_at": at}
    return Notice.model_validate(_values(session, row) | change)


def _values(session: Session, row: Any) -> Values:
    values = dict(zip(_FIELDS, _CELLS(row), strict=True))
    values["duty_ids"] = orjson.loads(row.duty_ids)
    if row.detail is not None:
        about = ("notices", "detail", row.notice_id)
        values["detail"] = session.open(row.incident_id, row.detail, *about).decode()
    return values


def address_digest(session: Session, address: str) -> str:
    """Return what a notice is found by when all that is known of it is the address that it went to."""
    return session.mark("address", address.strip().casefold())


def check_steps(session: Session, changed: list[Notice]) -> None:
    """Lock the rows of these notices and check that each may be replaced.

    Raises:
        Broken: if there is no such row, the table of transitions forbids its change of state, or the outcome is of
            an earlier attempt than the one that holds the row now.
    """
    standing = _standing(session, [notice.notice_id for notice in changed])
    for notice in changed:
        if notice.notice_id not in standing:
            raise Broken(f"there is no notice {notice.notice_id} to replace; plan it first")
        _check_step(notice, *standing[notice.notice_id])
        standing[notice.notice_id] = (notice.state, notice.attempts)


def _standing(session: Session, ids: list[NoticeId]) -> _Standing:
    query = select(notices.c.notice_id, notices.c.state, notices.c.attempts).where(notices.c.notice_id.in_(ids))
    # In one order, so that two writers of the same rows wait for each other and never in a circle.
    rows = session.connection.execute(query.order_by(notices.c.notice_id).with_for_update())
    return {row.notice_id: (NoticeState(row.state), row.attempts) for row in rows}


def _check_step(notice: Notice, state: NoticeState, attempts: int) -> None:
    if notice.attempts < attempts:
        raise Broken(
            f"attempt {notice.attempts} of notice {notice.notice_id} ended after attempt {attempts} had begun; "
            "read the row again and record it as a possible duplicate"
        )
    if notice.state is not state:
        try:
            step(state, notice.state)
        except Broken as error:
            raise Broken(f"notice {notice.notice_id}: {error}; read the row again") from error
