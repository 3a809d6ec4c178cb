"""The one gate before every send: a row is claimed in the transaction that reads the holds and the stop."""

import hashlib
import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select, update

from tocsin.adapters.sql.channels import SqlChannels
from tocsin.adapters.sql.notice_rows import from_row
from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import hold_scopes, holds, incidents, letters, notice_links, notices, waves
from tocsin.domain.breaker import ChannelState
from tocsin.domain.errors import Broken
from tocsin.domain.incident import Status
from tocsin.domain.letter import with_token
from tocsin.domain.notice import NoticeState
from tocsin.domain.values import NoticeId, WaveId
from tocsin.ports import Claim, Claimed


class Gate:
    """Claims rows for sending."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection
        self._channels = SqlChannels(session)

    def claim(self, wave_id: WaveId, first: int, last: int, limit: int, at: datetime) -> Claim:
        """Take up to `limit` released rows with first <= ordinal < last, lowest ordinal first.

        Of a channel that stopped by itself one row is taken now and then, to try it.

        Raises:
            Broken: if the wave is unknown, or a released row has no letter.
        """
        wave = self._wave(wave_id)
        if wave.stopped or wave.status == Status.DISMISSED:
            return Claim(rows=(), stopped=True)
        free = and_(
            notices.c.wave_id == wave_id,
            notices.c.state == NoticeState.RELEASED,
            notices.c.ordinal >= first,
            notices.c.ordinal < last,
        )
        in_force = and_(holds.c.incident_id == wave.incident_id, holds.c.lifted_at.is_(None))
        if self._connection.scalar(select(holds.c.hold_id).where(in_force).limit(1)) is None:
            return self._through_channels(free, limit, at)
        covered = _covered(in_force)
        held = self._connection.scalar(select(func.count()).select_from(notices).where(free, covered))
        return self._through_channels(and_(free, ~covered), limit, at).model_copy(update={"held": held or 0})

    def _through_channels(self, free: ColumnElement[bool], limit: int, at: datetime) -> Claim:
        shut = {state.name: state for state in self._channels.all() if not state.takes(at)}
        if not shut:
            return Claim(rows=self._take(free, limit, at))
        waiting = self._connection.scalars(
            select(notices.c.channel).where(free, notices.c.channel.in_(shut)).distinct().order_by(notices.c.channel)
        ).all()
        rows = self._take(and_(free, notices.c.channel.not_in(shut)), limit, at)
        for name in waiting if not rows else ():
            if shut[name].may_probe(at) and self._channels.locked(name).may_probe(at):
                self._channels.put([shut[name].probed(at)])
                return Claim(rows=self._take(and_(free, notices.c.channel == name), 1, at))
        return Claim(rows=rows, **_in_the_way([shut[name] for name in waiting]))

    def _wave(self, wave_id: WaveId) -> Any:
        """Read the wave under a lock that placing a hold, or a stop, waits for: none slips in beside a claim."""
        query = (
            select(waves.c.incident_id, waves.c.stopped, incidents.c.status)
            .outerjoin(incidents, incidents.c.incident_id == waves.c.incident_id)
            .where(waves.c.wave_id == wave_id)
        )
        wave = self._connection.execute(query.with_for_update(read=True, of=waves)).one_or_none()
        if wave is None:
            raise Broken(f"there is no wave {wave_id} to claim from; it must be put before its notices are released")
        return wave

    def _take(self, free: ColumnElement[bool], limit: int, at: datetime) -> tuple[Claimed, ...]:
        query = (
            select(notices, letters.c.prepared)
            .outerjoin(letters, letters.c.notice_id == notices.c.notice_id)
            .where(free)
            .order_by(notices.c.ordinal)
            .limit(limit)
            .with_for_update(skip_locked=True, of=notices)
        )
        rows = self._connection.execute(query).all()
        if rows:
            mine = notices.c.notice_id.in_([row.notice_id for row in rows])
            change = {"state": NoticeState.CLAIMED, "attempts": notices.c.attempts + 1, "claimed_at": at}
            self._connection.execute(update(notices).where(mine).values(change))
        return tuple(self._claimed(row, at) for row in rows)

    def _claimed(self, row: Any, at: datetime) -> Claimed:
        if row.prepared is None:
            raise Broken(f"notice {row.notice_id} was released without a letter; stop the wave and draft it again")
        change = {"state": NoticeState.CLAIMED, "attempts": row.attempts + 1, "claimed_at": at}
        prepared = self._session.open(row.incident_id, row.prepared, "letters", "prepared", row.notice_id)
        if row.linked:
            prepared = with_token(prepared, self._token(row.notice_id, at))
        return Claimed(notice=from_row(self._session, row).model_copy(update=change), prepared=prepared)

    def _token(self, notice_id: NoticeId, at: datetime) -> str:
        """Make the secret part of a recipient's link. Only its hash is kept; it leaves in the letter and no other way.

        Each attempt has its own, and all of them are good: nobody knows which letter of two arrived.
        """
        token = secrets.token_urlsafe(32)
        digest = hashlib.sha256(token.encode()).hexdigest()
        self._connection.execute(insert(notice_links), [{"token_digest": digest, "notice_id": notice_id, "at": at}])
        return token


def _in_the_way(shut: list[ChannelState]) -> dict[str, Any]:
    # In the words of the letter that stopped it: a wave pages once for each reason.
    down = "; ".join(state.reason for state in shut if state.stopped)
    paused = [state.paused_until for state in shut if not state.stopped and state.paused_until is not None]
    return {"down": down, "paused_until": min(paused, default=None)}


def _covered(in_force: ColumnElement[bool]) -> ColumnElement[bool]:
    """Say in SQL what `Hold.covers` says: a hold in force on everything, or one that names the row's agreement."""
    scoped = select(hold_scopes.c.hold_id).where(
        hold_scopes.c.hold_id == holds.c.hold_id, hold_scopes.c.agreement_id == notices.c.agreement_id
    )
    names_it = exists(scoped.correlate(holds, notices))
    covering = select(holds.c.hold_id).where(in_force, or_(holds.c.covers_all, names_it))
    return exists(covering.correlate(notices))
