#!/bin/sh
# Temporal's tables, with Temporal's own tool: the first version on an empty database, then each that is missing.
set -eu
SQL_PASSWORD=$(cat /run/secrets/temporal_password)
export SQL_PASSWORD
versions=/etc/temporal/schema/postgresql/v12
for part in temporal visibility; do
  database=$([ "$part" = temporal ] && echo "$DBNAME" || echo "$VISIBILITY_DBNAME")
  tool() {
    temporal-sql-tool --plugin postgres12 --endpoint "$POSTGRES_SEEDS" --port "$DB_PORT" --user "$POSTGRES_USER" \
      --database "$database" "$@"
  }
  # A database that knows its version already was set up before.
  tool setup-schema --version 0.0 || true
  tool update-schema --schema-dir "$versions/$part/versioned"
done
