"""What a thief of the files would read: no name, no address, no word of the incident."""

import csv
import json
import re
from base64 import b64decode, b64encode
from io import StringIO
from pathlib import Path

import pytest

from tests.acceptance.doors import CHAT_SECRET, PASSWORD
from tests.acceptance.life import REGISTER, SAID, Life

LETTER = ("Security incident notice", "promised in agreement", "data that we handle for you")
ACTORS = ("Asha Rao", "Dara Okafor")


@pytest.fixture(scope="module")
def planted() -> dict[str, list[bytes]]:
    """Each planted word, with the byte sequences that would give it away: as it is, and inside base64."""
    cells = [cell for row in csv.DictReader(StringIO(REGISTER)) for name, cell in row.items() if name != "notify"]
    people = re.findall(r"[^;<>]{6,}", ";".join(cells))
    words = {word.strip() for word in people} - {"due_immediately", "resume_remaining", "Europe/London"}
    words = {word for word in words if not word.startswith(("Europe/", "resume_"))}
    return {word: _forms(word) for word in (*words, *SAID.values(), *LETTER, *ACTORS)}


def _forms(word: str) -> list[bytes]:
    raw = word.encode()
    # Base64 looks different at each of three offsets; the first and last characters depend on the neighbours.
    return [raw, *(b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4] for shift in range(3))]


def _read(base: Path) -> bytes:
    """Return an SQLite file with its write-ahead log."""
    files = (base, base.with_name(f"{base.name}-wal"))
    return b"".join(file.read_bytes() for file in files if file.exists())


def _found(planted: dict[str, list[bytes]], content: bytes) -> list[str]:
    return [word for word, forms in planted.items() if any(form in content for form in forms)]


def test_temporal_holds_no_word(life: Life, planted: dict[str, list[bytes]]) -> None:
    """Temporal's own file knows the incident by its id and holds none of its names, addresses or words."""
    content = _read(life.temporal / "temporal.sqlite")
    assert life.incident.encode() in content
    assert _found(planted, content) == []


def test_store_holds_no_word(life: Life, planted: dict[str, list[bytes]]) -> None:
    """The store's file knows the incident by its id and holds none of its names, addresses or words."""
    content = _read(life.installation.home / "store.sqlite")
    assert life.incident.encode() in content
    assert _found(planted, content) == []


def test_every_door_was_gone_through(life: Life) -> None:
    """What is planted came in by each door: webhook, chat, program, sign-in, page, refused form, spooled report."""
    taken = {"webhook": 200, "chat": 200, "program": 202, "spool": 3}
    seen = {"invitation": 303, "login": 303, "page": 200, "form": 303, "refused form": 409}
    assert life.answered == taken | seen


def test_spool_holds_no_word(life: Life, planted: dict[str, list[bytes]]) -> None:
    """A report that waits for the engine lies there sealed to it."""
    (waiting,) = (life.installation.home / "spool").glob("*.report")
    assert _found(planted, waiting.read_bytes()) == []


def test_keys_lie_nowhere_else(life: Life) -> None:
    """No secret key, password or shared secret is in the store, in Temporal, in the spool or in what was printed."""
    home = life.installation.home
    secret = {text.strip() for name in ("ids.key", "door.key", "log.key", "engine.key") for text in [_key(home, name)]}
    masters = json.loads(_key(home, "masters.json"))["keys"].values()
    texts = [CHAT_SECRET, PASSWORD, *secret, *masters]
    forms = {text: [*_forms(text), *([b64decode(text)] if text in {*secret, *masters} else [])] for text in texts}
    assert len(forms) >= 7
    files = [*home.glob("*.out"), *(path for path in (home / "spool").iterdir() if path.is_file())]
    content = [_read(home / "store.sqlite"), _read(life.temporal / "temporal.sqlite"), *map(Path.read_bytes, files)]
    assert _found(forms, b"".join(content)) == []


def _key(home: Path, name: str) -> str:
    return (home / "keys" / name).read_text()


def test_worker_prints_no_word(life: Life, planted: dict[str, list[bytes]]) -> None:
    """Neither worker, console nor server prints a name, an address or a word of the incident."""
    home = life.installation.home
    printed = [*home.glob("worker-*.out"), home / "console.out", life.temporal / "server.out"]
    content = b"".join(file.read_bytes() for file in printed)
    assert b"polls tocsin" in content
    assert _found(planted, content) == []


def test_pages_hold_no_name(life: Life, planted: dict[str, list[bytes]]) -> None:
    """A page goes through mail unsealed, so it names ids and counts only."""
    pages = "".join(life.installation.pages()).encode()
    assert life.incident.encode() in pages
    assert _found(planted, pages) == []


def test_outbox_would_be_found(life: Life, planted: dict[str, list[bytes]]) -> None:
    """The search finds the same words where they belong: in the letters."""
    letters = b"".join(path.read_bytes().replace(b"=\r\n", b"") for path in life.installation.letters())
    assert {"Birch Clinic", "beth@birch-clinic.example", SAID["summary"], LETTER[0]} <= set(_found(planted, letters))
