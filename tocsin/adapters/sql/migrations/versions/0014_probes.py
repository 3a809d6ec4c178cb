"""Rounds in which the register's contacts are asked whether notices reach them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
TEXT = sa.Text()


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "probes",
        sa.Column("round_id", TEXT, nullable=False),
        sa.Column("wave_id", TEXT, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("opened_by", TEXT, nullable=False),
        sa.Column("answer_by", TEXT, nullable=False),
        sa.Column("letters", sa.Integer(), nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("round_id", name="pk_probes"),
    )
