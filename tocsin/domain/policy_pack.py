"""All policies together: which are law on a day, which start no clock and why."""

from datetime import date
from functools import cached_property

from tocsin.domain.errors import Refused
from tocsin.domain.fact import FactRegistry
from tocsin.domain.policy import Policy, PolicyId
from tocsin.domain.register_text import did_you_mean
from tocsin.domain.values import Value


class PolicyPack(Value):
    """Every policy in every version, with the facts that they ask for."""

    policies: tuple[Policy, ...]
    facts: FactRegistry

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of everything in the pack: two packs with the same digest say the same law."""
        return self.fingerprint()

    def in_force(self, on: date) -> tuple[Policy, ...]:
        """Return the policies that may start a clock on this day, each in its version of that day."""
        governing = (_of_day(versions, on) for versions in self._by_id.values())
        return tuple(policy for policy in governing if policy is not None)

    def inactive(self, on: date) -> tuple[tuple[Policy, str], ...]:
        """Return every policy and version that starts no clock on this day, with the reason."""
        active = {(policy.id, policy.version) for policy in self.in_force(on)}
        rest = [policy for policy in self.policies if (policy.id, policy.version) not in active]
        return tuple((policy, policy.why_inactive(on) or "a later version is in force") for policy in rest)

    def policy(self, policy_id: str, on: date | None = None) -> Policy:
        """Return a policy in the version of a day, or, without a day or where none is law then, in its newest.

        Raises:
            Refused: if there is no such policy.
        """
        versions = self._by_id.get(PolicyId(policy_id))
        if versions is None:
            close = did_you_mean(policy_id.upper(), self._by_id)
            raise Refused(f"there is no policy {policy_id!r}{close}; `tocsin policy list --all` shows them all")
        return (_of_day(versions, on) if on else None) or versions[-1]

    def anchors(self, policy_id: str) -> tuple[PolicyId, ...]:
        """Return the policies whose submitted report starts this one."""
        return tuple(dict.fromkeys(policy.id for policy in self.policies if policy_id in policy.follow_ups))

    @cached_property
    def _by_id(self) -> dict[PolicyId, list[Policy]]:
        versions: dict[PolicyId, list[Policy]] = {}
        for policy in sorted(self.policies, key=lambda one: one.in_force.starts_on or date.min):
            versions.setdefault(policy.id, []).append(policy)
        return versions


def _of_day(versions: list[Policy], on: date) -> Policy | None:
    # The newest version that is law governs: a later one ends the earlier even where that names no last day.
    return next((policy for policy in reversed(versions) if policy.enabled(on)), None)


class Checks(Value):
    """What reading all policies without a mistake counted."""

    policies: int
    in_force: int
    counsel_check: int
    """Those in force that are known from secondary sources: to check with counsel."""
    law: str
    """The pack's digest."""


def checks_of(pack: PolicyPack, on: date) -> Checks:
    """Count what a pack holds on a day."""
    active = pack.in_force(on)
    counsel = sum(policy.counsel_check for policy in active)
    return Checks(policies=len(pack.policies), in_force=len(active), counsel_check=counsel, law=pack.digest)
