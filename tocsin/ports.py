"""What the deeds need from the world. Each protocol states its duties in sentences; every driver keeps them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

from tocsin.audit.checkpoint import Checkpoint
from tocsin.audit.entry import EntryDraft
from tocsin.audit.tree import Frontier
from tocsin.audit.verify import StoredEntry
from tocsin.domain.account import Account, Delegation, SignedIn
from tocsin.domain.act import Envelope
from tocsin.domain.breaker import ChannelState
from tocsin.domain.calendar import Calendar
from tocsin.domain.clock import ClockRow
from tocsin.domain.duty import Duty
from tocsin.domain.erasure import Copy, Erasure
from tocsin.domain.gdpr_decision import WhomToTell
from tocsin.domain.hold import Hold
from tocsin.domain.incident import Facts, Triggers
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.ladder import Ladder, Rung
from tocsin.domain.law_pin import LawPin
from tocsin.domain.letter import Letter, LetterFacts, ProbeFacts, Rendered
from tocsin.domain.notice import Notice, NoticeState, WaveCounts, WaveKind
from tocsin.domain.policy import PolicyId
from tocsin.domain.probing import Round
from tocsin.domain.receipt import Receipt
from tocsin.domain.register import Affected, Agreement
from tocsin.domain.said import Said
from tocsin.domain.task import Playbook, Task
from tocsin.domain.tempo import Tempo
from tocsin.domain.token import Token
from tocsin.domain.values import (
    ActId,
    AgreementId,
    ClockId,
    IncidentId,
    Instant,
    NoticeId,
    PersonId,
    TaskId,
    Value,
    WaveId,
)

V = TypeVar("V", bound=Value)

SWEPT = "sweep"
"""The beat of a sweep that came to its end."""


class Stamp(Value):
    """Which write of which workflow this is. Two writes with the same workflow id and sequence are the same write."""

    workflow_id: str
    run_id: str
    sequence: int
    at: Instant
    incident_id: IncidentId


class WaveRow(Value):
    """A wave as the store holds it."""

    wave_id: WaveId
    incident_id: IncidentId
    kind: WaveKind
    drafted_at: Instant
    drafter: PersonId
    rows: int = 0
    digest: str | None = None
    previous: WaveId | None = None
    released_at: Instant | None = None
    releaser: PersonId | None = None
    stopped: bool = False
    ended_at: Instant | None = None
    unknowns: tuple[str, ...] = ()
    """The names of what its letters could not say yet, and promise."""


class Wanted(NamedTuple):
    """Up to `limit` rows that are wanted for sending, of a wave's rows with first <= ordinal < last."""

    wave_id: WaveId
    first: int
    last: int
    limit: int
    at: datetime


class Claimed(Value):
    """A notice taken for sending: its attempt number fences a later attempt from an earlier one that still runs."""

    notice: Notice
    prepared: bytes


class Claim(Value):
    """What a claim took, and what it had to leave: rows under a hold, or the whole range under a stop."""

    rows: tuple[Claimed, ...]
    held: int = 0
    stopped: bool = False
    down: str = ""
    """Why a channel that rows wait for takes none: it was stopped."""
    paused_until: Instant | None = None
    """When a channel that rows wait for may be asked again, as it wanted."""


class Attachment(Value):
    """A file attached to an incident."""

    sha256: str
    name: str
    media_type: str
    content: bytes
    at: Instant


class Incidents(Protocol):
    """The projection of each incident, its facts and the acts upon it."""

    def put_state(self, state: IncidentState, at: datetime) -> None:
        """Insert or replace the state; a lower `sequence` than the stored one changes nothing."""

    def state(self, incident_id: IncidentId) -> IncidentState | None:
        """Return the state, or None for an unknown incident."""

    def all(self, *, open_only: bool = False) -> list[IncidentState]:
        """Return every incident's state, newest report first; `open_only`: neither closed nor dismissed."""

    def changed_at(self) -> datetime | None:
        """Return when any incident's state was last written, or None."""

    def put_facts(self, incident_id: IncidentId, facts: Facts, at: datetime, act_id: ActId) -> None:
        """Append a version of the facts (sealed under the incident's key). The same act's version is put once."""

    def facts(self, incident_id: IncidentId) -> Facts | None:
        """Return the newest facts, or None."""

    def add_act(self, envelope: Envelope, sequence: int) -> None:
        """Append an act (sealed). The same act id is kept once."""

    def acts(self, incident_id: IncidentId) -> list[Envelope]:
        """Return the acts in the order of their sequence."""

    def act(self, act_id: ActId) -> Envelope | None:
        """Return one act, or None."""

    def attach(self, incident_id: IncidentId, attachment: Attachment) -> None:
        """Keep a file (sealed); the same digest is kept once per incident."""

    def attachments(self, incident_id: IncidentId) -> list[Attachment]:
        """Return the incident's files in the order of `at`."""

    def join(self, incident_id: IncidentId, person_ids: Iterable[PersonId], at: datetime) -> None:
        """Make people members of the incident's team; a member stays one."""

    def team(self, incident_id: IncidentId) -> set[PersonId]:
        """Return who is on the incident's team."""

    def teams_of(self, person_id: PersonId) -> set[IncidentId]:
        """Return the incidents on whose team a person is."""


