"""The spool: a report that the engine does not take is neither lost, nor told twice, nor readable by who finds it."""

import multiprocessing
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin.adapters.keyring import FileKeyring, engine_public
from tocsin.adapters.spool import Spool
from tocsin.domain.act import Act, Actor, Envelope, Report, Role
from tocsin.domain.errors import Deferred, Refused
from tocsin.domain.incident import Facts
from tocsin.domain.values import ActId, IncidentId, PersonId

AT = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)
ASHA = Actor(person_id=PersonId("per-asha"), name="Asha Rao", roles=frozenset({Role.RESPONDER}))
MARKER = "Birch Clinic's patient files"


def a_report(name: str = "act-first", title: str = MARKER) -> Envelope:
    """Return a report as the command line makes it."""
    deed = Report(facts=Facts(title=title), source_key="src-1")
    act = Act(act_id=ActId(name), incident_id=IncidentId("inc-1"), actor=ASHA, at=AT, deed=deed)
    return Envelope(act=act, expires_at=AT + timedelta(minutes=10))


class TheEngine:
    """Takes reports, or fails as the real one does."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.taken: list[Envelope] = []

    def __call__(self, envelope: Envelope) -> None:
        """Take a report."""
        if self.error is not None:
            raise self.error
        self.taken.append(envelope)


@pytest.fixture
def keyring(tmp_path: Path) -> FileKeyring:
    """The keys of an engine."""
    return FileKeyring.create(tmp_path / "keys")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where reports are kept."""
    return tmp_path / "spool"


@pytest.fixture
def spool(folder: Path, tmp_path: Path, keyring: FileKeyring) -> Spool:
    """A spool that seals to the engine."""
    return Spool(folder, engine_public(tmp_path / "keys"))


@pytest.fixture
def opening(keyring: FileKeyring) -> Callable[[bytes], bytes]:
    """How the engine opens what is sealed to it."""
    return keyring.open_from_engine


def test_delivered_unchanged_and_once(spool: Spool, opening: Callable[[bytes], bytes]) -> None:
    """A spooled report arrives with its act id and instant, and its file is gone once it is taken."""
    spool.put(a_report())
    engine = TheEngine()
    assert spool.drain(opening, engine).taken == (ActId("act-first"),)
    assert engine.taken == [a_report()]
    assert not spool.waiting()
    assert spool.drain(opening, engine).taken == ()


def test_stays_while_nobody_answers(spool: Spool, opening: Callable[[bytes], bytes]) -> None:
    """A report is kept as long as the engine does not answer, and delivered when it does."""
    spool.put(a_report())
    assert spool.drain(opening, TheEngine(Deferred("no answer"))).waiting == 1
    assert spool.drain(opening, TheEngine()).taken == (ActId("act-first"),)


def test_oldest_first(spool: Spool, opening: Callable[[bytes], bytes]) -> None:
    """Reports are delivered in the order in which they were made."""
    for name in ("act-z", "act-m", "act-a"):
        spool.put(a_report(name))
    engine = TheEngine()
    spool.drain(opening, engine)
    assert [envelope.act.act_id for envelope in engine.taken] == ["act-z", "act-m", "act-a"]


def test_the_same_act_is_one_file(spool: Spool) -> None:
    """Keeping the same report twice keeps it once."""
    assert spool.put(a_report()) == spool.put(a_report())
    assert len(spool.waiting()) == 1


def test_sealed_and_private(spool: Spool, folder: Path) -> None:
    """Nobody but the owner can open the file, and whoever does reads nothing of the report in it."""
    path = spool.put(a_report())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert MARKER.encode() not in path.read_bytes()
    assert b"Asha" not in path.read_bytes()


def test_another_installation_cannot_open_it(spool: Spool, tmp_path: Path) -> None:
    """A report sealed to one engine is no other engine's to read; it is kept, and named."""
    spool.put(a_report())
    stranger = FileKeyring.create(tmp_path / "stranger")
    engine = TheEngine()
    ((name, why),) = spool.drain(stranger.open_from_engine, engine).set_aside
    assert (name, engine.taken) == ("act-first.corrupt", [])
    assert "cannot be read" in why


def test_a_corrupt_file_is_kept_and_blocks_nobody(spool: Spool, opening: Callable[[bytes], bytes]) -> None:
    """A damaged file is set aside under its name; the reports behind it are delivered."""
    damaged = spool.put(a_report("act-damaged"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    spool.put(a_report("act-whole"))
    drained = spool.drain(opening, TheEngine())
    assert drained.taken == (ActId("act-whole"),)
    assert [path.name for path in spool.set_aside()] == ["act-damaged.corrupt"]
    assert drained.waiting == 0


def test_a_refused_report_is_kept_for_a_person(spool: Spool, opening: Callable[[bytes], bytes]) -> None:
    """A report that the engine will never take is not thrown away, and not tried for ever."""
    spool.put(a_report())
    drained = spool.drain(opening, TheEngine(Refused("an auditor reads and changes nothing")))
    assert drained.set_aside == (("act-first.refused", "an auditor reads and changes nothing"),)
    assert spool.drain(opening, TheEngine()).taken == ()


def test_no_half_written_file_is_delivered(spool: Spool, folder: Path, opening: Callable[[bytes], bytes]) -> None:
    """What a crash left half-written, under its temporary name, is not taken for a report."""
    spool.put(a_report())
    (folder / ".act-other-1234").write_bytes(b"half")
    assert spool.drain(opening, TheEngine()).taken == (ActId("act-first"),)


def test_one_drainer_at_most(spool: Spool, folder: Path) -> None:
    """While one process drains, a second one is told so, in this process and in another."""
    with spool.only_drainer() as first, spool.only_drainer() as second:
        assert (first, second) == (True, False)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(try_to_drain, (folder,)) is False
    with spool.only_drainer() as again:
        assert again is True


def try_to_drain(folder: Path) -> bool:
    """Ask for the lock, as another process."""
    with Spool(folder, b"").only_drainer() as mine:
        return mine
