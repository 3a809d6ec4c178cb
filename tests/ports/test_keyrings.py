"""The other places of a keyring: one secret of the environment, and a command before a key management service."""

import logging
import shutil
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from tests.ports.home import a_home
from tocsin.adapters.key_command import KeyCommand
from tocsin.adapters.keyring import FileKeyring, seal_to_engine
from tocsin.adapters.keyrings import CommandKeyring, EnvironmentKeyring, make_keyring, open_keyring
from tocsin.adapters.vault import Vault
from tocsin.domain.errors import Broken, Deferred, Refused
from tocsin.domain.values import IncidentId
from tocsin.ports import Keyring
from tocsin.settings import Settings

ONE = IncidentId("inc-1")
SERVICE = '''
"""A key management service on one file: its keys never leave it."""
import base64, json, os, sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
keys = json.load(open(sys.argv[1]))
asked = json.loads(sys.stdin.read())
with open(sys.argv[1] + ".seen", "a") as seen:
    seen.write(json.dumps([sys.argv[2:], [name for name in os.environ if name.startswith("TOCSIN_")]]) + "\\n")
said = {"key_id": list(keys)[-1]}
if sys.argv[2] == "wrap":
    nonce = os.urandom(12)
    cipher = AESGCM(bytes.fromhex(keys[said["key_id"]]))
    box = nonce + cipher.encrypt(nonce, base64.b64decode(asked["key"]), None)
    said["wrapped"] = base64.b64encode(box).decode()
if sys.argv[2] == "unwrap":
    box, cipher = base64.b64decode(asked["wrapped"]), AESGCM(bytes.fromhex(keys[asked["key_id"]]))
    said = {"key": base64.b64encode(cipher.decrypt(box[:12], box[12:], None)).decode()}
print(json.dumps(said))
'''


class Service:
    """The command of a service, and what was seen of how it is called."""

    def __init__(self, folder: Path) -> None:
        self.script, self.keys = folder / "service.py", folder / "service.json"
        self.script.write_text(SERVICE)
        self.turn("first")

    @property
    def line(self) -> str:
        """The command's line."""
        return f"{sys.executable} '{self.script}' '{self.keys}'"

    def command(self, within: float = 20) -> KeyCommand:
        """Return the command."""
        return KeyCommand(self.line, within)

    def turn(self, *names: str) -> None:
        """Have these keys, the last one current."""
        known = [f'"{name}": "{(name[0] * 32).encode().hex()}"' for name in names]
        self.keys.write_text("{" + ", ".join(known) + "}")

    @property
    def seen(self) -> str:
        """Return the arguments and the names in the environment that it was called with."""
        return self.keys.with_name(f"{self.keys.name}.seen").read_text()


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """A service of our own."""
    return Service(tmp_path)


def settings(home: Path, **said: object) -> Settings:
    """Return settings of a home."""
    return Settings(home=home, **said)  # type: ignore[arg-type]


def test_the_environment_holds_the_same_keys(tmp_path: Path) -> None:
    """An exported keyring opens whatever the folder's opens, with no folder there, and changes nothing."""
    home = a_home(tmp_path / "home")
    home.vault.ensure(ONE)
    sealed, report = home.vault.seal(ONE, b"words", "a"), seal_to_engine(home.keyring.engine_public(), b"report")
    exported = home.keyring.exported()
    shutil.rmtree(home.folder)

    away: Keyring = open_keyring(settings(tmp_path, keyring=exported))

    assert isinstance(away, EnvironmentKeyring)
    assert Vault(home.engine, away).open(ONE, sealed, "a") == b"words"
    assert away.open_from_engine(report) == b"report"
    assert home.keyring.id_key() == away.id_key()
    assert home.keyring.log_publics() == away.log_publics()
    assert set(home.keyring.door_publics()) == set(away.door_publics())
    for change in (away.rotate_master, away.rotate_log, away.exported):
        with pytest.raises(Refused, match="tocsin keys export FILE"):
            change()
    home.engine.dispose()


@pytest.mark.parametrize("secret", ["", "no base64!", b64encode(b"no json").decode(), b64encode(b'{"a": 1}').decode()])
def test_what_is_no_keyring_is_refused(secret: str) -> None:
    """Something else in the variable is refused with the fix, and not repeated."""
    with pytest.raises(Refused, match="holds no keyring; write it with `tocsin keys export") as refused:
        EnvironmentKeyring(secret)
    assert refused.value.__cause__ is None


def test_a_missing_key_in_the_environment_is_refused(tmp_path: Path) -> None:
    """A keyring with a text missing does not open."""
    with pytest.raises(Refused, match=r"TOCSIN_KEYRING \(masters\.json\) is missing"):
        EnvironmentKeyring(b64encode(b"{}").decode())
    with pytest.raises(Refused, match="tocsin init"):
        open_keyring(settings(tmp_path))


