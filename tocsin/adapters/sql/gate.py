"""The one gate before every send: a row is claimed in the transaction that reads the holds and the stop."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, exists, func, or_, select

from tocsin.adapters.sql.channels import SqlChannels
from tocsin.adapters.sql.notice_rows import claimed
from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import hold_scopes, holds, incidents, letters, notice_links, notices, waves
from tocsin.domain.breaker import ChannelState
from tocsin.domain.clause import Method
from tocsin.domain.errors import Broken
from tocsin.domain.incident import Status
from tocsin.domain.letter import with_token
from tocsin.domain.notice import NoticeState
from tocsin.domain.values import NoticeId, WaveId
from tocsin.ports import Claim, Claimed, Wanted

_Values = dict[str, Any]
_Found = tuple[Claim, Sequence[Row[Any]]]
_NOTHING_TO_SAY = Claim(rows=())

_FREE = and_(
    notices.c.wave_id == bindparam("wave_id"),
    notices.c.state == NoticeState.RELEASED,
    notices.c.ordinal >= bindparam("first"),
    notices.c.ordinal < bindparam("last"),
)
_IN_FORCE = and_(holds.c.incident_id == bindparam("incident"), holds.c.lifted_at.is_(None))
_HELD = select(holds.c.hold_id).where(_IN_FORCE).limit(1)
# Read under a lock that placing a hold, or a stop, waits for: none slips in beside a claim.
_WAVE = (
    select(waves.c.incident_id, waves.c.stopped, incidents.c.status)
    .outerjoin(incidents, incidents.c.incident_id == waves.c.incident_id)
    .where(waves.c.wave_id == bindparam("wave_id"))
    .with_for_update(read=True, of=waves)
)


def _rows(free: ColumnElement[bool]) -> Select[Any]:
    return (
        select(notices, letters.c.prepared)
        .outerjoin(letters, letters.c.notice_id == notices.c.notice_id)
        .where(free)
        .order_by(notices.c.ordinal)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True, of=notices)
    )


_FREE_ROWS = _rows(_FREE)
"""What nearly every claim asks for, built once: nothing is held, and no channel is shut."""


class Gate:
    """Claims rows for sending."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection
        self._channels = SqlChannels(session)
        self._open: set[WaveId] = set()
        """Waves found open under their lock: until this transaction ends nobody else can close one."""

    def claim_each(self, wanted: Sequence[Wanted]) -> list[Claim]:
        """Take for each that is wanted up to `limit` released rows with first <= ordinal < last, lowest ordinal first.

        Of a channel that stopped by itself one row is taken now and then, to try it.

        Raises:
            Broken: if a wave is unknown, or a released row has no letter.
        """
        claims: list[Claim] = []
        for group in _apart(wanted):
            found = [self._found(one) for one in group]
            rows = [(row, one.at) for one, (_, free) in zip(group, found, strict=True) for row in free]
            taken = iter(self._take(rows) if rows else ())
            claims += [claim.model_copy(update={"rows": tuple(islice(taken, len(free)))}) for claim, free in found]
        return claims

    def _found(self, one: Wanted) -> _Found:
        """Return the rows that are free to be claimed, locked, with what there is to say of those that are not."""
        values: _Values = one._asdict()
        if one.wave_id in self._open:
            return _NOTHING_TO_SAY, self._free(_FREE_ROWS, values)
        wave = self._connection.execute(_WAVE, {"wave_id": one.wave_id}).one_or_none()
        if wave is None:
            raise Broken(f"there is no wave {one.wave_id} to claim from; put it before its notices are released")
        if wave.stopped or wave.status == Status.DISMISSED:
            return Claim(rows=(), stopped=True), ()
        values["incident"] = wave.incident_id
        if self._connection.scalar(_HELD, values) is None:
            return self._through_channels(_FREE, values)
        covered = _covered()
        held = self._connection.scalar(select(func.count()).select_from(notices).where(_FREE, covered), values)
        claim, rows = self._through_channels(and_(_FREE, ~covered), values)
        return claim.model_copy(update={"held": held or 0}), rows

    def _through_channels(self, free: ColumnElement[bool], values: _Values) -> _Found:
        at = values["at"]
        shut = {state.name: state for state in self._channels.all() if not state.takes(at)}
        if not shut:
            if free is _FREE:
                self._open.add(values["wave_id"])
            return _NOTHING_TO_SAY, self._free(_FREE_ROWS if free is _FREE else _rows(free), values)
        names = select(notices.c.channel).where(free, notices.c.channel.in_(shut))
        waiting = self._connection.scalars(names.distinct().order_by(notices.c.channel), values).all()
        rows = self._free(_rows(and_(free, notices.c.channel.not_in(shut))), values)
        for name in waiting if not rows else ():
            if shut[name].may_probe(at) and self._channels.locked(name).may_probe(at):
                self._channels.put([shut[name].probed(at)])
                one = self._free(_rows(and_(free, notices.c.channel == name)), values | {"limit": 1})
                return _NOTHING_TO_SAY, one
        return Claim(rows=(), **_in_the_way([shut[name] for name in waiting])), rows

    def _free(self, query: Select[Any], values: _Values) -> Sequence[Row[Any]]:
        return self._connection.execute(query, values).all()

    def _take(self, rows: list[tuple[Row[Any], datetime]]) -> Iterator[Claimed]:
        begun = [(row.notice_id, NoticeState.CLAIMED.value, row.attempts + 1, at) for row, at in rows]
        self._session.many.update(notices, ("notice_id", "state", "attempts", "claimed_at"), begun)
        tokens = {row.notice_id: secrets.token_urlsafe(32) for row, _ in rows if row.linked}
        links = [_link(tokens[row.notice_id], row.notice_id, at) for row, at in rows if row.linked]
        if links:
            self._session.many.insert(notice_links, ("token_digest", "notice_id", "at"), links)
        return (self._claimed(row, at, tokens.get(row.notice_id)) for row, at in rows)

    def _claimed(self, row: Row[Any], at: datetime, token: str | None) -> Claimed:
        if row.prepared is None:
            raise Broken(f"notice {row.notice_id} was released without a letter; stop the wave and draft it again")
        prepared = self._session.open(row.incident_id, row.prepared, "letters", "prepared", row.notice_id)
        letter = with_token(prepared, token) if token is not None else prepared
        return Claimed.trusted({"notice": claimed(self._session, row, at), "prepared": letter})


