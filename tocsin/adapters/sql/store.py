"""The store: transactions, deeds that happen once, and what has been dealt with."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, and_, func, select, update

from tocsin.adapters.sql.accounts import SqlAccounts
from tocsin.adapters.sql.beats import SqlBeats
from tocsin.adapters.sql.channels import SqlChannels
from tocsin.adapters.sql.checkpoints import SqlCheckpoints
from tocsin.adapters.sql.duties import SqlDuties
from tocsin.adapters.sql.engine import Transactions, create_engine_for
from tocsin.adapters.sql.erasures import SqlErasures
from tocsin.adapters.sql.incidents import SqlIncidents
from tocsin.adapters.sql.law import SqlLawBooks
from tocsin.adapters.sql.ledger import SqlLedger
from tocsin.adapters.sql.log import SqlLog
from tocsin.adapters.sql.probes import SqlProbes
from tocsin.adapters.sql.receipts import SqlReceipts
from tocsin.adapters.sql.register import SqlRegister
from tocsin.adapters.sql.replies import SqlReplies
from tocsin.adapters.sql.revision import check_schema
from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import remembered, writes
from tocsin.adapters.sql.tasks import SqlTasks
from tocsin.adapters.sql.tokens import SqlTokens
from tocsin.audit.entry import EntryDraft
from tocsin.domain.errors import Broken
from tocsin.domain.values import Value
from tocsin.ports import Sealer, Stamp, Transaction, V

Told = Callable[[Sequence[EntryDraft]], None]
"""Hears of new entries of the log once they are durable; it must not fail."""


class SqlTransaction:
    """One open transaction over all of the store. Keeps `tocsin.ports.Transaction`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self.session = Session(connection, sealer)
        self.incidents = SqlIncidents(self.session)
        self.register = SqlRegister(self.session)
        self.duties = SqlDuties(self.session)
        self.ledger = SqlLedger(self.session)
        self.receipts = SqlReceipts(self.session)
        self.tasks = SqlTasks(self.session)
        self.log = SqlLog(self.session)
        self.channels = SqlChannels(self.session)
        self.checkpoints = SqlCheckpoints(self.session)
        self.beats = SqlBeats(self.session)
        self.law = SqlLawBooks(self.session)
        self.tokens = SqlTokens(self.session)
        self.accounts = SqlAccounts(self.session)
        self.replies = SqlReplies(self.session)
        self.erasures = SqlErasures(self.session)
        self.probes = SqlProbes(self.session)

    def last_sequence(self, workflow_id: str) -> int:
        """Return the highest sequence that `SqlStore.once` has seen for a workflow id; 0 for none."""
        query = select(func.max(writes.c.sequence)).where(writes.c.workflow_id == workflow_id)
        return self.session.connection.scalar(query) or 0

    def remembers(self, key: str) -> bool:
        """Say whether `key` has been dealt with."""
        query = select(remembered.c.key).where(remembered.c.key == key)
        return self.session.connection.scalar(query) is not None

    def remember(self, key: str, at: datetime) -> bool:
        """Note that `key` has been dealt with; False if it was already."""
        return self.session.added(remembered, {"key": key, "at": at})


class SqlStore:
    """Keeps `tocsin.ports.Store`. Safe to use from many threads and processes."""

    def __init__(self, engine: Engine, sealer: Sealer, told: Told | None = None) -> None:
        self._engine = engine
        self._sealer = sealer
        self._told = told
        self._transactions = Transactions(engine)

    def once(self, stamp: Stamp, inputs: Value, deed: Callable[[Transaction], V], result: type[V]) -> V:
        """Run `deed` in one transaction, once for each (workflow id, sequence), and return what it returned.

        Raises:
            Broken: if the same (workflow id, sequence) comes with other inputs.
        """
        fingerprint = inputs.fingerprint()
        about = ("writes", "result", stamp.workflow_id, str(stamp.sequence))
        with self._transaction() as transaction:
            session = transaction.session
            # Whoever comes second waits at this row until the first has committed or given up.
            if not session.added(writes, _write(stamp, fingerprint)):
                stored = _stored_result(session, stamp, fingerprint)
                return result.model_validate_json(session.open(stamp.incident_id, stored, *about))
            done = deed(transaction)
            sealed = session.seal(stamp.incident_id, done.model_dump_json(), *about)
            session.connection.execute(update(writes).where(_same(stamp)).values(result=sealed))
            return done

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open a transaction that may write; writers wait for each other."""
        with self._transaction() as transaction:
            yield transaction

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open a transaction that only reads, all of it from one snapshot."""
        with self._transactions.reading() as connection:
            yield SqlTransaction(connection, self._sealer)

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[SqlTransaction]:
        with self._transactions.writing() as connection:
            transaction = SqlTransaction(connection, self._sealer)
            yield transaction
        if self._told is not None:
            self._told(transaction.log.appended)


def open_store(url: str, sealer: Sealer, told: Told | None = None) -> SqlStore:
    """Return the store at `url`; `told` hears of each new entry of its log.

    Raises:
        Refused: if there is none, or its tables and this program do not understand each other; it says what mends it.
        Deferred: if the database cannot be reached.
    """
    engine = create_engine_for(url)
    try:
        check_schema(engine)
    except BaseException:
        engine.dispose()
        raise
    return SqlStore(engine, sealer, told)


def _write(stamp: Stamp, fingerprint: str) -> dict[str, object]:
    return stamp.model_dump() | {"inputs_fingerprint": fingerprint, "result": None}


def _stored_result(session: Session, stamp: Stamp, fingerprint: str) -> bytes:
    query = select(writes.c.inputs_fingerprint, writes.c.result).where(_same(stamp))
    row = session.connection.execute(query).one()
    if row.inputs_fingerprint != fingerprint:
        raise Broken(
            f"write {stamp.sequence} of {stamp.workflow_id} was made before, with other inputs; "
            "the workflow reused a sequence number, find out why before going on"
        )
    if row.result is None:
        raise Broken(f"write {stamp.sequence} of {stamp.workflow_id} has no result; it was altered outside Tocsin")
    return bytes(row.result)


def _same(stamp: Stamp) -> ColumnElement[bool]:
    return and_(writes.c.workflow_id == stamp.workflow_id, writes.c.sequence == stamp.sequence)
