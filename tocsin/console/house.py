"""What all pages share beside the office: the board, who is called what, and the law as it is explained."""

import asyncio

from fastapi import Response

from tocsin.cli.explain import of_incident
from tocsin.cli.todo import Me
from tocsin.console.board import Board
from tocsin.console.flash import Flash
from tocsin.console.gate import Pass, sees_all
from tocsin.console.live import Live
from tocsin.console.office import Office
from tocsin.console.paper import page
from tocsin.console.recent import Recent
from tocsin.domain.errors import Refused
from tocsin.domain.explanation import Explanation
from tocsin.domain.incident_state import IncidentState
from tocsin.domain.policy_pack import PolicyPack
from tocsin.domain.values import AgreementId, IncidentId, PersonId, opaque_id
from tocsin.policies import load_policies
from tocsin.ports import Transaction

Seen = tuple[tuple[str, int], ...]
EXPLAINED = 200
"""Explanations that are kept; each holds every duty with its steps."""


class House:
    """Behind the pages."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.board = Board(office.now)
        self.live = Live(office.store, self.board, office.now)
        self.flash = Flash()
        self._pack: tuple[Seen, PolicyPack] | None = None
        self._explained: Recent[IncidentId, tuple[int, Explanation]] = Recent(EXPLAINED)

    def names(self) -> dict[PersonId, str]:
        """Return what people are called."""
        return {person.person_id: person.name for person in self.office.people().all()}

    def me(self, who: Pass) -> Me:
        """Return the visitor as one for whom something may wait."""
        actor = who.visitor.actor
        return Me(user=who.visitor.user, name=actor.name, person_id=actor.person_id, roles=actor.roles)

    def theirs(self, tx: Transaction, who: Pass) -> set[IncidentId] | None:
        """Return the incidents that a visitor may see; None: all."""
        return None if sees_all(who.visitor) else tx.incidents.teams_of(who.visitor.person_id)

    def show(self, template: str, who: Pass, *, status: int = 200, **values: object) -> Response:
        """Return a page for somebody, with what came of what they did before."""
        how = {"now": self.office.now(), "speed": self.office.settings.tempo.speed}
        return page(template, who, status=status, told=self.flash.take(who), **how, **values)

    def pack(self) -> PolicyPack:
        """Return the policies, read again when a file of the home's own has changed."""
        seen = self._files()
        if self._pack is None or self._pack[0] != seen:
            self._pack = (seen, load_policies(self.office.home / "policies"))
            self._explained.clear()
        return self._pack[1]

    def explained(self, state: IncidentState) -> Explanation:
        """Return who must be told, by when, and why, as an incident stands; read again when that has changed."""
        pack = self.pack()
        if (kept := self._kept(state)) is not None:
            return kept
        made = of_incident(self.office, pack, state)
        self._explained.put(state.incident_id, (state.sequence, made))
        return made

    async def explanation(self, state: IncidentState) -> Explanation:
        """Return the same, without keeping others waiting."""
        same = self._pack is not None and self._pack[0] == self._files()
        if same and (kept := self._kept(state)) is not None:
            return kept
        return await asyncio.to_thread(self.explained, state)

    def _kept(self, state: IncidentState) -> Explanation | None:
        kept = self._explained.get(state.incident_id)
        return kept[1] if kept is not None and kept[0] == state.sequence else None

    def _files(self) -> Seen:
        """Return which files decide, and when each was changed: the policies of the home's own, and its profile."""
        folder = self.office.home / "policies"
        files = [*(folder.glob("*.toml") if folder.exists() else ()), self.office.home / "org.toml"]
        return tuple(sorted((path.name, path.stat().st_mtime_ns) for path in files if path.exists()))

    def agreements(self, tx: Transaction, references: list[str]) -> tuple[AgreementId, ...]:
        """Return the agreements by a person's own references. Raises Refused."""
        found = {one: AgreementId(opaque_id("agr", self.office.id_key, one)) for one in references}
        unknown = [one for one, key in found.items() if tx.register.agreement(key) is None]
        if unknown:
            raise Refused(f"the register has no {', '.join(unknown)}; the page Register lists those it has")
        return tuple(found.values())
