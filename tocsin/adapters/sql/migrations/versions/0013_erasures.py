"""Erasures of incidents after their retention: asked for, confirmed, completed."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
TEXT = sa.Text()


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "erasures",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("confirmed_at", INSTANT, nullable=True),
        sa.Column("completed_at", INSTANT, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", name="pk_erasures"),
    )
