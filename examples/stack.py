"""What the demo runs on: a fresh home, Temporal's dev server and a worker, stopped whatever happens."""

import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Self

from tocsin.adapters.embedded import end, server_command
from tocsin.domain.errors import Broken, Deferred, Refused

ROOT = Path(__file__).resolve().parent.parent
MARK = "made-by-the-demo.txt"
"""Only a folder that holds this file is ever moved aside or removed."""
READY = " polls "
"""What the worker prints once it takes work."""
READY_WITHIN = 90.0
"""Seconds for server and worker to be ready on a busy machine."""
STOP_WITHIN = 25.0
"""Seconds for a process to stop by itself; a worker may finish what it is at."""


def fresh_home(home: Path) -> Path | None:
    """Make an empty home for the demo, and move an earlier demo's aside.

    Returns:
        Where the earlier one lies now, or None.

    Raises:
        Refused: if something else than an earlier demo is there, or the earlier one is in use.
    """
    aside = _set_aside(home) if home.exists() else None
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "logs").mkdir()
        (home / MARK).write_text("`make demo` made this folder, and may move it aside or remove it.\n", "utf-8")
    except OSError as error:
        raise Refused(f"cannot make {home} ({error.strerror}); give a folder you own: --home FOLDER") from error
    return aside


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """Temporal's dev server and one worker on a home, each in a process group of its own: Ctrl-C reaches us first."""

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self._port = port
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_engine(self) -> None:
        """Start Temporal's dev server. Raises Refused if its port is taken."""
        _require_free(self._port)
        self._start("engine", server_command(self.home, self._port, free_port()))

    def start_worker(self) -> None:
        """Start `worker.py`; the home needs its keys and its store by now."""
        self._start("worker", [sys.executable, str(ROOT / "worker.py")])

    def wait(self) -> None:
        """Wait until the worker takes work. Raises Broken if one of them ends, Deferred if they take too long."""
        give_up_at = time.monotonic() + READY_WITHIN
        while READY not in self.log("worker").read_text("utf-8"):
            self.check()
            if time.monotonic() > give_up_at:
                raise Deferred(f"no worker was ready within {READY_WITHIN:.0f} s; read {self.log('worker')}")
            time.sleep(0.1)

    def check(self) -> None:
        """Raise Broken if one of them has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                last = self.log(name).read_text("utf-8", errors="replace").strip().splitlines()[-1:]
                said = f": {last[0]}" if last else ""
                raise Broken(f"the {name} ended with code {process.returncode}{said}; read {self.log(name)}")

    def log(self, name: str) -> Path:
        """Return the file that holds what the engine or the worker printed."""
        return self.home / "logs" / f"{name}.log"

    def stop(self) -> None:
        """Stop what was started here, worker first, by process id; whatever does not stop in time is killed."""
        for name in ("worker", "engine"):
            process = self._running.pop(name, None)
            if process is not None:
                end(process, STOP_WITHIN)
        # A report that found no engine is tried again by a process of its own; without its file, that one ends.
        shutil.rmtree(self.home / "spool", ignore_errors=True)

    def _start(self, name: str, command: list[str]) -> None:
        with self.log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def _set_aside(home: Path) -> Path | None:
    if home.is_dir() and not any(home.iterdir()):
        return None
    if not (home / MARK).is_file():
        raise Refused(f"{home} is there, and no demo made it; move it away, or give another folder: --home FOLDER")
    if _in_use(home / "temporal.sqlite"):
        raise Refused(f"an engine runs on {home}, so it is kept; stop that `make up` or demo first")
    aside = home.with_name(f"{home.name}-before")
    if aside.exists():
        if not (aside / MARK).is_file():
            raise Refused(f"the last demo would move to {aside}, but something else is there; move that away")
        shutil.rmtree(aside)
    return home.rename(aside)


def _in_use(database: Path) -> bool:
    """Say whether a process has the database open: nobody else can then have it to themselves."""
    if not database.exists():
        return False
    with closing(sqlite3.connect(database, timeout=0)) as connection:
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return True
    return False


def _require_free(port: int) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Refused(
                f"the engine cannot listen on 127.0.0.1:{port} ({error.strerror}); "
                "leave --port out to get a free one, or stop what listens there"
            ) from error
