"""The first schema.

Entries of the log are guarded by the database itself: nothing may change, replace or delete one. Whoever owns the
database can remove the guard; the tree over the entries then shows what was done.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text()

REFUSAL = "the log is append-only"

SQLITE_GUARDS = [
    f"""CREATE TRIGGER log_entries_no_{deed} BEFORE {deed} ON log_entries
    BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"""
    for deed in ("update", "delete")
] + [
    # INSERT OR REPLACE would delete without asking the trigger above.
    """CREATE TRIGGER log_entries_no_replace BEFORE INSERT ON log_entries
    WHEN EXISTS (SELECT 1 FROM log_entries WHERE number = NEW.number OR key = NEW.key)
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"""
]

POSTGRESQL_GUARDS = [
    f"""CREATE FUNCTION log_entries_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$""",
    """CREATE TRIGGER log_entries_guard BEFORE UPDATE OR DELETE OR TRUNCATE ON log_entries
    FOR EACH STATEMENT EXECUTE FUNCTION log_entries_refuse()""",
]


def upgrade() -> None:
    """Create every table, the head of an empty log, and the guards."""
    _create_tables()
    op.execute("INSERT INTO log_head (one_row, size, peaks) VALUES (1, 0, '[]')")
    guards = SQLITE_GUARDS if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_GUARDS
    for guard in guards:
        op.execute(guard)


def _create_tables() -> None:
    op.create_table(
        "acts",
        sa.Column("act_id", TEXT, nullable=False),
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("act_id", name="pk_acts"),
    )
    op.create_index("ix_acts_incident_id_sequence", "acts", ["incident_id", "sequence"])
    op.create_table(
        "agreements",
        sa.Column("agreement_id", TEXT, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("agreement_id", "revision", name="pk_agreements"),
    )
    op.create_table(
        "attachments",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("sha256", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("label", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "sha256", name="pk_attachments"),
    )
    op.create_table(
        "clocks",
        sa.Column("clock_id", TEXT, nullable=False),
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("target_at", INSTANT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("clock_id", name="pk_clocks"),
    )
    op.create_index("ix_clocks_incident_id", "clocks", ["incident_id"])
    op.create_index("ix_clocks_state_target_at", "clocks", ["state", "target_at"])
    op.create_table(
        "duties",
        sa.Column("duty_id", TEXT, nullable=False),
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("clock_id", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("target_at", INSTANT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("duty_id", name="pk_duties"),
    )
    op.create_index("ix_duties_clock_id_state", "duties", ["clock_id", "state"])
    op.create_index("ix_duties_incident_id_target_at", "duties", ["incident_id", "target_at"])
    op.create_table(
        "facts",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("act_id", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "version", name="pk_facts"),
        sa.UniqueConstraint("incident_id", "act_id", name="uq_facts_incident_id_act_id"),
    )
    op.create_table(
        "holds",
        sa.Column("hold_id", TEXT, nullable=False),
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("placed_at", INSTANT, nullable=False),
        sa.Column("lifted_at", INSTANT, nullable=True),
        sa.Column("covers_all", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hold_id", name="pk_holds"),
    )
    op.create_index("ix_holds_incident_id", "holds", ["incident_id"])
    op.create_table(
        "incident_keys",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("key_id", TEXT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=True),
        sa.Column("destroyed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("incident_id", name="pk_incident_keys"),
    )
    op.create_table(
        "incidents",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("reported_at", INSTANT, nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("incident_id", name="pk_incidents"),
    )
    op.create_table(
        "log_entries",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("incident_id", TEXT, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_log_entries"),
        sa.UniqueConstraint("key", name="uq_log_entries_key"),
    )
    op.create_index("ix_log_entries_incident_id_number", "log_entries", ["incident_id", "number"])
    op.create_table(
        "log_head",
        sa.Column("one_row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("peaks", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("one_row", name="pk_log_head"),
    )
    op.create_table(
        "notices",
        sa.Column("notice_id", TEXT, nullable=False),
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("wave_id", TEXT, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("number", TEXT, nullable=False),
        sa.Column("agreement_id", TEXT, nullable=False),
        sa.Column("contact_id", TEXT, nullable=True),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("chain_position", sa.Integer(), nullable=False),
        sa.Column("duty_ids", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("channel", TEXT, nullable=False),
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("letter_sha256", TEXT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claimed_at", INSTANT, nullable=True),
        sa.Column("settled_at", INSTANT, nullable=True),
        sa.Column("provider_id", TEXT, nullable=True),
        sa.Column("detail", sa.LargeBinary(), nullable=True),
        sa.Column("possible_duplicate", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("notice_id", name="pk_notices"),
        sa.UniqueConstraint("wave_id", "ordinal", name="uq_notices_wave_id_ordinal"),
    )
    op.create_index("ix_notices_incident_id", "notices", ["incident_id"])
    op.create_index("ix_notices_wave_id_state_ordinal", "notices", ["wave_id", "state", "ordinal"])
    op.create_table(
        "pins",
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("agreement_id", TEXT, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("known_affected_at", INSTANT, nullable=True),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "agreement_id", name="pk_pins"),
    )
    op.create_table(
        "register_revisions",
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_register_revisions"),
    )
    op.create_table(
        "remembered",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_remembered"),
    )
    op.create_table(
        "tasks",
        sa.Column("task_id", TEXT, nullable=False),
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("task_id", name="pk_tasks"),
    )
    op.create_index("ix_tasks_incident_id_due_at", "tasks", ["incident_id", "due_at"])
    op.create_table(
        "waves",
        sa.Column("wave_id", TEXT, nullable=False),
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("drafted_at", INSTANT, nullable=False),
        sa.Column("drafter", TEXT, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("digest", TEXT, nullable=True),
        sa.Column("previous", TEXT, nullable=True),
        sa.Column("released_at", INSTANT, nullable=True),
        sa.Column("releaser", TEXT, nullable=True),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("wave_id", name="pk_waves"),
    )
    op.create_index("ix_waves_incident_id_drafted_at", "waves", ["incident_id", "drafted_at"])
    op.create_table(
        "writes",
        sa.Column("workflow_id", TEXT, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("incident_id", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("inputs_fingerprint", TEXT, nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("workflow_id", "sequence", name="pk_writes"),
    )
    op.create_table(
        "hold_scopes",
        sa.Column("hold_id", TEXT, nullable=False),
        sa.Column("agreement_id", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.hold_id"], name="fk_hold_scopes_hold_id"),
        sa.PrimaryKeyConstraint("hold_id", "agreement_id", name="pk_hold_scopes"),
    )
    op.create_table(
        "letters",
        sa.Column("notice_id", TEXT, nullable=False),
        sa.Column("letter", sa.LargeBinary(), nullable=False),
        sa.Column("prepared", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.notice_id"], name="fk_letters_notice_id"),
        sa.PrimaryKeyConstraint("notice_id", name="pk_letters"),
    )
