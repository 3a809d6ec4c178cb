"""Receipts: kept as they came, never changed; whose they are, which wait, and which waves are to look again."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, insert, or_, select, update

from tocsin.adapters.sql.ledger import NOT_SENT
from tocsin.adapters.sql.notice_rows import address_digest, from_row
from tocsin.adapters.sql.session import Row as Values
from tocsin.adapters.sql.session import Session, chunks
from tocsin.adapters.sql.tables import letters, notices, receipts, receipts_assigned, receipts_waiting, wave_nudges
from tocsin.domain.errors import Refused
from tocsin.domain.notice import Notice
from tocsin.domain.receipt import Receipt
from tocsin.domain.values import IncidentId, NoticeId, PersonId, WaveId
from tocsin.ports import Nudge

NAMESPACE = "namespace"
"""The scope that seals what belongs to no incident."""


class SqlReceipts:
    """Keeps `tocsin.ports.Receipts`. Triggers in the database refuse to change or delete a receipt."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection

    def keep(self, receipts_: Sequence[tuple[Receipt, bytes]]) -> list[Receipt]:
        """Append receipts with their raw bytes, sealed; return those that are new, each once."""
        new: list[Receipt] = []
        for chunk in chunks({receipt.receipt_id: (receipt, raw) for receipt, raw in receipts_}.values()):
            known = self._known([receipt.receipt_id for receipt, _ in chunk])
            fresh = [(receipt, raw) for receipt, raw in chunk if receipt.receipt_id not in known]
            if fresh:
                self._connection.execute(insert(receipts), [self._row(receipt, raw) for receipt, raw in fresh])
            new += [receipt for receipt, _ in fresh]
        return new

    def of(self, notice_ids: Iterable[NoticeId]) -> list[Receipt]:
        """Return all receipts of these notices by `at`."""
        found: list[Receipt] = []
        for chunk in chunks(notice_ids):
            query = select(*_SHOWN).where(receipts.c.notice_id.in_(chunk))
            ordered = query.order_by(receipts.c.at, receipts.c.receipt_id)
            found += [self._receipt(row) for row in self._connection.execute(ordered)]
        return found

    def raw(self, receipt_id: str) -> bytes | None:
        """Return a receipt as it came, or None."""
        query = select(receipts.c.incident_id, receipts.c.raw).where(receipts.c.receipt_id == receipt_id)
        row = self._connection.execute(query).one_or_none()
        return self._open(row.incident_id, row.raw, "raw", receipt_id) if row is not None else None

    def sent_to(self, address: str, since: datetime) -> list[Notice]:
        """Return the notices that went to an address since an instant."""
        query = (
            select(notices)
            .join(letters, letters.c.notice_id == notices.c.notice_id)
            .where(letters.c.address_digest == address_digest(self._session, address))
            .where(notices.c.claimed_at >= since, notices.c.state.not_in(NOT_SENT))
            .order_by(notices.c.notice_id)
        )
        return [from_row(self._session, row) for row in self._connection.execute(query)]

    def parked(self) -> list[Receipt]:
        """Return the receipts that nobody could assign, oldest first."""
        query = select(*_SHOWN).where(receipts.c.notice_id.is_(None))
        open_ = query.where(receipts.c.receipt_id.not_in(select(receipts_assigned.c.receipt_id)))
        rows = self._connection.execute(open_.order_by(receipts.c.received_at, receipts.c.receipt_id))
        return [self._receipt(row) for row in rows]

    def assign(self, receipt_id: str, notice: Notice | None, person_id: PersonId, at: datetime) -> Receipt | None:
        """Give a parked receipt to a notice, or set it aside. Raises Refused if it is not parked."""
        found = next((receipt for receipt in self.parked() if receipt.receipt_id == receipt_id), None)
        if found is None:
            raise Refused(f"receipt {receipt_id} is not parked; `tocsin receipts parked` lists those that are")
        raw, notice_id = self.raw(receipt_id) or b"", notice.notice_id if notice else None
        row = {"receipt_id": receipt_id, "notice_id": notice_id, "person_id": person_id, "at": at}
        self._connection.execute(insert(receipts_assigned), [row])
        if notice is None:
            return None
        owned = {"receipt_id": f"{receipt_id}@{notice_id}", "notice_id": notice_id, "incident_id": notice.incident_id}
        mine = found.model_copy(update=owned)
        self.keep([(mine, raw)])
        return mine

    def wait(self, notices_: Iterable[Notice]) -> None:
        """Note that receipts of these notices are applied once their calls have ended."""
        rows = ({"notice_id": row.notice_id, "wave_id": row.wave_id} for row in notices_)
        self._session.add(receipts_waiting, rows)

    def waiting(self, wave_id: WaveId) -> list[NoticeId]:
        """Return the notices of a wave for which that was noted, and forget it."""
        gone = delete(receipts_waiting).where(receipts_waiting.c.wave_id == wave_id)
        return [NoticeId(key) for key in self._connection.scalars(gone.returning(receipts_waiting.c.notice_id))]

    def ask_nudge(self, waves: Iterable[tuple[IncidentId, WaveId]], at: datetime) -> None:
        """Ask that these waves look again."""
        rows = [{"wave_id": w, "incident_id": i, "wanted_at": at, "sent_at": None} for i, w in sorted(set(waves))]
        self._session.upsert(wave_nudges, rows, keep=["sent_at"])

    def nudges(self, sent_before: datetime) -> list[Nudge]:
        """Return what was asked for, of the waves that were not nudged since `sent_before`."""
        rested = or_(wave_nudges.c.sent_at.is_(None), wave_nudges.c.sent_at <= sent_before)
        columns = (wave_nudges.c.incident_id, wave_nudges.c.wave_id, wave_nudges.c.wanted_at)
        query = select(*columns).where(wave_nudges.c.wanted_at.is_not(None), rested).order_by(wave_nudges.c.wave_id)
        return [Nudge.model_validate(dict(row)) for row in self._connection.execute(query).mappings()]

    def nudged(self, nudge: Nudge, at: datetime) -> None:
        """Note that a wave was nudged; what was asked for since then stays."""
        mine = wave_nudges.c.wave_id == nudge.wave_id
        self._connection.execute(update(wave_nudges).where(mine).values(sent_at=at))
        answered = and_(mine, wave_nudges.c.wanted_at <= nudge.wanted_at)
        self._connection.execute(update(wave_nudges).where(answered).values(wanted_at=None))

    def _known(self, ids: list[str]) -> set[str]:
        return set(self._connection.scalars(select(receipts.c.receipt_id).where(receipts.c.receipt_id.in_(ids))))

    def _row(self, receipt: Receipt, raw: bytes) -> Values:
        scope, key = receipt.incident_id or NAMESPACE, receipt.receipt_id
        return receipt.model_dump() | {
            "kind": receipt.kind.value,
            "detail": self._session.seal(scope, receipt.detail, "receipts", "detail", key),
            "raw": self._session.seal(scope, raw, "receipts", "raw", key),
        }

    def _receipt(self, row: Any) -> Receipt:
        detail = self._open(row.incident_id, row.detail, "detail", row.receipt_id).decode()
        return Receipt.model_validate({name: getattr(row, name) for name in Receipt.model_fields} | {"detail": detail})

    def _open(self, incident_id: str | None, sealed: bytes, column: str, key: str) -> bytes:
        return self._session.open(incident_id or NAMESPACE, sealed, "receipts", column, key)


_SHOWN = [column for column in receipts.c if column.name != "raw"]
