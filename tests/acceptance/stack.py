"""The real thing from outside: Temporal's dev server on a file, and installations on it with worker and commands."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from temporalio.client import Client

from tests.house import House
from tocsin import wire
from tocsin.adapters.embedded import server_command

ROOT = Path(__file__).parents[2]
TOCSIN = str(Path(sys.executable).with_name("tocsin"))
START_WITHIN = 60.0
STOP_WITHIN = 30.0


class Ran(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


class Server:
    """Temporal's dev server in a process of its own, on a file in `home`."""

    def __init__(self, home: Path, port: int, *options: str) -> None:
        self.home = home
        self.port = port
        self._options = options
        self.address = f"127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [*server_command(self.home, self.port, free_port()), *self._options]
        with (self.home / "server.out").open("ab") as out:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        wait_for(lambda: listens(self.port), START_WITHIN)

    def stop(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        if self._process is not None:
            end(self._process)
            self._process = None

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_WITHIN)
            self._process = None


class WorkerProcess:
    """The real `worker.py` of a tree. What it prints is kept in a file."""

    def __init__(self, env: Mapping[str, str], out: Path, tree: Path = ROOT) -> None:
        self.out = out
        with out.open("ab") as file:
            command = [sys.executable, "worker.py"]
            self._process = subprocess.Popen(
                command, cwd=tree, env=dict(env), stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )

    @property
    def identity(self) -> str:
        """The beginning of the identity under which Temporal knows it."""
        return f"{self._process.pid}@"

    def ready(self) -> None:
        """Wait until it polls."""
        polling = f"worker {self.identity}"
        wait_for(lambda: polling in self.out.read_text() or self._process.poll() is not None, START_WITHIN)
        assert self._process.poll() is None, self.out.read_text()

    def ended(self) -> int:
        """Wait until it has ended by itself; return its exit code."""
        return self._process.wait(START_WITHIN)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._process.kill()
        self._process.wait(STOP_WITHIN)

    def stop(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        end(self._process)


class Installation:
    """A home of its own in a namespace of its own."""

    def __init__(self, home: Path, address: str, namespace: str, **settings: str) -> None:
        self.home = home
        self.address = address
        self.namespace = namespace
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
        own = {"HOME": str(home), "TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": namespace, **settings}
        self.env = clean | {f"TOCSIN_{name}": value for name, value in own.items()}
        self.tree = ROOT
        """Whose commands and workers are run: this tree's, or those of another version."""
        self._workers: list[WorkerProcess] = []
        self._houses: list[House] = []

    def tocsin(self, *words: str, user: str = "asha", **settings: str) -> Ran:
        """Run the command as somebody, from an empty folder."""
        env = self.env | {f"TOCSIN_{name}": value for name, value in settings.items()}
        command = [TOCSIN, "--as", user, *words]
        if self.tree != ROOT:
            command[:1] = [sys.executable, "-m", "tocsin.cli"]
            env["PYTHONPATH"] = str(self.tree)
        done = subprocess.run(
            command, check=False, cwd=self.home.parent, env=env, capture_output=True, text=True, timeout=90
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def does(self, *words: str, user: str = "asha") -> Ran:
        """Run the command; it must succeed."""
        ran = self.tocsin(*words, user=user)
        assert ran.code == 0, f"tocsin {' '.join(words)}: exit {ran.code}\n{ran.out}{ran.err}"
        return ran

    def set_up(self, register: str) -> None:
        """Make the home, its people and its register."""
        self.does("init")
        (self.home / "people.toml").write_text((ROOT / "examples" / "people.toml").read_text())
        file = self.home / "register.csv"
        file.write_text(register)
        self.does("register", "import", str(file))

    def start_worker(self, **settings: str) -> WorkerProcess:
        """Start a worker; it is stopped with the installation at the latest."""
        env = self.env | {f"TOCSIN_{name}": value for name, value in settings.items()}
        worker = WorkerProcess(env, self.home / f"worker-{len(self._workers)}.out", self.tree)
        self._workers.append(worker)
        return worker

    @contextmanager
    def working(self, **settings: str) -> Iterator[WorkerProcess]:
        """Have a worker poll."""
        worker = self.start_worker(**settings)
        try:
            worker.ready()
            yield worker
        finally:
            worker.stop()

    @contextmanager
    def console(self) -> Iterator[None]:
        """Have `tocsin console` listen, until it is stopped as Ctrl-C does. It must not have met a fault."""
        port = int(self.env["TOCSIN_CONSOLE_ADDRESS"].rpartition(":")[2])
        out = self.home / "console.out"
        with out.open("ab") as file:
            process = subprocess.Popen([TOCSIN, "console"], cwd=self.home, env=self.env, stdout=file, stderr=file)
        try:
            wait_for(lambda: listens(port) or process.poll() is not None, START_WITHIN)
            assert process.poll() is None, out.read_text()
            yield
        finally:
            end(process)
        assert "Traceback" not in out.read_text(), out.read_text()

    async def house(self, kind: type[House] = House) -> House:
        """Open it in this process too, to act and to look, with no worker here."""
        client = await Client.connect(self.address, namespace=self.namespace)
        url = self.env.get("TOCSIN_STORE_URL")
        self._houses.append(house := kind(self.home, client, url=url, queue=wire.TASK_QUEUE))
        return house

    def letters(self) -> list[Path]:
        """Return the notices in the outbox."""
        return sorted((self.home / "outbox" / "notices").glob("*.eml"))

    def pages(self) -> list[str]:
        """Return the pages in the outbox."""
        return [path.read_text() for path in (self.home / "outbox" / "pages").glob("*.eml")]

    def stop(self) -> None:
        """Stop what still runs for it, the process that drains the spool included."""
        for worker in self._workers:
            worker.stop()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        for house in self._houses:
            house.store.close()
            house.vault._engine.dispose()

    def processes(self) -> list[int]:
        """Return the processes that were started with this home in their environment: nobody else's."""
        mark = f"TOCSIN_HOME={self.home}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue  # it has ended meanwhile
        return found


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to stop, and see that it has."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_WITHIN)
        raise


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Say whether something listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(fact: Callable[[], bool], within: float = 60.0) -> None:
    """Look until a fact holds; fail when it does not within `within` seconds."""
    give_up_at = time.monotonic() + within
    while not fact():
        assert time.monotonic() < give_up_at, f"it did not come to hold within {within} s"
        time.sleep(0.05)
