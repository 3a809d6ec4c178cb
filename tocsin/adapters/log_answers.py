"""What anybody may ask of the log: whether it holds, its newest checkpoint, whether it began so, where an entry is."""

from itertools import islice

from tocsin.adapters.evidence.sign import Signer
from tocsin.audit.entry import leaf_hash
from tocsin.audit.proof import Inclusion, inclusion_proofs
from tocsin.audit.tree import Frontier
from tocsin.audit.verify import Verdict, verify, verify_along
from tocsin.domain.errors import Refused
from tocsin.domain.values import Instant, Value
from tocsin.ports import Store, Transaction

_NONE_YET = "there is no checkpoint yet; the worker's sweep signs one within minutes, and each closing of an incident"


class Verified(Verdict):
    """What checking the whole log found."""

    checkpoints: int = 0
    """Signed checkpoints that it was compared with."""


class Newest(Value):
    """The newest signed checkpoint (C2SP tlog-checkpoint), who holds it, and the key that it is checked with."""

    size: int
    at: Instant
    note: str
    witnesses: dict[str, Instant] = {}
    key_fingerprint: str = ""
    verifier_key: str = ""


class Compared(Value):
    """Whether the log began as a checkpoint says that was kept elsewhere."""

    holds: bool
    size: int
    root: str
    why: str = ""


class Proved(Value):
    """An entry, and the proof that a checkpoint contains it (RFC 6962)."""

    entry: str
    proof: Inclusion
    checkpoint: str
    root: str


class LogAnswers:
    """Answers from the store, with the log's public key."""

    def __init__(self, store: Store, signer: Signer) -> None:
        self._store = store
        self._signer = signer

    def verified(self) -> Verified:
        """Recompute the log's root from its entries, and compare it with every signed checkpoint."""
        with self._store.reading() as tx:
            verdict = verify(tx.log.entries(), tx.log.head())
            checkpoints, verdict = self._with_checkpoints(tx, verdict)
        return Verified.model_validate(verdict.model_dump() | {"checkpoints": checkpoints})

    def newest(self) -> Newest:
        """Return the newest checkpoint. Raises Refused while there is none."""
        with self._store.reading() as tx:
            found = tx.checkpoints.newest()
            pins = tx.checkpoints.pins(found.head.size) if found else []
        if found is None:
            raise Refused(_NONE_YET)
        keys = {"key_fingerprint": self._signer.fingerprint, "verifier_key": self._signer.verifier_key}
        held = {pin.witness: pin.at for pin in pins}
        return Newest(size=found.head.size, at=found.at, note=found.note, witnesses=held, **keys)

    def compared(self, note: str) -> Compared:
        """Compare the log with a checkpoint that was kept elsewhere. Raises Refused if that is none of this log."""
        kept = self._signer.check(note)
        with self._store.reading() as tx:
            tree = Frontier().extended(leaf_hash(one.body) for one in islice(tx.log.entries(), kept.size))
        holds = (tree.size, tree.root()) == (kept.size, kept.root)
        short = f"the log has {tree.size} entries, it had {kept.size}: its tail was cut"
        why = "" if holds else short if tree.size < kept.size else f"its first {kept.size} entries were rewritten"
        return Compared(holds=holds, size=kept.size, root=kept.root, why=why)

    def proved(self, number: int) -> Proved:
        """Return an entry with its proof in the newest checkpoint. Raises Refused for one that came later."""
        with self._store.reading() as tx:
            newest = tx.checkpoints.newest()
            if newest is None:
                raise Refused(_NONE_YET)
            last = newest.head.size - 1
            if number > last:
                raise Refused(f"the newest checkpoint has the entries 0 to {last}; {number} comes later")
            leaves = (bytes.fromhex(one.leaf) for one in islice(tx.log.entries(), newest.head.size))
            proof = inclusion_proofs(leaves, [number])[number]
            body = next(tx.log.entries(number)).body.decode(errors="replace")
        return Proved(entry=body, proof=proof, checkpoint=newest.note, root=newest.head.root())

    def _with_checkpoints(self, tx: Transaction, verdict: Verdict) -> tuple[int, Verdict]:
        """Return how many checkpoints there are, and the verdict with them: the log goes on from each to the next."""
        heads = [Frontier()]
        for row in tx.checkpoints.after(0):
            noted = self._signer.check(row.note)
            if (noted.size, noted.root) != (row.head.size, row.head.root()):
                why = f"the checkpoint of {row.head.size} entries stands beside a head that it was not made of"
                return len(heads) - 1, verdict.model_copy(update={"holds": False, "why": verdict.why or why})
            heads.append(row.head)
        return len(heads) - 1, _along(tx, heads, verdict)


def _along(tx: Transaction, heads: list[Frontier], verdict: Verdict) -> Verdict:
    if not verdict.holds or len(heads) == 1:
        return verdict
    along = verify_along(tx.log.entries(), heads)
    return verdict if along.holds else along
