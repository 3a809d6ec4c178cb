"""What was answered to requests with an idempotency key."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import replies
from tocsin.ports import Reply


class SqlReplies:
    """Keeps `tocsin.ports.Replies`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def begin(self, reply: Reply) -> Reply | None:
        """Claim a key; return what is there for it already, or None if it was free."""
        if self._session.added(replies, self._row(reply)):
            return None
        row = self._session.connection.execute(select(replies).where(replies.c.key == reply.key)).mappings().one()
        body = self._session.open("namespace", row["body"], "replies", "body", reply.key)
        return Reply(**(dict(row) | {"body": body}))

    def put(self, reply: Reply) -> None:
        """Replace what is kept for a key."""
        self._session.upsert(replies, [self._row(reply)])

    def forget(self, key: str) -> None:
        """Free a key."""
        self._session.connection.execute(delete(replies).where(replies.c.key == key))

    def forget_before(self, at: datetime) -> None:
        """Free every key that was claimed before an instant."""
        self._session.connection.execute(delete(replies).where(replies.c.at < at))

    def _row(self, reply: Reply) -> dict[str, Any]:
        body = self._session.seal("namespace", reply.body, "replies", "body", reply.key)
        return reply.model_dump() | {"body": body}
