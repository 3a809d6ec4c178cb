"""Which keyring an installation has, as the settings say: a folder, one secret of the environment, or a command."""

from pathlib import Path
from typing import Self

from tocsin.adapters.key_command import KeyCommand
from tocsin.adapters.key_files import KeyBundle, SealedFolder
from tocsin.adapters.keyring import (
    ABOUT_NAMESPACE,
    MASTERS,
    NAMESPACE,
    SECRETS,
    FileKeyring,
    Masters,
    alone,
    make,
    wrapped_text,
)
from tocsin.domain.errors import Refused
from tocsin.settings import Settings


class EnvironmentKeyring(FileKeyring):
    """A keyring in one secret, as `FileKeyring.exported` writes it: for a machine that keeps nothing on its disk.

    It changes nothing: a rotation is done where the folder is, and the secret written anew.
    """

    def __init__(self, secret: str) -> None:
        super().__init__(Path("TOCSIN_KEYRING"), KeyBundle.read(secret))

    def rotate_master(self) -> str:
        """Refuse."""
        raise Refused(_READ_ONLY)

    def rotate_log(self) -> None:
        """Refuse."""
        raise Refused(_READ_ONLY)

    def exported(self) -> str:
        """Refuse: it is in the environment already."""
        raise Refused(_READ_ONLY)


class CommandKeyring(FileKeyring):
    """A keyring whose master keys are behind a command: the folder's files are sealed, and open with its help only.

    Master keys of a folder from before there was a command stay, sealed, to open what they wrapped.
    """

    def __init__(self, folder: Path, command: KeyCommand) -> None:
        self._command = command
        self._sealed = SealedFolder(folder, command)
        super().__init__(folder, self._sealed)

    @classmethod
    def opened(cls, folder: Path, command: KeyCommand) -> Self:
        """Read the keys. Raises as `FileKeyring.open` and the command do."""
        FileKeyring.check(folder)
        return cls(folder, command)

    @classmethod
    def created(cls, folder: Path, command: KeyCommand) -> Self:
        """Make new keys that open with the command only. Raises as `FileKeyring.create` and the command do."""

        def seal(draft: Path) -> None:
            cls(draft, command).rotate_master()
            (draft / MASTERS).unlink()  # nothing hangs on it any more

        make(folder, seal)
        return cls.opened(folder, command)

    def master_id(self) -> str:
        """Return the key id that the command wraps under now."""
        return self._command.current()

    def master_ids(self) -> tuple[str, ...]:
        """Return the key ids of the master keys in the folder, and the command's current one."""
        return (*self._masters.keys, self.master_id())

    def wrap(self, key: bytes, about: str) -> tuple[str, bytes]:
        """Have a key wrapped by the command."""
        return self._command.wrap(key, about)

    def unwrap(self, key_id: str, wrapped: bytes, about: str) -> bytes:
        """Open a key with the command, or with a master key of the folder."""
        if key_id in self._masters.keys:
            return super().unwrap(key_id, wrapped, about)
        return self._command.unwrap(key_id, wrapped, about)

    def rotate_master(self) -> str:
        """Seal every file anew under the command's current key; return its id. The service rotates its keys itself."""
        with alone(self._folder):
            for name in SECRETS:
                if name != NAMESPACE and (self._folder / name).exists():
                    self._sealed.replace(name, self._sealed.secret(name))
            self._sealed.replace(NAMESPACE, wrapped_text(*self.wrap(self._namespace, ABOUT_NAMESPACE)))
        return self.master_id()

    def exported(self) -> str:
        """Refuse: what the command guards does not leave it."""
        raise Refused("these keys open with TOCSIN_KEYS_COMMAND only; give the other machine folder and command")

    def _read_masters(self) -> Masters:
        return super()._read_masters() if (self._folder / MASTERS).exists() else Masters("", {})


def open_keyring(settings: Settings) -> FileKeyring:
    """Return the keys of an installation. Nothing goes on without them: that would be plain text.

    Raises:
        Refused: if a key is missing, unreadable, misshapen, or open to others than its owner.
        Deferred: if the key command does not answer.
        Broken: if something does not open.
    """
    folder, command = settings.home / "keys", _command(settings)
    if settings.keyring is not None:
        return EnvironmentKeyring(settings.keyring.get_secret_value())
    return CommandKeyring.opened(folder, command) if command is not None else FileKeyring.open(folder)


def make_keyring(settings: Settings) -> FileKeyring:
    """Make new keys where the settings say. Raises as `open_keyring`, and Refused if there are keys."""
    folder, command = settings.home / "keys", _command(settings)
    return CommandKeyring.created(folder, command) if command is not None else FileKeyring.create(folder)


def _command(settings: Settings) -> KeyCommand | None:
    if settings.keys_command is None:
        return None
    return KeyCommand(settings.keys_command, settings.keys_command_seconds)


_READ_ONLY = (
    "the keys come from TOCSIN_KEYRING, which cannot be changed from here; unset it where the folder of keys is, do it "
    "there, and write the variable anew with `tocsin keys export FILE`"
)
