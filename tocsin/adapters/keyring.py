"""The keys of one installation, as files in one folder that only its owner can read.

| file | what | who needs it |
| --- | --- | --- |
| `masters.json` | the master keys by key id; one is current, the others open what they sealed | engine |
| `namespace.json` | the key of what belongs to no incident, wrapped under a master key | engine |
| `ids.key` | the HMAC key that makes ids opaque | engine, doors |
| `door.key` | the Ed25519 key with which this installation's door signs acts | doors |
| `doors/*.pub` | the doors whose acts are taken | engine |
| `log.key` | the Ed25519 key that signs the log's checkpoints | engine |
| `logs/*.pub` | the keys whose checkpoints of this log are taken: this one and those before it | whoever checks |
| `engine.key` | opens the reports that were spooled while the engine was away | engine |
| `engine.pub` | seals them; it may lie anywhere | everybody |

Whoever reads this folder reads everything; whoever loses it has lost everything. Keep a backup elsewhere.
"""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from tocsin.adapters import keyfile
from tocsin.adapters.box import KEY_BYTES, close_box, open_box
from tocsin.adapters.key_files import KeyFiles, KeyFolder, packed
from tocsin.domain.errors import Broken, Refused
from tocsin.domain.values import opaque_id

MASTERS = "masters.json"
NAMESPACE = "namespace.json"
_IDS = "ids.key"
_DOOR = "door.key"
_DOORS = "doors"
_LOG = "log.key"
_LOGS = "logs"
_ENGINE = "engine.key"
_ENGINE_PUBLIC = "engine.pub"

SECRETS = (MASTERS, NAMESPACE, _IDS, _DOOR, _LOG, _ENGINE)
"""The names of all secret texts."""

ABOUT_NAMESPACE = "namespace key"
_SPOOL_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_SPOOL_INFO = b"tocsin spooled report v1"


class Masters(NamedTuple):
    """The master keys by key id, and which one is current."""

    current: str
    keys: dict[str, bytes]


