"""Checks of what witnesses outside took: that it is of this log, and what it proves of this incident."""

from collections.abc import Iterator

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.check_seal import public_of
from tocsin.adapters.evidence.layout import Handed
from tocsin.adapters.evidence.listed import Unreadable
from tocsin.adapters.evidence.pack import Pack
from tocsin.adapters.evidence.result import Finding
from tocsin.adapters.evidence.sign import signature_holds
from tocsin.adapters.timestamps import dated
from tocsin.audit.checkpoint import Checkpoint, Note, key_hash
from tocsin.audit.entry import leaf_hash
from tocsin.audit.tree import Frontier
from tocsin.domain.errors import Refused

_DATES = "tsa"
"""The witness whose receipt is a timestamp by RFC 3161."""
_NONE = (
    "no witness outside has taken a checkpoint of this log: nothing here shows that it was not rewritten as a whole "
    "before this pack was written"
)


def witnesses_agree(pack: Pack) -> Iterator[Finding | str]:
    """Compare each checkpoint that was handed out with the log, and each receipt with its checkpoint."""
    handed = pack.load(layout.WITNESSES, list[Handed])
    roots = dict(_roots(pack, {one.size for one in handed}))
    for one in handed:
        faults = [*_note_faults(pack, one, roots.get(one.size, "")), *_receipt_faults(pack, one)]
        yield from faults
        if not faults:
            yield _proves(pack, one)
    if not handed:
        yield _NONE
    named = {name for one in handed for name in (one.checkpoint, one.receipt)}
    for name in sorted(name for name in pack.names() if name.startswith(f"{layout.WITNESS}/")):
        if name not in named:
            yield Finding(file=name, what=f"{layout.WITNESSES} does not name it: it was added")


def _roots(pack: Pack, sizes: set[int]) -> Iterator[tuple[int, str]]:
    tree, last = Frontier(), max(sizes, default=0)
    for line in pack.lines(layout.LOG):
        if tree.size >= last:
            break
        tree = tree.extended([leaf_hash(line)])
        if tree.size in sizes:
            yield tree.size, tree.root()


def _note_faults(pack: Pack, handed: Handed, root: str) -> Iterator[Finding]:
    name = handed.checkpoint
    try:
        note = Note.parse(pack.read(name).decode())
        checkpoint = Checkpoint.from_text(note.text)
    except ValueError as error:
        yield Finding(file=name, what=f"{error}")
        return
    except Unreadable as unreadable:
        yield unreadable.finding
        return
    if (checkpoint.size, checkpoint.root) != (handed.size, root):
        what = f"the log did not have this root at {handed.size} entries: it is the checkpoint of another log"
        yield Finding(file=name, what=what)
    if checkpoint.origin != pack.read(layout.CHECKPOINT).decode(errors="replace").partition("\n")[0]:
        yield Finding(file=name, what=f"it is a checkpoint of the log {checkpoint.origin}, not of this one")
    public = public_of(pack)
    ours = [one for one in note.signatures if one.key_hash == key_hash(checkpoint.origin, public)]
    # One that was signed with the key before a rotation proves as much by its root.
    if ours and not note.signed_by(checkpoint.origin, public, lambda sig, text: signature_holds(public, sig, text)):
        yield Finding(file=name, what=f"the key in {layout.KEY} has not signed it: it was changed")


def _receipt_faults(pack: Pack, handed: Handed) -> Iterator[Finding]:
    if handed.receipt is None:
        return
    try:
        if pack.sha256(handed.receipt) != handed.receipt_sha256:
            yield Finding(file=handed.receipt, what=f"it is not what the witness {handed.witness} answered")
        elif handed.witness == _DATES:
            dated(pack.read(handed.receipt), pack.read(handed.checkpoint).decode(errors="replace"))
    except Refused as refused:
        yield Finding(file=handed.receipt, what=f"{refused}")
    except Unreadable as unreadable:
        yield unreadable.finding


def _proves(pack: Pack, handed: Handed) -> str:
    covered = sum(1 for entry in pack.entries if entry.number < handed.size)
    which = f"{covered} of the {len(pack.entries)} entries of this incident"
    if handed.witness == _DATES and handed.receipt is not None:
        at = dated(pack.read(handed.receipt), pack.read(handed.checkpoint).decode())
        return (
            f"a timestamp authority dated the checkpoint of {handed.size} entries {at:%Y-%m-%dT%H:%M:%SZ}: {which} "
            f"were as they are by then. Whose seal it is, says: openssl ts -verify -in {handed.receipt} "
            f"-data {handed.checkpoint} -CAfile AUTHORITY.pem"
        )
    return (
        f"the witness `{handed.witness}` was handed the checkpoint of {handed.size} entries at "
        f"{handed.at:%Y-%m-%dT%H:%M:%SZ}: {which}. What it still holds shows whether they were as they "
        f"are: ask it, and compare with {handed.checkpoint}"
    )
