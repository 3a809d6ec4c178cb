"""The tables. Ids, instants, states and counts are plain columns; whatever names a person or says a word is sealed.

A column of `SEALED` type holds ciphertext of the `Sealer` only. The migrations say the same again, step by step,
and a test compares both.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from tocsin.adapters.sql.columns import INSTANT, JSON, NUMBER, SEALED

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *items: Any) -> Table:
    return Table(name, metadata, *items)


def _key(name: str) -> Column[str]:
    return Column(name, Text, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _whole(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _instant(name: str) -> Column[datetime]:
    return Column(name, INSTANT, nullable=False)


def _sealed(name: str) -> Column[bytes]:
    return Column(name, SEALED, nullable=False)


incident_keys = _table(
    "incident_keys",
    _key("incident_id"),
    Column("wrapped", SEALED),  # the incident's key under the master key; null once destroyed
    Column("key_id", Text),
    Column("created_at", INSTANT),
    Column("destroyed_at", INSTANT),
)

schema_range = _table(
    "schema_range",
    Column("one_row", Integer, primary_key=True, autoincrement=False),
    _text("compatible_since"),  # the oldest version of these tables whose programs can still work with them
)

later_keys = _table(
    "later_keys",
    _key("scope"),  # an incident, or `namespace`
    Column("generation", Integer, primary_key=True, autoincrement=False),  # from 2 on
    Column("wrapped", SEALED),  # as in `incident_keys`
    Column("key_id", Text),
    Column("created_at", INSTANT),
    Column("destroyed_at", INSTANT),
)

writes = _table(
    "writes",
    _key("workflow_id"),
    Column("sequence", BigInteger, primary_key=True),
    _text("run_id"),
    _text("incident_id"),
    _instant("at"),
    _text("inputs_fingerprint"),
    Column("result", SEALED),  # null only inside the transaction that is at it
)

remembered = _table("remembered", _key("key"), _instant("at"))

beats = _table("beats", _key("name"), _instant("at"))

incidents = _table(
    "incidents",
    _key("incident_id"),
    _text("status"),
    _whole("sequence"),
    _instant("reported_at"),
    _instant("changed_at"),
    Column("body", JSON, nullable=False),
)

facts = _table(
    "facts",
    _key("incident_id"),
    Column("version", Integer, primary_key=True),
    _text("act_id"),
    _instant("at"),
    _sealed("body"),
    UniqueConstraint("incident_id", "act_id"),
)

acts = _table(
    "acts",
    _key("act_id"),
    _text("incident_id"),
    _whole("sequence"),
    _instant("at"),
    _sealed("body"),
    Index(None, "incident_id", "sequence"),
)

attachments = _table(
    "attachments",
    _key("incident_id"),
    _key("sha256"),
    _instant("at"),
    _sealed("label"),
    _sealed("content"),
)

register_revisions = _table(
    "register_revisions",
    Column("revision", Integer, primary_key=True, autoincrement=False),
    _instant("at"),
)

agreements = _table(
    "agreements",
    _key("agreement_id"),
    Column("revision", Integer, primary_key=True),
    _sealed("body"),
)

pins = _table(
    "pins",
    _key("incident_id"),
    _key("agreement_id"),
    _whole("revision"),
    Column("known_affected_at", INSTANT),
    Column("confirmed", Boolean, nullable=False),
    Column("excluded", Boolean, nullable=False),
)

duties = _table(
    "duties",
    _key("duty_id"),
    _text("incident_id"),
    _text("clock_id"),
    _text("state"),
    _instant("target_at"),
    Column("body", JSON, nullable=False),
    Column("proof", SEALED),
    Index(None, "incident_id", "target_at"),
    Index(None, "clock_id", "state"),
)

law_packs = _table(
    "law_packs",
    _key("law"),
    _key("calendars"),
    Column("pack", LargeBinary, nullable=False),
    _instant("at"),
)

frozen_calendars = _table(
    "frozen_calendars",
    _key("version"),
    _key("calendar_id"),
    Column("first_year", Integer, primary_key=True),
    Column("last_year", Integer, primary_key=True),
    Column("body", JSON, nullable=False),
)

law_pins = _table("law_pins", _key("incident_id"), _text("law"), _text("calendars"), _instant("at"))

clocks = _table(
    "clocks",
    _key("clock_id"),
    _text("incident_id"),
    _text("state"),
    _instant("target_at"),
    Column("body", JSON, nullable=False),
    Index(None, "incident_id"),
    Index(None, "state", "target_at"),
)

holds = _table(
    "holds",
    _key("hold_id"),
    _text("incident_id"),
    _instant("placed_at"),
    Column("lifted_at", INSTANT),
    Column("covers_all", Boolean, nullable=False),
    _sealed("body"),
    Index(None, "incident_id"),
)

hold_scopes = _table(
    "hold_scopes",
    Column("hold_id", Text, ForeignKey("holds.hold_id"), primary_key=True),
    _key("agreement_id"),
)

waves = _table(
    "waves",
    _key("wave_id"),
    _text("incident_id"),
    _text("kind"),
    _instant("drafted_at"),
    _text("drafter"),
    _whole("rows"),
    Column("digest", Text),
    Column("previous", Text),
    Column("released_at", INSTANT),
    Column("releaser", Text),
    Column("stopped", Boolean, nullable=False),
    Column("ended_at", INSTANT),
    Column("unknowns", JSON),
    Column("said", SEALED),
    Index(None, "incident_id", "drafted_at"),
)

notices = _table(
    "notices",
    _key("notice_id"),
    _text("incident_id"),
    _text("wave_id"),
    _whole("ordinal"),
    _text("number"),
    _text("agreement_id"),
    Column("contact_id", Text),
    _text("role"),
    _whole("chain_position"),
    Column("duty_ids", JSON, nullable=False),
    _text("state"),
    _text("channel"),
    _text("message_id"),
    Column("letter_sha256", Text),
    _whole("attempts"),
    Column("claimed_at", INSTANT),
    Column("settled_at", INSTANT),
    Column("provider_id", Text),
    Column("detail", SEALED),
    Column("possible_duplicate", Boolean, nullable=False),
    Column("reports", Boolean, nullable=False, server_default=false()),
    Column("linked", Boolean, nullable=False, server_default=false()),
    Column("delivered_at", INSTANT),
    UniqueConstraint("wave_id", "ordinal"),
    Index(None, "wave_id", "state", "ordinal"),
    Index(None, "number"),
    Index(None, "incident_id"),
)

letters = _table(
    "letters",
    Column("notice_id", Text, ForeignKey("notices.notice_id"), primary_key=True),
    _sealed("letter"),
    _sealed("prepared"),
    Column("address_digest", Text, index=True),  # keyed: a bounce without our ids is found by it
)

receipts = _table(
    "receipts",
    _key("receipt_id"),
    Column("notice_id", Text),  # null: nobody knows yet whose it is
    Column("incident_id", Text),
    _text("kind"),
    _instant("at"),
    _instant("received_at"),
    Column("message", Text),
    _text("source"),
    _sealed("detail"),
    _sealed("raw"),
    Index(None, "notice_id"),
    Index(None, "received_at"),
)

receipts_assigned = _table(
    "receipts_assigned",
    _key("receipt_id"),
    Column("notice_id", Text),  # null: a person saw that it is nobody's
    _text("person_id"),
    _instant("at"),
)

receipts_waiting = _table("receipts_waiting", _key("notice_id"), _text("wave_id"), Index(None, "wave_id"))

wave_nudges = _table(
    "wave_nudges",
    _key("wave_id"),
    _text("incident_id"),
    Column("wanted_at", INSTANT),  # null: nothing has come since the last one
    Column("sent_at", INSTANT),
)

notice_links = _table("notice_links", _key("token_digest"), _text("notice_id"), _instant("at"))

channels = _table(
    "channels",
    _key("name"),
    _whole("failures"),
    Column("failing_since", INSTANT),
    Column("paused_until", INSTANT),
    Column("stopped_at", INSTANT),
    Column("stopped_by", Text),
    _sealed("reason"),
    Column("probe_at", INSTANT),
)

tasks = _table(
    "tasks",
    _key("task_id"),
    _text("incident_id"),
    _whole("sequence"),
    _instant("due_at"),
    _sealed("body"),
    Index(None, "incident_id", "due_at"),
)

log_entries = _table(
    "log_entries",
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, unique=True),
    Column("incident_id", Text),
    Column("body", LargeBinary, nullable=False),
    Column("leaf", Text, nullable=False),
    Index(None, "incident_id", "number"),
)

log_head = _table(
    "log_head",
    Column("one_row", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("peaks", JSON, nullable=False),
)

log_checkpoints = _table(
    "log_checkpoints",
    Column("size", NUMBER, primary_key=True, autoincrement=False),
    _instant("at"),
    Column("peaks", JSON, nullable=False),
    _text("note"),
)

log_pins = _table(
    "log_pins",
    _key("witness"),
    Column("size", NUMBER, primary_key=True, autoincrement=False),
    _instant("at"),
    Column("receipt", LargeBinary, nullable=False),
)

tokens = _table(
    "tokens",
    _key("token_id"),
    Column("digest", Text, nullable=False, unique=True),  # SHA-256 of the secret
    _text("person_id"),
    _sealed("label"),
    _text("scopes"),
    _instant("made_at"),
    _instant("expires_at"),
    Column("last_used_at", INSTANT),
    Column("revoked_at", INSTANT),
    Index(None, "person_id"),
)

incident_team = _table(
    "incident_team",
    _key("incident_id"),
    _key("person_id"),
    _instant("joined_at"),
    Index(None, "person_id"),
)

accounts = _table(
    "accounts",
    _key("person_id"),
    _text("source"),
    Column("roles", JSON, nullable=False),
    Column("invitation", Text, unique=True),  # SHA-256 of the link's token
    Column("invited_until", INSTANT),
    Column("last_login_at", INSTANT),
    Column("disabled_at", INSTANT),
    _sealed("body"),
)

sessions = _table(
    "sessions",
    _key("digest"),  # SHA-256 of the cookie's secret
    _text("person_id"),
    _text("how"),
    _instant("opened_at"),
    _instant("seen_at"),
    Index(None, "person_id"),
)

delegations = _table(
    "delegations",
    _key("delegation_id"),
    _text("giver"),
    _text("taker"),
    Column("roles", JSON, nullable=False),
    _instant("from_at"),
    _instant("until_at"),
    Column("ended_at", INSTANT),
    Index(None, "taker"),
)

replies = _table(
    "replies",
    _key("key"),
    _text("asked"),
    _instant("at"),
    _whole("status"),  # 0 while the request is under way
    _text("media_type"),
    _sealed("body"),
    Index(None, "at"),
)

probes = _table(
    "probes",
    _key("round_id"),
    _text("wave_id"),
    _instant("opened_at"),
    _text("opened_by"),
    _text("answer_by"),  # a day, ISO 8601
    _whole("letters"),
    Column("closed_at", INSTANT),
)

erasures = _table(
    "erasures",
    _key("incident_id"),
    _instant("asked_at"),
    Column("confirmed_at", INSTANT),
    Column("completed_at", INSTANT),
    _sealed("body"),  # under the namespace's key: it outlives the incident's
)