def _apart(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    """Yield them in groups of which no two want rows of one range: those of a second find what the first one took."""
    group: list[Wanted] = []
    for one in wanted:
        if any(one.wave_id == other.wave_id and one.first < other.last and other.first < one.last for other in group):
            yield group
            group = []
        group.append(one)
    yield group


def _link(token: str, notice_id: NoticeId, at: datetime) -> tuple[str, NoticeId, datetime]:
    """Return the row of the secret part of a recipient's link: its hash alone; the token leaves in the letter only.

    Each attempt has its own, and all of them are good: nobody knows which letter of two arrived.
    """
    return hashlib.sha256(token.encode()).hexdigest(), notice_id, at


def _in_the_way(shut: list[ChannelState]) -> dict[str, Any]:
    # In the words of the letter that stopped it: a wave pages once for each reason.
    down = "; ".join(state.reason for state in shut if state.stopped)
    paused = [state.paused_until for state in shut if not state.stopped and state.paused_until is not None]
    return {"down": down, "paused_until": min(paused, default=None)}


def _covered() -> ColumnElement[bool]:
    """Say in SQL what `Hold.covers` says: a hold in force on everything, or one that names the row's agreement.

    What is posted is told to everybody: any hold in force covers it.
    """
    scoped = select(hold_scopes.c.hold_id).where(
        hold_scopes.c.hold_id == holds.c.hold_id, hold_scopes.c.agreement_id == notices.c.agreement_id
    )
    names_it = exists(scoped.correlate(holds, notices))
    # Whoever a hold protects reads the notice page like anybody else: nothing is posted while one is in force.
    public = notices.c.channel == str(Method.POSTING)
    covering = select(holds.c.hold_id).where(_IN_FORCE, or_(holds.c.covers_all, public, names_it))
    return exists(covering.correlate(notices))
