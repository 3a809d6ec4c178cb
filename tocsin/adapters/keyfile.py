"""Key files: written whole or not at all, read only when nobody but their owner could have read or changed them."""

import os
import secrets
from base64 import b64decode, b64encode
from pathlib import Path

from tocsin.adapters.box import KEY_BYTES
from tocsin.domain.errors import Refused

SECRET = 0o600
PUBLIC = 0o644
FOLDER = 0o700


def read_secret(path: Path) -> str:
    """Return the text of a secret file.

    Raises:
        Refused: if it is missing, unreadable, no text, or open to others than its owner.
    """
    return _read(path, SECRET)


def read_public(path: Path) -> bytes:
    """Return a public key. It is no secret, but whoever can write it decides whom we trust."""
    return decoded(path, _read(path, PUBLIC))


def read_key(path: Path) -> bytes:
    """Return a secret key of 256 bits. Raises Refused as `read_secret` does, or if it is none."""
    return decoded(path, read_secret(path))


def refuse_open_to_others(path: Path, widest: int) -> None:
    """Raise Refused, with the chmod command, if `path` has more permission bits than `widest`."""
    mode = path.stat().st_mode & 0o777
    if mode & ~widest:
        raise Refused(f"{path} is open to others than its owner (mode {mode:o}); close it: chmod {widest:o} {path}")


def decoded(path: Path, text: str) -> bytes:
    """Return the 256-bit key in base64 `text`, read from `path`. Raises Refused if it is none."""
    try:
        key = b64decode(text.strip(), validate=True)
    except ValueError as error:
        raise misshapen(path) from error
    if len(key) != KEY_BYTES:
        raise misshapen(path)
    return key


def encoded(key: bytes) -> str:
    """Return a key as the text of a key file."""
    return b64encode(key).decode() + "\n"


def missing(path: Path, why: str | None) -> Refused:
    """Return the refusal for a key that cannot be read. It never goes on without: that would be plain text."""
    return Refused(
        f"cannot read the key {path} ({why}); restore it from the backup of your keys. For a new installation, "
        "without a past: point TOCSIN_HOME at a new place and run `tocsin init`"
    )


def misshapen(path: Path) -> Refused:
    """Return the refusal for a file that holds something else than a key."""
    return Refused(
        f"{path} does not hold a key; restore it from the backup of your keys (`tocsin init` makes new ones)"
    )


def replace(path: Path, text: str, mode: int = SECRET) -> None:
    """Write beside it, then move over it: a crash leaves the old file or the new one, never half of one."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    write(draft, text, mode)
    draft.replace(path)
    sync_folder(path.parent)


def write(path: Path, text: str, mode: int = SECRET) -> None:
    """Write a file that does not exist yet, and have it on the disk on return."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        os.fchmod(handle, mode)  # whatever the umask says
        file.write(text)
        file.flush()
        os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk on return."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path, widest: int) -> str:
    try:
        refuse_open_to_others(path, widest)
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise missing(path, error.strerror) from error
    except UnicodeDecodeError as error:
        raise misshapen(path) from error
