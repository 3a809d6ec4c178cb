"""Tokens, by the digest of their secret."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, or_, select, update

from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import tokens
from tocsin.domain.token import SEEN_EVERY, Scope, Token
from tocsin.domain.values import PersonId


class SqlTokens:
    """Keeps `tocsin.ports.Tokens`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, token: Token) -> None:
        """Keep a new token."""
        label = self._session.seal("namespace", token.label, "tokens", "label", token.token_id)
        scopes = " ".join(sorted(token.scopes))
        self._session.add(tokens, [token.model_dump() | {"label": label, "scopes": scopes}])

    def found(self, digest: str) -> Token | None:
        """Return the token whose secret has this digest, or None."""
        rows = self._read(select(tokens).where(tokens.c.digest == digest))
        return rows[0] if rows else None

    def of(self, person_id: PersonId | None = None) -> list[Token]:
        """Return a person's tokens, or everybody's, oldest first."""
        query = select(tokens).order_by(tokens.c.made_at, tokens.c.token_id)
        return self._read(query if person_id is None else query.where(tokens.c.person_id == person_id))

    def used(self, token_id: str, at: datetime) -> None:
        """Note that a token was used, to the minute."""
        last = tokens.c.last_used_at
        long_ago = or_(last.is_(None), last <= at - SEEN_EVERY)
        self._session.connection.execute(
            update(tokens).where(tokens.c.token_id == token_id, long_ago).values(last_used_at=at)
        )

    def revoke(self, token_id: str, at: datetime) -> bool:
        """End a token for good; return False if it had been ended."""
        ending = update(tokens).where(tokens.c.token_id == token_id, tokens.c.revoked_at.is_(None))
        return self._session.connection.execute(ending.values(revoked_at=at)).rowcount > 0

    def _read(self, query: Select[Any]) -> list[Token]:
        return [self._token(row) for row in self._session.connection.execute(query)]

    def _token(self, row: Row[Any]) -> Token:
        label = self._session.open("namespace", row.label, "tokens", "label", row.token_id).decode()
        scopes = frozenset(map(Scope, row.scopes.split()))
        values = {name: getattr(row, name) for name in Token.model_fields}
        return Token.model_validate(values | {"label": label, "scopes": scopes})
