#!/bin/sh
# The roles of the one image: `worker` runs the worker; whatever else is a command of `tocsin`: console, watch, migrate …
set -eu
if [ "${1:-worker}" = worker ]; then
  exec python worker.py
fi
exec tocsin "$@"
