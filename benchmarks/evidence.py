"""How long the evidence of a large incident takes, and how much memory: `python -m benchmarks.evidence [NOTICES]`.

The incident is made by the deeds of the engine themselves, without Temporal between them; letters are claimed and
taken, not sent. Beside it stands plain work on the same pack: reading each file and computing its SHA-256.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.acts import Acts, ActToRecord, Projection
from activities.duties import Duties, Resolving
from activities.letters import Letters, Planning, Rendering, Sealing, Sender
from benchmarks.rows import Rows
from tocsin.adapters.door import SignedDoor
from tocsin.adapters.evidence import Means, check_evidence, standalone, write_evidence
from tocsin.adapters.evidence.sign import LogSigner
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.law import PolicyLaw
from tocsin.adapters.letters import JinjaLetters
from tocsin.adapters.notary import LogNotary
from tocsin.adapters.outbox import Outbox
from tocsin.adapters.register_csv import read_register
from tocsin.adapters.sql import SqlStore, create_engine_for, migrate, open_store
from tocsin.adapters.vault import Vault
from tocsin.domain.act import Act, Actor, Confirm, Deed, Draft, Envelope, Release, Report, Role
from tocsin.domain.incident import Facts
from tocsin.domain.incident_state import IncidentState, WaveState, apply, wave_id_of
from tocsin.domain.ladder import Ladder
from tocsin.domain.notice import NoticeState
from tocsin.domain.values import ActId, IncidentId, PersonId, WaveId
from tocsin.ports import Stamp
from tocsin.steps import moved, record

NOTICES, SMALLER, CEILING, GROWTH, FLAT = 10_000, 5, 30.0, 1.4, 1.3
"""Letters, how many times fewer growth is measured from, seconds, how far from linear time may lie, and from flat."""
INCIDENT = IncidentId("inc-large")
BEGAN = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
RANGE = 500


def main() -> int:
    """Measure, print, and return 1 if a target is missed."""
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measured(int(sys.argv[2]))))
        return 0
    count = int(sys.argv[1]) if len(sys.argv) > 1 else NOTICES
    small, large, rows = _child(count // SMALLER), _child(count), Rows()
    name = f"evidence of {count:,} notices"
    rows.ceiling(f"{name}: write the pack as .zip, seconds", large["write"], CEILING)
    rows.ceiling(f"{name}: time / that of a fifth, over linear", large["write"] / small["write"] / SMALLER, GROWTH)
    for part, words in (("memory", "writing"), ("checking", "tocsin verify"), ("lonely", "verify.py")):
        grown = large[part] / small[part]
        rows.ceiling(f"{name}: peak memory of {words} / that of a fifth", round(grown, 2), FLAT)
        rows.told(f"{name}: peak memory of {words}, MB", round(large[part] / 1024, 1))
        each = (large[part] - small[part]) / (count - count // SMALLER)
        rows.told(f"{name}: {words}, KB that a notice adds", round(each, 2))
    rows.told(f"{name}: verify in full, seconds", round(large["full"], 2))
    rows.told(f"{name}: verify.py, seconds", round(large["alone"], 2))
    rows.told(f"{name}: write / reading and hashing its files", round(large["write"] / large["plain"], 1))
    rows.told(f"{name}: the pack, MB", round(large["size"] / 1e6, 1))
    rows.keep()
    return 0 if rows.hold else 1


def measured(count: int) -> dict[str, float]:
    """Make an incident of this many letters, write its pack, and check it both ways."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        subprocess.run([sys.executable, "-c", _MAKE, str(home), str(count)], check=True)  # noqa: S603
        keyring, url = FileKeyring.open(home / "keys"), f"sqlite:///{home / 'store.sqlite'}"
        store = open_store(url, Vault(create_engine_for(url), keyring))
        means, pack = Means(Vault(create_engine_for(url), keyring), LogSigner(keyring)), home / "pack.zip"
        seconds = {"write": _timed(lambda: _held(write_evidence(store, means, INCIDENT, pack).holds))}
        seconds["memory"] = peak()
        seconds |= {"checking": _peak(_CHECK, pack), "lonely": _peak(_LONELY, pack)}
        seconds["full"] = _timed(lambda: _held(check_evidence(pack).holds))
        seconds["alone"] = _timed(lambda: _held(not any(faults for _, faults in standalone.verify(pack))))
        seconds["plain"] = _timed(lambda: _plainly(pack))
        store.close()
        return seconds | {"size": float(pack.stat().st_size)}


