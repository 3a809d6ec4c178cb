"""What lies where in an evidence folder, and in what form."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from pydantic import BaseModel, JsonValue
from pydantic_core import to_jsonable_python

from tocsin.audit.entry import Entry, EntryDraft
from tocsin.domain.duty import Duty
from tocsin.domain.notice import Notice, NoticeState
from tocsin.domain.receipt import Receipt
from tocsin.domain.tempo import IsDrill
from tocsin.domain.values import ActId, Instant, Value
from tocsin.ports import WaveRow

README = "README.txt"
INCIDENT = "incident.json"
FACTS = "facts.json"
ACTS = "acts.json"
DUTIES = "duties.json"
CLOCKS = "clocks.json"
LEDGER = "ledger.json"
TASKS = "tasks.json"
HOLDS = "holds.json"
TIMELINE = "timeline.json"
TIMELINE_TEXT = "timeline.md"
LETTERS = "notices"
ATTACHMENTS = "attachments"
LOG = "log.jsonl"
LEAVES = "log-leaves.txt"
HEAD = "log-head.json"
PROOFS = "log-proofs.jsonl"
CHECKPOINT = "checkpoint.txt"
OMISSIONS = "omissions.json"
WITNESSES = "witnesses.json"
WITNESS = "witness"
SALT = "salt.txt"
AGREEMENTS = "agreements.json"
LAW = "law.json"
RECEIPTS = "receipts.jsonl"
REPORT = "report.pdf"
HISTORY = "history"
KEY = "key.pem"
VERIFIER = "verify.py"
VERIFICATION = "verification.txt"
SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
FILES = frozenset(
    {
        README,
        INCIDENT,
        FACTS,
        ACTS,
        DUTIES,
        CLOCKS,
        LEDGER,
        TASKS,
        HOLDS,
        TIMELINE,
        TIMELINE_TEXT,
        AGREEMENTS,
        LAW,
        REPORT,
        RECEIPTS,
        WITNESSES,
        OMISSIONS,
    }
    | {LOG, LEAVES, HEAD, PROOFS, CHECKPOINT, SALT, KEY, VERIFIER, VERIFICATION, SUMS, SIGNATURE}
)
"""What lies at the top of every pack; letters, attachments and histories lie in folders of their own."""

_SENT_SUFFIX = {"sendgrid": ".json", "posting": ".posting.json"}
"""How the bytes that a channel was given are stored; mail, unless it says otherwise."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class LedgerRow(Value):
    """A ledger row with the names behind its ids and the files of its letter."""

    notice: Notice
    party: str
    reference: str
    recipient_name: str | None
    recipient_address: str | None
    letter: str | None = None
    """The letter as it was approved, None if nobody was told by it."""
    as_sent: str | None = None
    """The bytes that the channel was given; None where a person told them."""


class Held(Protocol):
    """A wave and its rows by ordinal, wherever they come from."""

    @property
    def wave(self) -> WaveRow:
        """The wave."""

    @property
    def rows(self) -> Iterable[LedgerRow]:
        """Its rows by ordinal."""


class LedgerWave(Value):
    """A wave and its rows by ordinal."""

    wave: WaveRow
    rows: tuple[LedgerRow, ...]


class ReceiptRecord(Value):
    """A receipt, and the bytes that it came as, in base64."""

    receipt: Receipt
    raw: str


class DutyRecord(Value):
    """A duty with the names behind its ids."""

    duty: Duty
    party: str | None
    reference: str | None


class TimelineItem(Value):
    """One thing that happened. `entry` is its number in the log; None if the log does not have it."""

    entry: int | None
    at: Instant
    who: str
    authenticated: str | None
    kind: str
    what: str
    act_id: ActId | None
    inputs: dict[str, JsonValue]
    drill: IsDrill = False


class Handed(Value):
    """That a witness outside took a checkpoint of the log, with the file of the checkpoint, and of what it answered."""

    witness: str
    size: int
    at: Instant
    checkpoint: str
    receipt: str | None
    receipt_sha256: str | None


class Omission(Value):
    """A privileged paragraph that was left out: of which act under which entry, who marked it when, and digests.

    `act_sha256` is over the whole envelope as canonical JSON: with the salt it gives the digest in the act's entry.
    """

    act_id: ActId
    entry: int | None
    paragraph_sha256: str
    marked_by: str
    marked_at: Instant
    marked_in: ActId
    act_sha256: str


class LogHead(Value):
    """The log's head: the root over all entries, and the roots of the complete subtrees that it is made from."""

    size: int
    root: str
    peaks: tuple[str, ...]


def as_json(value: BaseModel | Iterable[BaseModel] | dict[str, Any]) -> bytes:
    """Return JSON that a person can read; equal values give equal bytes."""
    return (json.dumps(to_jsonable_python(value), sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def as_json_list(values: Iterable[BaseModel]) -> Iterator[bytes]:
    """Yield what `as_json` returns for these values, one value at a time, so that they need not fit in memory twice."""
    yield from _items(values, 0)
    yield b"\n"


def ledger_json(ledger: Iterable[Held]) -> Iterator[bytes]:
    """Yield what `as_json` returns for a ledger, one row at a time: a wave can have thousands."""
    between = b"["
    for held in ledger:
        yield between + b'\n {\n  "rows": '
        yield from _items(held.rows, 2)
        yield b',\n  "wave": ' + _indented(held.wave, 2) + b"\n }"
        between = b","
    yield b"[]\n" if between == b"[" else b"\n]\n"


def _items(values: Iterable[BaseModel], depth: int) -> Iterator[bytes]:
    between, margin = b"[", b"\n" + b" " * depth
    for value in values:
        yield between + margin + b" " + _indented(value, depth + 1)
        between = b","
    yield b"[]" if between == b"[" else margin + b"]"


def _indented(value: BaseModel, depth: int) -> bytes:
    written = json.dumps(to_jsonable_python(value), sort_keys=True, indent=1, ensure_ascii=False)
    return written.replace("\n", "\n" + " " * depth).encode()


def left(notice: Notice) -> bool:
    """Say whether the notice's letter left, or may have: a channel was handed it at least once."""
    return not notice.lonely and notice.attempts > 0


def spoken(notice: Notice) -> bool:
    """Say whether a person delivered the text of the notice, which was released for that and given to no channel."""
    by_hand = notice.contact_id is None and notice.state is NoticeState.TOLD_BY_HAND
    return by_hand and notice.letter_sha256 is not None


def letter_names(notice: Notice, taken: set[str]) -> tuple[str, str]:
    """Return the files of a letter and of its bytes as sent; a number that is `taken` is told apart by its id."""
    name = notice.number if notice.number not in taken else f"{notice.number}-{notice.notice_id}"
    taken.add(name)
    stem = f"{LETTERS}/{safe_name(name)}"
    return f"{stem}.letter.json", stem + _SENT_SUFFIX.get(notice.channel, ".eml")


def attachment_name(sha256: str, name: str) -> str:
    """Return the file of an attachment: the start of its digest, and what is safe of the name it came with."""
    return f"{ATTACHMENTS}/{sha256[:16]}-{safe_name(name)}"


def safe_name(name: str) -> str:
    """Return a name that means nothing to a file system or a shell."""
    return _UNSAFE.sub("_", name).lstrip(".-")[-100:] or "unnamed"


def read_entry(body: bytes) -> Entry | None:
    """Return the log entry in these bytes, or None if they are none."""
    try:
        inside = json.loads(body)
        inside.pop("v")
        return Entry(number=inside.pop("n"), draft=EntryDraft.model_validate(inside))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