class FileKeyring:
    """A keyring on a folder. Everything is read when it is opened, so that a missing key shows at the start."""

    def __init__(self, folder: Path, files: KeyFiles | None = None) -> None:
        """Read the keys of a folder, or of what stands for one."""
        self._folder = folder
        self._files: KeyFiles = files or KeyFolder(folder)
        self._masters = self._read_masters()
        self._ids = self._read_key(_IDS)
        self._door = Ed25519PrivateKey.from_private_bytes(self._read_key(_DOOR))
        self._doors = self._read_doors()
        self._log = Ed25519PrivateKey.from_private_bytes(self._read_key(_LOG))
        self._logs = self._read_publics(_LOGS)
        self._engine = X25519PrivateKey.from_private_bytes(self._read_key(_ENGINE))
        self._namespace = self._read_namespace()

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Make new keys and open them. The folder appears complete or not at all.

        Raises:
            Refused: if there is anything in the folder (keys are never overwritten), or it cannot be made.
        """
        make(folder)
        return cls(folder)

    @classmethod
    def complete(cls, folder: Path) -> bool:
        """Make the log's key in a folder of keys from before there was one; return whether it was made.

        A key that was there once and is gone is not made anew: only a backup has it.
        """
        if (folder / _LOG).exists() or (folder / _LOGS).exists():
            return False
        _write_log_key(KeyFolder(folder))
        keyfile.sync_folder(folder)
        return True

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the keys.

        Raises:
            Refused: if a key is missing, unreadable, misshapen, or open to others than its owner.
        """
        cls.check(folder)
        return cls(folder)

    @staticmethod
    def check(folder: Path) -> None:
        """Raise Refused if there is no folder of keys, or others than its owner can enter it."""
        if not folder.is_dir():
            raise Refused(f"there are no keys in {folder}; make them with `tocsin init`, or set TOCSIN_HOME")
        keyfile.refuse_open_to_others(folder, keyfile.FOLDER)

    def id_key(self) -> bytes:
        """Return the key under which outside names become opaque ids."""
        return self._ids

    def namespace_key(self) -> bytes:
        """Return the key of what belongs to no incident. It outlives every rotation."""
        return self._namespace

    def master_id(self) -> str:
        """Return the key id of the current master key."""
        return self._masters.current

    def master_ids(self) -> tuple[str, ...]:
        """Return the key ids of all master keys, oldest first."""
        return tuple(self._masters.keys)

    def wrap(self, key: bytes, about: str) -> tuple[str, bytes]:
        """Seal a key under the current master key; return that master's key id and the sealed key."""
        current, keys = self._masters
        return current, close_box(AESGCM(keys[current]), key, about, current)

    def unwrap(self, key_id: str, wrapped: bytes, about: str) -> bytes:
        """Open a key that `wrap` sealed.

        Raises:
            Broken: if the master key is not here, or the sealed key was altered or moved.
        """
        if key_id not in self._masters.keys:
            # Another process may have rotated since this one started.
            self._masters = self._read_masters()
        if key_id not in self._masters.keys:
            raise Broken(
                f"{about} is sealed under master key {key_id}, which is not in {self._files.where(MASTERS)}; "
                "restore that file from a backup"
            )
        return open_box(AESGCM(self._masters.keys[key_id]), wrapped, about, key_id)

    def rotate_master(self) -> str:
        """Make a new master key the current one; return its key id. The old ones stay, to open what they sealed.

        Incident keys move to the new master with `Vault.rewrap`. A crash in between leaves everything readable.
        """
        with alone(self._folder):
            # Read again: a key that another process added meanwhile must not be lost.
            masters = self._read_masters()
            current = _new_key_id()
            masters = Masters(current, masters.keys | {current: secrets.token_bytes(KEY_BYTES)})
            self._files.replace(MASTERS, _masters_text(masters))
            self._masters = masters
            self._files.replace(NAMESPACE, wrapped_text(*self.wrap(self._namespace, ABOUT_NAMESPACE)))
        return current

    def door_private(self) -> tuple[str, Ed25519PrivateKey]:
        """Return the key id and the key with which this installation's door signs."""
        return door_key_id(self._door.public_key()), self._door

    def door_publics(self) -> Mapping[str, Ed25519PublicKey]:
        """Return, by key id, the doors whose acts are taken."""
        return self._doors

    def accept_door(self, public: Ed25519PublicKey) -> str:
        """Take acts signed by another door from now on; return its key id. Running workers learn it at their start."""
        _write_door(self._folder / _DOORS, public)
        self._doors = self._read_doors()
        return door_key_id(public)

    def log_origin(self) -> str:
        """Return the name of this installation's log; it outlives every rotation."""
        return f"tocsin/{opaque_id('log', self._ids, 'origin')}"

    def log_private(self) -> Ed25519PrivateKey:
        """Return the key that signs the log's checkpoints."""
        return self._log

    def log_publics(self) -> tuple[Ed25519PublicKey, ...]:
        """Return the keys whose checkpoints of this log are taken, the current one first."""
        return (self._log.public_key(), *(key for key in self._logs if key != self._log.public_key()))

    def rotate_log(self) -> None:
        """Sign checkpoints with a new key from now on. The old public keys stay, to check what they signed."""
        with alone(self._folder):
            self._log = _write_log_key(KeyFolder(self._folder), self._files)
            self._logs = self._read_publics(_LOGS)

    def engine_public(self) -> bytes:
        """Return the key that seals reports to the engine."""
        return self._engine.public_key().public_bytes_raw()

    def exported(self) -> str:
        """Return all keys as one line, for `TOCSIN_KEYRING`: whoever reads it reads everything."""
        return packed(self._folder, KeyFolder(self._folder), SECRETS)

    def open_from_engine(self, sealed: bytes) -> bytes:
        """Open what `seal_to_engine` sealed to this installation.

        Raises:
            Refused: if it was sealed to another installation, altered or cut.
        """
        try:
            return _SPOOL_SUITE.decrypt(sealed, self._engine, _SPOOL_INFO)
        except InvalidTag as error:
            raise Refused(
                "a spooled report does not open: it was altered, or sealed to another installation's engine.pub; "
                f"seal it to {self._files.where(_ENGINE_PUBLIC)} and send it again"
            ) from error

    def _read_namespace(self) -> bytes:
        text = self._files.secret(NAMESPACE)
        try:
            held = json.loads(text)
            key_id, wrapped = str(held["key_id"]), b64decode(held["wrapped"], validate=True)
        except (ValueError, KeyError, TypeError) as error:
            raise keyfile.misshapen(Path(self._files.where(NAMESPACE))) from error
        return self.unwrap(key_id, wrapped, ABOUT_NAMESPACE)

    def _read_key(self, name: str) -> bytes:
        return keyfile.decoded(Path(self._files.where(name)), self._files.secret(name))

    def _read_masters(self) -> Masters:
        text, path = self._files.secret(MASTERS), Path(self._files.where(MASTERS))
        try:
            held = json.loads(text)
            masters = Masters(str(held["current"]), {k: keyfile.decoded(path, v) for k, v in held["keys"].items()})
            masters.keys[masters.current]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise keyfile.misshapen(path) from error
        return masters

    def _read_publics(self, folder: str) -> tuple[Ed25519PublicKey, ...]:
        return tuple(Ed25519PublicKey.from_public_bytes(public) for public in self._files.publics(folder))

    def _read_doors(self) -> dict[str, Ed25519PublicKey]:
        return {door_key_id(key): key for key in self._read_publics(_DOORS)}


