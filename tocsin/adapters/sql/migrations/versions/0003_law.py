"""The law that running incidents are pinned to: packs of policies, and calendars as they were."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
TEXT = sa.Text()


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "law_packs",
        sa.Column("law", TEXT, nullable=False),
        sa.Column("calendars", TEXT, nullable=False),
        sa.Column("pack", sa.LargeBinary(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("law", "calendars", name="pk_law_packs"),
    )
    op.create_table(
        "frozen_calendars",
        sa.Column("version", TEXT, nullable=False),
        sa.Column("calendar_id", TEXT, nullable=False),
        sa.Column("first_year", sa.Integer(), nullable=False),
        sa.Column("last_year", sa.Integer(), nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("version", "calendar_id", "first_year", "last_year", name="pk_frozen_calendars"),
    )
    op.create_table(
        "law_pins",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("law", TEXT, nullable=False),
        sa.Column("calendars", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("incident_id", name="pk_law_pins"),
    )
