"""What each wave said, and what it could not say yet: the next one says what is new since."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the columns; a wave from before has neither."""
    op.add_column("waves", sa.Column("unknowns", sa.Text()))
    op.add_column("waves", sa.Column("said", sa.LargeBinary()))
