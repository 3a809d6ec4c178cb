"""An installation whose store holds many open incidents, put there through the ports, as their workflows would."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.acceptance.stack import Installation, free_port
from tests.ports.story import agreement, clock, duty, entry, facts, notice, state, task, wave
from tocsin.adapters.keyring import FileKeyring
from tocsin.adapters.passwords import digest_of
from tocsin.adapters.sql import SqlStore, create_engine_for, open_store
from tocsin.adapters.vault import Vault
from tocsin.console.office import WITH_PASSWORD
from tocsin.domain.account import Account, SignedIn
from tocsin.domain.act import Draft
from tocsin.domain.clock import ClockRow
from tocsin.domain.duty import Duty
from tocsin.domain.incident import Status
from tocsin.domain.incident_state import IncidentState, WaveState
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.register import Affected
from tocsin.domain.task import Task
from tocsin.domain.values import ActId, ClockId, DutyId, IncidentId, NoticeId, PersonId, TaskId, WaveId, opaque_id
from tocsin.ports import Transaction, WaveRow

NOTICES, TASKS = 50, 6
"""Of each incident."""
HOUR = timedelta(hours=1)


def made(folder: Path, readers: int) -> tuple[Installation, int]:
    """Return an installation with so many approvers, and its console's port. No engine listens where it looks."""
    port = free_port()
    installation = Installation(folder / "home", "127.0.0.1:9", "bench", CONSOLE_ADDRESS=f"127.0.0.1:{port}")
    installation.does("init")
    person = '[people.reader-{0}]\nname = "Reader {0}"\nemail = "reader-{0}@processor.example"\nroles = ["approver"]\n'
    lines = (person.format(number) for number in range(readers))
    (installation.home / "people.toml").write_text("\n".join(lines))
    return installation, port


def fill(home: Path, incidents: int, readers: int) -> list[str]:
    """Fill the store of a home; return the secret of each reader's session."""
    keyring, url = FileKeyring.open(home / "keys"), f"sqlite:///{home / 'store.sqlite'}"
    engine = create_engine_for(url)
    vault, now = Vault(engine, keyring), datetime.now(UTC)
    store = open_store(url, vault)
    with store.writing() as tx:
        tx.register.publish((agreement(number) for number in range(NOTICES)), now)
    for number in range(incidents):
        vault.ensure(incident(number))
    for first in range(0, incidents, 50):
        with store.writing() as tx:
            for number in range(first, min(first + 50, incidents)):
                _put(tx, number, now)
    secrets = list(_sessions(store, keyring, readers, now))
    store.close()
    engine.dispose()
    return secrets


def incident(number: int) -> IncidentId:
    """Return an incident's id; the smaller its number, the nearer its deadline."""
    return IncidentId(f"inc-{number:05}")


def _put(tx: Transaction, number: int, now: datetime) -> None:
    one, row, sent = incident(number), _clock(number, now), _wave(number, now)
    told = WaveState(kind=sent.kind, drafter=sent.drafter, digest="0" * 64, rows=NOTICES, draft=Draft(), released=True)
    held = {
        "clocks": {row.spec.clock_id: row.spec},
        "waves": {sent.wave_id: told},
    }
    base = state(incident_id=one, status=Status.CONFIRMED, reported_at=now - HOUR)
    tx.incidents.put_state(IncidentState.model_validate(dict(base) | held), now)
    tx.incidents.put_facts(one, facts(f"Odd logins on service {number}"), now, ActId(f"act-{one}"))
    tx.register.pin(one, [Affected(agreement=agreement(n), revision=1) for n in range(NOTICES)])
    tx.duties.put_clock(row)
    tx.duties.put(_duty(number, n, now) for n in range(NOTICES))
    tx.ledger.put_wave(sent)
    tx.ledger.plan(_notices(number, sent, now))
    tx.tasks.put([_task(number, n, now) for n in range(TASKS)], 1)
    tx.log.append(entry(f"{one}/{n}", incident_id=one) for n in range(10))


def _clock(number: int, now: datetime) -> ClockRow:
    due = now + timedelta(minutes=60 + number)
    spec = clock(ClockId(f"clk-{number:05}"), due=due).spec
    return ClockRow(spec=spec.model_copy(update={"incident_id": incident(number), "trigger_at": now - 72 * HOUR}))


def _duty(number: int, ordinal: int, now: datetime) -> Duty:
    own = {
        "duty_id": DutyId(f"dty-{number:05}-{ordinal}"),
        "incident_id": incident(number),
        "clock_id": ClockId(f"clk-{number:05}"),
        "trigger_at": now - 72 * HOUR,
    }
    return duty(ordinal, due=now + timedelta(minutes=60 + number)).model_copy(update=own)


def _wave(number: int, now: datetime) -> WaveRow:
    own = {"incident_id": incident(number), "drafted_at": now - HOUR, "released_at": now - HOUR / 2}
    return wave(WaveId(f"wav-{number:05}"), rows=NOTICES, released=True).model_copy(update=own)


def _notices(number: int, sent: WaveRow, now: datetime) -> Iterator[Notice]:
    """Yield the notices of a wave: most are accepted, some wait, one in fifty bounced."""
    for ordinal in range(NOTICES):
        how = NoticeState.BOUNCED if ordinal == 7 else NoticeState.RELEASED if ordinal > 40 else NoticeState.ACCEPTED
        own = {
            "notice_id": NoticeId(f"ntc-{number:05}-{ordinal}"),
            "incident_id": incident(number),
            "number": f"N-{number:05}-{ordinal:02}",
            "duty_ids": (DutyId(f"dty-{number:05}-{ordinal}"),),
            "claimed_at": now if how is not NoticeState.RELEASED else None,
        }
        yield notice(ordinal, state=how, wave_id=sent.wave_id).model_copy(update=own)


def _task(number: int, ordinal: int, now: datetime) -> Task:
    own = {"task_id": TaskId(f"tsk-{number:05}-{ordinal}"), "incident_id": incident(number)}
    return task(f"step-{ordinal}", due=now + (ordinal + 1) * HOUR).model_copy(update=own)


def _sessions(store: SqlStore, keyring: FileKeyring, readers: int, now: datetime) -> Iterator[str]:
    with store.writing() as tx:
        for number in range(readers):
            person, secret = PersonId(opaque_id("per", keyring.id_key(), _user(number))), f"secret-{number:040}"
            tx.accounts.put(Account(person_id=person, user=_user(number), name=f"Reader {number}"))
            at = {"opened_at": now, "seen_at": now}
            said = {"digest": digest_of(secret), "person_id": person, "how": WITH_PASSWORD, **at}
            tx.accounts.open_session(SignedIn.model_validate(said))
            yield secret


def _user(number: int) -> str:
    return f"reader-{number}"
