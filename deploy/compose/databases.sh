#!/bin/sh
# Run once by PostgreSQL's image: a role and its databases each for Tocsin and for Temporal, which see nothing of each other.
set -eu
make() { # role password-file database...
  role=$1 password=$(cat "$2")
  shift 2
  psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" -v role="$role" -v password="$password" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
SQL
  for database in "$@"; do
    psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" -v role="$role" -v name="$database" <<'SQL'
CREATE DATABASE :"name" OWNER :"role";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
  done
}
make tocsin /run/secrets/tocsin_password tocsin
make temporal /run/secrets/temporal_password temporal temporal_visibility
