"""What all workers know of the channels: one row for each that ever failed, paused or was closed."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import channels
from tocsin.domain.breaker import ChannelState


class SqlChannels:
    """Keeps `tocsin.ports.ChannelStates`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def all(self) -> list[ChannelState]:
        """Return the states by name; a channel that never failed has none."""
        rows = self._session.connection.execute(select(channels).order_by(channels.c.name))
        return [self._state(row) for row in rows]

    def locked(self, name: str) -> ChannelState:
        """Return a state, locked against other writers until the transaction ends."""
        self._session.add(channels, [self._row(ChannelState(name=name))])
        query = select(channels).where(channels.c.name == name).with_for_update()
        return self._state(self._session.connection.execute(query).one())

    def put(self, states: Iterable[ChannelState]) -> None:
        """Insert or replace by name."""
        self._session.upsert(channels, (self._row(state) for state in states))

    def _row(self, state: ChannelState) -> dict[str, Any]:
        reason = self._session.seal("namespace", state.reason, "channels", "reason", state.name)
        return state.model_dump() | {"reason": reason}

    def _state(self, row: Any) -> ChannelState:
        values = {name: getattr(row, name) for name in ChannelState.model_fields}
        reason = self._session.open("namespace", row.reason, "channels", "reason", row.name).decode()
        return ChannelState.model_validate(values | {"reason": reason})