class Register(Protocol):
    """The agreements, by revision: a published version is never changed. Names and addresses are sealed at rest."""

    def revision(self) -> int:
        """Return the newest revision; 0 when nothing was ever published."""

    def publish(self, agreements: Iterable[Agreement], at: datetime) -> int:
        """Add a version of each agreement that is new or differs; return the revision, unchanged if none does."""

    def agreements(self, revision: int | None = None) -> Iterator[Agreement]:
        """Yield, by reference, each agreement's newest version, or the one in force at `revision`."""

    def agreement(self, agreement_id: AgreementId, revision: int | None = None) -> Agreement | None:
        """Return one agreement's newest version, or the one at `revision`."""

    def pin(self, incident_id: IncidentId, affected: Iterable[Affected]) -> None:
        """Pin agreement versions to an incident; one that is pinned keeps its version and gets the other fields."""

    def pinned(self, incident_id: IncidentId, only: Iterable[AgreementId] | None = None) -> list[Affected]:
        """Return the pins by agreement id, all or those of these agreements, each with the pinned version."""

    def each_pinned(self, incident_id: IncidentId) -> Iterator[list[Affected]]:
        """Yield all pins by agreement id, a page at a time."""

    def affected(self, incident_id: IncidentId) -> set[AgreementId]:
        """Return the agreements of those who are known to be affected."""

    def unaffected(self, incident_id: IncidentId) -> set[AgreementId]:
        """Return the agreements of those who were found not to be affected."""

    def repin(self, incident_id: IncidentId, revision: int) -> None:
        """Pin every agreement of an incident in the version that is in force at `revision`."""

    def outdated(self, incident_id: IncidentId) -> int:
        """Count the incident's agreements of which the register has a newer version than the pinned one."""


class Duties(Protocol):
    """Duties, clocks and holds of incidents."""

    def put(self, duties: Iterable[Duty]) -> None:
        """Insert or replace by duty id."""

    def of(self, incident_id: IncidentId, *, clock_id: ClockId | None = None, open_only: bool = False) -> list[Duty]:
        """Return duties by target, then id."""

    def owed(self, incident_id: IncidentId) -> set[AgreementId]:
        """Return the agreements under which a duty of ours is open."""

    def each_open(self, incident_id: IncidentId) -> Iterator[Duty]:
        """Yield the open duties in the same order, of which few lie in memory at a time."""

    def each(self, incident_id: IncidentId) -> Iterator[Duty]:
        """Yield all duties by id, of which few lie in memory at a time."""

    def by_id(self, duty_ids: Iterable[str]) -> list[Duty]:
        """Return the duties with these ids."""

    def put_clock(self, row: ClockRow) -> None:
        """Insert or replace by clock id. `open_duties` and `total_duties` are not stored but counted on reading."""

    def clock(self, clock_id: ClockId) -> ClockRow | None:
        """Return one clock with its duties counted, or None."""

    def clocks(self, incident_id: IncidentId) -> list[ClockRow]:
        """Return an incident's clocks by target, with their duties counted."""

    def running_clocks(self) -> list[ClockRow]:
        """Return the running clocks of all incidents by target."""

    def put_hold(self, incident_id: IncidentId, hold: Hold) -> None:
        """Insert or replace by hold id (issuer and reference sealed)."""

    def holds(self, incident_id: IncidentId) -> list[Hold]:
        """Return all holds, lifted ones included, by `placed_at`."""


