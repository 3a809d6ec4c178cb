"""Those who sign in, their sessions, who stands in for whom; each incident's team, from the acts in the log."""

import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
TEXT = sa.Text()


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "incident_team",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("person_id", TEXT, nullable=False),
        sa.Column("joined_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "person_id", name="pk_incident_team"),
    )
    op.create_index("ix_incident_team_person_id", "incident_team", ["person_id"])
    op.create_table(
        "accounts",
        sa.Column("person_id", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("roles", TEXT, nullable=False),
        sa.Column("invitation", TEXT, nullable=True),
        sa.Column("invited_until", INSTANT, nullable=True),
        sa.Column("last_login_at", INSTANT, nullable=True),
        sa.Column("disabled_at", INSTANT, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_accounts"),
        sa.UniqueConstraint("invitation", name="uq_accounts_invitation"),
    )
    op.create_table(
        "sessions",
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("person_id", TEXT, nullable=False),
        sa.Column("how", TEXT, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
    )
    op.create_index("ix_sessions_person_id", "sessions", ["person_id"])
    op.create_table(
        "delegations",
        sa.Column("delegation_id", TEXT, nullable=False),
        sa.Column("giver", TEXT, nullable=False),
        sa.Column("taker", TEXT, nullable=False),
        sa.Column("roles", TEXT, nullable=False),
        sa.Column("from_at", INSTANT, nullable=False),
        sa.Column("until_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("delegation_id", name="pk_delegations"),
    )
    op.create_index("ix_delegations_taker", "delegations", ["taker"])
    _join_those_who_acted()


def _join_those_who_acted() -> None:
    """Whoever acted upon an incident before there were teams is on its team."""
    bind = op.get_bind()
    team = sa.table("incident_team", sa.column("incident_id"), sa.column("person_id"), sa.column("joined_at", INSTANT))
    log = sa.table("log_entries", sa.column("incident_id"), sa.column("body", sa.LargeBinary()))
    joined = set()
    for row in bind.execute(sa.select(log).where(log.c.incident_id.is_not(None))).yield_per(500):
        entry = json.loads(row.body)
        key = (row.incident_id, entry["actor"])
        if entry["kind"].startswith("act.") and key not in joined:
            joined.add(key)
            instant = datetime.fromisoformat(entry["at"])
            at = instant if bind.dialect.name == "postgresql" else instant.isoformat(timespec="microseconds")
            bind.execute(team.insert().values(incident_id=key[0], person_id=key[1], joined_at=at))
