"""What a thief of the files would read: no name, no address, no word of the incident."""

import csv
import re
from base64 import b64encode
from io import StringIO
from pathlib import Path

import pytest

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


def test_worker_prints_no_word(life: Life, planted: dict[str, list[bytes]]) -> None:
    """Neither the worker nor the server prints a name, an address or a word of the incident."""
    printed = [*life.installation.home.glob("worker-*.out"), life.temporal / "server.out"]
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
