"""The register: which organisations we promised what, and whom to write to."""

from datetime import date, timedelta
from enum import StrEnum

from tocsin.domain.incident import Trigger
from tocsin.domain.values import AgreementId, ContactId, Instant, PartyId, Value


class Discharge(StrEnum):
    """What ends the duty: the channel took the notice, the recipient's server took it, or a person confirmed it."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"


class OnLift(StrEnum):
    """What a clause says happens to its period when a hold is lifted."""

    DUE_IMMEDIATELY = "due_immediately"
    RESUME_REMAINING = "resume_remaining"
    RESTART_FULL = "restart_full"


class Limb(Value):
    """One promise of a clause: tell within `period` of `trigger`; no period means promptly, a duty without a number."""

    trigger: Trigger
    period: timedelta | None = None

    @property
    def rule_id(self) -> str:
        """The stable name of the rule: limbs that say the same share it."""
        return f"contract:{self.period_words}-from-{self.trigger}"

    @property
    def period_words(self) -> str:
        """`promptly`, or the period in whole hours or minutes, as in `72h`."""
        if self.period is None:
            return "promptly"
        minutes = round(self.period.total_seconds() / 60)
        return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}min"

    @property
    def title(self) -> str:
        """The limb in words: `72 h from confirmation`, `promptly from discovery`."""
        spaced = self.period_words.replace("h", " h").replace("min", " min") if self.period else "promptly"
        return f"{spaced} from {self.trigger.words}"


class NoticeClause(Value):
    """A contract's promise to tell, as data."""

    limbs: tuple[Limb, ...]
    discharge: Discharge = Discharge.ACCEPTED
    on_lift: OnLift = OnLift.DUE_IMMEDIATELY


class Contact(Value):
    """A person or desk of a party."""

    contact_id: ContactId
    name: str
    email: str


class Agreement(Value):
    """One version of a contract with one party. `reference` is the user's own key for it."""

    agreement_id: AgreementId
    reference: str
    party_id: PartyId
    party_name: str
    our_role: str = "processor"
    clause: NoticeClause
    language: str = "en"
    time_zone: str = "UTC"
    services: tuple[str, ...] = ()
    chain: tuple[Contact, ...] = ()
    """The primary contact, then the numbered deputies, in the order in which they are tried."""
    copies: tuple[Contact, ...] = ()
    phone: str | None = None
    starts_on: date | None = None
    ends_on: date | None = None


class Affected(Value):
    """A pinned agreement of an incident: the version that governs, and since when its party is known to be affected."""

    agreement: Agreement
    revision: int
    """The register's revision that the agreement was pinned from."""
    known_affected_at: Instant | None = None
    """None for those named in the report: their clocks run from the incident's own triggers."""
    confirmed: bool = True
    """False while the audience is not known yet and the party is only one that may be touched."""
    excluded: bool = False
    """True once a person has said that the party is not affected after all."""