class Ledger(Protocol):
    """Waves, notices and their letters. Intent is committed before a call, the outcome after it."""

    def put_wave(self, wave: WaveRow) -> None:
        """Insert or replace by wave id."""

    def wave(self, wave_id: WaveId) -> WaveRow | None:
        """Return a wave, or None."""

    def put_said(self, wave: WaveRow, said: Said) -> None:
        """Keep what the letters of a wave say (sealed), and the names of what they could not say yet."""

    def said(self, wave_id: WaveId) -> Said | None:
        """Return what the letters of a wave said; None for one from before this was kept."""

    def waves(self, incident_id: IncidentId) -> list[WaveRow]:
        """Return an incident's waves by `drafted_at`."""

    def plan(self, notices: Iterable[Notice]) -> None:
        """Insert rows; a notice id that exists already is left as it is."""

    def discard(self, wave_id: WaveId) -> None:
        """Delete the rows and letters of a wave that was never released. Raises Broken for a released one."""

    def put_letters(self, letters: Iterable[tuple[Notice, Letter, bytes]]) -> None:
        """Store each letter and the bytes its channel prepared (sealed), and replace the notice's row."""

    def letter(self, notice_id: NoticeId) -> Letter | None:
        """Return the rendered letter, or None."""

    def prepared(self, notice_id: NoticeId) -> bytes | None:
        """Return the bytes the channel is given, or None."""

    def sent(self, notice_ids: Sequence[NoticeId]) -> Iterator[tuple[NoticeId, Letter, bytes]]:
        """Yield the letters of these notices, each with the bytes its channel is given, in this order; few at a time.

        One that has no letter is left out.
        """

    def notice(self, notice_id: NoticeId) -> Notice | None:
        """Return one row, or None."""

    def notices(
        self,
        wave_id: WaveId,
        *,
        first: int = 0,
        last: int | None = None,
        states: Iterable[NoticeState] | None = None,
        agreements: Iterable[AgreementId] | None = None,
    ) -> list[Notice]:
        """Return rows with first <= ordinal < last, by ordinal, in the given states, under the given agreements."""

    def parties(
        self, incident_id: IncidentId, states: Iterable[NoticeState], beside: WaveId | None = None
    ) -> set[AgreementId]:
        """Return the agreements under which an incident has a row in one of these states, in another wave."""

    def each(self, wave_id: WaveId) -> Iterator[Notice]:
        """Yield all rows of a wave by ordinal, of which few lie in memory at a time."""

    def of(self, incident_id: IncidentId, *, beside_mail: bool = False) -> list[Notice]:
        """Return all rows of an incident by wave and ordinal, or those that go by another method than mail."""

    def claim(self, wave_id: WaveId, first: int, last: int, limit: int, at: datetime) -> Claim:
        """Take up to `limit` released rows of a range for sending: state `claimed`, attempts + 1, `claimed_at`.

        Holds and stops are read in this same transaction: a row whose agreement an unlifted hold covers is left
        and counted, a stopped wave gives nothing. So are the channels: a row whose channel is paused or stopped is
        left, except one now and then that tries a stopped one. Two claims never take the same row.
        """

    def claim_each(self, wanted: Sequence[Wanted]) -> list[Claim]:
        """Return one claim for each that is wanted, in this order, as `claim` gives it; together they cost far less."""

    def put(self, notices: Iterable[Notice]) -> None:
        """Replace rows by notice id. Raises Broken where the table of transitions forbids the change of state."""

    def by_id(self, notice_ids: Iterable[NoticeId]) -> list[Notice]:
        """Return the rows with these ids, locked against other writers until the transaction ends."""

    def counts(self, wave_id: WaveId) -> WaveCounts:
        """Count the rows of a wave by state."""

    def awaiting(self, wave_id: WaveId) -> Iterator[list[Notice]]:
        """Yield, page by page, the rows of the chain that left and of which a receipt or a press may still come."""

    def silent_since(self, wave_id: WaveId) -> datetime | None:
        """Return when the first accepted row was sent of which its reporting channel has said nothing at all."""

    def is_genuine(self, number: str) -> bool:
        """Say whether a notice of this number has left; no more is read of one that has than of one that has not."""

    def linked(self, token_digest: str) -> Notice | None:
        """Return the notice whose link has the token with this SHA-256, or None."""

    def marks(self, addresses: Iterable[str]) -> list[str]:
        """Return the keyed digest by which the ledger knows each of these addresses, in their order."""

    def marked(self, wave_id: WaveId, first: int, last: int) -> list[tuple[NoticeId, str, str]]:
        """Return the released rows with first <= ordinal < last: each with its channel and the mark of its address."""


class Nudge(Value):
    """A wave that is to look again, since receipts came."""

    incident_id: IncidentId
    wave_id: WaveId
    wanted_at: Instant


