"""Checking an evidence folder from its files alone. Every check runs, whatever the others found."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.archive import unpacked
from tocsin.adapters.evidence.check_acts import acts_in_log, omissions_by_rule, state_follows, work_follows
from tocsin.adapters.evidence.check_duties import clocks_in_log, duties_as_resolved, duties_proved, law_as_pinned
from tocsin.adapters.evidence.check_ledger import ledger_in_log, waves_bound
from tocsin.adapters.evidence.check_letters import letters_as_approved, sent_as_approved
from tocsin.adapters.evidence.check_receipts import receipts_in_log
from tocsin.adapters.evidence.check_seal import checkpoint_is_ours, entries_are_included, signed_by
from tocsin.adapters.evidence.check_text import nothing_else, readme_is_ours, timeline_retells, verified_as_written
from tocsin.adapters.evidence.check_waves import waves_follow
from tocsin.adapters.evidence.check_witnesses import witnesses_agree
from tocsin.adapters.evidence.listed import Unreadable
from tocsin.adapters.evidence.pack import Pack
from tocsin.adapters.evidence.result import Check, Checked, Finding
from tocsin.audit.entry import leaf_hash
from tocsin.audit.tree import Frontier
from tocsin.domain.errors import Refused

Test = Callable[[Pack], Iterable[Finding | str]]
"""Yields what does not hold, and in words what it proves."""


def check_evidence(target: Path, noted: tuple[int, str] | None = None, key: str | None = None) -> Checked:
    """Check a pack that `write_evidence` wrote, folder or .zip, without store, engine or keys.

    `noted` is a head of the log, size and root, that was kept elsewhere at some earlier time: only such a one shows
    that the log was not rewritten or cut as a whole. `key` is the published fingerprint of the key that must have
    signed: only with it is a pack told from one that somebody else signed again.

    Raises:
        Refused: if there is no such pack, nothing in it looks like evidence, or it is a hostile .zip.
    """
    with unpacked(target) as folder:
        if not (folder / layout.INCIDENT).exists() and not (folder / layout.SUMS).exists():
            raise Refused(f"{target} holds no evidence; name the pack that `tocsin evidence` wrote")
        with Pack(folder) as pack:
            return _check(pack, noted, key)


def _check(pack: Pack, noted: tuple[int, str] | None, key: str | None) -> Checked:
    gathered = _checked(pack, _TESTS)
    title = "verification.txt says how these checks come out"
    tests: list[tuple[str, Test]] = [(title, verified_as_written(gathered))]
    if noted is not None:
        title = f"the log goes on from the head that was noted, {noted[0]}:{noted[1]}"
        tests.append((title, lambda pack: goes_on_from(pack, *noted)))
    whose = "the key of the given fingerprint" if key else "the key in key.pem (give its fingerprint with --key)"
    seals: list[tuple[str, Test]] = [(_SEALED, sums_match), (f"SHA256SUMS is signed by {whose}", signed_by(key))]
    first, last = _checked(pack, seals), _checked(pack, tests)
    return gathered.model_copy(update={"checks": (*first.checks, *gathered.checks, *last.checks)})


def check_gathered(folder: Path) -> Checked:
    """Check a folder that is not sealed yet."""
    with Pack(folder) as pack:
        return _checked(pack, _TESTS)


def sums_match(pack: Pack) -> Iterator[Finding]:
    """Compare every file with SHA256SUMS, and find what is missing or was added."""
    listed = dict(_listed(pack))
    for name, digest in listed.items():
        try:
            if digest is None:
                yield Finding(file=layout.SUMS, what=f"{name!r} is no line of a digest and a name")
            elif pack.sha256(name) != digest:
                yield Finding(file=name, what="its bytes are not those that SHA256SUMS has the digest of")
        except Unreadable as unreadable:
            yield unreadable.finding
    for name in sorted(pack.names() - listed.keys() - {layout.SUMS, layout.SIGNATURE}):
        yield Finding(file=name, what="SHA256SUMS does not know it: it was added later")


def log_holds(pack: Pack) -> Iterator[Finding]:
    """Recompute the log's tree and compare it with its head."""
    verdict, head = pack.verdict, pack.head
    if not verdict.holds:
        yield Finding(file=layout.LOG, entry=verdict.first_bad, what=verdict.why)
    elif verdict.root != head.root:
        yield Finding(file=layout.HEAD, what=f"the entries give the root {verdict.root}, not {head.root}")


