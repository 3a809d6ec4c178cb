"""Those who may sign in, their sessions, and who stands in for whom."""

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import RowMapping, delete, select, update

from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import accounts, delegations, sessions
from tocsin.domain.account import Account, Delegation, SignedIn
from tocsin.domain.values import PersonId

_SEALED = ("user", "name", "email", "password")


class SqlAccounts:
    """Keeps `tocsin.ports.Accounts`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, account: Account) -> None:
        """Insert or replace by person id."""
        said = account.model_dump()
        row = {name: said[name] for name in said if name not in _SEALED}
        body = orjson.dumps({name: said[name] for name in _SEALED})
        row["roles"] = orjson.dumps(sorted(account.roles)).decode()
        row["body"] = self._session.seal("namespace", body, "accounts", "body", account.person_id)
        self._session.upsert(accounts, [row])

    def one(self, person_id: PersonId) -> Account | None:
        """Return one account, or None."""
        return self._found(accounts.c.person_id == person_id)

    def invited(self, digest: str) -> Account | None:
        """Return the account whose invitation has the token with this SHA-256, or None."""
        return self._found(accounts.c.invitation == digest)

    def all(self) -> list[Account]:
        """Return the accounts by person id."""
        rows = self._session.connection.execute(select(accounts).order_by(accounts.c.person_id))
        return [self._account(row) for row in rows.mappings()]

    def open_session(self, session: SignedIn) -> None:
        """Keep a session."""
        self._session.add(sessions, [session.model_dump()])

    def session(self, digest: str) -> SignedIn | None:
        """Return a session by the digest of its secret, or None."""
        row = self._session.connection.execute(select(sessions).where(sessions.c.digest == digest))
        found = row.mappings().first()
        return SignedIn(**found) if found else None

    def see(self, digest: str, at: datetime) -> None:
        """Note that a session was used."""
        self._session.connection.execute(update(sessions).where(sessions.c.digest == digest).values(seen_at=at))

    def end_sessions(self, person_id: PersonId, *, digest: str | None = None) -> None:
        """Forget all sessions of a person, or the one of a digest."""
        ending = delete(sessions).where(sessions.c.person_id == person_id)
        self._session.connection.execute(ending if digest is None else ending.where(sessions.c.digest == digest))

    def delegate(self, delegation: Delegation) -> None:
        """Insert or replace by delegation id."""
        row = delegation.model_dump() | {"roles": orjson.dumps(sorted(delegation.roles)).decode()}
        self._session.upsert(delegations, [row])

    def delegations(self, taker: PersonId | None = None) -> list[Delegation]:
        """Return what was given to a person, or all that was given, by `from_at`."""
        query = select(delegations).order_by(delegations.c.from_at, delegations.c.delegation_id)
        rows = self._session.connection.execute(query if taker is None else query.where(delegations.c.taker == taker))
        return [Delegation(**(dict(row) | {"roles": orjson.loads(row["roles"])})) for row in rows.mappings()]

    def _found(self, where: Any) -> Account | None:
        row = self._session.connection.execute(select(accounts).where(where)).mappings().first()
        return self._account(row) if row else None

    def _account(self, row: RowMapping) -> Account:
        body = orjson.loads(self._session.open("namespace", row["body"], "accounts", "body", row["person_id"]))
        said = {name: value for name, value in row.items() if name != "body"}
        return Account(**(said | body | {"roles": orjson.loads(row["roles"])}))