class Receipts(Protocol):
    """What channels and recipients say. Only ever added to; raw bytes and details are sealed."""

    def keep(self, receipts: Sequence[tuple[Receipt, bytes]]) -> list[Receipt]:
        """Append receipts with their raw bytes; return those that are new, each once."""

    def of(self, notice_ids: Iterable[NoticeId]) -> list[Receipt]:
        """Return all receipts of these notices by `at`."""

    def raw(self, receipt_id: str) -> bytes | None:
        """Return a receipt as it came, or None."""

    def sent_to(self, address: str, since: datetime) -> list[Notice]:
        """Return the notices that went to an address since an instant."""

    def parked(self) -> list[Receipt]:
        """Return the receipts that nobody could assign, oldest first."""

    def assign(self, receipt_id: str, notice: Notice | None, person_id: PersonId, at: datetime) -> Receipt | None:
        """Give a parked receipt to a notice, or (None) set it aside; return it as the notice's own.

        Raises:
            Refused: if it is not parked.
        """

    def wait(self, notices: Iterable[Notice]) -> None:
        """Note that receipts of these notices are applied once their calls have ended."""

    def waiting(self, wave_id: WaveId) -> list[NoticeId]:
        """Return the notices of a wave for which that was noted, and forget it."""

    def ask_nudge(self, waves: Iterable[tuple[IncidentId, WaveId]], at: datetime) -> None:
        """Ask that these waves look again."""

    def nudges(self, sent_before: datetime) -> list[Nudge]:
        """Return what was asked for, of the waves that were not nudged since `sent_before`."""

    def nudged(self, nudge: Nudge, at: datetime) -> None:
        """Note that a wave was nudged; what was asked for since then stays."""


class Tasks(Protocol):
    """The tasks of incidents; titles, outcomes and proofs are sealed."""

    def put(self, tasks: Iterable[Task], sequence: int) -> None:
        """Insert or replace by task id; a lower sequence than the stored one changes nothing."""

    def of(self, incident_id: IncidentId) -> list[Task]:
        """Return an incident's tasks by due time."""

    def one(self, task_id: TaskId) -> Task | None:
        """Return one task, or None."""


class Log(Protocol):
    """The append-only audit log. Only `append` writes; nothing updates or deletes."""

    def append(self, drafts: Iterable[EntryDraft]) -> list[int]:
        """Append entries with gapless numbers and move the head, in the transaction of the caller.

        A draft whose key is in the log already is not appended again; its number is returned instead.
        """

    def has(self, key: str) -> bool:
        """Say whether an entry of this key is in the log."""

    def entries(self, first: int = 0, *, incident_id: IncidentId | None = None) -> Iterator[StoredEntry]:
        """Yield entries by number from `first`, streamed."""

    def head(self) -> Frontier:
        """Return the frontier after the newest entry."""


class CheckpointRow(Value):
    """A signed checkpoint as the store holds it: the head it was made of, and the signed note."""

    at: Instant
    head: Frontier
    note: str


class Pin(Value):
    """That a witness outside took the checkpoint of this size, and what it answered."""

    witness: str
    size: int
    at: Instant
    receipt: bytes = b""


class Checkpoints(Protocol):
    """The log's signed checkpoints, append-only."""

    def add(self, row: CheckpointRow) -> None:
        """Append a checkpoint; the one that is there for its size stays."""

    def newest(self, at_most: int | None = None) -> CheckpointRow | None:
        """Return the checkpoint of most entries, of those with at most so many, or None."""

    def after(self, size: int) -> Iterator[CheckpointRow]:
        """Yield the checkpoints of more than `size` entries, by size, streamed."""

    def add_pin(self, pin: Pin) -> None:
        """Note that a witness took a checkpoint; the first note of it stays."""

    def pinned(self, witness: str) -> int:
        """Return how many entries the newest checkpoint has that this witness took; 0 for none."""

    def pins(self, size: int) -> list[Pin]:
        """Return who took the checkpoint of this size, with what they answered, by witness."""

    def witnessed(self, size: int, at_most: int) -> list[tuple[CheckpointRow, Pin]]:
        """Return what each witness took of up to `at_most` entries: the first of at least `size`, and the newest."""


class ChannelStates(Protocol):
    """What all workers know of the channels. Reasons are sealed."""

    def all(self) -> list[ChannelState]:
        """Return the states by name; a channel that never failed has none."""

    def locked(self, name: str) -> ChannelState:
        """Return a state, locked against other writers until the transaction ends."""

    def put(self, states: Iterable[ChannelState]) -> None:
        """Insert or replace by name."""


