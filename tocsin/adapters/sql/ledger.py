"""The ledger: waves, notices and letters."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import RowMapping, and_, bindparam, delete, exists, func, or_, select, update

from tocsin.adapters.sql.gate import Gate
from tocsin.adapters.sql.notice_rows import CHANGING, address_digest, changing, check_steps, from_row, to_row
from tocsin.adapters.sql.session import CHUNK, Session, chunks
from tocsin.adapters.sql.session import Row as Values
from tocsin.adapters.sql.tables import letters, notice_links, notices, receipts, waves
from tocsin.domain.clause import Method
from tocsin.domain.errors import Broken
from tocsin.domain.letter import Letter
from tocsin.domain.notice import ContactRole, Notice, NoticeState, WaveCounts
from tocsin.domain.said import Said
from tocsin.domain.values import AgreementId, IncidentId, NoticeId, WaveId
from tocsin.ports import Claim, Wanted, WaveRow

_UNRELEASED = (NoticeState.DRAFTED, NoticeState.BY_HAND, NoticeState.WITHDRAWN)

NOT_SENT = (NoticeState.DRAFTED, NoticeState.RELEASED, NoticeState.BY_HAND, NoticeState.WITHDRAWN)
"""A notice in one of these may never have left: its number is nobody's yet."""

_FEW = 100
"""Letters that are in memory at one time."""


