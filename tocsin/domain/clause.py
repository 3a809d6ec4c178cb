"""A contract's promise to tell, as data: what starts it, how long it gives, to whom, how, and what ends it."""

from datetime import date, timedelta
from enum import StrEnum

from tocsin.domain.calendar import Calendar
from tocsin.domain.incident import Trigger
from tocsin.domain.values import ContactId, Value

SECURITY_INCIDENT = "security_incident"
"""The subject, and the key, of an agreement's usual notice clause."""


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


class OnSilence(StrEnum):
    """What a clause says happens near the deadline when nobody answers."""

    ESCALATE = "escalate"
    RELEASE_MINIMAL = "release_minimal"


class OwedBy(StrEnum):
    """Which party must tell the other."""

    US = "us"
    THEM = "them"


class Possession(StrEnum):
    """In whose possession the data must have been for the clause to cover it."""

    ANY = "any"
    OURS = "ours"
    OURS_OR_SUBPROCESSORS = "ours_or_subprocessors"
    THEIRS = "theirs"


class Method(StrEnum):
    """A way to tell. A clause that names several requires them together, each with its own proof."""

    MAIL = "mail"
    POST = "post"
    COURIER = "courier"
    PHONE = "phone"
    FAX = "fax"
    PORTAL = "portal"
    POSTING = "posting"
    """A public notice page, which anybody may read; it names no party."""

    @property
    def words(self) -> str:
        """The method as a person says what is to be done."""
        return _WORDS[self]


_WORDS = {
    Method.MAIL: "by mail",
    Method.POST: "by registered post",
    Method.COURIER: "by courier",
    Method.PHONE: "on the phone",
    Method.FAX: "by fax",
    Method.PORTAL: "in their portal",
    Method.POSTING: "on the public notice page",
}

BY_MAIL: tuple[Method, ...] = (Method.MAIL,)
"""What a clause asks for that says nothing."""


class ExemptionKind(StrEnum):
    """What an exception in a clause turns on. It is shown to a person and lets no duty fall away by itself."""

    ENCRYPTED = "encrypted"
    NO_RISK = "no_risk"
    UNSUCCESSFUL = "unsuccessful"
    FORBIDDEN_BY_LAW = "forbidden_by_law"
    CAUSED_BY_THEM = "caused_by_them"
    OTHER = "other"


class Exemption(Value):
    """An exception that a clause makes, in its own words."""

    kind: ExemptionKind = ExemptionKind.OTHER
    text: str


class Limb(Value):
    """One promise of a clause: tell within `period` of `trigger`; no period means promptly, a duty without a number.

    A period is elapsed time. A clause that counts days instead sets `days`: those after the day of the trigger, the
    last one ending at midnight of the clause's time zone; with `working`, only working days of its calendar count.
    """

    trigger: Trigger
    period: timedelta | None = None
    days: int | None = None
    working: bool = False

    @property
    def rule_id(self) -> str:
        """The stable name of the rule: limbs that say the same share it."""
        return f"contract:{self.period_words.replace(' ', '-')}-from-{self.trigger}"

    @property
    def has_number(self) -> bool:
        """Whether the promise has a date, and is not merely `promptly`."""
        return self.period is not None or self.days is not None

    @property
    def period_words(self) -> str:
        """`promptly`, the period in whole hours or minutes as in `72h`, or the days that are counted."""
        if self.days is not None:
            return f"{self.days} {'working' if self.working else 'calendar'} day{'' if self.days == 1 else 's'}"
        if self.period is None:
            return "promptly"
        minutes = round(self.period.total_seconds() / 60)
        return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}min"

    @property
    def title(self) -> str:
        """The limb in words: `72 h from confirmation`, `promptly from discovery`."""
        spaced = self.period_words.replace("h", " h").replace("min", " min") if self.period else self.period_words
        return f"{spaced} from {self.trigger.words}"


class Contact(Value):
    """A person or desk of a party."""

    contact_id: ContactId
    name: str
    email: str
    confirmed_on: date | None = None
    """When somebody last made sure that this reaches them."""


class NoticeClause(Value):
    """A contract's promise to tell, as data. What it leaves open, the agreement says."""

    limbs: tuple[Limb, ...]
    discharge: Discharge = Discharge.ACCEPTED
    on_lift: OnLift = OnLift.DUE_IMMEDIATELY
    on_silence: OnSilence = OnSilence.ESCALATE
    key: str = SECURITY_INCIDENT
    """Tells the clauses of one agreement apart."""
    subject: str = SECURITY_INCIDENT
    """What it is about. For one subject and the same data, an order's clause governs instead of its master's."""
    owed_by: OwedBy = OwedBy.US
    data: tuple[str, ...] = ()
    """Categories of data that it covers; empty: all."""
    possession: Possession = Possession.ANY
    methods: tuple[Method, ...] = BY_MAIL
    recipients: tuple[Contact, ...] = ()
    """Primary contact, then numbered deputies; empty: the agreement's."""
    copies: tuple[Contact, ...] | None = None
    """None: the agreement's; empty: nobody."""
    language: str | None = None
    time_zone: str | None = None
    calendar: Calendar | None = None
    """Which days are working days, frozen when the agreement was imported."""
    exceptions: tuple[Exemption, ...] = ()
    delivered_within: timedelta | None = None
    """How long a notice may stay undelivered before the next contact is written to; None: its deadline says."""

    def covers_all_of(self, other: "NoticeClause") -> bool:
        """Say whether this clause promises for at least the data that `other` promises for."""
        data = not self.data or (bool(other.data) and set(other.data) <= set(self.data))
        return data and self.possession in {Possession.ANY, other.possession}