class Beats(Protocol):
    """Signs of life of what runs again and again: the sweep."""

    def put(self, name: str, at: datetime) -> None:
        """Note that the part called `name` has come to its end at `at`."""

    def last(self, name: str) -> datetime | None:
        """Return when it last did, or None."""


class Tokens(Protocol):
    """What people's programs show instead of a password. Labels are sealed; of secrets only digests are kept."""

    def add(self, token: Token) -> None:
        """Keep a new token."""

    def found(self, digest: str) -> Token | None:
        """Return the token whose secret has this digest, or None; whether it is good is for the caller to ask it."""

    def of(self, person_id: PersonId | None = None) -> list[Token]:
        """Return a person's tokens, or everybody's, oldest first."""

    def used(self, token_id: str, at: datetime) -> None:
        """Note that a token was used, to the minute."""

    def revoke(self, token_id: str, at: datetime) -> bool:
        """End a token for good; return False if it had been ended."""


class Accounts(Protocol):
    """Those who may sign in, their sessions, and who stands in for whom. Names, addresses and hashes are sealed."""

    def put(self, account: Account) -> None:
        """Insert or replace by person id."""

    def one(self, person_id: PersonId) -> Account | None:
        """Return one account, or None."""

    def invited(self, digest: str) -> Account | None:
        """Return the account whose invitation has the token with this SHA-256, or None."""

    def all(self) -> list[Account]:
        """Return the accounts by person id."""

    def open_session(self, session: SignedIn) -> None:
        """Keep a session."""

    def session(self, digest: str) -> SignedIn | None:
        """Return a session by the digest of its secret, or None."""

    def see(self, digest: str, at: datetime) -> None:
        """Note that a session was used."""

    def end_sessions(self, person_id: PersonId, *, digest: str | None = None) -> None:
        """Forget all sessions of a person, or the one of a digest."""

    def delegate(self, delegation: Delegation) -> None:
        """Insert or replace by delegation id."""

    def delegations(self, taker: PersonId | None = None) -> list[Delegation]:
        """Return what was given to a person, or all that was given, by `from_at`."""


class Reply(Value):
    """What was answered to a request with an idempotency key; `status` is 0 while that is under way."""

    key: str
    """A keyed digest of person and key."""
    asked: str
    """The SHA-256 of what was asked."""
    at: Instant
    status: int = 0
    media_type: str = ""
    body: bytes = b""


class Replies(Protocol):
    """Answers that are given again. Bodies are sealed."""

    def begin(self, reply: Reply) -> Reply | None:
        """Claim a key; return what is there for it already, or None if it was free."""

    def put(self, reply: Reply) -> None:
        """Replace what is kept for a key."""

    def forget(self, key: str) -> None:
        """Free a key."""

    def forget_before(self, at: datetime) -> None:
        """Free every key that was claimed before an instant."""


class Probes(Protocol):
    """Rounds in which the register's contacts are asked; their letters and acts lie where those of incidents do."""

    def put(self, round_: Round) -> None:
        """Insert or replace by round id."""

    def one(self, round_id: IncidentId) -> Round | None:
        """Return a round, or None."""

    def all(self, *, open_only: bool = False) -> list[Round]:
        """Return the rounds, newest first; `open_only`: those that are not closed."""


class Left(Value):
    """By what the files of an incident are known: what its notices were sent as."""

    message_ids: tuple[str, ...] = ()
    postings: tuple[str, ...] = ()


class Erasures(Protocol):
    """Incidents that are erased after their retention: who asked, who confirmed, what was reached. Sealed."""

    def put(self, erasure: Erasure) -> None:
        """Insert or replace by incident."""

    def of(self, incident_id: IncidentId) -> Erasure | None:
        """Return what was asked for an incident, or None."""

    def all(self) -> list[Erasure]:
        """Return all, oldest request first."""

    def sealed_off(self) -> set[IncidentId]:
        """Return the incidents of which nothing may be read any more: erased, or being erased."""

    def due(self, changed_before: datetime) -> list[IncidentId]:
        """Return the incidents that are over, last changed then or earlier, and not erased; the oldest first."""

    def changed_at(self, incident_id: IncidentId) -> datetime | None:
        """Return when an incident's state was last written, or None."""

    def kept(self, incident_id: IncidentId) -> list[Copy]:
        """Return what the store holds of what was said, and what becomes of each."""

    def left(self, incident_id: IncidentId) -> Left:
        """Return by what the files of an incident are known."""

    def forget(self, incident_id: IncidentId) -> None:
        """Delete what was said; ids, states and instants stay, and so does what is only ever added to."""


