"""Erasing on a real store, with real keys and files: what goes, what stays, and a crash at any step."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest

from tests.ports.story import AT, HOUR, INCIDENT, OTHER_INCIDENT, WAVE, facts, note, stamp, state
from tests.ports.test_store_sealed import write_all
from tocsin import erasing
from tocsin.adapters.copies import HomeCopies
from tocsin.adapters.door import SignedDoor
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.spool import Spool
from tocsin.adapters.sql import SqlStore
from tocsin.adapters.sql.erasures import SqlErasures
from tocsin.adapters.vault import Vault
from tocsin.audit.verify import verify
from tocsin.domain.act import Act, Actor, Envelope, Role
from tocsin.domain.duty import DutyState
from tocsin.domain.erasure import Erasure, Fate
from tocsin.domain.erasure_deeds import AskErasure, ConfirmErasure
from tocsin.domain.errors import Broken, Refused
from tocsin.domain.incident import Facts, Status
from tocsin.domain.values import ActId, IncidentId, PersonId
from tocsin.ports import Transaction
from tocsin.settings import Settings

KEPT_FOR = timedelta(days=400)
NOW = AT + KEPT_FOR + HOUR
DARA = Actor(person_id=PersonId("per-dara"), name="Dara Okafor", roles=frozenset({Role.APPROVER}))
ADA = Actor(person_id=PersonId("per-ada"), name="Ada Min", roles=frozenset({Role.ADMIN}))
CLOSED = state(9, status=Status.CLOSED)


class Home:
    """An installation with an incident that ended long ago, and every kind of file of it."""

    def __init__(self, store: SqlStore, vault: Vault, keyring: FileKeyring, folder: Path) -> None:
        self.store = store
        self.vault = vault
        self.door = SignedDoor(keyring.door_publics(), allow_direct=True)
        self.settings = Settings(home=folder, backups="nightly=35, tape")
        self.copies = HomeCopies(self.settings, keyring.open_from_engine)
        self.spool = Spool(folder / "spool", keyring.engine_public())
        self.files: list[Path] = []
        store.once(stamp(1), facts(), _written, Facts)
        self._write_files(folder)

    def _write_files(self, folder: Path) -> None:
        outbox, packs = folder / "outbox" / "notices", folder / "evidence"
        for path in (outbox / "0.eml", packs / f"{INCIDENT}-9.zip", packs / f"{OTHER_INCIDENT}-9.zip"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"Birch Clinic")
        self.files = [outbox / "0.eml", packs / f"{INCIDENT}-9.zip", self.spool.put(note("act-spooled"))]
        self.other = [packs / f"{OTHER_INCIDENT}-9.zip", self.spool.put(_note_of(OTHER_INCIDENT))]

    def ask(self, by: Actor = DARA, at: datetime = NOW) -> Erasure:
        """Ask for the erasure."""
        envelope = _envelope(by, AskErasure(reason="six years are over"), at)
        return erasing.ask(self.store, self.door, self.vault, envelope, at, KEPT_FOR)

    def confirm(self, by: Actor = ADA, at: datetime = NOW) -> Erasure:
        """Confirm it."""
        with self.store.reading() as tx:
            asked = tx.erasures.of(INCIDENT)
        request = asked.asked.act.act_id if asked else ActId("act-none")
        envelope = _envelope(by, ConfirmErasure(request=request), at)
        return erasing.confirm(self.store, self.door, self.vault, envelope, at, KEPT_FOR)

    def carry_out(self, at: datetime = NOW) -> Erasure:
        """Destroy what is here."""
        return erasing.carry_out(self.store, self.vault, self.copies, INCIDENT, ADA, at)

    def kinds(self) -> list[str]:
        """Return the kinds of the log's entries about erasing."""
        with self.store.reading() as tx:
            read = [orjson.loads(stored.body)["kind"] for stored in tx.log.entries()]
        return [kind for kind in read if kind.startswith("erasure.")]


@pytest.fixture
def home(store: SqlStore, vault: Vault, keyring: FileKeyring, tmp_path: Path) -> Home:
    """An installation with an incident that ended long ago."""
    return Home(store, vault, keyring, tmp_path / "home")


def _written(tx: Transaction) -> Facts:
    written = write_all(tx)
    tx.incidents.put_state(CLOSED, AT)
    tx.duties.put(duty.model_copy(update={"state": DutyState.DISCHARGED}) for duty in tx.duties.of(INCIDENT))
    tx.duties.put_hold(INCIDENT, tx.duties.holds(INCIDENT)[0].model_copy(update={"lifted_at": AT}))
    tx.incidents.put_state(state(1, incident_id=OTHER_INCIDENT, status=Status.CONFIRMED), AT)
    tx.incidents.put_facts(OTHER_INCIDENT, facts("Laptop lost"), AT, ActId("act-2"))
    return written


def _envelope(by: Actor, deed: AskErasure | ConfirmErasure, at: datetime) -> Envelope:
    act = Act(act_id=ActId(f"act-{deed.kind}-{at:%d%H}"), incident_id=INCIDENT, actor=by, at=at, deed=deed)
    return Envelope(act=act, expires_at=at + HOUR)


def _note_of(incident_id: IncidentId) -> Envelope:
    other = note("act-other")
    return other.model_copy(update={"act": other.act.model_copy(update={"incident_id": incident_id})})


