"""Reports that could not reach the engine: sealed files, each kept until the engine has taken it.

The folder is trusted with nothing: a report is sealed to the engine's public key, so the host that spools it need
not hold a private one. What cannot be delivered as it is stays in the folder under a name that says why.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from pydantic import ValidationError

from tocsin.adapters.keyring import seal_to_engine
from tocsin.domain.act import Envelope
from tocsin.domain.errors import Broken, Deferred, Refused
from tocsin.domain.values import ActId, Value

WAITING = ".report"


class Aside(StrEnum):
    """Why a file is not tried again; its name ends in this."""

    CORRUPT = ".corrupt"
    REFUSED = ".refused"


class Drained(Value):
    """What one pass over the spool did."""

    taken: tuple[ActId, ...] = ()
    set_aside: tuple[tuple[str, str], ...] = ()
    """File names, each with the reason."""
    waiting: int = 0
    """Reports still in the spool because the engine did not answer."""


class Spool:
    """A folder of reports on their way to the engine."""

    def __init__(self, folder: Path, engine_public: bytes) -> None:
        self._folder = folder
        self._public = engine_public

    def put(self, envelope: Envelope) -> Path:
        """Keep a report until it is taken; return its file. The same act again is the same file.

        The report is on the disk, not only in its cache, when this returns.

        Raises:
            OSError: if the disk does not take it.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{envelope.act.act_id}{WAITING}"
        draft = self._folder / f".{envelope.act.act_id}-{secrets.token_hex(4)}"
        _write(draft, seal_to_engine(self._public, envelope.model_dump_json().encode()))
        draft.replace(path)
        _sync(self._folder)
        return path

    def waiting(self) -> list[Path]:
        """Return the files that wait to be taken, oldest first."""
        return sorted(self._folder.glob(f"*{WAITING}"), key=lambda path: path.stat().st_mtime_ns)

    def set_aside(self) -> list[Path]:
        """Return the files that a person must look at."""
        return sorted(path for end in Aside for path in self._folder.glob(f"*{end}"))

    def drain(self, open_sealed: Callable[[bytes], bytes], deliver: Callable[[Envelope], object]) -> Drained:
        """Deliver each waiting report and delete it once it is taken; stop at the first that cannot be.

        `deliver` must be safe to call twice with the same report: a crash between its answer and the deletion
        repeats it. It raises Deferred while the engine does not answer, Refused for a report it will never take.
        """
        taken: list[ActId] = []
        aside: list[tuple[str, str]] = []
        for path in self.waiting():
            try:
                envelope = _opened(path, open_sealed)
                deliver(envelope)
            except Deferred:
                break
            except (Broken, Refused) as error:
                aside.append((self._put_aside(path, error), str(error)))
            else:
                self._forget(path)
                taken.append(envelope.act.act_id)
        return Drained(taken=tuple(taken), set_aside=tuple(aside), waiting=len(self.waiting()))

    @contextmanager
    def only_drainer(self) -> Iterator[bool]:
        """Give True to the one process that may drain now, False to any other. The lock ends with the process."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / ".drainer").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _put_aside(self, path: Path, error: Exception) -> str:
        end = Aside.CORRUPT if isinstance(error, Broken) else Aside.REFUSED
        kept = path.rename(path.with_suffix(end))
        _sync(self._folder)
        return kept.name

    def _forget(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        _sync(self._folder)


def _opened(path: Path, open_sealed: Callable[[bytes], bytes]) -> Envelope:
    try:
        return Envelope.model_validate_json(open_sealed(path.read_bytes()))
    except (Refused, ValidationError, OSError) as error:
        raise Broken(f"{path} cannot be read as a spooled report; tell the same incident again by hand") from error


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