class Shelf(Protocol):
    """What computing by a pinned law reads, and what it keeps for later."""

    def pack(self, law: str) -> bytes | None:
        """Return a pack by its digest, or None."""

    def keep_calendar(self, version: str, calendar: Calendar, first_year: int, last_year: int) -> None:
        """Keep a calendar as a version of its source gave it; the first one stays."""

    def calendar(self, version: str, calendar_id: str, first_year: int, last_year: int) -> Calendar | None:
        """Return a calendar as it was kept, or None."""


class LawBooks(Shelf, Protocol):
    """The law as it was, for the incidents that are pinned to it."""

    def keep(self, pin: LawPin, pack: bytes, at: datetime) -> None:
        """Keep a pack under its digest, and that a worker had it with these calendars; the same is kept once."""

    def knows(self, pin: LawPin) -> bool:
        """Say whether a worker has had this pack with these calendars."""

    def newest(self) -> LawPin | None:
        """Return what a worker brought last, or None."""

    def pin(self, incident_id: IncidentId, pin: LawPin, at: datetime) -> None:
        """Pin an incident to a pack and a version of the calendars, instead of what it was pinned to before."""

    def pinned(self, incident_id: IncidentId) -> LawPin | None:
        """Return what an incident is pinned to, or None before its first resolving."""


class Transaction(Protocol):
    """One transaction over all of the store. It commits when its context ends without an exception."""

    @property
    def incidents(self) -> Incidents: ...
    @property
    def register(self) -> Register: ...
    @property
    def duties(self) -> Duties: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def receipts(self) -> Receipts: ...
    @property
    def tasks(self) -> Tasks: ...
    @property
    def log(self) -> Log: ...
    @property
    def checkpoints(self) -> Checkpoints: ...
    @property
    def channels(self) -> ChannelStates: ...
    @property
    def beats(self) -> Beats: ...
    @property
    def law(self) -> LawBooks: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def replies(self) -> Replies: ...
    @property
    def erasures(self) -> Erasures: ...
    @property
    def probes(self) -> Probes: ...

    def last_sequence(self, workflow_id: str) -> int:
        """Return the highest sequence that `Store.once` has seen for a workflow id; 0 for none."""

    def remembers(self, key: str) -> bool:
        """Say whether `key` has been dealt with."""

    def remember(self, key: str, at: datetime) -> bool:
        """Note that `key` (a page sent, a difference reported) has been dealt with; False if it was already."""