def test_everything_said_is_gone_and_the_log_holds(home: Home) -> None:
    """Key, rows and files of the incident go; other incidents, the log and its proof stay; each step is in the log."""
    home.ask()
    assert home.confirm().sealed_off
    done = home.carry_out()

    assert done.completed_at == NOW
    assert [path for path in home.files if path.exists()] == []
    assert all(path.exists() for path in home.other)
    with home.store.reading() as tx:
        assert tx.incidents.facts(INCIDENT) is None
        assert (tx.incidents.acts(INCIDENT), tx.tasks.of(INCIDENT), tx.duties.holds(INCIDENT)) == ([], [], [])
        assert [tx.ledger.letter(row.notice_id) for row in tx.ledger.notices(WAVE)] == [None, None]
        assert [duty.proof for duty in tx.duties.of(INCIDENT)] == [None, None]
        assert tx.incidents.facts(OTHER_INCIDENT) == facts("Laptop lost")
        assert tx.incidents.state(INCIDENT) == CLOSED
        assert verify(tx.log.entries(), tx.log.head()).holds
        assert tx.erasures.of(INCIDENT) == done
        with pytest.raises(Broken, match="was destroyed"):
            tx.receipts.of([tx.ledger.notices(WAVE)[0].notice_id])
    assert home.kinds() == ["erasure.asked", "erasure.confirmed", "erasure.completed"]


def test_every_copy_is_listed_with_what_became_of_it(home: Home) -> None:
    """What is destroyed, what stays unreadable, and what is out of reach are told apart, with when it goes."""
    home.ask()
    home.confirm()
    done = home.carry_out()

    by_fate = {fate: {copy.what: copy for copy in done.copies if copy.fate is fate} for fate in Fate}
    assert {"the incident's key", "letters", "attached files", "spooled reports"} <= by_fate[Fate.DESTROYED].keys()
    assert "receipts: only ever added to" in by_fate[Fate.UNREADABLE]
    backups = [copy for copy in done.copies if copy.what.startswith("backups")]
    assert [(copy.where, copy.until) for copy in backups] == [("nightly", NOW + timedelta(days=35)), ("tape", None)]
    assert any("receipts that came without our ids" in what for what in by_fate[Fate.OUT_OF_REACH])


@pytest.mark.parametrize("step", ["destroy files", "destroy the key", "forget the rows", "say so"])
def test_a_crash_between_steps_is_made_good(home: Home, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before any step, the erasure is finished by running it again, and ends as if nothing had happened."""
    home.ask()
    home.confirm()
    places: dict[str, tuple[object, str]] = {
        "destroy files": (home.copies, "destroy"),
        "destroy the key": (home.vault, "destroy"),
        "forget the rows": (SqlErasures, "forget"),
        "say so": (erasing, "_completed"),
    }

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(*places[step], killed)
        with pytest.raises(KeyboardInterrupt):
            home.carry_out()

    assert "erasure.completed" not in home.kinds()
    done = home.carry_out()
    letters = [copy for copy in done.copies if (copy.what, copy.fate) == ("letters", Fate.DESTROYED)]
    assert sorted(copy.count or 0 for copy in letters) == [1, 2]
    assert [path for path in home.files if path.exists()] == []
    with home.store.reading() as tx:
        assert tx.incidents.facts(INCIDENT) is None
    assert home.kinds() == ["erasure.asked", "erasure.confirmed", "erasure.completed"]


def test_running_it_again_changes_nothing(home: Home) -> None:
    """Done twice is done once; on a machine with files of its own, those go too, and the log says so."""
    home.ask()
    home.confirm()
    done = home.carry_out()

    assert home.carry_out(NOW + HOUR) == done
    home.files[0].write_bytes(b"a home that was elsewhere")
    more = home.carry_out(NOW + 2 * HOUR)
    assert not home.files[0].exists()
    assert more.completed_at == NOW
    assert home.kinds()[-1] == "erasure.reached"


def test_nothing_is_destroyed_before_two_have_said_so(home: Home) -> None:
    """Without a request, without a confirmation, by one person alone, or before its day nothing goes."""
    attempts: list[Callable[[], object]] = [
        home.carry_out,
        home.confirm,
        lambda: home.ask(at=AT + KEPT_FOR - HOUR),
        lambda: (home.ask(), home.confirm(DARA)),
        home.carry_out,
    ]
    for attempt in attempts:
        with pytest.raises(Refused):
            attempt()
    assert all(path.exists() for path in home.files)
    with home.store.reading() as tx:
        assert tx.incidents.facts(INCIDENT) == facts()


def test_a_hold_and_an_open_duty_forbid_it(home: Home) -> None:
    """A hold that stands and a duty that is open are read from the store, and named."""
    with home.store.writing() as tx:
        tx.duties.put_hold(INCIDENT, tx.duties.holds(INCIDENT)[0].model_copy(update={"lifted_at": None}))
        tx.duties.put([tx.duties.of(INCIDENT)[0].model_copy(update={"state": DutyState.OPEN})])
    with pytest.raises(Refused, match=r"hold\(s\) in force: hld-police; 1 duty or duties still open"):
        home.ask()


def test_what_is_due_is_listed(home: Home) -> None:
    """An incident is due from its day on, until two persons have had it erased; one that is open never is."""
    with home.store.reading() as tx:
        assert tx.erasures.due(AT - HOUR) == []
        assert tx.erasures.due(AT) == [INCIDENT]
    home.ask()
    home.confirm()
    with home.store.reading() as tx:
        assert tx.erasures.due(NOW) == []
        assert tx.erasures.sealed_off() == {INCIDENT}
