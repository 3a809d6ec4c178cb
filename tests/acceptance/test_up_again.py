"""`make up`, stopped with Ctrl-C and started again on the same files."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.acceptance.conftest import Install
from tests.acceptance.controllers import one
from tests.acceptance.life import quickly
from tests.acceptance.stack import ROOT, Installation, end, free_port, listens, wait_for


@contextmanager
def up(installation: Installation, port: int) -> Iterator[None]:
    """Run what `make up` runs, until it is stopped as Ctrl-C does."""
    procfile = installation.home.with_name("Procfile")
    # The project's own, with the Python that runs these tests in place of the one `make` sets up.
    procfile.write_text((ROOT / "Procfile").read_text().replace(".venv/bin", str(Path(sys.executable).parent)))
    out = installation.home.with_name("up.out")
    with out.open("wb") as file:
        command = [sys.executable, "-m", "honcho", "start", "-f", str(procfile), "-d", str(ROOT)]
        process = subprocess.Popen(command, env=installation.env, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        wait_for(lambda: "polls tocsin" in out.read_text() or process.poll() is not None, within=60)
        assert process.poll() is None, out.read_text()
        yield
    finally:
        end(process)
    assert not listens(port)
    assert "Traceback" not in out.read_text()


def running(installation: Installation) -> set[str]:
    """Return the ids of the clocks that run."""
    clocks = quickly(installation, "show", "last", "--json").json["clocks"]
    return {clock["spec"]["clock_id"] for clock in clocks if clock["state"] == "running"}


def warned_half(installation: Installation) -> int:
    """Count the pages that say that half of a contract's hour has passed."""
    return sum("1 h from confirmation" in page and "50 %" in page for page in installation.pages())


def test_found_again(install: Install) -> None:
    """The incident of before still runs, its clock still warns, and it still takes acts."""
    port = free_port() % 20_000 + 20_000  # its Web UI listens 1000 higher
    installation = install(address=f"127.0.0.1:{port}", CONSOLE_ADDRESS=f"127.0.0.1:{free_port()}")
    installation.set_up(one("1h from confirmation"))
    with up(installation, port):
        quickly(installation, "report", "Odd logins", "--everyone")
        confirmed_at = datetime.now(UTC) - timedelta(minutes=29, seconds=48)
        quickly(installation, "confirm", "last", "--at", confirmed_at.isoformat())
        before = running(installation)
    assert installation.processes() == [], "Ctrl-C leaves nothing behind"
    assert warned_half(installation) == 0, "it was up for too long"
    with up(installation, port):
        assert before == running(installation)
        wait_for(lambda: warned_half(installation) == 1)
        quickly(installation, "note", "last", "still here")
        assert "act.note" in quickly(installation, "show", "last").out
