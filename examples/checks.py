"""What the demo reads back from the store and the outbox, and what must be true there for it to go on."""

import hashlib
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tocsin.cli.session import Session
from tocsin.domain.clock import ClockRow, ClockState
from tocsin.domain.errors import Broken
from tocsin.domain.incident import Status
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.letter import Letter
from tocsin.domain.notice import SENT, Notice, NoticeState
from tocsin.domain.task import Task, TaskKind, TaskState
from tocsin.domain.values import WaveId
from tocsin.ports import Transaction, WaveRow

CLOCKS_END_WITHIN = 60.0
"""Seconds for a clock to hear that its last duty has ended, on a busy machine."""

Outbox = dict[str, str]
"""The SHA-256 of each letter's file by its name."""


class Checks:
    """Reads a home as an auditor would: it changes nothing. Failed checks raise Broken."""

    def __init__(self, home: Path) -> None:
        self._notices = home / "outbox" / "notices"
        self._work = Session("noor")

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that only reads."""
        return self._work.store.reading()

    def newest_wave(self) -> WaveRow:
        """Return the wave that was drafted last."""
        with self.reading() as tx:
            return tx.ledger.waves(_only(tx).incident_id)[-1]

    def recipients(self, wave_id: WaveId) -> int:
        """Count those whom a wave is meant for; deputies in reserve are not."""
        with self.reading() as tx:
            return sum(notice.chain_position == 0 for notice in tx.ledger.notices(wave_id))

    def references_of(self, service: str) -> list[str]:
        """Return the references of the agreements that cover a service."""
        with self.reading() as tx:
            found = sorted(a.reference for a in tx.register.agreements() if service in a.services)
        if not found:
            raise Broken(f"no agreement of the register covers {service!r}; the demo needs some that do")
        return found

    def tasks_by_hand(self) -> list[Task]:
        """Return the notices that wait for a person."""
        with self.reading() as tx:
            tasks = tx.tasks.of(_only(tx).incident_id)
        return [task for task in tasks if task.kind is TaskKind.NOTICE and task.state is not TaskState.DONE]

    def clocks(self) -> list[ClockRow]:
        """Return the clocks, as soon as each has ended that has no open duty any more: their end trails the wave's."""
        give_up_at = time.monotonic() + CLOCKS_END_WITHIN
        while True:
            with self.reading() as tx:
                rows = tx.duties.clocks(_only(tx).incident_id)
            done = [row for row in rows if not row.open_duties and row.state is ClockState.RUNNING]
            if not done:
                return rows
            if time.monotonic() > give_up_at:
                raise Broken(f"clock {done[0].spec.clock_id} has no open duty and did not end; read the worker's log")
            time.sleep(0.1)

    def first_letter(self, wave: WaveRow) -> Letter:
        """Return a drafted wave's letter to the first agreement of the register that somebody can be written to."""
        with self.reading() as tx:
            references = {a.agreement_id: a.reference for a in tx.register.agreements()}
            rows = [row for row in tx.ledger.notices(wave.wave_id) if row.contact_id and not row.chain_position]
            first = min(rows, key=lambda row: (references[row.agreement_id], row.role))
            letter = tx.ledger.letter(first.notice_id)
        if letter is None:
            raise Broken(f"notice {first.number} of wave {wave.wave_id} was drafted without a letter; draft again")
        return letter

    def outbox(self) -> Outbox:
        """Return what lies in the outbox."""
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self._notices.glob("*.eml")}

    def each_letter_lies_once(self) -> int:
        """Check that the outbox holds one file for each notice that the ledger calls sent; return how many."""
        with self.reading() as tx:
            sent = _sent(tx.ledger.of(_only(tx).incident_id))
        files = self.outbox()
        if len(sent) != len(files) or {notice.provider_id for notice in sent} != files.keys():
            raise Broken(f"the ledger says {len(sent)} letters, {self._notices} holds {len(files)}; compare the two")
        return len(files)

    def only_new_ones_were_written_to(self, before: Outbox, references: Iterable[str]) -> int:
        """Check that the newest wave went to these agreements alone; return how many letters it added."""
        with self.reading() as tx:
            meant = {a.agreement_id for a in tx.register.agreements() if a.reference in set(references)}
            new = _sent(tx.ledger.notices(self.newest_wave().wave_id))
        if {notice.agreement_id for notice in new} != meant:
            raise Broken("the wave to those found later did not go to them, all of them and nobody else; see `show`")
        after = self.outbox()
        if not before.items() <= after.items() or after.keys() - before.keys() != {n.provider_id for n in new}:
            raise Broken(f"{self._notices} changed by more than the new letters; compare it with the ledger")
        return len(new)

    def follow_ups_name(self, measure: str) -> list[EmailMessage]:
        """Check that each letter of the newest wave names a measure, in text and HTML; return the letters."""
        with self.reading() as tx:
            references = {a.agreement_id: a.reference for a in tx.register.agreements()}
            sent = _sent(tx.ledger.notices(self.newest_wave().wave_id))
        sent.sort(key=lambda notice: references[notice.agreement_id])
        letters = [_letter(self._notices / str(notice.provider_id)) for notice in sent]
        silent = [letter["To"] for letter in letters if not _says(letter, measure)]
        if silent or not letters:
            raise Broken(
                f"{len(silent)} of {len(letters)} follow-up letters do not name {measure!r}, as to {silent[:1]}"
            )
        return letters

    def is_closed(self) -> None:
        """Check that the incident has ended."""
        with self.reading() as tx:
            state = _only(tx)
        if state.status is not Status.CLOSED:
            raise Broken(f"incident {state.incident_id} is {state.status} after `tocsin close`; see `tocsin show last`")


def excerpt(letter: EmailMessage, heading: str) -> list[str]:
    """Return the part of a letter's text below a heading, with the heading."""
    lines = _part(letter, "plain").splitlines()
    first = lines.index(heading) if heading in lines else 0
    last = next((n for n in range(first + 1, len(lines)) if lines[n][:1].strip()), len(lines))
    return "\n".join(lines[first:last]).rstrip().split("\n")


def _only(tx: Transaction) -> IncidentState:
    states = tx.incidents.all()
    if len(states) != 1:
        raise Broken(f"the demo's home holds {len(states)} incidents instead of its one; play the demo again")
    return states[0]


def _sent(notices: Iterable[Notice]) -> list[Notice]:
    return [n for n in notices if n.state in SENT and n.state is not NoticeState.TOLD_BY_HAND]


def _letter(path: Path) -> EmailMessage:
    letter = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(letter, EmailMessage)
    return letter


def _says(letter: EmailMessage, words: str) -> bool:
    return all(words in " ".join(_part(letter, kind).split()) for kind in ("plain", "html"))


def _part(letter: EmailMessage, kind: str) -> str:
    body = letter.get_body((kind,))
    return str(body.get_content()) if body is not None else ""