def test_a_stolen_folder_opens_nothing(tmp_path: Path, service: Service) -> None:
    """Keys made with a command open with it, and without its service neither folder nor store says a word."""
    chosen = settings(tmp_path / "home", keys_command=service.line)
    made = make_keyring(chosen)
    again = open_keyring(chosen)

    assert again.unwrap(*made.wrap(b"k" * 32, "here"), "here") == b"k" * 32
    assert made.namespace_key() == again.namespace_key()
    assert again.master_id() == "first"
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["keys"]
    texts = [path.read_text() for path in (tmp_path / "home" / "keys").iterdir() if path.is_file()]
    assert not any(b64encode(key).decode() in text for text in texts for key in (made.id_key(), made.namespace_key()))
    with pytest.raises(Refused):
        FileKeyring.open(tmp_path / "home" / "keys")
    service.turn("other")
    with pytest.raises(Deferred, match="ended with code 1 at `unwrap`; run it by hand"):
        open_keyring(chosen)


def test_a_folder_moves_behind_a_command(tmp_path: Path, service: Service) -> None:
    """A plain folder opens with a command set; one rotation seals it, keys wrapped before still open, and all move."""
    home = a_home(tmp_path / "home")
    home.vault.ensure(ONE)
    sealed = home.vault.seal(ONE, b"words", "a")
    chosen = settings(tmp_path / "home", keys_command=service.line)

    keyring = open_keyring(chosen)
    assert Vault(home.engine, keyring).open(ONE, sealed, "a") == b"words"
    assert keyring.rotate_master() == "first"
    assert Vault(home.engine, open_keyring(chosen)).open(ONE, sealed, "a") == b"words"
    moved = Vault(home.engine, open_keyring(chosen))
    assert [moved.rewrap(), moved.sealed_under()] == [1, {"first": 1}]
    service.turn("first", "second")
    assert Vault(home.engine, open_keyring(chosen)).open(ONE, sealed, "a") == b"words"
    assert open_keyring(chosen).rotate_master() == "second"
    home.engine.dispose()


def test_a_wrapped_key_is_bound_to_its_purpose(service: Service) -> None:
    """Whatever the service itself binds, a key that was wrapped for one incident does not open for another."""
    command = service.command()
    wrapped = command.wrap(b"k" * 32, "key of incident inc-1")

    assert command.unwrap(*wrapped, "key of incident inc-1") == b"k" * 32
    with pytest.raises(Broken, match=r"inc-2: .* another key than was wrapped"):
        command.unwrap(*wrapped, "key of incident inc-2")


def test_nothing_secret_is_an_argument(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The command gets one word, no setting of ours in its environment, and nothing of it is logged."""
    monkeypatch.setenv("TOCSIN_SENDGRID_API_KEY", "SG.secret")
    with caplog.at_level(logging.DEBUG):
        make_keyring(settings(tmp_path / "home", keys_command=service.line))

    assert {'[["wrap"], []]', '[["unwrap"], []]', '[["current"], []]'} >= set(service.seen.splitlines())
    assert caplog.records == []


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ("import time; time.sleep(20)", Deferred, "did not wrap within 0.5 s.*TOCSIN_KEYS_COMMAND_SECONDS"),
        ("raise SystemExit(3)", Deferred, "ended with code 3 at `wrap`"),
        ("print('SECRET')", Broken, "7 bytes that are no JSON object"),
        ("print('[]')", Broken, "no JSON object"),
        ("print('{}')", Broken, "answered without wrapped"),
        ("""print('{"wrapped": "?"}')""", Broken, "no base64"),
        (
            "import json, sys; print(json.dumps({'key_id': 'a', 'wrapped': json.loads(sys.stdin.read())['key']}))",
            Broken,
            "in clear",
        ),
    ],
)
def test_a_command_that_fails_is_named(tmp_path: Path, script: str, error: type[Exception], words: str) -> None:
    """Each way to fail says which, with the fix, and repeats neither the key nor what the command printed."""
    path = tmp_path / "command.py"
    path.write_text(script)

    # One that is to be late is not waited for; the others have all the time that a busy machine needs.
    with pytest.raises(error, match=words) as failed:
        KeyCommand(f"{sys.executable} '{path}'", 0.5 if "sleep" in script else 20).wrap(b"k" * 32, "here")

    assert "SECRET" not in str(failed.value)
    assert b64encode(b"k" * 30).decode() not in str(failed.value)
    assert failed.value.__cause__ is None


@pytest.mark.parametrize("line", ["", "/nowhere/at/all", "'open"])
def test_a_command_that_cannot_be_run_is_refused(line: str) -> None:
    """An empty line, a missing file and an open quotation are refused, with the setting to correct."""
    with pytest.raises(Refused, match="TOCSIN_KEYS_COMMAND"):
        KeyCommand(line, 5).current()


def test_keys_are_in_one_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A secret and a command at once are refused, since one of them would be ignored."""
    with pytest.raises(ValueError, match="TOCSIN_KEYRING is set too"):
        settings(tmp_path, keyring="x", keys_command="y")


def test_a_failed_making_leaves_nothing(tmp_path: Path) -> None:
    """A command that fails while keys are made leaves no folder, and no plain key anywhere."""
    with pytest.raises(Deferred):
        CommandKeyring.created(tmp_path / "home" / "keys", KeyCommand("false", 5))
    assert list((tmp_path / "home").iterdir()) == []
