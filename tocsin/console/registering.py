"""The register as its page shows it: read again only when it, a round or the day is another one."""

from datetime import date, datetime
from threading import Lock

from tocsin import probing
from tocsin.domain.governing import has_ended
from tocsin.domain.probing import confirmed_on
from tocsin.domain.readiness import Finding, Readiness, Weight
from tocsin.domain.register import Agreement
from tocsin.domain.values import AgreementId, Value
from tocsin.ports import Transaction

SHOWN = 50


class Line(Value):
    """One agreement in the list."""

    agreement_id: AgreementId
    reference: str
    party: str
    promises: tuple[str, ...]
    language: str
    first: str
    """The first contact's name; empty: there is nobody to write to."""
    address: str
    contacts: int
    ended: bool
    weights: tuple[Weight, ...]
    """How much each of its findings matters, the gravest first."""

    def holds(self, text: str) -> bool:
        """Say whether a text stands in its reference, party or first contact."""
        return text.casefold() in f"{self.reference}\n{self.party}\n{self.first}\n{self.address}".casefold()


class Index(Value):
    """The whole register, in few words."""

    revision: int
    on: date
    lines: tuple[Line, ...]
    findings: dict[AgreementId, tuple[Finding, ...]]
    confirmed: dict[str, date]
    """By address, in small letters, the day on which it was last confirmed in a round."""

    @property
    def counts(self) -> dict[Weight, int]:
        """How many agreements have a finding of each weight."""
        return {weight: sum(weight in line.weights for line in self.lines) for weight in Weight}

    def found(self, text: str, weight: Weight | None) -> tuple[Line, ...]:
        """Return the lines that hold a text and have a finding of a weight."""
        return tuple(
            line for line in self.lines if (weight is None or weight in line.weights) and (not text or line.holds(text))
        )


class Registering:
    """Keeps the index."""

    def __init__(self) -> None:
        self._index: Index | None = None
        self._standing: tuple[object, ...] = ()
        self._lock = Lock()

    def index(self, tx: Transaction, now: datetime) -> Index:
        """Return the index of the newest revision, as of a day."""
        with self._lock:
            standing = (tx.register.revision(), now.date(), probing.standing(tx, now))
            kept = self._index
            if kept is None or self._standing != standing:
                kept = self._index = _read(tx, standing[0], now)
                self._standing = standing
            return kept


def _read(tx: Transaction, revision: int, now: datetime) -> Index:
    on, answers = now.date(), probing.answers(tx, now)
    looking = Readiness(on, answers)
    agreements = [_line(looking.look(agreement), on) for agreement in tx.register.agreements()]
    findings: dict[AgreementId, list[Finding]] = {}
    for finding in looking.findings():
        findings.setdefault(finding.agreement_id, []).append(finding)
    order = list(Weight)
    lines = (
        line.model_copy(
            update={
                "weights": tuple(sorted({one.severity for one in findings.get(line.agreement_id, ())}, key=order.index))
            }
        )
        for line in agreements
    )
    frozen = {key: tuple(sorted(each, key=lambda one: order.index(one.severity))) for key, each in findings.items()}
    by_name = sorted(lines, key=lambda line: (line.party.casefold(), line.reference))
    days = {address: day for address, each in answers.items() if (day := confirmed_on(each)) is not None}
    return Index(revision=revision, on=on, lines=tuple(by_name), findings=frozen, confirmed=days)


def _line(agreement: Agreement, on: date) -> Line:
    first = next(iter(agreement.chain), None)
    return Line(
        agreement_id=agreement.agreement_id,
        reference=agreement.reference,
        party=agreement.party_name,
        promises=tuple(limb.title for clause in agreement.clauses for limb in clause.limbs),
        language=agreement.language,
        first=(first.name or first.email) if first else "",
        address=first.email if first else "",
        contacts=len(agreement.contacts()),
        ended=has_ended(agreement, on),
        weights=(),
    )
