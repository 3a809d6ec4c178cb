"""Holds: orders not to tell. A hold stops notices, never a clock, an investigation or a record."""

from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.domain.register import OnLift
from tocsin.domain.values import ActId, AgreementId, HoldId, Instant, Value


class HoldKind(StrEnum):
    """The only three grounds the clause knows; counsel's or an insurer's wish is none of them."""

    LAW = "law"
    LAW_ENFORCEMENT = "law_enforcement"
    SUPERVISORY_AUTHORITY = "supervisory_authority"


class Hold(Value):
    """An order not to tell: who gave it, on what ground, whom it covers, and when it must be looked at again."""

    hold_id: HoldId
    kind: HoldKind
    issuer: str
    """The legal basis (kind `law`) or the identifiable authority (the other kinds)."""
    reference: str
    scope: tuple[AgreementId, ...] | None = None
    """The agreements it covers; None covers all, those that appear later included."""
    placed_at: Instant
    placed_by: ActId
    review_at: Instant | None = None
    on_lift: OnLift | None = None
    """Overrides what each clause says; None leaves it to the clause."""
    lifted_at: Instant | None = None
    provisional_until: Instant | None = None
    """When it lapses unless an approver confirms it; None: an approver placed it."""
    confirmed_by: ActId | None = None
    lapsed: bool = False
    """It ended because nobody confirmed it: it moves no deadline."""

    @property
    def unconfirmed(self) -> bool:
        """Whether it waits for an approver."""
        return self.lifted_at is None and self.provisional_until is not None and self.confirmed_by is None

    def covers(self, agreement_id: AgreementId) -> bool:
        """Say whether this hold, while not lifted, forbids telling under `agreement_id`."""
        return self.lifted_at is None and (self.scope is None or agreement_id in self.scope)


def deadline_after_lift(
    deadline_at: datetime, period: timedelta, placed_at: datetime, lifted_at: datetime, on_lift: OnLift
) -> datetime:
    """Return the deadline of a held duty once the hold is lifted; it is never earlier than the original.

    `due_immediately` keeps a deadline that is still ahead; one that passed while held falls due at the lifting.
    `resume_remaining` gives back what was left when the hold was placed, `restart_full` the whole period.
    """
    if deadline_at <= placed_at:
        # It was missed before anybody forbade telling: no order makes up for that.
        return deadline_at
    match on_lift:
        case OnLift.DUE_IMMEDIATELY:
            return max(deadline_at, lifted_at)
        case OnLift.RESUME_REMAINING:
            # A hold placed before the trigger finds the whole period unspent, never more than that.
            left = min(deadline_at - placed_at, period)
            return max(deadline_at, lifted_at + max(left, timedelta(0)))
        case OnLift.RESTART_FULL:
            return max(deadline_at, lifted_at + period)