def engine_public(folder: Path) -> bytes:
    """Return the engine's public key from `engine.pub` in `folder`, which needs to hold nothing else.

    Raises:
        Refused: if it is missing, misshapen, or others could have changed it.
    """
    return keyfile.read_public(folder / _ENGINE_PUBLIC)


def seal_to_engine(public: bytes, content: bytes) -> bytes:
    """Seal `content` so that only the engine opens it (HPKE, RFC 9180: X25519, HKDF-SHA-256, AES-256-GCM).

    Raises:
        Refused: if `public` is not an X25519 public key.
    """
    try:
        key = X25519PublicKey.from_public_bytes(public)
    except ValueError as error:
        raise Refused(f"the engine's public key has {len(public)} bytes, not 32; copy engine.pub again") from error
    return _SPOOL_SUITE.encrypt(content, key, _SPOOL_INFO)


def door_key_id(public: Ed25519PublicKey) -> str:
    """Return the key id of a door: a short fingerprint of its public key."""
    return f"door-{sha256(public.public_bytes_raw()).hexdigest()[:16]}"


def make(folder: Path, finish: Callable[[Path], None] = lambda _: None) -> None:
    """Make new keys; `finish` has them before they are in their place. The folder appears complete or not at all.

    Raises:
        Refused: if there is anything in the folder (keys are never overwritten), or it cannot be made.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _make(folder, finish)
    except OSError as error:
        raise Refused(
            f"no keys were made in {folder}: {error.strerror}. If there are keys, they are kept: use them, "
            "or point TOCSIN_HOME at a new place"
        ) from error


def _make(folder: Path, finish: Callable[[Path], None]) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))  # made 0700
    try:
        _write_new_keys(draft)
        finish(draft)
        keyfile.sync_folder(draft)
        draft.rename(folder)  # succeeds onto nothing, or onto an empty folder, only
    except BaseException:
        shutil.rmtree(draft)
        raise
    keyfile.sync_folder(folder.parent)


def _write_new_keys(folder: Path) -> None:
    current, master, namespace = _new_key_id(), secrets.token_bytes(KEY_BYTES), secrets.token_bytes(KEY_BYTES)
    wrapped = close_box(AESGCM(master), namespace, ABOUT_NAMESPACE, current)
    door, engine = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    keyfile.write(folder / MASTERS, _masters_text(Masters(current, {current: master})))
    keyfile.write(folder / NAMESPACE, wrapped_text(current, wrapped))
    keyfile.write(folder / _IDS, keyfile.encoded(secrets.token_bytes(KEY_BYTES)))
    keyfile.write(folder / _DOOR, keyfile.encoded(door.private_bytes_raw()))
    (folder / _DOORS).mkdir(mode=keyfile.FOLDER)
    _write_door(folder / _DOORS, door.public_key())
    _write_log_key(KeyFolder(folder))
    keyfile.write(folder / _ENGINE, keyfile.encoded(engine.private_bytes_raw()))
    public = engine.public_key().public_bytes_raw()
    keyfile.write(folder / _ENGINE_PUBLIC, keyfile.encoded(public), keyfile.PUBLIC)


def _write_door(folder: Path, public: Ed25519PublicKey) -> None:
    path = folder / f"{door_key_id(public)}.pub"
    keyfile.replace(path, keyfile.encoded(public.public_bytes_raw()), keyfile.PUBLIC)


def _write_log_key(place: KeyFolder, files: KeyFiles | None = None) -> Ed25519PrivateKey:
    key, folder = Ed25519PrivateKey.generate(), place.folder
    public = key.public_key().public_bytes_raw()
    (folder / _LOGS).mkdir(mode=keyfile.FOLDER, exist_ok=True)
    # The public key first: a private key whose public key nobody has would sign what nobody can check.
    keyfile.replace(
        folder / _LOGS / f"log-{sha256(public).hexdigest()[:16]}.pub", keyfile.encoded(public), keyfile.PUBLIC
    )
    (files or place).replace(_LOG, keyfile.encoded(key.private_bytes_raw()))
    return key


def _masters_text(masters: Masters) -> str:
    keys = {key_id: b64encode(key).decode() for key_id, key in masters.keys.items()}
    return json.dumps({"current": masters.current, "keys": keys})


def wrapped_text(key_id: str, wrapped: bytes) -> str:
    """Return the text of a file that holds a wrapped key."""
    return json.dumps({"key_id": key_id, "wrapped": b64encode(wrapped).decode()})


def _new_key_id() -> str:
    return f"master-{secrets.token_hex(8)}"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from rotating at the same time."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
