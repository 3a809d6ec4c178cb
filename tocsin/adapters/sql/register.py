"""The register: agreements by revision, and the versions pinned to incidents."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, insert, select, update

from tocsin.adapters.sql.session import CHUNK, Session, chunks
from tocsin.adapters.sql.session import Row as Values
from tocsin.adapters.sql.tables import agreements, pins, register_revisions
from tocsin.domain.errors import Broken
from tocsin.domain.register import Affected, Agreement
from tocsin.domain.values import AgreementId, IncidentId

SCOPE = "namespace"
"""Agreements belong to no incident: they are sealed under the namespace's key."""

KEPT = 500
"""Versions that one transaction opens only once: the pins of many incidents are of the same ones."""


class SqlRegister:
    """Keeps `tocsin.ports.Register`. Agreements come by agreement id: their references are sealed and cannot sort."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection
        self._read: dict[tuple[AgreementId, int], Agreement] = {}

    def revision(self) -> int:
        """Return the newest revision; 0 when nothing was ever published."""
        return self._connection.scalar(select(func.max(register_revisions.c.revision))) or 0

    def publish(self, agreements_: Iterable[Agreement], at: datetime) -> int:
        """Add a version of each agreement that is new or differs; return the revision, unchanged if none does."""
        if self._session.on_postgresql:  # two publishers would otherwise count the same next revision
            self._connection.exec_driver_sql("LOCK TABLE register_revisions IN SHARE ROW EXCLUSIVE MODE")
        revision = self.revision()
        added = 0
        for chunk in chunks(agreements_):
            rows = self._versions(chunk, revision + 1)
            if rows:
                self._connection.execute(insert(agreements), rows)
            added += len(rows)
        if not added:
            return revision
        self._connection.execute(insert(register_revisions), {"revision": revision + 1, "at": at})
        return revision + 1

    def agreements(self, revision: int | None = None) -> Iterator[Agreement]:
        """Yield, by agreement id, each agreement's newest version, or the one in force at `revision`."""
        page = _in_force(self.revision() if revision is None else revision)
        page = page.order_by(agreements.c.agreement_id).limit(CHUNK)
        rows = self._connection.execute(page).all()
        while rows:
            yield from map(self._agreement, rows)
            rows = self._connection.execute(page.where(agreements.c.agreement_id > rows[-1].agreement_id)).all()

    def agreement(self, agreement_id: AgreementId, revision: int | None = None) -> Agreement | None:
        """Return one agreement's newest version, or the one at `revision`."""
        found = self._newest([agreement_id], self.revision() if revision is None else revision)
        return next(iter(found.values()), None)

    def pin(self, incident_id: IncidentId, affected: Iterable[Affected]) -> None:
        """Pin agreement versions to an incident; one that is pinned keeps its version and gets the other fields.

        Raises:
            Broken: if an agreement was not published by the revision it is pinned from.
        """
        for chunk in chunks(affected):
            self._session.upsert(pins, (_pin(incident_id, one) for one in chunk), keep=["revision"])
            self._refuse_unpublished(incident_id, [one.agreement.agreement_id for one in chunk])

    def pinned(self, incident_id: IncidentId, only: Iterable[AgreementId] | None = None) -> list[Affected]:
        """Return the pins by agreement id, all or those of these agreements, each with the pinned version."""
        if only is not None:
            found = (self._pins(incident_id, pins.c.agreement_id.in_(some)) for some in chunks(sorted(set(only))))
            return [pin for page in found for pin in page]
        return self._pins(incident_id)

    def each_pinned(self, incident_id: IncidentId) -> Iterator[list[Affected]]:
        """Yield all pins by agreement id, a page at a time."""
        ids = select(pins.c.agreement_id).where(pins.c.incident_id == incident_id).order_by(pins.c.agreement_id)
        page = ids.limit(CHUNK)
        found = list(self._connection.scalars(page))
        while found:
            yield self._pins(incident_id, pins.c.agreement_id.in_(found))
            found = list(self._connection.scalars(page.where(pins.c.agreement_id > found[-1])))

    def affected(self, incident_id: IncidentId) -> set[AgreementId]:
        """Return the agreements of those who are known to be affected."""
        return self._named(incident_id, pins.c.confirmed, ~pins.c.excluded)

    def unaffected(self, incident_id: IncidentId) -> set[AgreementId]:
        """Return the agreements of those who were found not to be affected."""
        return self._named(incident_id, pins.c.excluded)

    def _named(self, incident_id: IncidentId, *which: ColumnElement[bool]) -> set[AgreementId]:
        query = select(pins.c.agreement_id).where(pins.c.incident_id == incident_id, *which)
        return set(self._connection.scalars(query))

    def _pins(self, incident_id: IncidentId, *which: ColumnElement[bool]) -> list[Affected]:
        query = (
            select(pins, agreements.c.body, agreements.c.revision.label("version"))
            .select_from(pins)
            .join(agreements, _pinned_version())
            .where(pins.c.incident_id == incident_id, *which)
            .order_by(pins.c.agreement_id)
        )
        return [self._affected(row) for row in self._connection.execute(query)]

    def repin(self, incident_id: IncidentId, revision: int) -> None:
        """Pin every agreement of an incident in the version that is in force at `revision`."""
        self._connection.execute(update(pins).where(pins.c.incident_id == incident_id).values(revision=revision))

    def outdated(self, incident_id: IncidentId) -> int:
        """Count the incident's agreements of which the register has a newer version than the pinned one."""
        later = select(agreements.c.revision).where(
            agreements.c.agreement_id == pins.c.agreement_id, agreements.c.revision > pins.c.revision
        )
        mine = select(func.count()).select_from(pins).where(pins.c.incident_id == incident_id)
        return self._connection.scalar(mine.where(exists(later.correlate(pins)))) or 0

    def _versions(self, chunk: list[Agreement], revision: int) -> list[Values]:
        known = self._newest([agreement.agreement_id for agreement in chunk], revision)
        return [self._version(one, revision) for one in chunk if known.get(one.agreement_id) != one]

    def _version(self, agreement: Agreement, revision: int) -> Values:
        about = ("agreements", "body", agreement.agreement_id, str(revision))
        body = self._session.seal(SCOPE, agreement.model_dump_json(), *about)
        return {"agreement_id": agreement.agreement_id, "revision": revision, "body": body}

    def _newest(self, ids: list[AgreementId], revision: int) -> dict[AgreementId, Agreement]:
        rows = self._connection.execute(_in_force(revision).where(agreements.c.agreement_id.in_(ids)))
        return {row.agreement_id: self._agreement(row) for row in rows}

    def _agreement(self, row: Any) -> Agreement:
        return self._opened(row.agreement_id, row.revision, row.body)

    def _affected(self, row: Any) -> Affected:
        agreement = self._opened(row.agreement_id, row.version, row.body)
        said = {name: getattr(row, name) for name in Affected.model_fields if name != "agreement"}
        return Affected(agreement=agreement, **said)

    def _opened(self, agreement_id: AgreementId, revision: int, body: bytes) -> Agreement:
        found = self._read.get((agreement_id, revision))
        if found is None:
            about = ("agreements", "body", agreement_id, str(revision))
            found = Agreement.model_validate_json(self._session.open(SCOPE, body, *about))
            if len(self._read) < KEPT:
                self._read[agreement_id, revision] = found
        return found

    def _refuse_unpublished(self, incident_id: IncidentId, ids: list[AgreementId]) -> None:
        missing = (
            select(pins.c.agreement_id)
            .select_from(pins)
            .outerjoin(agreements, _pinned_version())
            .where(pins.c.incident_id == incident_id, pins.c.agreement_id.in_(ids), agreements.c.revision.is_(None))
        )
        unpublished = self._connection.scalars(missing).first()
        if unpublished is not None:
            raise Broken(f"agreement {unpublished} is not in the register at the pinned revision; publish it first")


def _in_force(revision: int) -> Select[Any]:
    later = agreements.alias("later")
    newest = select(func.max(later.c.revision)).where(
        later.c.agreement_id == agreements.c.agreement_id, later.c.revision <= revision
    )
    return select(agreements).where(agreements.c.revision == newest.scalar_subquery())


def _pinned_version() -> Any:
    """Join a pin to its version: the newest that the revision it was pinned from knew. Versions never change."""
    later = agreements.alias("later")
    newest = select(func.max(later.c.revision)).where(
        later.c.agreement_id == pins.c.agreement_id, later.c.revision <= pins.c.revision
    )
    return and_(
        agreements.c.agreement_id == pins.c.agreement_id,
        agreements.c.revision == newest.correlate(pins).scalar_subquery(),
    )


def _pin(incident_id: IncidentId, affected: Affected) -> Values:
    ids = {"incident_id": incident_id, "agreement_id": affected.agreement.agreement_id}
    return ids | affected.model_dump(exclude={"agreement"})