class Store(Protocol):
    """The facts. Every method is blocking; call it in a thread."""

    def once(self, stamp: Stamp, inputs: Value, deed: Callable[[Transaction], V], result: type[V]) -> V:
        """Run `deed` in one transaction, once for each (workflow id, sequence), and return what it returned.

        A repetition with equal inputs returns the stored result without running `deed`.
        Raises Broken if the same (workflow id, sequence) comes with other inputs.
        """

    def writing(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that may write; writers wait for each other."""

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that only reads."""


class Sealer(Protocol):
    """Encryption at rest. A scope is an incident id, or `namespace` for what belongs to no incident."""

    def seal(self, scope: str, content: bytes, about: str) -> bytes:
        """Encrypt under the scope's key; `about` (which row, which column) is bound and must be given to open."""

    def open(self, scope: str, sealed: bytes, about: str) -> bytes:
        """Decrypt. Raises Broken if the key is gone, or anything was altered or moved."""

    def salt(self, incident_id: IncidentId) -> bytes:
        """Return the incident's salt for the log's digests; it is gone when the incident's key is."""

    def ensure(self, incident_id: IncidentId) -> None:
        """Create the incident's key if there is none yet."""

    def mark(self, what: str, value: str) -> str:
        """Return a digest of a value under the id key, in hex: equal for equal values, and says nothing else."""


class Destroyer(Protocol):
    """Destroys the keys of incidents."""

    def destroy(self, incident_id: IncidentId) -> None:
        """Destroy the incident's key for good; repeating it changes nothing. Raises Refused if there is none."""


class Copies(Protocol):
    """Where files of incidents lie that this process reaches, and what is known of the places that it does not."""

    def found(self, incident_id: IncidentId, left: Left) -> list[Copy]:
        """Return the files of an incident that are here, counted by place."""

    def destroy(self, incident_id: IncidentId, left: Left) -> None:
        """Delete them; what is gone already is gone."""

    def elsewhere(self, changed_at: datetime, now: datetime) -> list[Copy]:
        """Return what holds copies and is not reached from here: backups, Temporal, packs that were handed out."""


class Door(Protocol):
    """Checks that an act came through a door we know."""

    def admit(self, envelope: Envelope, now: datetime) -> None:
        """Raise Refused if the envelope is expired, edited, forged, or unsigned without being `unverified local`."""


class Verdict(StrEnum):
    """What came of handing a letter to a channel."""

    ACCEPTED = "accepted"
    NOT_SENT = "not_sent"
    """The channel certainly did not take it; trying again is safe."""
    IN_DOUBT = "in_doubt"
    """It may have taken it: never tried again blindly."""
    REJECTED = "rejected"
    """It will never take this letter for this contact."""
    CHANNEL_DOWN = "channel_down"
    """It takes nothing from us at present (key, account, region); other letters would fare no better."""


class Outcome(Value):
    """The verdict of one sending, with what the channel said."""

    verdict: Verdict
    provider_id: str | None = None
    detail: str = ""
    retry_after: timedelta | None = None
    recipient_only: bool = False
    """Another recipient would fare better: it says nothing about the channel."""


class Channel(Protocol):
    """A way for a letter to leave. Sending never raises: whatever happens is an Outcome."""

    name: str
    reports_delivery: bool
    """Whether receipts say what became of a letter: only then does silence mean that it did not arrive."""

    def prepare(self, letter: Letter) -> bytes:
        """Return the exact bytes that `send` will be given: the release is bound to them.

        Raises Refused if the channel could not carry the letter unchanged.
        """

    async def send(self, prepared: bytes, at: datetime) -> Outcome:
        """Hand the bytes over, once."""

    async def lookup(self, prepared: bytes) -> bool | None:
        """Say whether the channel took these bytes before; None if it cannot tell."""

    async def close(self) -> None:
        """Let go of connections."""


class Suppressed(Value):
    """An address on a list of a channel: mail to it came back before, or whoever reads it wanted no more."""

    address: str
    listed: str
    """The list's name, as the channel says it."""
    since: Instant | None = None
    reason: str = ""
    drops: bool = True
    """Whether the channel takes letters to it and sends none of them; else it tries each time, and may fail again."""
    raw: bytes
    """The entry as it came."""


@runtime_checkable
class Suppresses(Protocol):
    """A channel that keeps lists of addresses to which it sends nothing, although it takes the letters."""

    name: str

    async def suppressed(self, at: datetime) -> list[Suppressed]:
        """Read all lists whole; `at` is the reader's time.

        Raises:
            Deferred: if they cannot be read now, or the channel asked not to be asked yet.
        """


class Renderer(Protocol):
    """Turns typed facts into the words of a letter."""

    def render(self, facts: LetterFacts) -> Rendered:
        """Render in the facts' language, or in English, marked, when there is no translation.

        Raises Broken if the template fails; a value with a line break never reaches a header.
        """

    def render_probe(self, facts: ProbeFacts) -> Rendered:
        """Render the letter of a round in the same way."""


class Notary(Protocol):
    """Signs the log's checkpoints, and knows its own signature again."""

    def sign(self, head: Frontier) -> str:
        """Return the checkpoint of this head as a signed note."""

    def check(self, note: str) -> Checkpoint:
        """Return what a note commits to. Raises Refused if it is none, of another log, or not signed by this one."""


class Witness(Protocol):
    """Keeps the newest checkpoint where whoever holds the store does not reach."""

    @property
    def name(self) -> str:
        """What it is called in the store and on pages; holds no secret."""

    async def pin(self, note: str, at: datetime) -> bytes:
        """Hand over a checkpoint and return what was answered. Raises Deferred, Refused or Broken if it was not taken.

        One that holds a checkpoint of more entries keeps it, and raises Broken: it is the proof of a cut log.
        """

    async def newest(self) -> str | None:
        """Return the checkpoint that it holds; None if it holds none or cannot be asked. Raises Deferred."""


class Page(Value):
    """What a person is called for: what, how long left, what to do. No personal data."""

    key: str
    """The same page is sent once."""
    subject: str
    text: str
    at: Instant
    about: str | None = None
    """The opaque id of what it is about, for pagers that keep one incident open until that is settled."""


class PageAnswer(StrEnum):
    """What became of what a page was about."""

    ACKNOWLEDGED = "acknowledged"
    """A person sees to it."""
    RESOLVED = "resolved"
    """It is over."""


class Pager(Protocol):
    """Calls a person."""

    @property
    def keeps_open(self) -> bool:
        """Whether it keeps an incident open for each page until it is told what became of it."""

    async def page(self, page: Page) -> None:
        """Deliver the page; the same key again delivers nothing new. Raises Deferred if it could not."""

    async def answer(self, about: str, answer: PageAnswer) -> None:
        """Say what became of what pages were about; nothing to do for one that keeps none open. Raises Deferred."""


class Callers(Protocol):
    """The ladder, and the pagers that its rungs are called by."""

    @property
    def ladder(self) -> Ladder:
        """The ladder, as it was when the worker started."""

    @property
    def everyone(self) -> Pager:
        """Every pager, in order: calls whoever is reached first, for what no rung takes."""

    def of(self, rung: Rung) -> Pager:
        """Return the pager of one rung: its channels in their order."""

    def link(self, incident_id: IncidentId) -> str:
        """Return where an incident is looked at; empty: nowhere."""


class Playbooks(Protocol):
    """The playbooks that ship, and the user's own."""

    def for_kind(self, kind: str) -> Playbook:
        """Return the playbook for a kind of incident, or the general one."""


class Law(Protocol):
    """The law, asked at each resolving. It is read when a worker starts, never by a workflow."""

    @property
    def current(self) -> LawPin:
        """What new incidents are pinned to."""

    def content(self) -> bytes:
        """Return the current pack, to be kept for the incidents that are pinned to it."""

    def duties(
        self,
        books: Shelf,
        pin: LawPin,
        incident_id: IncidentId,
        facts: Facts,
        triggers: Triggers,
        pins: Sequence[Affected],
        submitted: Mapping[PolicyId, datetime],
        now: datetime,
        decided: WhomToTell | None = None,
    ) -> list[Duty]:
        """Return what the law of `pin` asks of us in this incident as of `now`, at most one to rule out the rest.

        `submitted` says when the report was sent in that a policy asks for: other policies run from there.
        `decided` says whom a person decided to tell under GDPR articles 33 and 34.
        """


class KeptPack(Value):
    """An evidence pack that is kept; `sha256` is over the whole file."""

    name: str
    sha256: str
    size: int


class Archive(Protocol):
    """Where the evidence packs of incidents that are over are kept."""

    async def keep(self, incident_id: IncidentId) -> KeptPack:
        """Write the incident's pack as it stands; one of the same state is written once. Raises as its parts do."""

    def lacking(self) -> list[IncidentId]:
        """Return the incidents that are over and have no pack."""


class Run(Value):
    """What Temporal says of the newest run of a workflow id."""

    running: bool
    reset_at: Instant | None = None
    """When somebody last set it back to an earlier point of its history."""


class Runs(Protocol):
    """What Temporal runs. Used by the sweep only."""

    async def look(self, workflow_ids: Sequence[str]) -> dict[str, Run]:
        """Say for each workflow id how its newest run stands, by describing it."""

    async def start_again(self, workflow_id: str, incident_id: IncidentId, tempo: Tempo) -> bool:
        """Have a lost workflow started again where it stood, by its incident; False if that cannot be asked for."""


class Messenger(Protocol):
    """Carries word to incidents that run. Used by the warning at the deadline itself."""

    async def tell_missed(self, incident_id: IncidentId, clock_id: ClockId) -> bool:
        """Tell an incident that a clock's deadline passed with duties open; False if it was not heard for sure."""


class Keyring(Protocol):
    """The keys of one installation. It holds no incident's key: those lie in the store, wrapped under a master key."""

    def id_key(self) -> bytes:
        """Return the key under which outside names become opaque ids."""

    def namespace_key(self) -> bytes:
        """Return the key of what belongs to no incident. It outlives every rotation."""

    def master_id(self) -> str:
        """Return the key id of the current master key."""

    def wrap(self, key: bytes, about: str) -> tuple[str, bytes]:
        """Seal a key under the current master key; return that master's key id and the sealed key."""

    def unwrap(self, key_id: str, wrapped: bytes, about: str) -> bytes:
        """Open a key that `wrap` sealed. Raises Broken if the master key is gone, or anything was altered or moved."""

    def rotate_master(self) -> str:
        """Make a new master key the current one and return its key id; the old ones stay, to open what they sealed."""

    def open_from_engine(self, sealed: bytes) -> bytes:
        """Open a report that was sealed to the engine. Raises Refused if it was not sealed to this one."""
