#!/usr/bin/env python3
"""Is this container well? A worker shows its metrics, a console says ok; any other role is well while it runs.

It runs in the container beside the role, with nothing but Python. Exit code 0: well; 1: not, with the reason.
"""

import os
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

WITHIN = 4.0


def address(role: list[bytes]) -> str | None:
    """Return what is asked for a role, known by its command line; None: its process is all there is to see."""
    if b"worker.py" in role:
        metrics = os.environ.get("TOCSIN_METRICS_ADDRESS")
        return f"http://{_here(metrics)}/metrics" if metrics else None
    if b"console" in role:
        return f"http://{_here(os.environ.get('TOCSIN_CONSOLE_ADDRESS', '127.0.0.1:8234'))}/healthz"
    return None


def _here(listens: str) -> str:
    host, _, port = listens.rpartition(":")
    return f"{'127.0.0.1' if host in {'0.0.0.0', '[::]'} else host}:{port}"  # noqa: S104 - what it listens on


def main(process: Path = Path("/proc/1/cmdline")) -> int:
    """Ask, and say in one line what is wrong."""
    url = address(process.read_bytes().split(b"\0"))
    if url is None:
        return 0
    try:
        with urlopen(url, timeout=WITHIN) as answer:  # noqa: S310 - http, on this machine
            return 0 if answer.status == 200 else 1
    except (URLError, TimeoutError) as error:
        print(f"{url} does not answer: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    # Any other process than the container's first one can be asked about, by its number.
    sys.exit(main(Path(f"/proc/{sys.argv[1]}/cmdline")) if len(sys.argv) > 1 else main())
