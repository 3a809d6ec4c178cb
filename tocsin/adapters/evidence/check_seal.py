"""Checks of what seals a pack: the signature over its digests, the log's checkpoint, and each entry's proof."""

from collections.abc import Callable, Iterator
from itertools import islice

from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import ValidationError

from tocsin.adapters.evidence import layout
from tocsin.adapters.evidence.listed import Unreadable
from tocsin.adapters.evidence.pack import Pack
from tocsin.adapters.evidence.result import Finding
from tocsin.adapters.evidence.sign import from_pem, signature_holds
from tocsin.audit.checkpoint import Checkpoint, Note, fingerprint
from tocsin.audit.entry import leaf_hash
from tocsin.audit.proof import Inclusion, verify_inclusion
from tocsin.audit.tree import Frontier


def signed_by(expected: str | None) -> Callable[[Pack], Iterator[Finding]]:
    """Return the check of the signature over SHA256SUMS, by the key of that fingerprint if one is given."""

    def check(pack: Pack) -> Iterator[Finding]:
        public = public_of(pack)
        if expected is not None and fingerprint(public) != expected.lower():
            what = f"it is another key, {fingerprint(public)}: the pack was signed again by somebody else"
            yield Finding(file=layout.KEY, what=what)
        if not signature_holds(public, pack.read(layout.SIGNATURE), pack.read(layout.SUMS)):
            yield Finding(file=layout.SIGNATURE, what=f"it is no signature of {layout.SUMS} by the key in {layout.KEY}")

    return check


def checkpoint_is_ours(pack: Pack) -> Iterator[Finding]:
    """Check the signed note, and that the log in this pack had that root at that size."""
    public, (note, checkpoint) = public_of(pack), _checkpoint(pack)
    if not note.signed_by(checkpoint.origin, public, lambda sig, text: signature_holds(public, sig, text)):
        what = f"the key in {layout.KEY} has not signed it: it was changed, or is the checkpoint of another log"
        yield Finding(file=layout.CHECKPOINT, what=what)
    if (checkpoint.size, checkpoint.root) != (pack.head.size, pack.head.root):
        what = f"it is not at the head that {layout.HEAD} has: it is the checkpoint of another log, or another time"
        yield Finding(file=layout.CHECKPOINT, what=what)
    tree = Frontier().extended(map(leaf_hash, islice(pack.lines(layout.LOG), checkpoint.size)))
    if (tree.size, tree.root()) != (checkpoint.size, checkpoint.root):
        what = f"the log did not have this root at {checkpoint.size} entries: it is the checkpoint of another log"
        yield Finding(file=layout.CHECKPOINT, what=what)


def entries_are_included(pack: Pack) -> Iterator[Finding]:
    """Follow the proof of each entry of this incident to the checkpoint's root."""
    _, checkpoint = _checkpoint(pack)
    wanted = iter(sorted({entry.number for entry in pack.entries}))
    proofs, own = _proofs(pack), next(wanted, None)
    proof = next(proofs, None)
    for number, line in enumerate(pack.lines(layout.LOG)):
        while proof is not None and proof.number < number:
            yield _not_ours(proof)
            proof = next(proofs, None)
        if number != own:
            continue
        own = next(wanted, None)
        mine, proof = (proof, next(proofs, None)) if proof is not None and proof.number == number else (None, proof)
        leads = mine is not None and mine.size == checkpoint.size
        if mine is None or not leads or not verify_inclusion(leaf_hash(line), mine, checkpoint.root):
            what = "its proof is missing, or does not lead to the root of the checkpoint"
            yield Finding(file=layout.PROOFS, entry=number, what=what)
    yield from map(_not_ours, [*([proof] if proof is not None else []), *proofs])


def _not_ours(proof: Inclusion) -> Finding:
    what = "it is proved, and is not one of this incident, or a second time: it was taken out of the log, or put in"
    return Finding(file=layout.PROOFS, entry=proof.number, what=what)


def public_of(pack: Pack) -> bytes:
    """Return the public key that a pack says it was signed with. Raises Unreadable."""
    try:
        return from_pem(pack.read(layout.KEY))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unreadable(Finding(file=layout.KEY, what="it holds no Ed25519 public key")) from error


def _checkpoint(pack: Pack) -> tuple[Note, Checkpoint]:
    try:
        note = Note.parse(pack.read(layout.CHECKPOINT).decode())
        return note, Checkpoint.from_text(note.text)
    except ValueError as error:
        raise Unreadable(Finding(file=layout.CHECKPOINT, what=f"{error}")) from error


def _proofs(pack: Pack) -> Iterator[Inclusion]:
    """Yield the proofs, which stand by number."""
    try:
        yield from map(Inclusion.model_validate_json, pack.lines(layout.PROOFS))
    except ValidationError as error:
        what = f"a line of it is no proof any more: {error.errors()[0]['msg']}"
        raise Unreadable(Finding(file=layout.PROOFS, what=what)) from error
