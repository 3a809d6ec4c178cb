"""What a rule's report must hold, and how far the incident's facts answer it. A checklist: it blocks nothing."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

from tocsin.domain.errors import Refused
from tocsin.domain.incident import Basis, Trigger
from tocsin.domain.policy import Content, Kind, Lateness, Policy, PolicyId
from tocsin.domain.register_text import did_you_mean
from tocsin.domain.report_contents import UNPRESCRIBED, Dossier, Part, known, parts_of
from tocsin.domain.values import IncidentId, Instant, Value

REASONS = "reasons_for_delay"
UNKNOWN = "not yet known"


class ItemState(StrEnum):
    """How far one content is answered."""

    GIVEN = "given"
    PARTLY = "partly known"
    NOT_YET_KNOWN = "not yet known"
    """A value: the report says so, and goes out."""
    MISSING = "missing"
    """Nobody has supplied what is recorded nowhere, or what may not be left unknown."""
    NOT_NEEDED = "not needed"


class ItemPart(Value):
    """One part of an answer; a value of None is not yet known."""

    label: str
    value: str | None


class Item(Value):
    """One thing that the report must hold, and what there is to say about it."""

    key: str
    text: str
    citation: str
    """Empty: no text asks for it."""
    state: ItemState
    value: str | None
    """The whole answer in words; None if there is none."""
    parts: tuple[ItemPart, ...] = ()


class Moment(Value):
    """When something of the incident happened, and whether a person said so."""

    trigger: Trigger
    at: Instant
    basis: Basis


class Timing(Value):
    """The period under the rule, as far as it can be computed."""

    trigger_at: Instant | None = None
    trigger_basis: Basis | None = None
    deadline_at: Instant | None = None
    zone: str = "UTC"
    """The authority's time zone; IANA name."""


class AuthorityReport(Value):
    """One report to one recipient, as far as the facts go at one instant."""

    policy_id: PolicyId
    version: str
    title: str
    instrument: str
    recipient: str
    citation: str
    incident_id: IncidentId
    organisation: str
    made_at: Instant
    trigger: str
    period: str
    timing: Timing
    late: bool
    lateness: Lateness
    items: tuple[Item, ...]
    prescribed: bool
    """False: the text names no contents, and the items are ours."""
    missing: tuple[str, ...]
    """Keys of what a person still has to supply."""
    ready: bool
    """Nothing is missing. What is not yet known never stands in the way; neither does anything else."""
    timeline: tuple[Moment, ...]
    counsel_check: bool
    inactive: str | None
    """Why the rule starts no clock here; None if it does."""
    notes: tuple[str, ...] = ()


def authority_report(
    policy: Policy,
    dossier: Dossier,
    timing: Timing,
    made_at: Instant,
    given: Mapping[str, str | None] | None = None,
) -> AuthorityReport:
    """Return the report under `policy`.

    Args:
        policy: the rule, in the version that governs.
        dossier: what is known of the incident.
        timing: the period as it was computed.
        made_at: the instant as of which the report is made; past the deadline it is late.
        given: texts by content key that a person supplies for this report; None says that it is not yet known.

    Raises:
        Refused: if the rule asks for no report, or a given key is not one of its contents.
    """
    _check_kind(policy)
    late = timing.deadline_at is not None and made_at > timing.deadline_at
    items = tuple(_items(policy, dossier, late=late, given=given or {}))
    _check_given(policy, items, given or {})
    missing = tuple(item.key for item in items if item.state is ItemState.MISSING)
    return AuthorityReport(
        policy_id=policy.id,
        version=policy.version,
        title=policy.title,
        instrument=policy.instrument,
        recipient=policy.to,
        citation=policy.citation,
        incident_id=dossier.incident_id,
        organisation=dossier.organisation,
        made_at=made_at,
        trigger=_trigger_words(policy),
        period=policy.period_words,
        timing=timing,
        late=late,
        lateness=policy.lateness,
        items=items,
        prescribed=bool(policy.required_contents),
        missing=missing,
        ready=not missing,
        timeline=_timeline(dossier),
        counsel_check=policy.counsel_check,
        inactive=policy.why_inactive((timing.trigger_at or made_at).date()),
        notes=policy.notes,
    )


def known_contents(dossier: Dossier, policy: Policy) -> frozenset[str]:
    """Return the keys of the policy's required contents about which something is recorded."""
    keys = (content.key for content in policy.required_contents)
    return frozenset(key for key in keys if any(known(dossier, part.source) for part in parts_of(policy.id, key)))


