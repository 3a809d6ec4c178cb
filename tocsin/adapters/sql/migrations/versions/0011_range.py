"""Which programs may still work with these tables; and the newest receipts are found without reading all."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

COMPATIBLE_SINCE = "0011"


def upgrade() -> None:
    """Create the table with its one row, and the index."""
    made = op.create_table(
        "schema_range",
        sa.Column("one_row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("compatible_since", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("one_row", name="pk_schema_range"),
    )
    op.bulk_insert(made, [{"one_row": 1, "compatible_since": COMPATIBLE_SINCE}])
    op.create_index("ix_receipts_received_at", "receipts", ["received_at"])
