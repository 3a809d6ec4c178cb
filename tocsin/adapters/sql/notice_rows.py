"""How a notice lies in its row, and which row may take its place."""

import json
from datetime import datetime
from operator import attrgetter
from typing import Any

import orjson

from tocsin.adapters.sql.session import Row as Values
from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import notices
from tocsin.domain.errors import Broken
from tocsin.domain.notice import ContactRole, Notice, NoticeState, step
from tocsin.domain.values import NoticeId

_FIELDS = tuple(Notice.model_fields)
_CELLS = attrgetter(*_FIELDS)
_FROM_THE_START = {
    *("notice_id", "incident_id", "wave_id", "ordinal", "number", "agreement_id", "role", "chain_position"),
}
_CONVERTED = ("notice_id", "duty_ids", "detail")
CHANGING = (*_CONVERTED, *(name for name in _FIELDS if name not in {*_FROM_THE_START, *_CONVERTED}))
"""The key of a row, and the columns that a step, or a letter that is rendered anew, may change."""

_COLUMNS = tuple(column.name for column in notices.c)
_ROLES = {str(role): role for role in ContactRole}
_STATES = {str(state): state for state in NoticeState}
_CHANGING_CELLS = attrgetter(*CHANGING)
_Standing = dict[NoticeId, tuple[NoticeState, int]]


def to_row(session: Session, notice: Notice) -> Values:
    """Return the row of a notice; what the channel said is sealed, since it may quote an address."""
    values = dict(zip(_FIELDS, _CELLS(notice), strict=True))
    return values | {"duty_ids": json.dumps(notice.duty_ids), "detail": _detail(session, notice)}


def changing(session: Session, notice: Notice) -> tuple[Any, ...]:
    """Return, in the order of `CHANGING`, what of a notice's row may differ from when it was planned, and its key."""
    key, duty_ids, detail, *cells = _CHANGING_CELLS(notice)
    return (key, json.dumps(duty_ids), None if detail is None else _detail(session, notice), *cells)


def _detail(session: Session, notice: Notice) -> bytes | None:
    about = ("notices", "detail", notice.notice_id)
    return session.seal(notice.incident_id, notice.detail, *about) if notice.detail is not None else None


def from_row(session: Session, row: Any) -> Notice:
    """Return the notice of a row that begins with the table's columns. What lies there was checked when it was put."""
    return Notice.trusted(_values(session, row))


def claimed(session: Session, row: Any, at: datetime) -> Notice:
    """Return the notice of a row that is claimed with the next attempt."""
    values = _values(session, row)
    values["state"], values["claimed_at"] = NoticeState.CLAIMED, at
    values["attempts"] += 1
    return Notice.trusted(values)


def _values(session: Session, row: Any) -> Values:
    values = dict(zip(_COLUMNS, row, strict=False))
    values["duty_ids"] = tuple(orjson.loads(values["duty_ids"]))
    values["role"], values["state"] = _ROLES[values["role"]], _STATES[values["state"]]
    if values["detail"] is not None:
        about = ("notices", "detail", values["notice_id"])
        values["detail"] = session.open(values["incident_id"], values["detail"], *about).decode()
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
    # In one order, so that two writers of the same rows wait for each other and never in a circle.
    locked = " ORDER BY notice_id FOR UPDATE" if session.on_postgresql else ""
    rows = session.many.select((notices.c.notice_id, notices.c.state, notices.c.attempts), ids, locked)
    return {key: (_STATES[state], attempts) for key, state, attempts in rows}


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
