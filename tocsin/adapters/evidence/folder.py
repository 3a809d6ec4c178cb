"""A folder that appears whole or not at all, readable by its owner only, with the digest of every file."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tocsin.adapters.evidence.layout import SIGNATURE, SUMS
from tocsin.domain.errors import Refused

FOLDER_MODE, FILE_MODE = 0o700, 0o600


class Folder:
    """A folder being filled. Each file is written once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digests: dict[str, str] = {}
        self._made: set[str] = set()

    def put(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file from chunks, so that none needs to fit in memory. Raises OSError if it exists."""
        path = f"{self.path}/{name}"
        if (parent := name.rpartition("/")[0]) not in self._made:
            (self.path / parent).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            self._made.add(parent)
        whole = hashlib.sha256()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
            for chunk in chunks:
                whole.update(chunk)
                file.write(chunk)
        self._digests[name] = whole.hexdigest()

    def seal(self, sign: Callable[[bytes], bytes]) -> None:
        """Write the digests of all files, as `sha256sum --check` reads them, and the signature over them."""
        lines = [f"{digest}  {name}\n" for name, digest in sorted(self._digests.items())]
        sums = "".join(lines).encode()
        self.put(SUMS, [sums])
        self.put(SIGNATURE, [sign(sums)])


@contextmanager
def whole_folder(target: Path) -> Iterator[Folder]:
    """Yield a folder beside `target` that takes its name at the end, or disappears on any exception.

    Nothing is forced to the disk: what a power cut truncates, SHA256SUMS names, and the store can give it again.

    Raises:
        Refused: if there is something at `target` already, or the disk refuses.
    """
    target = Path(os.path.abspath(target))  # noqa: PTH100 - `resolve` would follow a link and write where it points
    refuse_taken(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".part", dir=target.parent))
    except OSError as error:
        raise unwritable(target, error) from error
    try:
        yield Folder(part)
        part.rename(target)  # succeeds onto nothing, or onto an empty folder, only
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def refuse_taken(target: Path) -> None:
    """Raise Refused if there is anything at `target` but an empty folder."""
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise Refused(f"{target} is there already, and is not a folder; name a new folder or .zip with -o")
    if target.exists() and any(target.iterdir()):
        raise Refused(f"{target} is not empty, and evidence is never mixed with anything; name a new folder with -o")


def unwritable(target: Path, error: OSError) -> Refused:
    """Return the refusal for a disk that refuses."""
    return Refused(f"the evidence cannot be written to {target} ({error.strerror or error}); check space and rights")
