"""The log's signed checkpoints, and the witnesses that hold them: append-only, guarded as the log is."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SAME = {"log_checkpoints": "size = NEW.size", "log_pins": "witness = NEW.witness AND size = NEW.size"}


def upgrade() -> None:
    """Create both tables and their guards."""
    op.create_table(
        "log_checkpoints",
        sa.Column("size", NUMBER, nullable=False, autoincrement=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("peaks", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_log_checkpoints"),
    )
    op.create_table(
        "log_pins",
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("size", NUMBER, nullable=False, autoincrement=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("witness", "size", name="pk_log_pins"),
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in SAME:
        for guard in _sqlite_guards(table) if sqlite else _postgresql_guards(table):
            op.execute(guard)


def _sqlite_guards(table: str) -> list[str]:
    refuse = "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
    changes = [f"CREATE TRIGGER {table}_no_{deed} BEFORE {deed} ON {table} {refuse}" for deed in ("update", "delete")]
    # INSERT OR REPLACE would delete without asking the trigger on deletes.
    there = f"EXISTS (SELECT 1 FROM {table} WHERE {SAME[table]})"  # noqa: S608 - our own two tables
    return [*changes, f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {there} {refuse}"]


def _postgresql_guards(table: str) -> list[str]:
    return [
        f"""CREATE TRIGGER {table}_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION log_entries_refuse()"""
    ]