class SqlLedger:
    """Keeps `tocsin.ports.Ledger`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection
        self._gate = Gate(session)

    def put_wave(self, wave: WaveRow) -> None:
        """Insert or replace by wave id."""
        self._session.upsert(waves, [wave.model_dump() | {"unknowns": json.dumps(wave.unknowns)}], keep=["said"])

    def wave(self, wave_id: WaveId) -> WaveRow | None:
        """Return a wave, or None."""
        row = self._connection.execute(select(waves).where(waves.c.wave_id == wave_id)).mappings().one_or_none()
        return _wave(row) if row is not None else None

    def put_said(self, wave: WaveRow, said: Said) -> None:
        """Keep what the letters of a wave say, sealed, and the names of what they could not say yet."""
        sealed = self._session.seal(wave.incident_id, said.model_dump_json(), "waves", "said", wave.wave_id)
        changed = {"said": sealed, "unknowns": json.dumps(said.unknowns())}
        self._connection.execute(update(waves).where(waves.c.wave_id == wave.wave_id).values(changed))

    def said(self, wave_id: WaveId) -> Said | None:
        """Return what the letters of a wave said; None for one from before this was kept."""
        query = select(waves.c.incident_id, waves.c.said).where(waves.c.wave_id == wave_id)
        row = self._connection.execute(query).one_or_none()
        if row is None or row.said is None:
            return None
        return Said.model_validate_json(self._session.open(row.incident_id, row.said, "waves", "said", wave_id))

    def waves(self, incident_id: IncidentId) -> list[WaveRow]:
        """Return an incident's waves by `drafted_at`."""
        query = select(waves).where(waves.c.incident_id == incident_id).order_by(waves.c.drafted_at, waves.c.wave_id)
        return [_wave(row) for row in self._connection.execute(query).mappings()]

    def plan(self, notices_: Iterable[Notice]) -> None:
        """Insert rows; a notice id that exists already is left as it is."""
        self._session.add(notices, (to_row(self._session, notice) for notice in notices_))

    def discard(self, wave_id: WaveId) -> None:
        """Delete the notices and letters of a wave, not the wave's own row. Raises Broken for a released one."""
        released_at = self._connection.scalar(
            select(waves.c.released_at).where(waves.c.wave_id == wave_id).with_for_update()
        )
        of_wave = select(notices.c.notice_id).where(notices.c.wave_id == wave_id)
        begun = self._connection.scalars(of_wave.where(notices.c.state.not_in(_UNRELEASED)))
        if released_at is not None or begun.first() is not None:
            raise Broken(f"wave {wave_id} was released; what was sent is kept, draft a new wave instead")
        self._connection.execute(delete(letters).where(letters.c.notice_id.in_(of_wave)))
        self._connection.execute(delete(notices).where(notices.c.wave_id == wave_id))

    def put_letters(self, letters_: Iterable[tuple[Notice, Letter, bytes]]) -> None:
        """Store each letter and the bytes its channel prepared, sealed, and replace the notice's row."""
        for chunk in chunks(letters_):
            self.put(notice for notice, _, _ in chunk)
            self._session.upsert(letters, (self._letter_row(*one) for one in chunk))

    def letter(self, notice_id: NoticeId) -> Letter | None:
        """Return the rendered letter, or None."""
        body = self._opened(notice_id, "letter")
        return Letter.model_validate_json(body) if body is not None else None

    def prepared(self, notice_id: NoticeId) -> bytes | None:
        """Return the bytes the channel is given, or None."""
        return self._opened(notice_id, "prepared")

    def sent(self, notice_ids: Sequence[NoticeId]) -> Iterator[tuple[NoticeId, Letter, bytes]]:
        """Yield the letters of these notices, each with the bytes its channel is given, in this order."""
        for chunk in chunks(notice_ids, _FEW):
            query = (
                select(notices.c.incident_id, letters.c.notice_id, letters.c.letter, letters.c.prepared)
                .join(letters, letters.c.notice_id == notices.c.notice_id)
                .where(notices.c.notice_id.in_(chunk))
            )
            rows = {row.notice_id: row for row in self._connection.execute(query)}
            for row in (rows[notice_id] for notice_id in chunk if notice_id in rows):
                scope, key = row.incident_id, row.notice_id
                letter = self._session.open(scope, row.letter, "letters", "letter", key)
                prepared = self._session.open(scope, row.prepared, "letters", "prepared", key)
                yield NoticeId(key), Letter.model_validate_json(letter), prepared

    def notice(self, notice_id: NoticeId) -> Notice | None:
        """Return one row, or None."""
        row = self._connection.execute(select(notices).where(notices.c.notice_id == notice_id)).one_or_none()
        return from_row(self._session, row) if row is not None else None

    def notices(
        self,
        wave_id: WaveId,
        *,
        first: int = 0,
        last: int | None = None,
        states: Iterable[NoticeState] | None = None,
        agreements: Iterable[AgreementId] | None = None,
    ) -> list[Notice]:
        """Return rows with first <= ordinal < last, by ordinal, in the given states, under the given agreements."""
        query = select(notices).where(notices.c.wave_id == wave_id, notices.c.ordinal >= first)
        if last is not None:
            query = query.where(notices.c.ordinal < last)
        if states is not None:
            query = query.where(notices.c.state.in_([state.value for state in states]))
        if agreements is not None:
            query = query.where(notices.c.agreement_id.in_(sorted(set(agreements))))
        return [from_row(self._session, row) for row in self._connection.execute(query.order_by(notices.c.ordinal))]

    def parties(
        self, incident_id: IncidentId, states: Iterable[NoticeState], beside: WaveId | None = None
    ) -> set[AgreementId]:
        """Return the agreements under which an incident has a row in one of these states, in another wave."""
        query = select(notices.c.agreement_id).where(
            notices.c.incident_id == incident_id, notices.c.state.in_([state.value for state in states])
        )
        other = query if beside is None else query.where(notices.c.wave_id != beside)
        return set(self._connection.scalars(other.distinct()))

    def each(self, wave_id: WaveId) -> Iterator[Notice]:
        """Yield all rows of a wave by ordinal, of which few lie in memory at a time."""
        mine = and_(notices.c.wave_id == wave_id, notices.c.ordinal > bindparam("after"))
        page, after = select(notices).where(mine).order_by(notices.c.ordinal).limit(CHUNK), -1
        while rows := [from_row(self._session, row) for row in self._connection.execute(page, {"after": after})]:
            yield from rows
            after = rows[-1].ordinal

    def of(self, incident_id: IncidentId, *, beside_mail: bool = False) -> list[Notice]:
        """Return all rows of an incident by wave and ordinal, or those that go by another method than mail."""
        query = select(notices).where(notices.c.incident_id == incident_id)
        if beside_mail:
            other_ways = [way.value for way in Method if way is not Method.MAIL]  # such a row bears its way as channel
            query = query.where(notices.c.channel.in_(other_ways))
        ordered = query.order_by(notices.c.wave_id, notices.c.ordinal)
        return [from_row(self._session, row) for row in self._connection.execute(ordered)]

    def claim(self, wave_id: WaveId, first: int, last: int, limit: int, at: datetime) -> Claim:
        """Take up to `limit` released rows with first <= ordinal < last for sending, lowest ordinal first.

        Holds and stops are read in this same transaction, under a lock that placing a hold or a stop waits for.

        Raises:
            Broken: if the wave is unknown, or a released row has no letter.
        """
        return self._gate.claim_each([Wanted(wave_id, first, last, limit, at)])[0]

    def claim_each(self, wanted: Sequence[Wanted]) -> list[Claim]:
        """Return one claim for each that is wanted, in this order."""
        return self._gate.claim_each(wanted)

    def put(self, notices_: Iterable[Notice]) -> None:
        """Replace rows by notice id: all but what a notice is from the start, which never changes.

        Raises:
            Broken: if there is no such row, the table of transitions forbids its change of state, or the outcome
                is of an earlier attempt than the one that holds the row now.
        """
        for chunk in chunks(notices_):
            check_steps(self._session, chunk)
            last = {notice.notice_id: notice for notice in chunk}
            self._session.many.update(notices, CHANGING, [changing(self._session, row) for row in last.values()])

    def by_id(self, notice_ids: Iterable[NoticeId]) -> list[Notice]:
        """Return the rows with these ids, locked against other writers until the transaction ends."""
        found: list[Notice] = []
        for chunk in chunks(sorted(notice_ids)):
            query = select(notices).where(notices.c.notice_id.in_(chunk)).order_by(notices.c.notice_id)
            rows = self._connection.execute(query.with_for_update())
            found += [from_row(self._session, row) for row in rows]
        return found

    def awaiting(self, wave_id: WaveId) -> Iterator[list[Notice]]:
        """Yield, page by page, the rows of the chain that left and of which a receipt or a press may still come."""
        under_way = notices.c.state.in_([NoticeState.ACCEPTED, NoticeState.DEFERRED])
        arrived = notices.c.state == NoticeState.DELIVERED
        awaited = or_(and_(or_(notices.c.reports, notices.c.linked), under_way), and_(notices.c.linked, arrived))
        mine = and_(notices.c.wave_id == wave_id, notices.c.role == ContactRole.CHAIN, awaited)
        query = select(notices).where(mine, notices.c.ordinal > bindparam("after")).order_by(notices.c.ordinal)
        page, after = query.limit(CHUNK), -1
        while rows := [from_row(self._session, row) for row in self._connection.execute(page, {"after": after})]:
            yield rows
            after = rows[-1].ordinal

    def silent_since(self, wave_id: WaveId) -> datetime | None:
        """Return when the first accepted row was sent of which its reporting channel has said nothing at all."""
        heard_of = exists().where(receipts.c.notice_id == notices.c.notice_id)
        mine = and_(notices.c.wave_id == wave_id, notices.c.state == NoticeState.ACCEPTED, notices.c.reports)
        first: datetime | None = self._connection.scalar(select(func.min(notices.c.claimed_at)).where(mine, ~heard_of))
        return first

    def is_genuine(self, number: str) -> bool:
        """Say whether a notice of this number has left; no more is read of one that has than of one that has not."""
        left = exists().where(notices.c.number == number, notices.c.state.not_in(NOT_SENT))
        return bool(self._connection.scalar(select(left)))

    def linked(self, token_digest: str) -> Notice | None:
        """Return the notice whose link has the token with this SHA-256, or None."""
        query = (
            select(notices)
            .join(notice_links, notice_links.c.notice_id == notices.c.notice_id)
            .where(notice_links.c.token_digest == token_digest)
        )
        row = self._connection.execute(query).one_or_none()
        return from_row(self._session, row) if row is not None else None

    def marks(self, addresses: Iterable[str]) -> list[str]:
        """Return the keyed digest by which the ledger knows each of these addresses, in their order."""
        return [address_digest(self._session, address) for address in addresses]

    def marked(self, wave_id: WaveId, first: int, last: int) -> list[tuple[NoticeId, str, str]]:
        """Return the released rows with first <= ordinal < last: each with its channel and the mark of its address."""
        query = (
            select(notices.c.notice_id, notices.c.channel, letters.c.address_digest)
            .join(letters, letters.c.notice_id == notices.c.notice_id)
            .where(notices.c.wave_id == wave_id, notices.c.state == NoticeState.RELEASED)
            .where(notices.c.ordinal >= first, notices.c.ordinal < last, letters.c.address_digest.is_not(None))
        )
        return [(NoticeId(row.notice_id), row.channel, row.address_digest) for row in self._connection.execute(query)]

    def counts(self, wave_id: WaveId) -> WaveCounts:
        """Count the rows of a wave by state, fallbacks not yet needed left out. It gives no digest."""
        fallback = and_(notices.c.state == NoticeState.DRAFTED, notices.c.chain_position > 0)
        query = select(notices.c.state, func.count()).where(notices.c.wave_id == wave_id, ~fallback)
        rows = self._connection.execute(query.group_by(notices.c.state))
        return WaveCounts(by_state={NoticeState(state): count for state, count in rows})

    def _opened(self, notice_id: NoticeId, column: str) -> bytes | None:
        query = (
            select(notices.c.incident_id, letters.c[column].label("sealed"))
            .join(letters, letters.c.notice_id == notices.c.notice_id)
            .where(notices.c.notice_id == notice_id)
        )
        row = self._connection.execute(query).one_or_none()
        return self._session.open(row.incident_id, row.sealed, "letters", column, notice_id) if row else None

    def _letter_row(self, notice: Notice, letter: Letter, prepared: bytes) -> Values:
        scope, key = notice.incident_id, notice.notice_id
        return {
            "notice_id": key,
            "letter": self._session.seal(scope, letter.model_dump_json(), "letters", "letter", key),
            "prepared": self._session.seal(scope, prepared, "letters", "prepared", key),
            "address_digest": address_digest(self._session, letter.to_address) if letter.to_address else None,
        }


def _wave(row: RowMapping) -> WaveRow:
    # What was said stays sealed: it is opened only for the letters that follow.
    told = {name: value for name, value in row.items() if name != "said"}
    return WaveRow.model_validate(told | {"unknowns": json.loads(str(told["unknowns"] or "[]"))})