def goes_on_from(pack: Pack, size: int, root: str) -> Iterator[Finding]:
    """Compute the root that the log had at `size` entries."""
    tree = Frontier().extended(map(leaf_hash, islice(pack.lines(layout.LOG), size)))
    if tree.size < size:
        what = f"the log had {size} entries when its head was noted and has {tree.size} now: its tail was cut"
        yield Finding(file=layout.LOG, entry=tree.size, what=what)
    elif tree.root() != root.lower():
        what = f"its first {size} entries give the root {tree.root()}, not the one that was noted: it was rewritten"
        yield Finding(file=layout.LOG, what=what)


_SEALED = "every file is as it was written (SHA256SUMS)"
_TESTS: list[tuple[str, Test]] = [
    ("the entries of the log give its root", log_holds),
    ("the checkpoint is signed, and is the one of this log at this head", checkpoint_is_ours),
    ("every entry of this incident is proved to be in the log of the checkpoint", entries_are_included),
    ("what witnesses outside were handed is of this log, and what they answered is of that", witnesses_agree),
    ("every act is in the log, with its salted digest, and every act in the log is here", acts_in_log),
    ("what was left out was marked as privileged by an act of the log, and is listed", omissions_by_rule),
    ("status, triggers and facts follow from the acts", state_follows),
    ("tasks, holds and attachments follow from the acts", work_follows),
    ("every letter that left has the digest under which it was approved", letters_as_approved),
    ("what the channel was given says what the letter says, to its one recipient", sent_as_approved),
    ("every receipt is in the log, for the notice that it stands by, and none was taken out", receipts_in_log),
    ("every wave has the digest that was drafted, logged and released by a second person", waves_bound),
    ("every wave is what acts and log say, in the ledger and in the incident", waves_follow),
    ("the ledger stands where the log says that it stands", ledger_in_log),
    ("every deadline is one that the log recorded when the duties were resolved", clocks_in_log),
    ("every duty is as it was resolved, with the digest that the log recorded then", duties_as_resolved),
    ("the law is the one that the log recorded, word for word", law_as_pinned),
    ("every duty that ended has its proof, and is late if it was", duties_proved),
    ("the timeline, in both forms, is what acts, log and records give", timeline_retells),
    ("README.txt names this incident and this head of the log", readme_is_ours),
    ("nothing else lies in the folder", nothing_else),
]


def _checked(pack: Pack, tests: Iterable[tuple[str, Test]]) -> Checked:
    checks = tuple(_one(title, test, pack) for title, test in tests)
    try:
        incident_id, size, root = pack.incident.incident_id, pack.verdict.size, pack.verdict.root
    except Unreadable:
        incident_id, size, root = None, 0, ""
    return Checked(incident_id=incident_id, size=size, root=root, checks=checks)


def _one(title: str, test: Test, pack: Pack) -> Check:
    found = list(_findings(test, pack))
    findings = tuple(one for one in found if isinstance(one, Finding))
    return Check(title=title, findings=findings, proves=tuple(one for one in found if isinstance(one, str)))


def _findings(test: Test, pack: Pack) -> Iterator[Finding | str]:
    try:
        yield from test(pack)
    except Unreadable as unreadable:
        yield unreadable.finding
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        # The log's entries are checked for their hashes, not their form: a forged one may have any.
        what = f"an entry is not of the form that it was written in ({type(error).__name__}: {error})"
        yield Finding(file=layout.LOG, what=what)


def _listed(pack: Pack) -> Iterator[tuple[str, str | None]]:
    for line in pack.read(layout.SUMS).decode(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        yield (name, digest) if name else (line, None)
