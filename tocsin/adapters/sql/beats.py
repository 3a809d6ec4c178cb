"""Signs of life: when a part that runs again and again last came to its end."""

from datetime import datetime

from sqlalchemy import select

from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import beats


class SqlBeats:
    """Keeps `tocsin.ports.Beats`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, name: str, at: datetime) -> None:
        """Note that the part called `name` has come to its end at `at`."""
        self._session.upsert(beats, [{"name": name, "at": at}])

    def last(self, name: str) -> datetime | None:
        """Return when it last did, or None."""
        at: datetime | None = self._session.connection.scalar(select(beats.c.at).where(beats.c.name == name))
        return at
