"""Incidents: their projection, facts, acts and files."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Row, func, select

from tocsin.adapters.sql.session import Session
from tocsin.adapters.sql.tables import acts, attachments, facts, incident_team, incidents
from tocsin.domain.act import Envelope
from tocsin.domain.incident import OVER, Facts, Trigger
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.values import ActId, IncidentId, PersonId
from tocsin.ports import Attachment

_LABEL = TypeAdapter(tuple[str, str])


class SqlIncidents:
    """Keeps `tocsin.ports.Incidents`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection

    def put_state(self, state: IncidentState, at: datetime) -> None:
        """Insert or replace the state; a lower `sequence` than the stored one changes nothing."""
        reported = state.triggers.get(Trigger.REPORT)
        row = {
            "incident_id": state.incident_id,
            "status": state.status.value,
            "sequence": state.sequence,
            "reported_at": reported.at if reported else at,
            "changed_at": at,
            "body": state.model_dump_json(),
        }
        self._session.upsert(incidents, [row], guard="sequence", keep=["reported_at"])

    def state(self, incident_id: IncidentId) -> IncidentState | None:
        """Return the state, or None for an unknown incident."""
        query = select(incidents.c.body).where(incidents.c.incident_id == incident_id)
        body = self._connection.scalar(query)
        return IncidentState.model_validate_json(body) if body is not None else None

    def all(self, *, open_only: bool = False) -> list[IncidentState]:
        """Return every incident's state, newest report first; `open_only`: neither closed nor dismissed."""
        query = select(incidents.c.body).order_by(incidents.c.reported_at.desc(), incidents.c.incident_id)
        if open_only:
            query = query.where(incidents.c.status.not_in(OVER))
        return [IncidentState.model_validate_json(body) for body in self._connection.scalars(query)]

    def changed_at(self) -> datetime | None:
        """Return when any incident's state was last written, or None."""
        at: datetime | None = self._connection.scalar(select(func.max(incidents.c.changed_at)))
        return at

    def put_facts(self, incident_id: IncidentId, facts_: Facts, at: datetime, act_id: ActId) -> None:
        """Append a version of the facts, sealed. The same act's version is put once."""
        newest = select(func.coalesce(func.max(facts.c.version), 0)).where(facts.c.incident_id == incident_id)
        row = {
            "incident_id": incident_id,
            "version": (self._connection.scalar(newest) or 0) + 1,
            "act_id": act_id,
            "at": at,
            "body": self._session.seal(incident_id, facts_.model_dump_json(), "facts", "body", act_id),
        }
        self._session.add(facts, [row], unique=["incident_id", "act_id"])

    def facts(self, incident_id: IncidentId) -> Facts | None:
        """Return the newest facts, or None."""
        query = select(facts.c.body, facts.c.act_id).where(facts.c.incident_id == incident_id)
        row = self._connection.execute(query.order_by(facts.c.version.desc()).limit(1)).one_or_none()
        if row is None:
            return None
        return Facts.model_validate_json(self._session.open(incident_id, row.body, "facts", "body", row.act_id))

    def add_act(self, envelope: Envelope, sequence: int) -> None:
        """Append an act, sealed. The same act id is kept once."""
        act = envelope.act
        row = {
            "act_id": act.act_id,
            "incident_id": act.incident_id,
            "sequence": sequence,
            "at": act.at,
            "body": self._session.seal(act.incident_id, envelope.model_dump_json(), "acts", "body", act.act_id),
        }
        self._session.add(acts, [row])

    def acts(self, incident_id: IncidentId) -> list[Envelope]:
        """Return the acts in the order of their sequence."""
        query = select(acts).where(acts.c.incident_id == incident_id).order_by(acts.c.sequence, acts.c.act_id)
        return [self._envelope(row) for row in self._connection.execute(query)]

    def act(self, act_id: ActId) -> Envelope | None:
        """Return one act, or None."""
        row = self._connection.execute(select(acts).where(acts.c.act_id == act_id)).one_or_none()
        return self._envelope(row) if row is not None else None

    def attach(self, incident_id: IncidentId, attachment: Attachment) -> None:
        """Keep a file, sealed, its name too; the same digest is kept once per incident."""
        label = _LABEL.dump_json((attachment.name, attachment.media_type))
        about = (incident_id, attachment.sha256)
        row = {
            "incident_id": incident_id,
            "sha256": attachment.sha256,
            "at": attachment.at,
            "label": self._session.seal(incident_id, label, "attachments", "label", *about),
            "content": self._session.seal(incident_id, attachment.content, "attachments", "content", *about),
        }
        self._session.add(attachments, [row])

    def attachments(self, incident_id: IncidentId) -> list[Attachment]:
        """Return the incident's files in the order of `at`."""
        query = select(attachments).where(attachments.c.incident_id == incident_id)
        ordered = query.order_by(attachments.c.at, attachments.c.sha256)
        return [self._attachment(row) for row in self._connection.execute(ordered)]

    def join(self, incident_id: IncidentId, person_ids: Iterable[PersonId], at: datetime) -> None:
        """Make people members of the incident's team; a member stays one."""
        rows = ({"incident_id": incident_id, "person_id": one, "joined_at": at} for one in person_ids)
        self._session.add(incident_team, rows)

    def team(self, incident_id: IncidentId) -> set[PersonId]:
        """Return who is on the incident's team."""
        query = select(incident_team.c.person_id).where(incident_team.c.incident_id == incident_id)
        return {PersonId(person) for person in self._connection.scalars(query)}

    def teams_of(self, person_id: PersonId) -> set[IncidentId]:
        """Return the incidents on whose team a person is."""
        query = select(incident_team.c.incident_id).where(incident_team.c.person_id == person_id)
        return {IncidentId(incident) for incident in self._connection.scalars(query)}

    def _envelope(self, row: Row[tuple[object, ...]]) -> Envelope:
        return Envelope.model_validate_json(self._session.open(row.incident_id, row.body, "acts", "body", row.act_id))

    def _attachment(self, row: Row[tuple[object, ...]]) -> Attachment:
        about = (row.incident_id, row.sha256)
        label = self._session.open(row.incident_id, row.label, "attachments", "label", *about)
        content = self._session.open(row.incident_id, row.content, "attachments", "content", *about)
        name, media_type = _LABEL.validate_json(label)
        return Attachment(sha256=row.sha256, name=name, media_type=media_type, content=content, at=row.at)
