"""How a notice lies in its row, and which row may take its place."""

import json
from typing import Any

from sqlalchemy import select

from tocsin.adapters.sql.session import Row as Values
from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import notices
from tocsin.domain.errors import Broken
from tocsin.domain.notice import Notice, NoticeState, step
from tocsin.domain.values import NoticeId

_Standing = dict[NoticeId, tuple[NoticeState, int]]


def to_row(session: Session, notice: Notice) -> Values:
    """Return the row of a notice; what the channel said is sealed, since it may quote an address."""
    values = notice.model_dump()
    values["duty_ids"] = json.dumps(notice.duty_ids)
    if notice.detail is not None:
        about = ("notices", "detail", notice.notice_id)
        values["detail"] = session.seal(notice.incident_id, notice.detail, *about)
    return values


def from_row(session: Session, row: Any) -> Notice:
    """Return the notice of a row."""
    values = {name: getattr(row, name) for name in Notice.model_fields}
    values["duty_ids"] = tuple(json.loads(row.duty_ids))
    if row.detail is not None:
        about = ("notices", "detail", row.notice_id)
        values["detail"] = session.open(row.incident_id, row.detail, *about).decode()
    return Notice.model_validate(values)


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
