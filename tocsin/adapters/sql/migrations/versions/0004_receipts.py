"""Receipts, the links of notices, and the nudges of waves. A receipt is never changed or deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
TEXT = sa.Text()

REFUSAL = "receipts are append-only"

SQLITE_GUARDS = [
    f"""CREATE TRIGGER receipts_no_{deed} BEFORE {deed} ON receipts
    BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"""
    for deed in ("update", "delete")
] + [
    # INSERT OR REPLACE would delete without asking the trigger above.
    """CREATE TRIGGER receipts_no_replace BEFORE INSERT ON receipts
    WHEN EXISTS (SELECT 1 FROM receipts WHERE receipt_id = NEW.receipt_id)
    BEGIN SELECT RAISE(ABORT, 'receipts are append-only'); END"""
]

POSTGRESQL_GUARDS = [
    f"""CREATE FUNCTION receipts_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$""",
    """CREATE TRIGGER receipts_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON receipts
    FOR EACH STATEMENT EXECUTE FUNCTION receipts_refuse()""",
]


def upgrade() -> None:
    """Create the tables and columns, and the guards."""
    for name in ("reports", "linked"):
        op.add_column("notices", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("notices", sa.Column("delivered_at", INSTANT, nullable=True))
    op.create_index("ix_notices_number", "notices", ["number"])
    op.add_column("letters", sa.Column("address_digest", TEXT, nullable=True))
    op.create_index("ix_letters_address_digest", "letters", ["address_digest"])
    _create_tables()
    guards = SQLITE_GUARDS if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_GUARDS
    for guard in guards:
        op.execute(guard)


def _create_tables() -> None:
    op.create_table(
        "receipts",
        sa.Column("receipt_id", TEXT, nullable=False),
        sa.Column("notice_id", TEXT, nullable=True),
        sa.Column("incident_id", TEXT, nullable=True),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("message", TEXT, nullable=True),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("detail", sa.LargeBinary(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("receipt_id", name="pk_receipts"),
    )
    op.create_index("ix_receipts_notice_id", "receipts", ["notice_id"])
    op.create_table(
        "receipts_assigned",
        sa.Column("receipt_id", TEXT, nullable=False),
        sa.Column("notice_id", TEXT, nullable=True),
        sa.Column("person_id", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("receipt_id", name="pk_receipts_assigned"),
    )
    op.create_table(
        "receipts_waiting",
        sa.Column("notice_id", TEXT, nullable=False),
        sa.Column("wave_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("notice_id", name="pk_receipts_waiting"),
    )
    op.create_index("ix_receipts_waiting_wave_id", "receipts_waiting", ["wave_id"])
    op.create_table(
        "wave_nudges",
        sa.Column("wave_id", TEXT, nullable=False),
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("wanted_at", INSTANT, nullable=True),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("wave_id", name="pk_wave_nudges"),
    )
    op.create_table(
        "notice_links",
        sa.Column("token_digest", TEXT, nullable=False),
        sa.Column("notice_id", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("token_digest", name="pk_notice_links"),
    )
