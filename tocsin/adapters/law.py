"""The law as the engine asks it: the policies that were loaded at the start, for the organisation of `org.toml`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from tocsin.adapters.holiday_calendars import holiday_calendar
from tocsin.adapters.organisation import load_organisation
from tocsin.domain.duty import Duty
from tocsin.domain.explain import explain
from tocsin.domain.explain_facts import case_of
from tocsin.domain.incident import Facts, Triggers
from tocsin.domain.organisation import Organisation
from tocsin.domain.policy import PolicyId
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.register import Affected
from tocsin.domain.statutory import statutory_duties
from tocsin.domain.values import IncidentId
from tocsin.policies import load_policies

_calendar = cache(holiday_calendar)


class PolicyLaw:
    """Fulfils `ports.Law`. Without a profile it knows no duty: whose law it would be is not known."""

    def __init__(self, pack: PolicyPack, profile: Organisation) -> None:
        self._pack = pack
        self._profile = profile

    @classmethod
    def load(cls, home: Path) -> "PolicyLaw":
        """Read the policies, the home's own ones included, and the profile if there is one."""
        pack = load_policies(home / "policies")
        file = home / "org.toml"
        profile = load_organisation(file, pack.facts) if file.exists() else Organisation()
        return cls(pack, profile)

    def duties(
        self,
        incident_id: IncidentId,
        facts: Facts,
        triggers: Triggers,
        pins: Sequence[Affected],
        submitted: Mapping[PolicyId, datetime],
        now: datetime,
    ) -> list[Duty]:
        """Return what the law asks of us in this incident, as of `now`."""
        if not self._profile.facts:
            return []
        case, _ = case_of(facts, triggers, pins, self._profile, self._pack.facts)
        case = case.model_copy(update={"submitted": dict(submitted), "affected": ()})
        return statutory_duties(incident_id, explain(self._pack, case, _calendar, now))
