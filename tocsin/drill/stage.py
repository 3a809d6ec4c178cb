"""What a drill runs on: a home of its own, Temporal's dev server, and `worker.py` as a process that can be killed."""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import tocsin
from tocsin.adapters.drill_home import PREFIX, DrillHome, begin
from tocsin.adapters.embedded import end, server_command
from tocsin.adapters.escalation import FILE as LADDER
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.organisation import write_default_organisation
from tocsin.adapters.sql import migrate
from tocsin.domain.errors import Broken, Deferred, Refused
from tocsin.domain.ladder import Who
from tocsin.domain.scenario import Scenario
from tocsin.policies import load_policies

READY = " polls "
READY_WITHIN = 90.0
STOP_WITHIN = 25.0
_CARRIED = ("TOCSIN_", "TEMPORAL_")
"""What the environment says of the real installation; a drill takes none of it."""
PROMPT_SERVER = {
    # Timers fire within this, not within a second, which is an hour of a scenario; a dead worker is missed as soon.
    "history.timerProcessorMaxTimeShift": '"20ms"',
    "history.defaultWorkflowTaskTimeout": '"3s"',
}
CALLED_AFTER = {Who.OWNER: "0 min", Who.DEPUTY: "30 min", Who.APPROVER: "1 h", Who.EXECUTIVE: "4 h"}


class Stage:
    """Processes in groups of their own, stopped whatever happens; `address` of a server that runs already is used."""

    def __init__(self, home: Path, address: str | None = None) -> None:
        self.home = home
        self.namespace = f"{PREFIX}{secrets.token_hex(6)}"
        self._own = address is None
        self.address = address or f"127.0.0.1:{free_port()}"
        self.console = ""
        """Where people reach the console, once it is set up."""
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_CARRIED)}
        self._env = kept | {"TOCSIN_HOME": str(home.resolve())}

    @property
    def url(self) -> str:
        """The store."""
        return f"sqlite:///{self.home.resolve() / 'store.sqlite'}"

    def prepare(self, scenario: Scenario, pagers: tuple[str, ...] = ()) -> FileKeyring:
        """Make the home, which must be new or empty. Raises Refused if it is not, or cannot be made."""
        if self.home.exists() and any(self.home.iterdir()):
            raise Refused(f"{self.home} is not empty, and a drill mixes with nothing; name a new folder with --home")
        try:
            (self.home / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Refused(f"cannot make {self.home} ({error.strerror}); name a folder you own with --home") from error
        keyring = FileKeyring.create(self.home / "keys")
        migrate(self.url)
        (self.home / "people.toml").write_text("".join(_person(scenario, user) for user in scenario.people), "utf-8")
        if ladder := _ladder(scenario, [*pagers, "mail"]):
            (self.home / LADDER).write_text(ladder, "utf-8")
        write_default_organisation(self.home / "org.toml", load_policies(None).facts)
        return keyring

    def start_engine(self) -> None:
        """Start Temporal's dev server, unless there is one. Raises Refused if it is not installed."""
        if self._own:
            command = server_command(self.home, int(self.address.rpartition(":")[2]), free_port())
            for key, value in PROMPT_SERVER.items():
                command += ["--dynamic-config-value", f"{key}={value}"]
            self._start("engine", command)

    def set_up(self, speed: float, sink: str, pager_urls: dict[str, str]) -> DrillHome:
        """Make the home a drill's: from here on whatever works in it does so at this speed, and reaches the sink."""
        drill = begin(
            self.home,
            speed=speed,
            address=self.address,
            namespace=self.namespace,
            sink=sink,
            console_address=f"127.0.0.1:{free_port()}",
            pagers=tuple(pager_urls),
        )
        self.console = f"http://{drill.console_address}"
        if pager_urls:
            self._env["TOCSIN_PAGER_URLS"] = " ".join(f"{name}={url}" for name, url in pager_urls.items())
        return drill

    async def start_worker(self) -> None:
        """Start `worker.py` and wait until it polls. Raises Broken if it ends, Deferred if it takes too long."""
        self._start("worker", [sys.executable, str(_worker_file())])
        await self._until_said("worker", READY)

    async def start_console(self) -> None:
        """Start the console and wait until it listens. Raises as `start_worker` does."""
        self._start("console", [sys.executable, "-m", "tocsin.cli", "console"])
        await self._until_said("console", "listens on")

    def kill_worker(self) -> None:
        """End the worker at once, as a power cut would."""
        worker = self._running.pop("worker", None)
        if worker is not None and worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

    def check(self) -> None:
        """Raise Broken if a process has ended that should run."""
        for name, process in self._running.items():
            if process.poll() is not None:
                last = self.log(name).read_text("utf-8", errors="replace").strip().splitlines()[-1:]
                raise Broken(f"the drill's {name} ended ({' '.join(last)}); read {self.log(name)}")

    def log(self, name: str) -> Path:
        """Return the file that holds what a process printed."""
        return self.home / "logs" / f"{name}.log"

    def stop(self) -> None:
        """Stop what was started here, worker first; whatever does not stop in time is killed."""
        for name in ("console", "worker", "engine"):
            process = self._running.pop(name, None)
            if process is not None:
                end(process, STOP_WITHIN)

    async def _until_said(self, name: str, words: str) -> None:
        for _ in range(int(READY_WITHIN * 10)):
            if words in self.log(name).read_text("utf-8", errors="replace"):
                return
            self.check()
            await asyncio.sleep(0.1)
        raise Deferred(f"no {name} was ready within {READY_WITHIN:.0f} s; read {self.log(name)}")

    def _start(self, name: str, command: list[str]) -> None:
        with self.log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603 - our own programs
                command,
                cwd=self.home,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def _worker_file() -> Path:
    for folder in (Path(tocsin.__file__).parents[1], Path.cwd()):
        if (folder / "worker.py").is_file():
            return folder / "worker.py"
    raise Refused("a drill runs the real worker, and there is no worker.py here; run it in the source tree or image")


def _person(scenario: Scenario, user: str) -> str:
    player = scenario.people[user]
    roles = ", ".join(f'"{role}"' for role in sorted(player.roles))
    name = player.name.replace("\\", "").replace('"', "")
    return f'[people.{user}]\nname = "{name}"\nemail = "{user}@drill.example"\nroles = [{roles}]\n\n'


def _ladder(scenario: Scenario, channels: list[str]) -> str:
    """Return the ladder of the people who are on one, in its order; nothing if nobody is."""
    rungs = [who for who in Who if any(player.rung is who for player in scenario.people.values())]
    if not rungs:
        return ""
    named = ", ".join(f'"{name}"' for name in channels)
    after = ", ".join(f'{who} = "{CALLED_AFTER[who] if who is not rungs[0] else "0 min"}"' for who in rungs)
    each = "".join(f'[[rung]]\nwho = "{who}"\nchannels = [{named}]\n\n' for who in rungs)
    return f"{each}[[climb]]\nafter = {{ {after} }}\n"


def free_port() -> int:
    """Return a port on which nothing listens."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
