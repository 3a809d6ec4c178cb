#!/bin/sh
# Make the secrets of deploy/compose.yaml as files, once; those that are there are kept.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
for name in postgres_password tocsin_password temporal_password; do
  [ -s "secrets/$name" ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"secrets/$name"
done
printf 'postgresql+psycopg://tocsin:%s@postgresql/tocsin' "$(cat secrets/tocsin_password)" >secrets/store_url
# Compose lays a file into the container with its own mode, and the image's user is not its owner: the folder is closed.
chmod 0711 secrets
chmod 0444 secrets/*
chmod 0700 .
echo "the secrets lie in $(pwd)/secrets"