class Large:
    """An incident with many parties, told by the deeds of the engine."""

    def __init__(self, home: Path, count: int) -> None:
        self.keyring, url = FileKeyring.create(home / "keys"), f"sqlite:///{home / 'store.sqlite'}"
        migrate(url)
        self.vault = Vault(create_engine_for(url), self.keyring)
        self.store: SqlStore = open_store(url, self.vault)
        door, notary = SignedDoor(self.keyring.door_publics(), True), LogNotary.of(self.keyring)
        self.acts = Acts(self.store, door, self.vault, notary)
        self.duties = Duties(self.store, PolicyLaw.load(home), Ladder(rungs=()))
        sender = Sender(name="Processor Ltd", address="desk@processor.example")
        self.letters = Letters(self.store, JinjaLetters(), Outbox(home / "outbox"), sender)
        self.state, self.sequence, self.count = IncidentState(incident_id=INCIDENT), 0, count
        lines = "".join(f"A-{n},Party {n},72h from confirmation,records,Desk <d@p{n}.example>\n" for n in range(count))
        text = f"agreement,party,notify,services,contact\n{lines}"
        with self.store.writing() as tx:
            tx.register.publish(read_register(text.encode(), self.keyring.id_key()), BEGAN)

    def tell(self) -> None:
        """Report, confirm, draft, release; and have every letter taken."""
        self.do(Report(facts=Facts(title="A large one", services=("records",)), source_key="alert"), "Asha")
        self.resolve()
        self.do(Confirm(), "Asha")
        self.resolve()
        wave_id = self.draft()
        self.do(Release(wave_id=wave_id, digest=self.state.waves[wave_id].digest), "Dara")
        for first in range(0, self.state.waves[wave_id].rows, RANGE):
            at = self.stamp().at
            with self.store.writing() as tx:
                taken = tx.ledger.claim(wave_id, first, first + RANGE, RANGE, at).rows
                record(tx, [moved(one.notice, NoticeState.ACCEPTED, at) for one in taken], at)
        self.store.close()

    def do(self, deed: Deed, name: str) -> Act:
        """Record an act."""
        stamp, roles = self.stamp(), frozenset({Role.RESPONDER, Role.APPROVER})
        actor = Actor(person_id=PersonId(f"per-{name}"), name=name, roles=roles)
        act_id = ActId(f"act-{self.sequence}")
        act = Act(act_id=act_id, incident_id=INCIDENT, actor=actor, at=stamp.at, deed=deed)
        self.state = apply(self.state, act).model_copy(update={"sequence": stamp.sequence})
        envelope = Envelope(act=act, expires_at=stamp.at + timedelta(minutes=10))
        self.acts.record(ActToRecord(stamp=stamp, envelope=envelope, state=self.state))
        return act

    def resolve(self) -> None:
        """Resolve the duties, and show the clocks."""
        order = Resolving(stamp=self.stamp(), status=self.state.status, triggers=self.state.triggers)
        clocks = {spec.clock_id: spec for spec in self.duties.resolve(order).clocks}
        self.show("clocks.kept", {"clocks": len(clocks)}, clocks=clocks)

    def draft(self) -> WaveId:
        """Have the letters written."""
        act = self.do(Draft(), "Asha")
        wave_id, drafter = wave_id_of(act), act.actor.person_id
        self.letters.plan(Planning(stamp=self.stamp(), wave_id=wave_id, draft=Draft(), drafter=drafter))
        for first in range(0, self.count, RANGE):
            rendering = Rendering(
                incident_id=INCIDENT, wave_id=wave_id, first=first, last=first + RANGE, triggers=self.state.triggers
            )
            self.letters.render(rendering)
        sealed = self.letters.seal(Sealing(stamp=self.stamp(), wave_id=wave_id))
        wave = WaveState(kind=Draft().wave_kind, drafter=drafter, digest=sealed.digest, rows=sealed.rows, draft=Draft())
        self.show("wave.ready", {"wave": wave_id}, waves={wave_id: wave})
        return wave_id

    def show(self, kind: str, data: dict[str, str | int], **change: object) -> None:
        """Write the projection."""
        stamp = self.stamp()
        self.state = self.state.model_copy(update={**change, "sequence": stamp.sequence})
        self.acts.project(Projection(stamp=stamp, state=self.state, kind=kind, data=data))

    def stamp(self) -> Stamp:
        """Return the next stamp, a minute later."""
        self.sequence += 1
        at = BEGAN + timedelta(minutes=self.sequence)
        workflow_id = f"tocsin/incident/{INCIDENT}"
        return Stamp(workflow_id=workflow_id, run_id="run", sequence=self.sequence, at=at, incident_id=INCIDENT)


_MAKE = (
    "import sys; from pathlib import Path; from benchmarks.evidence import Large; "
    "Large(Path(sys.argv[1]), int(sys.argv[2])).tell()"
)
"""In a process of its own: what making the incident took in memory is not what writing its pack takes."""


_PEAK = "; from benchmarks.evidence import peak; print(peak())"
_CHECK = (
    "import sys; from pathlib import Path; from tocsin.adapters.evidence import check_evidence; "
    "assert check_evidence(Path(sys.argv[1])).holds"
)
_LONELY = (
    "import sys; from pathlib import Path; from tocsin.adapters.evidence.standalone import verify; "
    "assert not any(faults for _, faults in verify(Path(sys.argv[1])))"
)


def peak() -> float:
    """Return the peak of this process's memory, in KB; what `resource` tells begins with the parent's."""
    return float(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])


def _peak(code: str, pack: Path) -> float:
    """Return the peak of memory, in KB, of a process that does this to the pack."""
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code + _PEAK, str(pack)], check=True, capture_output=True, text=True
    )
    return float(ran.stdout)


def _plainly(pack: Path) -> None:
    with zipfile.ZipFile(pack) as opened:
        for name in opened.namelist():
            hashlib.sha256(opened.read(name)).hexdigest()


def _held(holds: bool) -> None:
    if not holds:
        sys.exit("the evidence does not hold")


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _child(count: int) -> dict[str, float]:
    """Measure in a process of its own: the peak of memory is a process's, and never falls."""
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.evidence", "--child", str(count)], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(ran.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
