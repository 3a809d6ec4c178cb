"""How long checking a large log takes, beside a bare loop that canonicalises and hashes the same entries.

`python -m benchmarks.log [ENTRIES]` prints a table and adds its rows to `benchmarks/results.json`.
Seconds are those of the processor, so that a busy machine does not count; entries are made while they are read, so
that memory stays flat, and the bare loop makes the same ones.
"""

import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import rfc8785

from benchmarks.rows import Rows
from tocsin.audit.entry import Entry, EntryDraft, leaf_hash
from tocsin.audit.proof import inclusion_proofs
from tocsin.audit.tree import Frontier
from tocsin.audit.verify import StoredEntry, verify
from tocsin.domain.values import IncidentId

ENTRIES = 1_000_000
CEILING = 2.0
"""Times the bare loop."""
AT = datetime(2026, 3, 2, 1, 20, tzinfo=UTC)
_DRAFT = EntryDraft(
    key="tocsin/incident/inc-one#0", at=AT, kind="notice.accepted", incident_id=IncidentId("inc-one"), actor="engine"
)
_BODY = json.loads(Entry(number=0, draft=_DRAFT).to_bytes())


def bodies(count: int) -> Iterator[bytes]:
    """Yield the bytes of so many entries."""
    for number in range(count):
        yield b'%s"n":%d,"v":1}' % (_HEAD, number)


_HEAD = rfc8785.dumps(_BODY).partition(b'"n":')[0]


def bare(count: int) -> None:
    """Read, canonicalise and hash every entry: the least that any check must do."""
    for body in bodies(count):
        hashlib.sha256(b"\x00" + rfc8785.dumps(json.loads(body))).digest()


def check(count: int) -> float:
    """Check the log; return the processor's seconds."""
    head = Frontier().extended(leaf_hash(body) for body in bodies(count))
    started = time.process_time()
    entries = (
        StoredEntry(number=number, body=body, leaf=leaf_hash(body).hex()) for number, body in enumerate(bodies(count))
    )
    assert verify(entries, head).holds
    return time.process_time() - started


def prove(count: int) -> None:
    """Prove a thousand entries from one reading of the leaves."""
    leaves = (hashlib.sha256(b"%d" % number).digest() for number in range(count))
    assert len(inclusion_proofs(leaves, range(0, count, max(1, count // 1_000)))) >= min(count, 1_000)


def seconds(work: Callable[[int], None], count: int) -> float:
    """Return the processor's seconds of a piece of work."""
    started = time.process_time()
    work(count)
    return time.process_time() - started


def main() -> None:
    """Measure, print and write down."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES
    rows = Rows()
    plain = seconds(bare, count)
    rows.told(f"log: canonicalise and hash {count} entries, bare loop, s", round(plain, 1))
    rows.ceiling(f"log: check {count} entries, times the bare loop", check(count) / plain, CEILING)
    rows.told(f"log: 1,000 proofs from one reading of {count} leaves, s", round(seconds(prove, count), 1))
    rows.told("log: peak memory, MiB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    rows.keep()
    sys.exit(not rows.hold)


if __name__ == "__main__":
    main()
