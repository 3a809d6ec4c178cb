"""Tokens of people, by the digest of their secret."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
TEXT = sa.Text()


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "tokens",
        sa.Column("token_id", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("person_id", TEXT, nullable=False),
        sa.Column("label", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("token_id", name="pk_tokens"),
        sa.UniqueConstraint("digest", name="uq_tokens_digest"),
    )
    op.create_index("ix_tokens_person_id", "tokens", ["person_id"])
