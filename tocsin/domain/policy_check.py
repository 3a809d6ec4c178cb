"""What must fit together within one policy and across a pack; each mistake comes with its fix."""

from collections.abc import Iterable, Iterator

from tocsin.domain.deadline import UNITS, ComputingRule
from tocsin.domain.incident import Trigger
from tocsin.domain.policy import Mark, Policy
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.register_text import did_you_mean

NEEDS_CALENDAR = frozenset({ComputingRule.US_SEC_BUSINESS_DAYS, ComputingRule.BR_BUSINESS_DAYS})
"""The rules that cannot count without knowing which days are holidays."""

_DORA = frozenset({ComputingRule.DORA_INITIAL, ComputingRule.DORA_NOON_ROLL})


def policy_mistakes(policy: Policy) -> Iterator[tuple[frozenset[str], str]]:
    """Yield what does not fit together within one policy: the fields concerned, and what is wrong with the fix."""
    yield from _counting_mistakes(policy)
    doubts = policy.doubts()
    marked = frozenset({"status", "in_force", "kind", "inactive_because"})
    if doubts and not policy.inactive_because:
        yield marked, f"inactive_because is missing: {'; '.join(doubts)}; say why it can start no clock"
    if policy.inactive_because and not doubts:
        yield marked, "inactive_because is given, but status and in_force allow clocks; correct them, or remove it"
    if policy.applies is None and not doubts:
        yield marked | {"applies"}, "applies is missing: say on which facts the rule binds"
    if policy.in_force.starts_on and policy.in_force.ends_on and policy.in_force.starts_on >= policy.in_force.ends_on:
        yield frozenset({"in_force"}), "in_force ends before it starts; `until` is the first day without it"
    for exception in policy.unless:
        if exception.mark is Mark.MEMORY:
            # What nobody verified may add a duty to the list, but must not take one off it.
            yield frozenset({"unless"}), f"the exception {exception.citation!r} is known from memory; make it a note"


def _counting_mistakes(policy: Policy) -> Iterator[tuple[frozenset[str], str]]:
    rule, period = policy.rule, policy.period
    if policy.doubts() and rule is ComputingRule.NONE:
        return  # What never starts a clock need not say how it would be counted.
    if (period is None) != (rule is ComputingRule.NONE):
        yield frozenset({"period", "rule"}), "period and rule come together; give both, or neither for no number"
    elif period is not None and period.unit not in UNITS[rule]:
        fitting = ", ".join(other for other, units in UNITS.items() if period.unit in units)
        yield frozenset({"period", "rule"}), f"rule {rule} cannot count {period.unit}; use one of: {fitting}"
    if period is not None and policy.trigger is None and not policy.doubts():
        yield frozenset({"period", "trigger", "status"}), "a period with a number needs a trigger; name it"
    if rule in NEEDS_CALENDAR and not policy.calendar:
        yield frozenset({"rule", "calendar"}), f'calendar is missing: rule {rule} needs one; write "authority" or an id'
    if (policy.dora_report is not None) != (rule in _DORA):
        yield frozenset({"dora_report", "rule"}), "dora_report and the rules dora_* come together"
    if (policy.also_from is not None) != (rule is ComputingRule.DORA_INITIAL):
        yield frozenset({"also_from", "rule"}), "also_from and the rule dora_initial come together"


def pack_mistakes(pack: PolicyPack, named: Iterable[str] = ()) -> Iterator[tuple[Policy, str]]:
    """Yield what does not fit across policies: the policy concerned, and what is wrong with the fix.

    Ids in `named` exist although their policy is wrong and not in the pack; pointing to them is no second mistake.
    """
    ids = {policy.id for policy in pack.policies} | set(named)
    followed = {follow_up for policy in pack.policies for follow_up in policy.follow_ups}
    versions: set[tuple[str, str]] = set()
    for policy in pack.policies:
        if (policy.id, policy.version) in versions:
            yield policy, f"version {policy.version!r} is there already; give the newer one another version"
        versions.add((policy.id, policy.version))
        for missing in (other for other in policy.follow_ups if other not in ids):
            yield policy, f"follow_ups: there is no policy {missing!r}{did_you_mean(missing, ids)}; add or correct it"
        if policy.trigger is Trigger.PRIOR_REPORT_SUBMITTED and policy.id not in followed and not policy.doubts():
            yield policy, "it runs from a prior report, but no policy names it in `follow_ups`; add it to that one"
