"""Keys that a command wraps: the way to a key management service, an HSM or a vault, without a driver for each.

The command is run with one word, `current`, `wrap` or `unwrap`, and gets and gives one line of JSON:

| word | standard input | standard output |
| --- | --- | --- |
| `current` | `{}` | `{"key_id": "…"}`: under which key `wrap` wraps now |
| `wrap` | `{"key": BASE64, "about": "…"}` | `{"key_id": "…", "wrapped": BASE64}` |
| `unwrap` | `{"key_id": "…", "wrapped": BASE64, "about": "…"}` | `{"key": BASE64}` |

It ends with 0, or with another code if it could not. `about` is what the key is for: give it to the service as
encryption context. No secret is ever an argument; what it prints on standard error is not read, since it may hold one.
"""

import json
import os
import shlex
import subprocess
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any

from tocsin.domain.errors import Broken, Deferred, Refused

_OURS = "TOCSIN_"


class KeyCommand:
    """Runs the command, and believes nothing that it says without looking."""

    def __init__(self, command: str, within: float) -> None:
        """Take the command's line, split as a shell would, and how many seconds it may take."""
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise Refused(f"TOCSIN_KEYS_COMMAND cannot be read ({error}); close the quotation") from error
        self._within = within

    def current(self) -> str:
        """Return the id of the key that new keys are wrapped under. Raises as `wrap` does."""
        return self._text(self._run("current", {}), "key_id")

    def wrap(self, key: bytes, about: str) -> tuple[str, bytes]:
        """Have a key wrapped; return under which key it is, and what came.

        Raises:
            Refused: if the command cannot be run.
            Deferred: if it failed or took too long.
            Broken: if what it answered is no answer, or holds the key in clear.
        """
        answer = self._run("wrap", {"key": _text(key + _digest(about)), "about": about})
        wrapped = self._bytes(answer, "wrapped")
        if key in wrapped:
            raise Broken(f"{self._name} gave a key back in clear instead of wrapping it; mend the command")
        return self._text(answer, "key_id"), wrapped

    def unwrap(self, key_id: str, wrapped: bytes, about: str) -> bytes:
        """Return a key that was wrapped.

        Raises:
            Refused: if the command cannot be run.
            Deferred: if it failed or took too long.
            Broken: if what it answered is no answer, or the key of something else.
        """
        answer = self._run("unwrap", {"key_id": key_id, "wrapped": _text(wrapped), "about": about})
        content = self._bytes(answer, "key")
        key, digest = content[: -len(_digest(about))], content[-len(_digest(about)) :]
        if not key or digest != _digest(about):
            raise Broken(f"{about}: {self._name} gave back another key than was wrapped; it was altered or moved")
        return key

    @property
    def _name(self) -> str:
        return f"the key command {self._words[0] if self._words else '(none)'}"

    def _run(self, word: str, question: dict[str, str]) -> dict[str, Any]:
        # What belongs to us is none of its business.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command, from the settings
                [*self._words, word],
                check=False,
                input=json.dumps(question).encode() + b"\n",
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self._within,
                env=environment,
            )
        except subprocess.TimeoutExpired:
            # Not as the cause: that error holds what was written and read.
            late = f"{self._name} did not {word} within {self._within:g} s"
            raise Deferred(f"{late}; see that its service answers, or set TOCSIN_KEYS_COMMAND_SECONDS") from None
        except (OSError, IndexError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is empty"
            raise Refused(f"{self._name} cannot be run ({why}); correct TOCSIN_KEYS_COMMAND") from None
        if done.returncode != 0:
            failed = f"{self._name} ended with code {done.returncode} at `{word}`"
            raise Deferred(f"{failed}; run it by hand with the word `current` to see why, then try again")
        return self._answer(word, done.stdout)

    def _answer(self, word: str, out: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(out)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Broken(f"{self._name} answered `{word}` with {len(out)} bytes that are no JSON object; mend it")
        return answer

    def _text(self, answer: dict[str, Any], name: str) -> str:
        found = answer.get(name)
        if not isinstance(found, str) or not found:
            raise Broken(f"{self._name} answered without {name}; mend it")
        return found

    def _bytes(self, answer: dict[str, Any], name: str) -> bytes:
        text = self._text(answer, name)
        try:
            return b64decode(text, validate=True)
        except ValueError:
            raise Broken(f"{self._name} answered with a {name} that is no base64; mend it") from None


def _digest(about: str) -> bytes:
    """Bind a key to what it is for, whether or not the service does."""
    return sha256(about.encode()).digest()


def _text(content: bytes) -> str:
    return b64encode(content).decode()
