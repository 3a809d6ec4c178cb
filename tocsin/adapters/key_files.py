"""Where a keyring's texts lie: in a folder, in a folder sealed by a command, or in one secret of the environment."""

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import TypeAdapter

from tocsin.adapters import keyfile
from tocsin.adapters.box import KEY_BYTES, close_box, open_box
from tocsin.adapters.key_command import KeyCommand
from tocsin.domain.errors import Refused


class KeyFiles(Protocol):
    """The texts of one keyring, by name."""

    def where(self, name: str) -> str:
        """Return what people call the place of a text."""

    def secret(self, name: str) -> str:
        """Return a secret text. Raises Refused if it is missing, or others could have read it."""

    def publics(self, folder: str) -> list[bytes]:
        """Return the public keys that lie together. Raises Refused if there is no such place."""

    def replace(self, name: str, text: str) -> None:
        """Write a secret text in place of the one that is there. Raises Refused where nothing can be written."""


class KeyFolder:
    """Implements `KeyFiles` on a folder that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def where(self, name: str) -> str:
        """Return the path."""
        return str(self.folder / name)

    def secret(self, name: str) -> str:
        """Return a secret file's text."""
        return keyfile.read_secret(self.folder / name)

    def publics(self, folder: str) -> list[bytes]:
        """Return the public keys in a folder below, by file name."""
        place = self.folder / folder
        if not place.is_dir():
            raise keyfile.missing(place, "no such folder")
        keyfile.refuse_open_to_others(place, keyfile.FOLDER)
        return [keyfile.read_public(path) for path in sorted(place.glob("*.pub"))]

    def replace(self, name: str, text: str) -> None:
        """Write a secret file, whole or not at all."""
        keyfile.replace(self.folder / name, text)


class SealedFolder(KeyFolder):
    """A folder whose secrets are sealed under keys that a command wraps: a stolen copy of it opens nothing.

    A file that is not sealed yet is read as it is; `keys rotate` seals it.
    """

    def __init__(self, folder: Path, command: KeyCommand) -> None:
        super().__init__(folder)
        self._command = command

    def secret(self, name: str) -> str:
        """Return a secret file's text, unsealed with the command's help."""
        text = super().secret(name)
        if not text.startswith(_SEALED):
            return text
        try:
            held = json.loads(text)[_MARK]
            key_id, wrapped, box = (str(held["key_id"]), *(b64decode(held[part]) for part in ("wrapped", "box")))
        except (ValueError, KeyError, TypeError) as error:
            raise keyfile.misshapen(self.folder / name) from error
        key = self._command.unwrap(key_id, wrapped, name)
        return open_box(AESGCM(key), box, name, key_id).decode()

    def replace(self, name: str, text: str) -> None:
        """Write a secret file, sealed."""
        super().replace(name, self.sealed(name, text))

    def sealed(self, name: str, text: str) -> str:
        """Return the text of a sealed file."""
        key = secrets.token_bytes(KEY_BYTES)
        key_id, wrapped = self._command.wrap(key, name)
        box = close_box(AESGCM(key), text.encode(), name, key_id)
        held = {"key_id": key_id, "wrapped": b64encode(wrapped).decode(), "box": b64encode(box).decode()}
        return json.dumps({_MARK: held}) + "\n"


class KeyBundle:
    """Implements `KeyFiles` on one secret that holds all of them; nothing of it is ever written anywhere."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    @classmethod
    def read(cls, secret: str) -> "KeyBundle":
        """Read what `packed` wrote.

        Raises:
            Refused: if it is something else. What was found is not repeated.
        """
        try:
            return cls(_TEXTS.validate_json(b64decode(secret.strip(), validate=True)))
        except ValueError:
            # Without a cause: that one would hold what was read.
            raise Refused("TOCSIN_KEYRING holds no keyring; write it with `tocsin keys export FILE`") from None

    def where(self, name: str) -> str:
        """Return the name of the variable and of the text in it."""
        return f"TOCSIN_KEYRING ({name})"

    def secret(self, name: str) -> str:
        """Return a text."""
        if name not in self._texts:
            raise Refused(f"{self.where(name)} is missing; write it anew with `tocsin keys export FILE`")
        return self._texts[name]

    def publics(self, folder: str) -> list[bytes]:
        """Return the public keys whose names begin with that of their folder."""
        found = {name: text for name, text in sorted(self._texts.items()) if name.startswith(f"{folder}/")}
        if not found:
            raise Refused(f"{self.where(folder)} is missing; write it anew with `tocsin keys export FILE`")
        return [keyfile.decoded(Path(self.where(name)), text) for name, text in found.items()]

    def replace(self, name: str, text: str) -> None:
        """Refuse: an environment cannot be written back."""
        raise Refused(
            f"{self.where(name)} cannot be changed from here ({len(text)} characters); change the keys where the "
            "folder is, and write the variable anew with `tocsin keys export FILE`"
        )


def packed(folder: Path, files: KeyFolder, secret_names: tuple[str, ...]) -> str:
    """Return all of a folder's keys as one line, for `TOCSIN_KEYRING`."""
    texts = {name: files.secret(name) for name in secret_names}
    texts |= {str(path.relative_to(folder)): path.read_text("ascii") for path in sorted(folder.rglob("*.pub"))}
    return b64encode(json.dumps(texts).encode()).decode()


_TEXTS = TypeAdapter(dict[str, str])
_MARK = "sealed-by-command"
_SEALED = f'{{"{_MARK}"'
