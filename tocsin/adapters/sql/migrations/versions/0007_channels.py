"""The channels as all workers know them: failing, paused, stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
TEXT = sa.Text()


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "channels",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", INSTANT, nullable=True),
        sa.Column("paused_until", INSTANT, nullable=True),
        sa.Column("stopped_at", INSTANT, nullable=True),
        sa.Column("stopped_by", TEXT, nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("probe_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_channels"),
    )