def _check_kind(policy: Policy) -> None:
    if policy.kind is Kind.REGISTER:
        raise Refused(f"{policy.id} asks for an entry in our own register, not for a report: tocsin breaches export")
    if policy.kind is Kind.HOLD:
        raise Refused(f"{policy.id} is a rule on holds and asks for no report; name the policy that it delays")


def _check_given(policy: Policy, items: tuple[Item, ...], given: Mapping[str, str | None]) -> None:
    keys = [item.key for item in items]
    for key in given:
        if key not in keys:
            raise Refused(
                f"the report under {policy.id} has no content {key!r}{did_you_mean(key, keys)}; it has: "
                + ", ".join(keys)
            )


def _items(policy: Policy, dossier: Dossier, *, late: bool, given: Mapping[str, str | None]) -> Iterator[Item]:
    for content in policy.required_contents:
        if content.key == REASONS:
            yield _reasons(policy, content.text, dossier, late=late, given=given)
        else:
            parts = parts_of(policy.id, content.key)
            yield _item(content, policy.citation, _answered(dossier, parts), given)
    if not policy.required_contents:
        for key, (text, parts) in UNPRESCRIBED.items():
            yield _item(Content(key=key, text=text), "", _answered(dossier, parts), given)
    if policy.lateness is Lateness.SOFT and late and not _asks_for_reasons(policy):
        # The text lets a late report stand if the reasons come with it.
        yield _reasons(policy, "it is late: the reasons for the delay", dossier, late=True, given=given)


def _asks_for_reasons(policy: Policy) -> bool:
    return any(content.key == REASONS for content in policy.required_contents)


def _item(content: Content, citation: str, parts: tuple[ItemPart, ...] | None, given: Mapping[str, str | None]) -> Item:
    if content.key in given:
        text = (given[content.key] or "").strip() or None
        parts = (ItemPart(label="", value=text),)
    return Item(
        key=content.key,
        text=content.text,
        citation=citation,
        state=_state(content, parts),
        value=_whole(parts or ()),
        parts=parts or (),
    )


def _answered(dossier: Dossier, parts: tuple[Part, ...]) -> tuple[ItemPart, ...] | None:
    """Return each part with what is recorded; None where the content is recorded nowhere."""
    found = [(part, known(dossier, part.source)) for part in parts]
    if any(value for _, value in found):
        found = [(part, value) for part, value in found if value or not part.optional]
    return tuple(ItemPart(label=part.label, value=value) for part, value in found) or None


def _state(content: Content, parts: tuple[ItemPart, ...] | None) -> ItemState:
    if parts is None:
        return ItemState.MISSING
    values = [part.value for part in parts]
    if all(values):
        return ItemState.GIVEN
    if not content.may_be_unknown:
        return ItemState.MISSING
    return ItemState.PARTLY if any(values) else ItemState.NOT_YET_KNOWN


def _reasons(policy: Policy, text: str, dossier: Dossier, *, late: bool, given: Mapping[str, str | None]) -> Item:
    reason = (given.get(REASONS) or "\n".join(dossier.delay_reasons)).strip() or None
    state = ItemState.GIVEN if reason else ItemState.MISSING
    if not late:
        # Reasons may be ready for a clock under another rule; this report is in time and needs none.
        reason, state = None, ItemState.NOT_NEEDED
    parts = (ItemPart(label="", value=reason),) if late else ()
    return Item(key=REASONS, text=text, citation=policy.citation, state=state, value=reason, parts=parts)


def _whole(parts: tuple[ItemPart, ...]) -> str | None:
    if not any(part.value for part in parts):
        return None
    if len(parts) == 1:
        return parts[0].value
    lines = [f"{part.label}: {part.value or UNKNOWN}" if part.label else part.value or UNKNOWN for part in parts]
    return "\n".join(lines)


def _trigger_words(policy: Policy) -> str:
    if policy.trigger is None:
        return ""
    return f"{policy.trigger.words}, {policy.trigger_words}" if policy.trigger_words else policy.trigger.words


def _timeline(dossier: Dossier) -> tuple[Moment, ...]:
    order = list(Trigger)
    found = sorted(dossier.triggers.items(), key=lambda named: (named[1].at, order.index(named[0])))
    return tuple(Moment(trigger=trigger, at=fact.at, basis=fact.basis) for trigger, fact in found)
